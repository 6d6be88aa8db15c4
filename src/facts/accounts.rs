//! The image's `/etc/passwd` and `/etc/group`, read as text: `passwd(5)`, `group(5)`.
//!
//! Without NSS: the binary is static, and an image's users are in its files. Malformed lines are skipped, as in the C
//! library: one bad line must not lock out every user, and it grants nothing.

use std::cell::OnceCell;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use nix::errno::Errno;
use rustix::fs::{FileType, Stat};

use crate::error::{Decides, Denied, Error, Result, io_errno};
use crate::trust::Trust;

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// Enough for a hundred thousand users. A longer or endless file is a mistake or an attack.
const LARGEST: u64 = 16 << 20;

/// The accounts of the image.
#[derive(Debug)]
pub struct Accounts {
    trust: Trust,
    passwd: Text,
    /// Read when the first group is looked up: numeric ids do not need it.
    group: OnceCell<Text>,
}

/// The text of one file and, if others can write to the file, the reason to refuse it.
#[derive(Debug, Default)]
struct Text {
    text: String,
    denied: Option<Denied>,
}

/// One line of `/etc/passwd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User<'a> {
    /// The login name.
    pub name: &'a str,
    /// The user id.
    pub uid: u32,
    /// The primary group id.
    pub gid: u32,
    /// The home directory; may be empty.
    pub home: &'a str,
}

impl Accounts {
    /// Reads the users. A file that is absent has no lines.
    ///
    /// # Errors
    /// [`Error::Accounts`].
    pub fn read(trust: &Trust) -> Result<Accounts> {
        Ok(Accounts { trust: trust.clone(), passwd: text(PASSWD, trust)?, group: OnceCell::new() })
    }

    /// From the texts of both files.
    pub fn from_text(passwd: &str, group: &str) -> Accounts {
        let text = |text: &str| Text { text: text.to_owned(), denied: None };
        Accounts { trust: Trust::new(false), passwd: text(passwd), group: OnceCell::from(text(group)) }
    }

    /// Refuses files that others than root could have written, once a name from them decides who the app is.
    ///
    /// # Errors
    /// [`Error::NotRoots`].
    pub fn refuse_others(&self) -> Result<()> {
        let refuse = |path: &str, read: &Text| match &read.denied {
            None => Ok(()),
            Some(cause) => Err(Error::NotRoots { decides: Decides::User, path: path.to_owned(), cause: cause.clone() }),
        };
        refuse(PASSWD, &self.passwd)?;
        self.group.get().map_or(Ok(()), |group| refuse(GROUP, group))
    }

    /// The first user of this name.
    pub fn user_named(&self, name: &str) -> Option<User<'_>> {
        self.users().filter(|(user, _, _)| *user == name.as_bytes()).find_map(user)
    }

    /// The first user with this id.
    pub fn user_with(&self, uid: u32) -> Option<User<'_>> {
        self.users().filter(|(_, id, _)| *id == uid).find_map(user)
    }

    /// The id of the first group of this name.
    ///
    /// # Errors
    /// [`Error::Accounts`].
    pub fn group_named(&self, name: &str) -> Result<Option<u32>> {
        Ok(self.groups()?.find(|(group, _, _)| *group == name.as_bytes()).map(|(_, gid, _)| gid))
    }

    /// The ids of the groups that list this user as a member.
    ///
    /// # Errors
    /// [`Error::Accounts`].
    pub fn groups_of(&self, name: &str) -> Result<Vec<u32>> {
        let is_member = |members: &[u8]| members.split(|byte| *byte == b',').any(|member| member == name.as_bytes());
        Ok(self.groups()?.filter(|(_, _, members)| is_member(members)).map(|(_, gid, _)| gid).collect())
    }

    /// Parses only the name of each line: most lines are not needed.
    fn users(&self) -> impl Iterator<Item = (&[u8], u32, impl Iterator<Item = &[u8]>)> {
        entries(&self.passwd.text).filter_map(|(name, mut fields)| Some((name, number(fields.next()?)?, fields)))
    }

    fn groups(&self) -> Result<impl Iterator<Item = (&[u8], u32, &[u8])>> {
        if self.group.get().is_none() {
            // Only this fills it, and it is empty.
            let _ = self.group.set(text(GROUP, &self.trust)?);
        }
        let lines = entries(self.group.get().map_or("", |group| group.text.as_str()));
        Ok(lines.filter_map(|(name, mut fields)| Some((name, number(fields.next()?)?, fields.next().unwrap_or(b"")))))
    }
}

