//! The result of a boot: the app's report or the refusal. Every failed expectation prints command, streams and
//! status.

use super::protocol::{Facts, Outcome};
use super::sandbox::Sandbox;

/// A boot that has ended.
#[derive(Debug)]
pub struct Run {
    pub sandbox: Sandbox,
    pub outcome: Outcome,
}

/// The state that the app reported.
#[derive(Debug)]
pub struct Report {
    lines: Vec<(String, String)>,
    shown: String,
}

impl Run {
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.outcome.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.outcome.stderr).into_owned()
    }

    /// The whole result, for a failure message.
    pub fn shown(&self) -> String {
        let Outcome { code, signal, timed_out, .. } = &self.outcome;
        let (out, err) = (self.stdout(), self.stderr());
        format!(
            "{}\nstatus: code {code:?} signal {signal:?} timed out {timed_out}\nstdout:\n{out}stderr:\n{err}",
            self.sandbox.shown()
        )
    }

    /// Fails the test unless this holds.
    #[track_caller]
    pub fn check(&self, holds: bool, expected: &str) {
        assert!(holds, "expected {expected}\n{}", self.shown());
    }

    /// The report of the app, which must have started and ended with 0.
    #[track_caller]
    pub fn app(&self) -> Report {
        self.check(self.started(), "a start of the app");
        self.check(self.outcome.code == Some(0), "exit code 0");
        self.report("")
    }

    /// The report of a program that the app executed.
    #[track_caller]
    pub fn child(&self) -> Report {
        self.report("child ")
    }

    fn report(&self, prefix: &str) -> Report {
        let text = self.stdout() + &self.stderr();
        let own = text.lines().map(|line| line.trim_end_matches('\r')).filter_map(|line| line.strip_prefix(prefix));
        let lines = own
            .filter_map(|line| line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, ""))))
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        Report { lines: lines.collect(), shown: self.shown() }
    }

    /// Whether the app printed its mark.
    pub fn started(&self) -> bool {
        (self.stdout() + &self.stderr()).contains("witness: started")
    }

    /// Checks a refusal before any change: this code, one record on standard error that contains these words, no app,
    /// and unchanged files. Returns the record.
    #[track_caller]
    pub fn refused(&self, code: i32, words: &[&str]) -> String {
        self.check(self.stderr().lines().count() == 1, "exactly one line on standard error");
        self.unchanged();
        self.refused_late(code, words)
    }

    /// Checks a refusal after the hand-over began: lines and changes may precede it.
    #[track_caller]
    pub fn refused_late(&self, code: i32, words: &[&str]) -> String {
        self.check(!self.started(), "no start of the app");
        self.check(self.outcome.stdout.is_empty(), "nothing on standard output");
        self.check(self.outcome.code == Some(code), &format!("exit code {code}"));
        let text = self.stderr();
        let records: Vec<&str> = text.lines().filter(|line| line.starts_with("init: fatal: ")).collect();
        self.check(records.len() == 1 && text.ends_with('\n'), "exactly one fatal record");
        let record = records.first().copied().unwrap_or_default();
        self.check(text.lines().last() == Some(record), "the fatal record as the last line");
        let (said, fix) = record.split_once("; fix: ").unwrap_or_default();
        self.check(said.len() > "init: fatal: ".len() + 5 && fix.len() > 5, "a record with the problem and its fix");
        for word in words {
            self.check(record.contains(word), &format!("the words '{word}' in the record"));
        }
        record.to_owned()
    }

    /// Every file is unchanged, including its change time.
    #[track_caller]
    pub fn unchanged(&self) {
        let changed: Vec<String> = (self.outcome.before.iter())
            .filter(|(path, before)| self.outcome.after.get(*path) != Some(before))
            .map(|(path, before)| format!("{path}: {before:?} became {:?}", self.outcome.after.get(path)))
            .chain(
                self.outcome
                    .after
                    .keys()
                    .filter(|path| !self.outcome.before.contains_key(*path))
                    .map(|path| format!("{path}: new")),
            )
            .collect();
        // The file of a recorded output grows, which /init does not do.
        self.check(changed.is_empty(), &format!("unchanged files, found: {changed:#?}"));
    }

    /// A file after the boot.
    #[track_caller]
    pub fn after(&self, path: &str) -> &Facts {
        self.outcome.after.get(path).unwrap_or_else(|| panic!("{path} is missing afterwards\n{}", self.shown()))
    }

    /// A file before the boot.
    #[track_caller]
    pub fn before(&self, path: &str) -> &Facts {
        self.outcome.before.get(path).unwrap_or_else(|| panic!("{path} was missing before\n{}", self.shown()))
    }

    /// Checks owner, group and mode of a file after the boot.
    #[track_caller]
    pub fn owns(&self, path: &str, uid: u32, gid: u32, mode: u32) {
        let facts = self.after(path);
        let holds = (facts.uid, facts.gid, facts.mode) == (uid, gid, mode);
        self.check(holds, &format!("that {path} is {uid}:{gid} {mode:04o}, but it is {facts:?}"));
    }

    /// Checks that a file is unchanged, including its change time.
    #[track_caller]
    pub fn untouched(&self, path: &str) {
        self.check(
            self.before(path) == self.after(path),
            &format!("an unchanged {path}: {:?} became {:?}", self.before(path), self.after(path)),
        );
    }
}

impl Report {
    /// All values of a key, in order.
    pub fn all(&self, key: &str) -> Vec<&str> {
        self.lines.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
    }

    /// The one value of a key.
    #[track_caller]
    pub fn value(&self, key: &str) -> &str {
        let values = self.all(key);
        assert!(values.len() == 1, "expected one line '{key}', found {values:?}\n{}", self.shown);
        values[0]
    }

    /// Compares the only value of a key.
    #[track_caller]
    pub fn is(&self, key: &str, expected: &str) {
        let found = self.value(key);
        assert!(found == expected, "expected {key}: {expected}, found {found}\n{}", self.shown);
    }

    /// The value of a variable, escaped.
    #[track_caller]
    pub fn variable(&self, name: &str) -> &str {
        let found: Vec<&str> =
            self.all("env").into_iter().filter_map(|entry| entry.strip_prefix(name)?.strip_prefix('=')).collect();
        assert!(found.len() == 1, "expected one variable {name}, found {found:?}\n{}", self.shown);
        found[0]
    }

    /// The result of an attempt.
    #[track_caller]
    pub fn attempt(&self, word: &str) -> &str {
        let found: Vec<&str> =
            self.all("try").into_iter().filter_map(|line| line.strip_prefix(word)?.strip_prefix(": ")).collect();
        assert!(found.len() == 1, "expected one attempt '{word}', found {found:?}\n{}", self.shown);
        found[0]
    }

    /// The five sets as numbers.
    #[track_caller]
    pub fn sets(&self) -> [u64; 5] {
        ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]
            .map(|name| u64::from_str_radix(self.value(name), 16).unwrap())
    }

    /// Checks the state that every app must have: these ids, no capability in any set, `no_new_privs`, locked
    /// securebits.
    #[track_caller]
    pub fn is_dropped_to(&self, uid: u32, gid: u32, groups: &str) {
        self.is("Uid", &format!("{uid} {uid} {uid} {uid}"));
        self.is("Gid", &format!("{gid} {gid} {gid} {gid}"));
        self.is("Groups", groups);
        assert!(self.sets() == [0; 5], "expected five empty sets\n{}", self.shown);
        self.is("NoNewPrivs", "1");
        self.is("Threads", "1");
    }
}
