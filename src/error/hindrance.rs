//! What hinders a call on a path beside owner and mode.

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
    /// Where it leads.
    pub way: Way,
}

/// Where a symbolic link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Root alone could have made it: the whole path without it.
    Plain(String),
    /// Root alone could have made it, and it leads back to itself.
    Loop,
    /// The app could have made it, so its target may be the app's choice.
    Apps,
}

impl fmt::Display for Linked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Linked { what, path, link } = self;
        write!(f, "{what}{path} has a symbolic link in it")?;
        link.as_ref().map_or(Ok(()), |Link { at, target, .. }| write!(f, " ({at} -> {target})"))
    }
}

/// The cause of a refusal that a change of owner or mode would not mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// A symbolic link that is not to be followed.
    Link(Link),
    /// A file or directory that is immutable or append-only: `chattr(1)`.
    Attribute(String),
    /// A file of another user in a sticky directory, which only its owner may replace.
    Sticky(String),
    /// Another file in place of one of `/proc/self`.
    Masked,
}
