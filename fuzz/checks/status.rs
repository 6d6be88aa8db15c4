//! `/proc/thread-self/status`: the result equals the file's values, and the kernel's print of a result is read as the
//! same result.

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
        ambient: Some(set(&mut next)),
        no_new_privs: next() % 2 == 1,
        lacks_no_new_privs: false,
        threads: next(),
        groups: std::iter::repeat_with(next).take_while(|group| *group != 0).collect(),
        ..Held::default()
    };
    let text = printed(&held);
    assert_eq!(parse(text.as_bytes()).as_ref(), Ok(&held));
    let without = |text: &str, name: &str| -> String {
        text.lines().filter(|line| !line.starts_with(name)).map(|line| format!("{line}\n")).collect()
    };
    // The refusal of a missing line names it.
    for name in ["Uid", "Gid", "Groups", "Threads", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(parse(without(&text, name).as_bytes()), Err(name));
    }
    // gVisor does not print the last one, and releases before August 2026 do not print the last two.
    let newer = Held { no_new_privs: false, lacks_no_new_privs: true, ..held };
    let text = without(&text, "NoNewPrivs");
    assert_eq!(parse(text.as_bytes()).as_ref(), Ok(&newer));
    assert_eq!(parse(without(&text, "CapAmb").as_bytes()), Ok(Held { ambient: None, ..newer }));
}

/// Prints it as `proc_pid_status` in `fs/proc/array.c` does.
fn printed(held: &Held) -> String {
    let ids = |ids: Ids| format!("{}\t{}\t{}\t{}", ids.real, ids.effective, ids.saved, ids.file_system);
    let set = |set: Set| format!("{:016x}", bits(set));
    let mut text = format!(
        "Name:\tinit\nUid:\t{}\nGid:\t{}\nFDSize:\t64\nGroups:\t{} \nThreads:\t{}\n\
         CapInh:\t{}\nCapPrm:\t{}\nCapEff:\t{}\nCapBnd:\t{}\n",
        ids(held.uid),
        ids(held.gid),
        held.groups.iter().map(u32::to_string).collect::<Vec<_>>().join(" "),
        held.threads,
        set(held.inheritable),
        set(held.permitted),
        set(held.effective),
        set(held.bounding),
    );
    if let Some(ambient) = held.ambient {
        text += &format!("CapAmb:\t{}\n", set(ambient));
    }
    if !held.lacks_no_new_privs {
        text += &format!("NoNewPrivs:\t{}\n", u8::from(held.no_new_privs));
    }
    text
}

fn bits(set: Set) -> u64 {
    (0..64).filter(|bit| set.contains(Set::from_bits(1 << bit))).fold(0, |all, bit| all | 1 << bit)
}
