//! The allowed results of a disturbed boot: the app exactly as in an undisturbed one, or no app and one record with the
//! reason.

use std::collections::{BTreeMap, BTreeSet};

use crate::cases::Case;
use crate::scenes::{CODE, Scene};
use crate::support::protocol::{Call, Fault, Faults};
use crate::support::run::Run;
use crate::tolerated::{self, Deviation};

/// The state that the app and the steps must have as in an undisturbed boot.
const PRIVILEGE: [&str; 13] = [
    "Uid",
    "Gid",
    "Groups",
    "Threads",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "securebits",
    "fd",
    "try",
];

/// The rest of the state that the interface documents.
const STATE: [&str; 9] = ["Umask", "SigPnd", "SigBlk", "SigIgn", "SigCgt", "cwd", "exe", "env", "argv"];

/// The exit codes of a refusal.
const REFUSALS: [i32; 7] = [64, 70, 71, 77, 78, 126, 127];

/// The launcher's exit code if `/init` ends before its children.
const LEFT_BEHIND: i32 = 200;

/// The seconds that a boot may take on a busy machine, and where a hang is tolerated.
const SECONDS: [u64; 2] = [15, 2];

/// Lines, by their source (the app, or a step's name) and their subject.
type Found = BTreeMap<(String, String), Vec<String>>;

/// Owner, group and mode.
type Files = BTreeMap<String, (u32, u32, u32)>;

/// The result of an undisturbed boot.
pub struct Clean {
    pub calls: Vec<Call>,
    code: i32,
    stdout: String,
    found: Found,
    before: Files,
    after: Files,
}

/// The verdict on a disturbed boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The same as an undisturbed boot.
    Held,
    /// The app does not run, or is not reported healthy, and one record gives the reason.
    Refused,
    /// Another result that the table allows.
    Tolerated(usize),
    /// The call was not made in this boot.
    NotMet,
}

/// Runs the scene without a fault.
pub fn clean(scene: &Scene) -> Clean {
    let faults = Faults { record: true, rules: kernel(scene), ..Faults::default() };
    let recording = scene.sandbox.clone().with(|spec| spec.faults = Some(faults));
    let run = recording.run();
    let code = run.outcome.code.unwrap_or(-1);
    run.check(code == if scene.starts_app { CODE } else { 0 }, &format!("a clean boot of '{}'", scene.name));
    run.check(run.outcome.calls.len() > 50, "a record of its calls");
    let (before, after) = (files(&run.outcome.before), files(&run.outcome.after));
    Clean { calls: run.outcome.calls.clone(), code, stdout: run.stdout(), found: found(&run), before, after }
}

/// The scene with the rules of its own kernel.
fn kernel(scene: &Scene) -> Vec<Fault> {
    scene.sandbox.spec.faults.as_ref().map(|faults| faults.rules.clone()).unwrap_or_default()
}

/// Runs the scene with the fault.
pub fn disturbed(scene: &Scene, case: &Case) -> Run {
    let rules = [vec![case.fault.clone()], kernel(scene)].concat();
    let faults = Faults { rules, ..Faults::default() };
    let seconds = SECONDS[usize::from(tolerated::covering(case, Deviation::Hang).is_some())];
    scene.sandbox.clone().with(|spec| (spec.faults, spec.seconds) = (Some(faults), seconds)).run()
}

/// Returns the verdict, or each deviation that is not tolerated.
pub fn judge(scene: &Scene, case: &Case, clean: &Clean, run: &Run) -> Result<Verdict, Vec<String>> {
    let (refused, deviations) = compare(scene, clean, run);
    if run.outcome.answered == 0 {
        return if deviations.is_empty() { Ok(Verdict::NotMet) } else { Err(shown(&deviations)) };
    }
    let rows: Vec<Option<usize>> = deviations.keys().map(|deviation| tolerated::covering(case, *deviation)).collect();
    match (rows.is_empty(), rows.iter().all(Option::is_some)) {
        (true, _) => Ok(if refused { Verdict::Refused } else { Verdict::Held }),
        (false, true) => Ok(Verdict::Tolerated(rows[0].unwrap_or(0))),
        (false, false) => Err(shown(&deviations)),
    }
}

fn shown(deviations: &BTreeMap<Deviation, String>) -> Vec<String> {
    deviations.iter().map(|(deviation, what)| format!("{deviation:?} {what}")).collect()
}

/// The deviations of a boot, each with its first description.
#[derive(Default)]
struct Deviations(BTreeMap<Deviation, String>);

impl Deviations {
    fn add(&mut self, when: bool, deviation: Deviation, what: &dyn Fn() -> String) {
        if when {
            self.0.entry(deviation).or_insert_with(what);
        }
    }
}

