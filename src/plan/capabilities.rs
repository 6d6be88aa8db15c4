//! Capabilities: names to sets, and the capabilities that a start needs.

use crate::config::At;
use crate::error::{Error, Result, fix};
use crate::privilege::capability::Set;

/// The set of these names.
///
/// # Errors
/// [`Error::Config`] for an unknown name.
pub(super) fn set(names: &[At<String>]) -> Result<Set> {
    names.iter().try_fold(Set::EMPTY, |all, name| match Set::named(&name.value) {
        Some(one) => Ok(all.with(one)),
        None => Err(refuse(name, format!("unknown capability '{}'", name.value), fix::mistake::CAPABILITY)),
    })
}

/// The set of capabilities that the app keeps.
///
/// # Errors
/// [`Error::Config`] for an unknown name, or for one with which the drop could not be proved.
pub(super) fn kept(names: &[At<String>]) -> Result<Set> {
    let never = Set::SETUID.with(Set::SETGID).with(Set::SETPCAP);
    for name in names {
        if Set::named(&name.value).is_some_and(|one| never.contains(one)) {
            return Err(refuse(
                name,
                format!("{} cannot be kept: with it the app could regain privilege", name.value),
                fix::mistake::NEVER,
            ));
        }
    }
    set(names)
}

fn refuse(name: &At<String>, what: String, allowed: &str) -> Error {
    Error::Config { place: name.place.clone(), what, allowed: allowed.to_owned() }
}

/// The capabilities that a start as root needs, each with its purpose.
pub(super) fn needs(mounts: bool, root_steps: Set, keep: Set) -> Vec<(Set, &'static str)> {
    let mut needs = Vec::new();
    if mounts {
        needs.push((Set::CHOWN, "to hand over mount points"));
    }
    needs.push((Set::SETUID, "to become the user"));
    needs.push((Set::SETGID, "to become the group"));
    needs.push((Set::SETPCAP, "to empty the bounding set and lock the securebits"));
    let listed = needs.iter().fold(Set::EMPTY, |all, (one, _)| all.with(*one));
    needs.extend(root_steps.without(listed).each().map(|one| (one, "for a root step")));
    needs.extend(kept_needs(keep));
    needs
}

pub(super) fn kept_needs(keep: Set) -> Vec<(Set, &'static str)> {
    keep.each().map(|one| (one, "to keep it")).collect()
}
