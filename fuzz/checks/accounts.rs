//! `/etc/passwd` and `/etc/group`: every result is in the file, in the first line with its name, and is a valid id.

use stepdown::facts::accounts::{Accounts, id};

pub fn check(data: &[u8]) {
    let mut parts = super::parts(data);
    let (passwd, group) = (super::text(&mut parts), super::text(&mut parts));
    let accounts = Accounts::from_text(&passwd, &group);
    for line in passwd.split('\n') {
        let name = line.split(':').next().unwrap_or("");
        let found = accounts.user_named(name);
        // A second implementation, which collects all fields.
        let first = passwd
            .split('\n')
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields[0] == name && is_user(fields));
        assert_eq!(
            found.map(|user| (user.uid, user.gid, user.home)),
            first.filter(|fields| !fields[0].is_empty()).map(|fields| facts(&fields))
        );
        if let Some(user) = found {
            assert!(user.uid != u32::MAX && user.gid != u32::MAX, "{user:?}");
            assert_eq!(accounts.user_with(user.uid).map(|other| other.uid), Some(user.uid));
        }
        for gid in accounts.groups_of(name).expect("no file is read") {
            let member = |line: &str| {
                let fields: Vec<_> = line.split(':').collect();
                fields.len() > 3 && fields[2].parse() == Ok(gid) && fields[3].split(',').any(|member| member == name)
            };
            assert!(name.is_empty() || group.split('\n').any(member), "{name} is not in group {gid}");
        }
    }
    for line in group.split('\n') {
        let name = line.split(':').next().unwrap_or("");
        let gid = accounts.group_named(name).expect("no file is read");
        assert!(gid.is_none_or(|gid| gid != u32::MAX && !name.is_empty()), "{name:?} is {gid:?}");
    }
}

fn is_user(fields: &[&str]) -> bool {
    fields.len() > 3 && id(fields[2]).is_some() && id(fields[3]).is_some()
}

fn facts<'a>(fields: &[&'a str]) -> (u32, u32, &'a str) {
    (fields[2].parse().unwrap(), fields[3].parse().unwrap(), fields.get(5).copied().unwrap_or(""))
}
