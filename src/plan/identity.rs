//! The app's identity: `user` and `groups` to ids, by number or by the image's own files.
//!
//! A name is never read as a number or the reverse, and unknown, empty and root users are refused.

use super::expand::expand;
use super::{Given, capabilities};
use crate::config::args::Arguments;
use crate::config::environment::Environment;
use crate::config::{At, Config, Groups};
use crate::error::{Error, Place, Result};
use crate::facts::accounts::{Accounts, id};
use crate::facts::id_maps::{self, IdMap};
use crate::privilege::{self, Held, Target, sorted};

/// The user when none is configured.
const DEFAULT_USER: &str = "1001:1001";

/// A user, resolved.
#[derive(Debug, PartialEq, Eq)]
pub struct Identity {
    /// Never 0 and never −1.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// Sorted; includes the primary group.
    pub groups: Vec<u32>,
    /// Whether a name was looked up: then the app's identity depends on the image's files.
    pub by_name: bool,
}

/// The id that the kernel shows for a group that the user namespace does not map (`/proc/sys/kernel/overflowgid`).
const OVERFLOW: u32 = 65534;

/// The configured user: the ids, and whether names had to be looked up. `user` is expanded from the engine's
/// environment, and the result is checked like a literal.
///
/// # Errors
/// [`Error::Identity`], [`Error::Accounts`], [`Error::Unset`], [`Error::Config`].
pub(super) fn wanted(
    config: &Config,
    arguments: &Arguments,
    environment: &Environment,
    accounts: &Accounts,
) -> Result<Identity> {
    let given = match (&arguments.user, &config.user) {
        (Some(user), _) => At { value: user.clone(), place: Place::Option("--user") },
        (None, Some(user)) => {
            let value = String::from_utf8_lossy(&expand(user, environment)?).into_owned();
            At { value, place: user.place.clone() }
        }
        (None, None) => At { value: DEFAULT_USER.into(), place: Place::Default },
    };
    let groups = match &config.groups {
        Some(Groups::Listed(listed)) => Some(listed.as_slice()),
        Some(Groups::Engine) => Some(&[][..]),
        None => None,
    };
    resolve(&given, groups, accounts)
}

/// The app's credentials.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) target: Target,
    /// Groups that the engine set and the app does not get.
    pub(super) dropped: Vec<u32>,
}

/// The credentials of the app. A start as non-root keeps its own, but checks the configured ones too, so that a mistake
/// does not show up only in a start as root.
///
/// # Errors
/// [`Error::Identity`], [`Error::Accounts`], [`Error::Config`], [`Error::Unset`]; [`Error::Unmapped`] for an id that
/// the drop could not take.
pub(super) fn target(given: &Given<'_>) -> Result<Resolved> {
    let Given { config, arguments, environment, accounts, held, ids } = *given;
    let keep = capabilities::kept(&config.keep_capabilities)?;
    let Identity { uid, gid, mut groups, by_name } = wanted(config, arguments, environment, accounts)?;
    if held.uid.effective != 0 {
        let groups = sorted(held.groups.clone());
        let target = Target { uid: held.uid.effective, gid: held.gid.effective, groups, keep };
        return Ok(Resolved { target, dropped: Vec::new() });
    }
    refuse_unmapped(given, uid, gid, &groups)?;
    let wants_engines = matches!(config.groups, Some(Groups::Engine));
    // If the list is only logged, an unreadable /etc/group must not fail a boot with numeric ids.
    let mut dropped = match engines(held, accounts) {
        Err(error) if wants_engines => return Err(error),
        given => given.unwrap_or_default(),
    };
    if wants_engines {
        let mapped = ids.groups()?;
        let settable = |id: &u32| *id != OVERFLOW && mapped.maps(*id);
        groups = if dropped.iter().all(settable) {
            with_primary(gid, dropped.clone())
        } else {
            // Unmapped groups (keep-groups) can only be kept by not calling setgroups(2).
            sorted(held.groups.clone())
        };
    }
    if by_name || wants_engines {
        accounts.refuse_others()?;
    }
    dropped.retain(|id| !groups.contains(id));
    Ok(Resolved { target: Target { uid, gid, groups, keep }, dropped })
}

