//! What is to come of a row: an app that finds what it should, or one refusal and no app.

use std::collections::BTreeMap;

use crate::call::Outcome;

/// The mark that an app which runs leaves on standard output.
pub const MARK: &str = "app: started";

const NOTHING: &str = "0000000000000000";

/// What the app finds itself with, by the names that the probe prints.
#[derive(Clone)]
pub struct App {
    facts: BTreeMap<&'static str, String>,
    log: Vec<&'static str>,
    said: String,
}

/// An app after the drop: this user and these groups, and nothing left to escalate with.
pub fn app(uid: u32, gid: u32, groups: &str) -> App {
    let four = |id: u32| format!("{id} {id} {id} {id}");
    let facts = [
        ("Uid", four(uid)),
        ("Gid", four(gid)),
        ("Groups", groups.to_owned()),
        ("CapInh", NOTHING.to_owned()),
        ("CapPrm", NOTHING.to_owned()),
        ("CapEff", NOTHING.to_owned()),
        ("CapBnd", NOTHING.to_owned()),
        ("CapAmb", NOTHING.to_owned()),
        ("NoNewPrivs", "1".to_owned()),
        ("Threads", "1".to_owned()),
        ("SigBlk", NOTHING.to_owned()),
        ("pid", "1".to_owned()),
        ("HOME", "/home/app".to_owned()),
        ("cwd", "/app".to_owned()),
        ("descriptors", "0 1 2".to_owned()),
        ("setuid(0)", "EPERM".to_owned()),
        ("setgroups()", "EPERM".to_owned()),
        ("open /dev/stdout", "ok".to_owned()),
        ("open /dev/stderr", "ok".to_owned()),
    ];
    App { facts: BTreeMap::from(facts), log: Vec::new(), said: format!("the app, as {uid}:{gid}") }
}

/// The app as the image's configuration has it.
pub fn usual() -> App {
    app(1001, 1001, "1001")
}

impl App {
    /// Another value for a fact, or one more fact.
    pub fn finds(mut self, name: &'static str, value: &str) -> App {
        self.facts.insert(name, value.to_owned());
        self
    }

    /// A fact that is the engine's business.
    pub fn whatever(mut self, name: &str) -> App {
        self.facts.remove(name).unwrap();
        self
    }

    /// Words that must be in the log.
    pub fn logs(mut self, words: &'static str) -> App {
        self.log.push(words);
        self
    }

    /// Judges a run; says in a word what came of it.
    pub fn judge(&self, outcome: &Outcome) -> Result<String, String> {
        outcome.check(outcome.code == Some(0), "exit code 0")?;
        outcome.check(outcome.stdout.contains(MARK), "that the app runs")?;
        let found = facts(&outcome.stdout);
        for (name, value) in &self.facts {
            let is = found.get(*name).map_or("nothing", String::as_str);
            outcome.check(is == value, format!("'{name}: {value}', found {is}"))?;
        }
        // Behind a terminal both streams are one.
        let log = format!("{}{}", outcome.stdout, outcome.stderr);
        for words in self.log.iter().chain([&"init: info: "]) {
            outcome.check(log.contains(words), format!("'{words}' in the log"))?;
        }
        outcome.check(!log.contains("init: fatal: "), "no fatal record")?;
        Ok(self.said.clone())
    }
}

/// The probe's lines.
pub fn facts(text: &str) -> BTreeMap<String, String> {
    text.lines().filter_map(|line| line.trim_end().split_once(": ")).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A refusal: this exit code, one record with these words, and nothing else.
#[derive(Clone)]
pub struct Refusal {
    code: i32,
    words: Vec<String>,
    late: bool,
}

pub fn refusal(code: i32, words: &[&str]) -> Refusal {
    Refusal { code, words: words.iter().map(|word| (*word).to_owned()).collect(), late: false }
}

impl Refusal {
    /// It comes after the drop, so the log may have lines before it.
    pub fn late(self) -> Refusal {
        Refusal { late: true, ..self }
    }

    /// Judges a run; says its exit code and what was wrong.
    pub fn judge(&self, outcome: &Outcome) -> Result<String, String> {
        outcome.check(!outcome.stdout.contains(MARK), "that the app never runs")?;
        outcome.check(outcome.stdout.is_empty(), "nothing on standard output")?;
        outcome.check(outcome.code == Some(self.code), format!("exit code {}", self.code))?;
        let lines: Vec<&str> = outcome.stderr.lines().collect();
        let records: Vec<&str> = lines.iter().copied().filter(|line| line.starts_with("init: fatal: ")).collect();
        outcome.check(records.len() == 1 && lines.last() == records.first(), "one fatal record, and nothing after it")?;
        outcome.check(self.late || lines.len() == 1, "nothing on standard error but the record")?;
        let record = records[0].strip_prefix("init: fatal: ").and_then(|record| record.split_once("; fix: "));
        let (said, fix) = record.ok_or_else(|| format!("expected 'init: fatal: …; fix: …'\n{}", outcome.shown()))?;
        outcome.check(said.len() > 5 && fix.len() > 5, "what is wrong, and how to mend it")?;
        for word in &self.words {
            outcome.check(records[0].contains(word), format!("'{word}' in the record"))?;
        }
        Ok(format!("{}: {said}", self.code))
    }
}
