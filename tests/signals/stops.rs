//! The boot check's result for a stop agrees with the real stop: signal × rewriting × mode × the app's reaction.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use super::peer::Init;
use super::stage::{Stage, only_own};
use super::table::{Not, Try, failed, note, scenario};

const TERM: i32 = 15;
const QUIT: i32 = 3;
const USR1: i32 = 10;
const REAL_TIME: i32 = 37;

/// The time from the stop to SIGKILL.
const GRACE: Duration = Duration::from_millis(600);

/// The app's reaction to a signal.
const HANDLERS: [&str; 6] = ["none", "caught", "late", "raised", "ignored", "blocked"];

/// The role's mode and the rewriting of the signal.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Exec,
    Kept,
    To(i32),
    Dropped,
}

/// One cell of the table.
#[derive(Clone, Copy, Debug)]
struct Cell {
    /// The signal that the engine sends.
    signal: i32,
    way: Way,
    /// The signal that the app handles, and its handler.
    handled: i32,
    handler: &'static str,
}

impl Cell {
    /// Whether the stop ends the app within its grace period.
    fn ends(self) -> bool {
        let gets = match self.way {
            Way::Exec | Way::Kept => self.signal,
            Way::To(other) => other,
            Way::Dropped => return false,
        };
        match self.handler {
            _ if gets != self.handled => self.way != Way::Exec,
            "none" => self.way != Way::Exec,
            "ignored" => false,
            _ => true,
        }
    }

    fn stage(self) -> Stage {
        let name = |signal| match signal {
            TERM => "TERM".to_owned(),
            QUIT => "QUIT".into(),
            USR1 => "USR1".into(),
            other => format!("RTMIN+{}", other - 34),
        };
        let signal = if self.signal == TERM { String::new() } else { format!("signal = '{}'\n", name(self.signal)) };
        let rewrite = match self.way {
            Way::Exec | Way::Kept => String::new(),
            Way::To(other) => format!("[supervise]\nsignals = {{ '{}' = '{}' }}\n", name(self.signal), name(other)),
            Way::Dropped => format!("[supervise]\nsignals = {{ '{}' = '' }}\n", name(self.signal)),
        };
        let config = format!(
            "[stop]\ngrace = '{}ms'\n{signal}{rewrite}[boot_check]\nsettle = '400ms'\nrequire_read_only_root = false\n\
             [role]\ndefault = 'app'\n[roles.app]\nsupervise = {}\n",
            GRACE.as_millis(),
            self.way != Way::Exec
        );
        Stage::of(Init::Stepdown).by_role().config(&config).app(&format!("stop {} {}", self.handler, self.handled))
    }

    /// The check's result for the stop.
    fn checked(self) -> Try<bool> {
        let mut run = self.stage().flags(Init::Stepdown, &["--check"]).start()?;
        run.end()?;
        let found: Vec<&String> = run.said().iter().filter(|line| line.contains(" stop: ")).collect();
        match found.as_slice() {
            [line] if line.starts_with("FAIL ") => Ok(false),
            [line] if line.starts_with("ok ") || (line.starts_with("warn ") && self.handler == "raised") => Ok(true),
            other => {
                let other = format!("one line about the stop, not {other:?}");
                run.fail(other)
            }
        }
    }

    /// The result of the real stop.
    fn real(self) -> Try<bool> {
        let mut run = self.stage().start()?;
        run.ready()?;
        run.signal(self.signal)?;
        // Without supervision only the engine would kill it. Nothing would where the stop is dropped.
        let ended = run.line_within("stage: ended ", GRACE * 3).is_ok();
        Ok(ended
            && !{
                run.end()?;
                run.logged("SIGKILL")
            })
    }
}

fn cells() -> Vec<Cell> {
    let ways = [
        (TERM, Way::Exec, TERM),
        (QUIT, Way::Exec, QUIT),
        (REAL_TIME, Way::Exec, REAL_TIME),
        (TERM, Way::Kept, TERM),
        (QUIT, Way::Kept, QUIT),
        (REAL_TIME, Way::Kept, REAL_TIME),
        (TERM, Way::To(USR1), TERM),
        (TERM, Way::To(USR1), USR1),
        (QUIT, Way::To(TERM), TERM),
        (TERM, Way::To(REAL_TIME), REAL_TIME),
        (TERM, Way::Dropped, TERM),
        (QUIT, Way::Dropped, QUIT),
    ];
    let all = ways
        .into_iter()
        .flat_map(|(signal, way, handled)| HANDLERS.map(|handler| Cell { signal, way, handled, handler }));
    all.collect()
}

#[test]
fn the_check_and_the_stop_agree() {
    scenario("stop: the check and the real stop agree in every cell", |init| {
        only_own(init)?;
        let (unread, wrong) = (Mutex::new(cells()), Mutex::new(Vec::new()));
        let count = unread.lock().unwrap().len();
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    while let Some(cell) = unread.lock().unwrap().pop() {
                        let found = cell.checked().and_then(|checked| Ok((checked, cell.real()?)));
                        if !matches!(found, Ok((checked, real)) if checked == cell.ends() && real == cell.ends()) {
                            wrong.lock().unwrap().push((cell, found));
                        }
                    }
                });
            }
        });
        let wrong = wrong.into_inner().unwrap();
        note(format!("stop: {} of {count} cells agree", count - wrong.len()));
        let mut text = String::new();
        for (cell, found) in &wrong {
            let found = match found {
                Ok((check, real)) => format!("result of the check: {check}, of the stop: {real}"),
                Err(Not::Passed(why)) => why.clone(),
                Err(Not::Applicable) => "not applicable".into(),
            };
            writeln!(text, "{cell:?}, expected to end: {}: {found}", cell.ends()).unwrap();
        }
        if wrong.is_empty() { Ok(()) } else { failed(format!("{} of {count} cells:\n{text}", wrong.len())) }
    });
}
