//! What hinders a call on a path beside owner and mode, and what to do about it.

use std::fmt;

use super::Error;

impl Error {
    /// Adds the cause, if there is one.
    #[must_use]
    pub fn hindered(self, by: Option<Hindrance>) -> Error {
        match by {
            Some(by) => Error::Hindered { by, error: Box::new(self) },
            None => self,
        }
    }
}

/// A path that must not contain a symbolic link, and contains one.
#[derive(Debug)]
pub struct Linked {
    /// What is refused because of it, as the message begins.
    pub what: &'static str,
    /// As configured.
    pub path: String,
    /// The first link, unless it is gone.
    pub link: Option<Link>,
}

/// The first symbolic link of a path that must not have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its path.
    pub at: String,
    /// Its target, as it is in the link.
    pub target: String,
    /// The whole path without it, if root alone could have made it. Any other may be the app's, and so its target.
    pub plain: Option<String>,
}

impl fmt::Display for Linked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Linked { what, path, link } = self;
        write!(f, "{what}{path} has a symbolic link in it")?;
        link.as_ref().map_or(Ok(()), |Link { at, target, .. }| write!(f, " ({at} -> {target})"))
    }
}

impl Link {
    pub(super) fn fix(&self) -> String {
        match &self.plain {
            Some(plain) => format!("give the path without the link: {plain}"),
            None => remove_link(&self.at),
        }
    }
}

fn remove_link(at: &str) -> String {
    format!("remove the link {at}, which the app could have made")
}

/// What to do about files of `/proc/self` that are masked.
pub(super) const UNMASK: &str = "mount /proc in the container without masking files of /proc/self";

/// The cause of a refusal that a change of owner or mode would not mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// A symbolic link, which the app could have made.
    Link(String),
    /// A file or directory that is immutable or append-only: `chattr(1)`.
    Attribute(String),
    /// A file of another user in a sticky directory, which only its owner may replace.
    Sticky(String),
    /// Another file in place of one of `/proc/self`.
    Masked,
}

impl Hindrance {
    pub(super) fn fix(&self) -> String {
        match self {
            Hindrance::Link(at) => remove_link(at),
            Hindrance::Attribute(path) => {
                format!("clear the immutable or append-only attribute of {path} on the host (chattr -i -a)")
            }
            Hindrance::Sticky(path) => {
                format!("remove {path}, which belongs to another user in a sticky directory, or give another path")
            }
            Hindrance::Masked => UNMASK.to_owned(),
        }
    }
}
