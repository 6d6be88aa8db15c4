//! What refused a step of the drop.

/// The cause of a refused step of the drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undropped {
    /// A call that changes capability sets, securebits or `no_new_privs`.
    Sets,
    /// A securebit that is locked with another value.
    Locked,
    /// The kernel cannot keep capabilities.
    Kept,
    /// The ids and groups of the user, which root takes on to read a secret.
    Borrowed,
    /// The user namespace does not map an id: the file of its map, and the map.
    Unmapped(&'static str, String),
    /// The user namespace denies `setgroups(2)` to everyone.
    NoGroups,
    /// A call that needs this capability.
    Needs(&'static str),
}