/// The groups that the operator requested from the engine, without root's own groups, which engines set too.
fn engines(held: &Held, accounts: &Accounts) -> Result<Vec<u32>> {
    let mut given: Vec<u32> = held.groups.iter().copied().filter(|id| *id != 0).collect();
    if !given.is_empty() {
        let roots = accounts.groups_of(accounts.user_with(0).map_or("root", |root| root.name))?;
        given.retain(|id| !roots.contains(id));
        given = sorted(given);
        given.dedup();
    }
    Ok(given)
}

/// Refuses unmapped ids before root steps run: the drop would fail with EINVAL after them.
fn refuse_unmapped(given: &Given<'_>, uid: u32, gid: u32, groups: &[u32]) -> Result<()> {
    let Given { config, arguments, ids, held, .. } = *given;
    let refuse = |place: Place, id: String, file: &'static str, map: &IdMap| {
        Err(Error::Unmapped { place, id, file, mapped: map.to_string() })
    };
    let place = || match (&arguments.user, &config.user) {
        (Some(_), _) => Place::Option("--user"),
        (None, Some(user)) => user.place.clone(),
        (None, None) => Place::Default,
    };
    if !ids.are_read() && privilege::takes_ids(uid, gid, groups, held)? {
        return Ok(());
    }
    let (users, all) = (ids.users()?, ids.groups()?);
    if !users.maps(uid) {
        return refuse(place(), format!("uid {uid}"), id_maps::UID_MAP, users);
    }
    if !all.maps(gid) {
        return refuse(place(), format!("gid {gid}"), id_maps::GID_MAP, all);
    }
    match groups.iter().find(|id| !all.maps(**id)) {
        Some(id) => {
            let place = match &config.groups {
                Some(Groups::Listed(listed)) => listed.first().map_or_else(place, |first| first.place.clone()),
                _ => place(),
            };
            refuse(place, format!("group {id}"), id_maps::GID_MAP, all)
        }
        None => Ok(()),
    }
}

/// Resolves `uid[:gid]` or `name[:group]` and the supplementary groups.
///
/// # Errors
/// [`Error::Identity`], [`Error::Accounts`].
pub fn resolve(user: &At<String>, groups: Option<&[At<String>]>, accounts: &Accounts) -> Result<Identity> {
    let refuse =
        |what: &str| Error::Identity { place: user.place.clone(), given: user.value.clone(), what: what.to_owned() };
    let (who, group) =
        user.value.split_once(':').map_or((user.value.as_str(), None), |(who, group)| (who, Some(group)));
    let number = id(who);
    let named = if number.is_none() { accounts.user_named(who) } else { None };
    let Some(uid) = number.or(named.map(|entry| entry.uid)) else {
        // A file that others can write may not have been read.
        accounts.refuse_others()?;
        return Err(refuse(unknown(who)));
    };
    if uid == 0 {
        return Err(refuse("is root (uid 0): the app never runs as root"));
    }
    let gid = match group {
        Some(group) => gid_of(group, accounts)?.ok_or_else(|| refuse("names no known group"))?,
        // Like engines: the user's own group, or for an unknown number the same number.
        None => named.or_else(|| accounts.user_with(uid)).map_or(uid, |entry| entry.gid),
    };
    let supplementary = match groups {
        Some(listed) => listed.iter().map(|group| supplementary(group, accounts)).collect::<Result<_>>()?,
        None if number.is_none() => accounts.groups_of(who)?,
        None => Vec::new(),
    };
    let is_name = |text: &str| id(text).is_none();
    let by_name = number.is_none()
        || group.is_none_or(is_name)
        || groups.is_some_and(|groups| groups.iter().any(|group| is_name(&group.value)));
    Ok(Identity { uid, gid, groups: with_primary(gid, supplementary), by_name })
}