/// The rest of a line of `/etc/passwd`.
fn user<'a>((name, uid, mut fields): (&'a [u8], u32, impl Iterator<Item = &'a [u8]>)) -> Option<User<'a>> {
    let text = |bytes: &'a [u8]| std::str::from_utf8(bytes).ok();
    let gid = number(fields.next()?)?;
    Some(User { name: text(name)?, uid, gid, home: text(fields.nth(1).unwrap_or(b""))? })
}

/// The lines of either file: a name, and the fields after the password.
fn entries(text: &str) -> impl Iterator<Item = (&[u8], impl Iterator<Item = &[u8]>)> {
    text.split('\n').filter_map(|line| {
        let mut fields = line.as_bytes().split(|byte| *byte == b':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        fields.next()?;
        Some((name, fields))
    })
}

/// A user or group id of only digits: `parse` would also accept `+1001`. 4294967295 is (uid_t) −1, for which
/// `setresuid(2)` changes nothing and reports success, so it is not an id.
pub fn id(text: &str) -> Option<u32> {
    number(text.as_bytes())
}

fn number(field: &[u8]) -> Option<u32> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    let value = field.iter().try_fold(0_u32, |value, byte| value.checked_mul(10)?.checked_add(digit(byte)?));
    value.filter(|id| !field.is_empty() && *id != u32::MAX)
}

fn text(path: &'static str, trust: &Trust) -> Result<Text> {
    let failed = |errno| Error::Accounts { path, errno };
    let (file, facts, denied) = match trust.open_any(Path::new(path)) {
        Ok(opened) => opened,
        Err(Denied::Call(_, Errno::ENOENT)) => return Ok(Text::default()),
        Err(Denied::Call(_, errno)) => return Err(failed(errno)),
        Err(denied) => return Ok(Text { text: String::new(), denied: Some(denied) }),
    };
    let text = match read(file, &facts) {
        Ok(text) => text,
        // A start with numeric ids does not need a file that others can write, so they must not end it.
        Err(_) if denied.is_some() => String::new(),
        Err(errno) => return Err(failed(errno)),
    };
    Ok(Text { text, denied })
}

fn read(file: File, facts: &Stat) -> std::result::Result<String, Errno> {
    let length = facts.st_size.cast_unsigned();
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(LARGEST)).unwrap_or(0) + 1);
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| io_errno(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Errno::EFBIG);
    }
    // The rest of it might be the line that counts.
    let regular = FileType::from_raw_mode(facts.st_mode) == FileType::RegularFile;
    if regular && length > bytes.len() as u64 {
        return Err(Errno::ENODATA);
    }
    // Names of users are ASCII; another byte in a comment field must not hide the rest of the file.
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Accounts {
        Accounts::from_text(
            "root:x:0:0:root:/root:/bin/sh\nbad\n:x:7:7::/:\nneg:x:-1:1::/:\nplus:x:+5:5::/:\nmax:x:4294967295:1::/:\n\
             app:x:1001:0:App,,,:/home/app:/bin/sh\nshort:x:9:9\napp:x:1002:1002::/second:\n",
            "root:x:0:\nvideo:x:44:app,www\naudio:x:29:www,app\nstaff:x:50:application\nbroken:x:nine:app\n",
        )
    }

    #[test]
    fn the_first_line_of_a_name_counts() {
        assert_eq!(sample().user_named("app"), Some(User { name: "app", uid: 1001, gid: 0, home: "/home/app" }));
        assert_eq!(sample().user_with(9), Some(User { name: "short", uid: 9, gid: 9, home: "" }));
    }

    #[test]
    fn malformed_lines_name_no_one() {
        for name in ["", "bad", "neg", "plus", "max", "nobody"] {
            assert_eq!(sample().user_named(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_member_is_a_whole_name() {
        assert_eq!(sample().groups_of("app").expect("no file is read"), [44, 29]);
        let named = ["video", "broken"].map(|name| sample().group_named(name).expect("no file is read"));
        assert_eq!(named, [Some(44), None]);
    }

    #[test]
    fn an_id_is_digits_and_not_minus_one() {
        assert_eq!((id("0"), id("1001"), id("4294967294")), (Some(0), Some(1001), Some(4_294_967_294)));
        for wrong in ["", "-1", "+1001", "4294967295", "4294967296", " 1", "1 ", "0x1", "1e3", "١"] {
            assert_eq!(id(wrong), None, "{wrong:?}");
        }
    }
}
