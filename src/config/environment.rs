//! The environment as bytes: entries that are not changed keep their order and their form.
//!
//! Not `std::env`: that drops entries without `=`, cannot show a duplicate, and panics on non-UTF-8 in its text form.
//! `environ(7)`.

use std::borrow::Cow;
use std::ffi::{CStr, CString};

/// The environment of the app.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    entries: Vec<Entry>,
}

/// One entry and the position of its `=`. A lookup compares lengths first, which excludes most entries.
#[derive(Clone, Debug)]
struct Entry {
    text: Cow<'static, CStr>,
    sign: Option<usize>,
}

impl AsRef<CStr> for Entry {
    fn as_ref(&self) -> &CStr {
        &self.text
    }
}

impl Entry {
    fn new(text: Cow<'static, CStr>) -> Entry {
        let sign = text.to_bytes().iter().position(|byte| *byte == b'=');
        Entry { text, sign }
    }

    /// The environment entry; None if the value contains a NUL, which no environment can hold.
    fn of(name: &str, value: &[u8]) -> Option<Entry> {
        CString::new([name.as_bytes(), b"=", value].concat()).ok().map(|text| Entry::new(Cow::Owned(text)))
    }

    fn name(&self) -> Option<&[u8]> {
        self.text.to_bytes().get(..self.sign?)
    }

    /// The value, if the entry is for this variable.
    fn value_of(&self, name: &str) -> Option<&[u8]> {
        if self.sign != Some(name.len()) {
            return None;
        }
        self.text.to_bytes().strip_prefix(name.as_bytes())?.strip_prefix(b"=")
    }
}

impl Environment {
    /// The environment that the kernel handed over.
    pub fn new(handed: Vec<&'static CStr>) -> Environment {
        Environment { entries: handed.into_iter().map(|text| Entry::new(Cow::Borrowed(text))).collect() }
    }

    /// The value of a variable's first entry, which `getenv(3)` returns too.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.entries.iter().find_map(|entry| entry.value_of(name))
    }

    /// The value of a variable. If it has several entries, their number is the error.
    ///
    /// # Errors
    /// Their number.
    pub fn only(&self, name: &str) -> Result<Option<&[u8]>, usize> {
        let mut values = self.entries.iter().filter_map(|entry| entry.value_of(name));
        let first = values.next();
        match values.count() {
            0 => Ok(first),
            further => Err(1 + further),
        }
    }

    /// Sets a variable in place of its first entry, or at the end, and removes further entries of that name.
    /// Returns false and changes nothing if the value contains a NUL.
    #[must_use]
    pub fn set(&mut self, name: &str, value: &[u8]) -> bool {
        let Some(entry) = Entry::of(name, value) else { return false };
        match self.entries.iter_mut().find(|entry| entry.value_of(name).is_some()) {
            None => self.entries.push(entry),
            Some(first) => {
                *first = entry;
                self.keep_first(name);
            }
        }
        true
    }

    /// Removes all entries of a variable but the first one.
    #[inline(never)]
    pub fn keep_first(&mut self, name: &str) {
        let mut met = false;
        self.entries.retain(|entry| entry.value_of(name).is_none() || !std::mem::replace(&mut met, true));
    }

    /// Sets several variables, sorted by name. There may be thousands of entries, so each entry is searched in
    /// `values`, which is sorted, and not the other way round.
    ///
    /// # Errors
    /// The first variable whose value contains a NUL; nothing is changed.
    pub fn set_all<'a>(&mut self, values: &[(&'a str, Vec<u8>)]) -> Result<(), &'a str> {
        let mut fresh = Vec::with_capacity(values.len());
        for (name, value) in values {
            fresh.push(Some(Entry::of(name, value).ok_or(*name)?));
        }
        let position = |entry: &Entry| {
            let name = entry.name()?;
            values.binary_search_by(|(known, _)| known.as_bytes().cmp(name)).ok()
        };
        self.entries.retain_mut(|entry| match position(entry).and_then(|at| fresh.get_mut(at)) {
            None => true,
            Some(first) => first.take().map(|first| *entry = first).is_some(),
        });
        self.entries.extend(fresh.into_iter().flatten());
        Ok(())
    }

    /// Removes every entry of a variable.
    pub fn remove(&mut self, name: &str) {
        self.entries.retain(|entry| entry.value_of(name).is_none());
    }

    /// The entries, for `execve(2)`.
    pub fn entries(&self) -> &[impl AsRef<CStr>] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Environment {
        Environment::new(vec![c"A=1", c"ODD", c"B=\xff", c"A=2", c"=C:=x", c"AB=3"])
    }

    fn lines(environment: &Environment) -> Vec<&[u8]> {
        environment.entries().iter().map(|entry| entry.as_ref().to_bytes()).collect()
    }

    #[test]
    fn other_variables_stay_unchanged() {
        let mut environment = sample();
        assert!(environment.set("NEW", b"\xfe"));
        assert_eq!(lines(&environment), [&b"A=1"[..], b"ODD", b"B=\xff", b"A=2", b"=C:=x", b"AB=3", b"NEW=\xfe"]);
    }

    #[test]
    fn a_variable_that_is_set_is_there_once_and_in_its_place() {
        let mut environment = sample();
        assert_eq!((environment.get("A"), environment.only("A")), (Some(&b"1"[..]), Err(2)));
        assert!(environment.set("A", b"9"));
        assert_eq!(lines(&environment), [&b"A=9"[..], b"ODD", b"B=\xff", b"=C:=x", b"AB=3"]);
    }

    #[test]
    fn setting_several_equals_setting_each_in_turn() {
        let (mut at_once, mut singly) = (sample(), sample());
        let values = [("A", b"9".to_vec()), ("AB", Vec::new()), ("NEW", b"n=".to_vec()), ("Z", b"z".to_vec())];
        assert_eq!(at_once.set_all(&values), Ok(()));
        assert!(values.iter().all(|(name, value)| singly.set(name, value)));
        assert_eq!(lines(&at_once), lines(&singly));
        assert_eq!(lines(&at_once), [&b"A=9"[..], b"ODD", b"B=\xff", b"=C:=x", b"AB=", b"NEW=n=", b"Z=z"]);
        assert_eq!(at_once.set_all(&[("B", b"1".to_vec()), ("N", b"\0".to_vec())]), Err("N"));
        assert_eq!(lines(&at_once), lines(&singly));
    }

    #[test]
    fn a_value_with_a_nul_changes_nothing() {
        let mut environment = sample();
        assert!(!environment.set("A", b"x\0y"));
        assert_eq!(environment.only("A"), Err(2));
    }
}
