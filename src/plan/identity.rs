//! Who the app is to be: `user` and `groups` to ids, by number or by the image's own files.
//!
//! A name is never taken for a number or a number for a name, and nothing that is unknown, empty or root becomes a user.

use super::capabilities;
use crate::config::args::Arguments;
use crate::config::{At, Config};
use crate::error::{Error, Place, Result};
use crate::facts::accounts::{Accounts, id};
use crate::privilege::{Held, Target};

/// The user when none is configured.
const DEFAULT_USER: &str = "1001:1001";

/// A user, resolved.
#[derive(Debug, PartialEq, Eq)]
pub struct Identity {
    /// Never 0 and never −1.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// In order, the primary one among them.
    pub groups: Vec<u32>,
    /// Whether a name was looked up: then the image's files decide who the app is.
    pub by_name: bool,
}

/// The user that is configured: the ids, and whether names had to be looked up for them.
///
/// # Errors
/// [`Error::Identity`], [`Error::Accounts`].
pub(super) fn wanted(config: &Config, arguments: &Arguments, accounts: &Accounts) -> Result<Identity> {
    let given = match (&arguments.user, &config.user) {
        (Some(user), _) => At { value: user.clone(), place: Place::Option("--user") },
        (None, Some(user)) => user.clone(),
        (None, None) => At { value: DEFAULT_USER.into(), place: Place::Default },
    };
    resolve(&given, config.groups.as_deref(), accounts)
}

/// The credentials of the app, and whether the image's accounts decided them.
///
/// # Errors
/// [`Error::Identity`], [`Error::Accounts`], [`Error::Config`].
pub(super) fn target(
    config: &Config,
    arguments: &Arguments,
    accounts: &Accounts,
    held: &Held,
) -> Result<(Target, bool)> {
    let keep = capabilities::kept(&config.keep_capabilities)?;
    // A start as non-root checks the configuration just the same: it must not fail only where root starts it.
    let wanted = wanted(config, arguments, accounts)?;
    if held.uid.effective == 0 {
        return Ok((Target { uid: wanted.uid, gid: wanted.gid, groups: wanted.groups, keep }, wanted.by_name));
    }
    let mut groups = held.groups.clone();
    groups.sort_unstable();
    Ok((Target { uid: held.uid.effective, gid: held.gid.effective, groups, keep }, false))
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
        return Err(refuse(unknown(who)));
    };
    if uid == 0 {
        return Err(refuse("is root (uid 0): the app never runs as root"));
    }
    let gid = match group {
        Some(group) => gid_of(group, accounts)?.ok_or_else(|| refuse("names no known group"))?,
        // As engines do: the user's own group; for a number that no one has, the same number.
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
    Ok(Identity { uid, gid, groups: sorted(gid, supplementary), by_name })
}

/// The primary group belongs in the list too: a process that leaves it otherwise loses the denials of its group
/// (CVE-2022-2989 and its kin).
fn sorted(gid: u32, supplementary: Vec<u32>) -> Vec<u32> {
    let mut groups = supplementary;
    groups.push(gid);
    groups.sort_unstable();
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
            // A number is a number, even where a user is named like it.
            ("1002", None, 1002, 1002, &[1002]),
        ] {
            let found = resolved(user, groups).expect(user);
            assert_eq!((found.uid, found.gid, found.groups.as_slice()), (uid, gid, list), "{user} {groups:?}");
        }
    }

    #[test]
    fn only_numbers_throughout_ask_no_file() {
        assert!(!resolved("1001:1001", Some(&["44"])).expect("resolves").by_name);
        for (user, groups) in [("app", None), ("1001:users", None), ("1001:1001", Some(&["video"][..])), ("1001", None)]
        {
            assert!(resolved(user, groups).expect(user).by_name, "{user}");
        }
    }

    #[test]
    fn nothing_else_becomes_a_user() {
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
