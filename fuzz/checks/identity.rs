//! The app's identity: never root or −1, a number means itself, and a later line of `/etc/passwd` changes nothing.

use stepdown::config::At;
use stepdown::error::Error;
use stepdown::facts::accounts::Accounts;
use stepdown::plan::identity::resolve;

pub fn check(data: &[u8]) {
    let mut parts = super::parts(data);
    let (user, listed, passwd, group) =
        (super::text(&mut parts), super::text(&mut parts), super::text(&mut parts), super::text(&mut parts));
    let groups: Option<Vec<At<String>>> = (!listed.is_empty()).then(|| listed.split(' ').map(super::at).collect());
    let with = |passwd: &str| resolve(&super::at(&user), groups.as_deref(), &Accounts::from_text(passwd, &group));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match with(&passwd) {
        Ok(found) => {
            assert!(found.uid != 0 && found.uid != u32::MAX && found.gid != u32::MAX, "{user:?} is {found:?}");
            assert!(found.groups.contains(&found.gid) && !found.groups.contains(&u32::MAX));
            assert!(found.groups.is_sorted_by(|one, other| one < other), "{found:?}");
            let (who, of) = user.split_once(':').unwrap_or((&user, ""));
            if digits(who) {
                assert_eq!(who.parse(), Ok(found.uid));
            }
            if digits(of) {
                assert_eq!(of.parse(), Ok(found.gid));
            }
            assert!(
                found.by_name
                    || (digits(who) && digits(of) && listed.split(' ').all(|one| one.is_empty() || digits(one)))
            );
            assert!(
                digits(who) || passwd.lines().any(|line| line.split(':').next() == Some(who)),
                "{who:?} is nowhere"
            );
            assert_eq!(
                with(&format!("{passwd}\n{who}:x:0:0::/root:\nroot:x:0:0::/root:\n")).expect("as before"),
                found
            );
        }
        Err(error @ Error::Identity { .. }) => super::refused(&error, &[78]),
        Err(other) => panic!("{other:?}"),
    }
}
