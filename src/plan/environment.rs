//! The app's environment: the engine's, `HOME`, `USER` and `LOGNAME` of the user, then the secrets, then `[env]`, then
//! the role's.

use std::collections::BTreeMap;

use super::expand::expand;
use crate::config::environment::Environment;
use crate::config::{At, Config};
use crate::error::{Error, Place, Result, fix};
use crate::facts::accounts::{Accounts, User};
use crate::privilege::Target;

/// Keeps one entry of each variable that a condition reads: programs differ in which of several entries they use, and
/// the app must see the value that was judged.
pub(super) fn keep_judged(environment: &mut Environment, config: &Config) {
    for scope in config.scopes() {
        for condition in [&scope.when, &scope.unless] {
            condition.keys().for_each(|name| environment.keep_first(name));
        }
    }
    config.requirements.iter().for_each(|entry| environment.keep_first(&entry.env));
    config.refusals.iter().for_each(|entry| environment.keep_first(&entry.env));
}

/// Sets the configured variables. Values of `[env]` refer to the environment before `[env]`, those of a role to the one
/// before the role's, so that the order of keys means nothing.
///
/// # Errors
/// [`Error::Unset`], [`Error::Config`].
pub(super) fn force(
    environment: &mut Environment,
    config: &Config,
    role: Option<&BTreeMap<String, At<String>>>,
) -> Result<()> {
    force_all(environment, &config.env)?;
    role.map_or(Ok(()), |role| force_all(environment, role))
}

fn force_all(environment: &mut Environment, values: &BTreeMap<String, At<String>>) -> Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    let mut expanded = Vec::with_capacity(values.len());
    for (name, value) in values {
        expanded.push((name.as_str(), expand(value, environment)?));
    }
    environment
        .set_all(&expanded)
        .map_err(|name| with_a_nul(name, values.get(name).map_or(&Place::Default, |value| &value.place)))
}

pub(super) fn set(environment: &mut Environment, name: &str, value: &str) -> Result<()> {
    if environment.set(name, value.as_bytes()) { Ok(()) } else { Err(with_a_nul(name, &Place::Default)) }
}

fn with_a_nul(name: &str, place: &Place) -> Error {
    Error::Config {
        place: place.clone(),
        what: format!("a NUL in the value of {name}"),
        allowed: fix::mistake::NEVER.into(),
    }
}

/// Sets `HOME`, `USER` and `LOGNAME` for the user: the engine set them for root. Values of the operator or the image
/// are kept; a configured `home` overrides both.
///
/// # Errors
/// [`Error::Config`].
pub(super) fn follow_user(
    environment: &mut Environment,
    config: &Config,
    target: &Target,
    login: Option<User<'_>>,
    accounts: &Accounts,
) -> Result<()> {
    let roots = accounts.user_with(0);
    let chosen = environment.get("HOME").is_some_and(|home| !is_roots_home(home, roots));
    let home = match (&config.home, login) {
        (Some(home), _) => Some(home.as_str()),
        _ if chosen => None,
        // The value that engines set for a user without an entry or home directory.
        (None, login) => Some(login.map(|user| user.home).filter(|home| !home.is_empty()).unwrap_or("/")),
    };
    if let Some(home) = home {
        set(environment, "HOME", home)?;
    }
    // Without an entry the number is used: some programs fail without a name.
    let number = target.uid.to_string();
    let name = login.map_or(number.as_str(), |user| user.name);
    for variable in ["USER", "LOGNAME"] {
        let is_roots = environment
            .get(variable)
            .is_none_or(|user| user.is_empty() || user == roots.map_or("root", |root| root.name).as_bytes());
        if is_roots || !chosen {
            set(environment, variable, name)?;
        }
    }
    Ok(())
}

fn is_roots_home(home: &[u8], root: Option<User<'_>>) -> bool {
    matches!(home, b"" | b"/" | b"/root") || root.is_some_and(|root| home == root.home.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privilege::capability::Set;
    use std::ffi::CStr;

    fn composed(handed: &[&'static CStr], config: &Config, uid: u32) -> Environment {
        let accounts = Accounts::from_text("root:x:0:0::/var/root:\napp:x:1001:1001::/home/app:\n", "");
        let target = Target { uid, gid: uid, groups: vec![uid], keep: Set::EMPTY };
        let mut environment = Environment::new(handed.to_vec());
        follow_user(&mut environment, config, &target, accounts.user_with(uid), &accounts).expect("follows");
        force(&mut environment, config, None).expect("forces");
        environment
    }

    fn three(environment: &Environment) -> [&[u8]; 3] {
        ["HOME", "USER", "LOGNAME"].map(|name| environment.get(name).unwrap_or(b"(unset)"))
    }

    #[test]
    fn home_user_and_logname_follow_the_user() {
        let none = Config::default();
        for handed in [
            &[][..],
            &[c"HOME=/root", c"USER=root"],
            &[c"HOME=/var/root", c"LOGNAME=root"],
            &[c"HOME=/"],
            &[c"HOME=/root", c"USER=bob"],
        ] {
            assert_eq!(three(&composed(handed, &none, 1001)), [&b"/home/app"[..], b"app", b"app"], "{handed:?}");
        }
        assert_eq!(three(&composed(&[c"HOME=/root"], &none, 5000)), [&b"/"[..], b"5000", b"5000"]);
    }

    #[test]
    fn values_of_the_operator_or_the_configuration_stay() {
        let none = Config::default();
        assert_eq!(
            three(&composed(&[c"HOME=/data", c"USER=bob", c"LOGNAME=root"], &none, 1001)),
            [&b"/data"[..], b"bob", b"app"]
        );
        let home = Config { home: Some("/srv".into()), ..Config::default() };
        assert_eq!(three(&composed(&[c"HOME=/data"], &home, 1001)), [&b"/srv"[..], b"app", b"app"]);
    }

    #[test]
    fn forced_values_refer_to_what_was_there_before() {
        let at = |value: &str| At { value: value.to_owned(), place: Place::Default };
        let env = BTreeMap::from([("A".into(), at("${A:-2}")), ("B".into(), at("${A:-none}${HOME}"))]);
        let config = Config { env, ..Config::default() };
        let environment = composed(&[], &config, 1001);
        assert_eq!((environment.get("A"), environment.get("B")), (Some(&b"2"[..]), Some(&b"none/home/app"[..])));
        let environment = composed(&[c"A=9"], &config, 1001);
        assert_eq!((environment.get("A"), environment.get("B")), (Some(&b"9"[..]), Some(&b"9/home/app"[..])));
    }
}