/// Whether the boot was refused, and its deviations from the rule.
fn compare(scene: &Scene, clean: &Clean, run: &Run) -> (bool, BTreeMap<Deviation, String>) {
    let mut all = Deviations::default();
    let outcome = &run.outcome;
    let code = outcome.code.unwrap_or(-1);
    all.add(outcome.timed_out, Deviation::Hang, &String::new);
    // Below another init, that init's exit code holds the signal.
    let signal = outcome.signal.or((code > 128 && code != LEFT_BEHIND).then_some(code - 128));
    all.add(signal.is_some() && !outcome.timed_out, Deviation::Signal, &|| format!("{signal:?}"));
    all.add(code == LEFT_BEHIND, Deviation::LeftBehind, &String::new);

    let refused = code != clean.code;
    let found = found(run);
    let ran = found.keys().any(|(who, _)| who == "app");
    // A step that prints to the app's stream is recognised by its arguments.
    let mixed = found
        .get(&("app".into(), "argv".into()))
        .is_some_and(|words| words.iter().any(|word| word.starts_with("mkdir=")));
    all.add(mixed, Deviation::StepsOutput, &String::new);
    for ((who, what), lines) in &found {
        let by_all = || {
            clean.found.iter().filter(|((_, about), _)| about == what).flat_map(|(_, lines)| lines.clone()).collect()
        };
        let wanted: BTreeSet<String> = if mixed {
            by_all()
        } else {
            clean.found.get(&(who.clone(), what.clone())).cloned().unwrap_or_default().into_iter().collect()
        };
        // With `no_new_privs` set earlier than in the clean boot, a root step has less privilege, not more.
        let less = |line: &str| what == "NoNewPrivs" && line == "1";
        let other = lines.iter().any(|line| !wanted.contains(line) && !less(line));
        let deviation = if PRIVILEGE.contains(&what.as_str()) { Deviation::Privilege } else { Deviation::State };
        all.add(other, deviation, &|| format!("{who} {what} {lines:?}"));
    }
    if scene.starts_app && ran {
        compare_app(clean, run, &found, refused, &mut all);
    }

    let stderr = run.stderr();
    let records: Vec<&str> = stderr.lines().filter(|line| line.starts_with("init: fatal: ")).collect();
    let one_record = records.len() == 1 && records[0].contains("; fix: ") && stderr.ends_with('\n');
    if !refused {
        all.add(!records.is_empty(), Deviation::Record, &|| "of a successful boot".into());
        all.add(scene.starts_app && !ran, Deviation::Code, &|| "the app's, which does not run".into());
        if !scene.starts_app {
            compare_report(clean, run, &mut all);
        }
    } else if !scene.starts_app && code == 1 {
        all.add(!run.stdout().contains("FAIL"), Deviation::Report, &|| "1 without a FAIL".into());
    } else {
        let meant = REFUSALS.contains(&code) || code == LEFT_BEHIND || signal.is_some() || outcome.timed_out;
        all.add(!meant, Deviation::Code, &|| code.to_string());
        all.add(!one_record, Deviation::Record, &|| format!("{} records", records.len()));
    }
    (refused, all.0)
}

/// Compares the output of the app, and the files after the boot.
fn compare_app(clean: &Clean, run: &Run, found: &Found, refused: bool, all: &mut Deviations) {
    for ((_, what), lines) in clean.found.iter().filter(|((who, _), _)| who == "app") {
        let said = found.get(&("app".to_owned(), what.clone())).map_or(0, Vec::len);
        let deviation = if what == "fd" && said + 1 == lines.len() { Deviation::NoInput } else { Deviation::Cut };
        // If /init gives up, the app that it started is killed.
        all.add(!refused && said < lines.len(), deviation, &|| what.clone());
    }
    let after = files(&run.outcome.after);
    for (path, wanted) in clean.after.iter().filter(|(path, wanted)| after.get(*path) != Some(wanted)) {
        let as_before = after.contains_key(path) && after.get(path) == clean.before.get(path);
        let owners = |facts: &(u32, u32, u32)| (facts.0, facts.1);
        // A start without root changes no owner: only the mode can differ.
        let users = clean.before.get(path).map(owners) == Some(owners(wanted)) && wanted.0 != 0;
        let deviation = match (as_before, users) {
            (true, true) => Deviation::OwnMode,
            (true, false) => Deviation::LeftAsTheyWere,
            (false, _) => Deviation::Files,
        };
        all.add(true, deviation, &|| format!("{path} {:?} instead of {wanted:?}", after.get(path)));
    }
}

/// Compares the report of a boot without an app.
fn compare_report(clean: &Clean, run: &Run, all: &mut Deviations) {
    let (is, was) = (run.stdout(), clean.stdout.as_str());
    let ok = |text: &str| text.lines().filter(|line| !line.starts_with("warn")).map(str::to_owned).collect::<Vec<_>>();
    let mixed = is.contains("witness: ");
    all.add(mixed, Deviation::StepsOutput, &|| is.clone());
    all.add(!mixed && ok(&is) != ok(was), Deviation::Report, &|| is.clone());
    all.add(
        is.lines().filter(|line| line.starts_with("warn")).count() < 1 && was.contains("warn"),
        Deviation::Warning,
        &|| is.clone(),
    );
}

fn found(run: &Run) -> Found {
    let mut all = Found::new();
    for line in (run.stdout() + &run.stderr()).lines() {
        let (who, line) = match line.strip_prefix("init: step: ").and_then(|rest| rest.split_once(": ")) {
            Some((step, line)) => (step, line),
            None => ("app", line),
        };
        let Some((what, value)) = line.split_once(": ") else { continue };
        if PRIVILEGE.contains(&what) || STATE.contains(&what) {
            // Which pipe it is differs from boot to boot.
            let value = if what == "fd" { value.split('[').next().unwrap_or(value) } else { value };
            all.entry((who.to_owned(), what.to_owned())).or_default().push(value.to_owned());
        }
    }
    all
}

fn files(all: &BTreeMap<String, crate::support::protocol::Facts>) -> Files {
    all.iter()
        .filter(|(path, _)| !path.starts_with("/proc"))
        .map(|(path, facts)| (path.clone(), (facts.uid, facts.gid, facts.mode)))
        .collect()
}