/// The primary group belongs in the list too: a process that leaves it otherwise loses the denials of its group
/// (CVE-2022-2989 and its kin).
fn with_primary(gid: u32, mut groups: Vec<u32>) -> Vec<u32> {
    groups.push(gid);
    groups = sorted(groups);
    groups.dedup();
    groups
}

fn supplementary(group: &At<String>, accounts: &Accounts) -> Result<u32> {
    gid_of(&group.value, accounts)?.ok_or_else(|| Error::Identity {
        place: Place::clone(&group.place),
        given: group.value.clone(),
        what: "names no known group".into(),
    })
}

fn gid_of(group: &str, accounts: &Accounts) -> Result<Option<u32>> {
    match id(group) {
        None => accounts.group_named(group),
        number => Ok(number),
    }
}

fn unknown(who: &str) -> &'static str {
    let number = who.trim_start_matches(['+', '-']);
    if who.is_empty() {
        "names no user"
    } else if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
        "is no user id"
    } else {
        "is not a user of the image's /etc/passwd"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts::from_text(
            "root:x:0:0::/root:\ntoor:x:0:0::/:\napp:x:1001:100::/home/app:\n1002:x:1003:1003::/:\n",
            "root:x:0:\nusers:x:100:\nvideo:x:44:app\n",
        )
    }

    fn resolved(user: &str, groups: Option<&[&str]>) -> Result<Identity> {
        let at = |text: &str| At { value: text.to_owned(), place: Place::Default };
        let groups: Option<Vec<_>> = groups.map(|groups| groups.iter().map(|group| at(group)).collect());
        resolve(&at(user), groups.as_deref(), &accounts())
    }

    #[test]
    fn numbers_and_names() {
        for (user, groups, uid, gid, list) in [
            ("1001:1001", None, 1001, 1001, &[1001][..]),
            ("1001", None, 1001, 100, &[100]),
            ("2000", None, 2000, 2000, &[2000]),
            ("app", None, 1001, 100, &[44, 100]),
            ("app:video", None, 1001, 44, &[44]),
            ("app", Some(&["50", "users"][..]), 1001, 100, &[50, 100]),
            ("app", Some(&[]), 1001, 100, &[100]),
            ("1001:0", None, 1001, 0, &[0]),
            // A number is never read as a name, even if a user has that name.
            ("1002", None, 1002, 1002, &[1002]),
        ] {
            let found = resolved(user, groups).expect(user);
            assert_eq!((found.uid, found.gid, found.groups.as_slice()), (uid, gid, list), "{user} {groups:?}");
        }
    }

    #[test]
    fn numeric_identities_read_no_account_file() {
        assert!(!resolved("1001:1001", Some(&["44"])).expect("resolves").by_name);
        for (user, groups) in [("app", None), ("1001:users", None), ("1001:1001", Some(&["video"][..])), ("1001", None)]
        {
            assert!(resolved(user, groups).expect(user).by_name, "{user}");
        }
    }

    #[test]
    fn anything_else_is_refused_as_a_user() {
        for user in [
            "",
            ":",
            "0",
            "00",
            "root",
            "toor",
            "root:app",
            "0:0",
            "-1",
            "4294967295",
            "4294967296",
            "+1001",
            "bogus",
            "0day",
            " 1001",
            "1001 ",
            "1001:",
            ":1001",
            "app:",
            "1001:bogus",
            "1001:-1",
            "1001:4294967295",
            "1001:1001:1001",
            "0x3e9",
            "app\n",
        ] {
            assert!(matches!(resolved(user, None), Err(Error::Identity { .. })), "{user:?}");
        }
        for group in ["", "-1", "+44", "bogus", "4294967295"] {
            assert!(matches!(resolved("1001", Some(&[group])), Err(Error::Identity { .. })), "{group:?}");
        }
    }
}
