//! Information from the engine about the container.

use crate::text::text_of;

/// The image that Podman started, by its `/run/.containerenv`.
pub fn image() -> Option<String> {
    let told = text_of("/run/.containerenv").ok()?;
    told.lines().find_map(|line| line.strip_prefix("image=\"")?.strip_suffix('"')).map(str::to_owned)
}
