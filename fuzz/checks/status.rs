//! `/proc/thread-self/status`: what is read is what stands there, and a text that is read is read again from what the
//! kernel would print of it.

use stepdown::privilege::Held;
use stepdown::privilege::capability::Set;
use stepdown::privilege::status::{Ids, parse};

pub fn check(data: &[u8]) {
    if let Ok(held) = parse(data) {
        assert_eq!(parse(printed(&held).as_bytes()).as_ref(), Ok(&held));
    }
    let mut numbers = data.chunks_exact(4).map(|four| u32::from_le_bytes(four.try_into().unwrap()));
    let mut next = || numbers.next().unwrap_or(0);
    let ids =
        |next: &mut dyn FnMut() -> u32| Ids { real: next(), effective: next(), saved: next(), file_system: next() };
    let set = |next: &mut dyn FnMut() -> u32| Set::from_bits(u64::from(next()) << 32 | u64::from(next()));
    let held = Held {
        uid: ids(&mut next),
        gid: ids(&mut next),
        inheritable: set(&mut next),
        permitted: set(&mut next),
        effective: set(&mut next),
        bounding: set(&mut next),
        ambient: set(&mut next),
        no_new_privs: next() % 2 == 1,
        threads: next(),
        groups: std::iter::repeat_with(next).take_while(|group| *group != 0).collect(),
    };
    let text = printed(&held);
    assert_eq!(parse(text.as_bytes()).as_ref(), Ok(&held));
    // A line less is refused by its name.
    for name in ["Uid", "Gid", "Groups", "Threads", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"] {
        let without: String =
            text.lines().filter(|line| !line.starts_with(name)).map(|line| format!("{line}\n")).collect();
        assert_eq!(parse(without.as_bytes()), Err(name));
    }
}

/// As `proc_pid_status` in `fs/proc/array.c` prints it.
fn printed(held: &Held) -> String {
    let ids = |ids: Ids| format!("{}\t{}\t{}\t{}", ids.real, ids.effective, ids.saved, ids.file_system);
    let set = |set: Set| format!("{:016x}", bits(set));
    format!(
        "Name:\tinit\nUid:\t{}\nGid:\t{}\nFDSize:\t64\nGroups:\t{} \nThreads:\t{}\nCapInh:\t{}\nCapPrm:\t{}\nCapEff:\t{}\nCapBnd:\t{}\nCapAmb:\t{}\nNoNewPrivs:\t{}\n",
        ids(held.uid),
        ids(held.gid),
        held.groups.iter().map(u32::to_string).collect::<Vec<_>>().join(" "),
        held.threads,
        set(held.inheritable),
        set(held.permitted),
        set(held.effective),
        set(held.bounding),
        set(held.ambient),
        u8::from(held.no_new_privs)
    )
}

fn bits(set: Set) -> u64 {
    (0..64).filter(|bit| set.contains(Set::from_bits(1 << bit))).fold(0, |all, bit| all | 1 << bit)
}
