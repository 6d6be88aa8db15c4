//! For mistakes in the configuration.

pub(super) const FILE_ABSENT: &str = "COPY the file into the image, or leave --config out to use /etc/init.toml";
pub(super) const FILE_DENIED: &str =
    "let the user that /init starts as read it (COPY --chmod=0644) and enter the directories above it";
pub(super) const FILE_UNREADABLE: &str = "give the path of a regular file, without loops of symbolic links";
pub(super) const FILE_ENCODING: &str = "save it as UTF-8 without a byte order mark";
pub(super) const FILE_KIND: &str = "give a regular TOML file of at most 1 MiB";
/// A template of a `[[file]]` cannot be used.
pub(crate) const TEMPLATE: &str =
    "copy it into the image as a file that the user can read (COPY --chmod=0644), of at most 1 MiB";
