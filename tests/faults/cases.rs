//! The cases, generated from the system calls of an undisturbed boot: each call alone, and all calls of one number,
//! with each fault.

use std::collections::BTreeMap;

use libc::{EINTR, EINVAL, EIO, ENOMEM, ENOSYS, EPERM};

use crate::names;
use crate::support::protocol::{Answer, Call, Fault};

/// The fault of a call. Only a read-back can detect false success, the last one.
pub const FAULTS: [Answer; 7] = [
    Answer::Errno(EPERM),
    Answer::Errno(EINVAL),
    Answer::Errno(ENOSYS),
    Answer::Errno(EINTR),
    Answer::Errno(ENOMEM),
    Answer::Errno(EIO),
    Answer::Done,
];

const ERRNOS: usize = FAULTS.len() - 1;

/// One disturbed boot.
#[derive(Clone, Debug)]
pub struct Case {
    /// The index of the scene.
    pub scene: usize,
    pub fault: Fault,
    /// The call's name, with its first argument where that selects the operation.
    pub name: String,
}

impl Case {
    /// Whether the call was made unavailable, as on an old kernel or under an old filter.
    pub fn is_absence(&self) -> bool {
        self.fault.nth.is_none() && matches!(self.fault.answer, Answer::Errno(ENOSYS | EPERM))
    }

    /// The case as text.
    pub fn shown(&self, scene: &str) -> String {
        let place = self.fault.nth.map_or_else(|| "every time".to_owned(), |nth| format!("time {}", nth + 1));
        let by = if self.fault.child { " in a child" } else { "" };
        format!("[{scene}] {}{by}, {place}: {}", self.name, word(self.fault.answer))
    }
}

/// A fault as one word.
pub fn word(answer: Answer) -> String {
    match answer {
        Answer::Errno(errno) => format!("{:?}", nix::errno::Errno::from_raw(errno)),
        Answer::Done => "claimed".into(),
        Answer::Value(value) => value.to_string(),
        Answer::Lie => "lie".into(),
        Answer::Unprinted { .. } => "unprinted".into(),
    }
}

/// The cases of one scene: with `all`, every fault for each call; otherwise, for each call two errnos in turn and
/// false success, and for all calls of one number the answers that filters give.
pub fn of(scene: usize, calls: &[Call], all: bool) -> Vec<Case> {
    let mut met: BTreeMap<(bool, i64), Vec<u32>> = BTreeMap::new();
    for call in calls {
        met.entry((call.child, call.number)).or_default().push(call.argument);
    }
    let mut cases = Vec::new();
    for ((child, number), arguments) in met {
        for (at, answer) in FAULTS.into_iter().enumerate() {
            // close(2) releases the descriptor even if it fails, so one errno is enough.
            if number == libc::SYS_close && !matches!(answer, Answer::Done | Answer::Errno(EIO)) {
                continue;
            }
            let fault = |nth| Fault { child, call: number, arguments: Vec::new(), nth, answer };
            let in_turn = |nth: usize| (at + nth + scene).is_multiple_of(ERRNOS / 2);
            for (nth, argument) in arguments.iter().enumerate() {
                if all || answer == Answer::Done || number == libc::SYS_close || in_turn(nth) {
                    cases.push(Case { scene, fault: fault(Some(nth)), name: names::with_argument(number, *argument) });
                }
            }
            let by_filters = matches!(answer, Answer::Done | Answer::Errno(EPERM | ENOSYS));
            // A call that is always interrupted is repeated until the deadline.
            if by_filters || (all && answer != Answer::Errno(EINTR)) {
                cases.push(Case { scene, fault: fault(None), name: names::of(number) });
            }
        }
    }
    cases
}
