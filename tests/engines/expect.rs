//! The expected state of an app.

use std::collections::BTreeMap;

use crate::lab::call::Outcome;
use crate::lab::facts::{DROPPED, expect};
pub use crate::lab::facts::{MARK, facts};
pub use crate::lab::refusal::{Refusal, refusal};
use crate::lab::row::Verdict;

/// The expected facts, by the names that the probe prints.
#[derive(Clone)]
pub struct App {
    facts: BTreeMap<&'static str, String>,
    log: Vec<&'static str>,
    said: String,
}

/// An app after the drop: this user and these groups, and nothing left to escalate with.
pub fn app(uid: u32, gid: u32, groups: &str) -> App {
    let same = |id: u32| format!("{id} {id} {id} {id}");
    let mut facts: BTreeMap<&str, String> = DROPPED.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    facts.extend([("Uid", same(uid)), ("Gid", same(gid)), ("Groups", groups.to_owned())]);
    let more = [
        ("Threads", "1"),
        ("SigBlk", "0000000000000000"),
        ("pid", "1"),
        ("HOME", "/home/app"),
        ("cwd", "/app"),
        ("descriptors", "0 1 2"),
        ("setuid(0)", "EPERM"),
        ("setgroups()", "EPERM"),
        ("open /dev/stdout", "ok"),
        ("open /dev/stderr", "ok"),
    ];
    facts.extend(more.map(|(name, value)| (name, value.to_owned())));
    App { facts, log: Vec::new(), said: format!("the app, as {uid}:{gid}") }
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

    /// A fact that the engine decides.
    pub fn whatever(mut self, name: &str) -> App {
        self.facts.remove(name).unwrap();
        self
    }

    /// Words that must be in the log.
    pub fn logs(mut self, words: &'static str) -> App {
        self.log.push(words);
        self
    }

    /// Judges a run. Returns its result in one word.
    pub fn judge(&self, outcome: &Outcome) -> Verdict {
        outcome.check(outcome.code == Some(0), "exit code 0")?;
        outcome.check(outcome.stdout.contains(MARK), "that the app runs")?;
        expect(outcome, &self.facts.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())?;
        // Behind a terminal both streams are one.
        let log = format!("{}{}", outcome.stdout, outcome.stderr);
        for words in self.log.iter().chain([&"init: info: "]) {
            outcome.check(log.contains(words), format!("'{words}' in the log"))?;
        }
        outcome.check(!log.contains("init: fatal: "), "no fatal record")?;
        Ok(self.said.clone().into())
    }
}
