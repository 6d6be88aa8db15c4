//! What happens while a deploy is under way: it is stopped just after a state is on disk, and goes on afterwards.

use std::{
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    MACHINE,
    stand::{STATE, STEPDOWN, Said, Stand, lab, said_by, stand},
};

pub(crate) struct Stopped<'a>(&'a Stand, Child);

impl<'a> Stopped<'a> {
    pub(crate) fn after(stand: &'a Stand, state: &str, tag: &str) -> Self {
        let stop = format!("STEPDOWN_TEST_STOP_AFTER={state}");
        let mut command = lab(&["user", MACHINE, "env", &stop, STEPDOWN, "deploy", tag]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !stand.root("grep -lx 'State:.T (stopped)' /proc/[0-9]*/status || true").contains("/proc/") {
            assert!(Instant::now() < deadline, "the deploy did not reach state {state}");
            thread::sleep(Duration::from_millis(100));
        }
        let name = state.split(' ').next().unwrap_or_default();
        assert!(stand.stepdown(&["status"]).out.contains(&format!("under way: {tag}, in state {name},")));
        Self(stand, child)
    }

    pub(crate) fn goes_on(self) -> Said {
        self.goes_on_with("CONT")
    }

    /// The signal is pending when it goes on.
    pub(crate) fn goes_on_with(self, signal: &str) -> Said {
        self.0.root(&format!(
            "for status in $(grep -lx 'State:.T (stopped)' /proc/[0-9]*/status); do \
             pid=$(basename \"$(dirname \"$status\")\"); kill -{signal} $pid; kill -CONT $pid; done"
        ));
        said_by(&self.1.wait_with_output().unwrap())
    }
}

#[test]
fn tag_moved_after_it_was_resolved_does_not_change_what_is_deployed() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let tag = stand.publish("good", Some("good"));
    let stopped = Stopped::after(&stand, "resolved", &tag);
    stand.move_tag(&tag, "crash");
    let said = stopped.goes_on();
    assert_eq!((said.code, stand.answers()), (0, tag), "{said:?}");
    assert!(stand.consistent());
}

#[test]
fn second_deploy_is_told_of_the_first_one() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let (first, second) = (stand.publish("good", Some("good")), stand.publish("good", Some("good")));
    let stopped = Stopped::after(&stand, "verified", &first);
    let said = stand.stepdown(&["deploy", &second]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains(&format!("a deploy of {first} is under way, in state verified")), "{said:?}");
    let said = stopped.goes_on();
    assert_eq!((said.code, stand.answers()), (0, first), "{said:?}");
}

#[test]
fn disk_that_fills_while_soaking_ends_on_the_previous_image() {
    let Some(stand) = stand() else { return };
    let before = stand.serving();
    let tag = stand.publish("good", Some("good"));
    stand.root(&format!(
        "cp -a {STATE} /tmp/state && mount -t tmpfs -o size=64k,uid=1000,gid=1000,mode=0700 tmpfs {STATE} && \
         cp -a /tmp/state/. {STATE}/"
    ));
    let stopped = Stopped::after(&stand, "soaking", &tag);
    stand.root(&format!("dd if=/dev/zero of={STATE}/full bs=4k 2>/dev/null || true"));
    let said = stopped.goes_on();
    assert_eq!((said.code, stand.answers()), (1, before.clone()), "{said:?}");
    assert!(said.last().contains("No space left on device"), "{said:?}");
    assert!(said.last().contains(&format!("; serving {before}")), "{said:?}");
    // On disk it is under way: with space again, the next start finds what serves as it should be.
    stand.root(&format!("rm {STATE}/full"));
    assert_eq!(stand.user(&["systemctl", "--user", "start", "stepdown-app.service"]).code, 0);
    assert!(stand.stepdown(&["status"]).out.contains(&format!("last answer: fail {tag} ")));
    stand.root(&format!(
        "rm -rf /tmp/state && cp -a {STATE} /tmp/state && umount {STATE} && cp -a /tmp/state/. {STATE}/ && \
         rm -rf /tmp/state"
    ));
    assert!(stand.consistent() && stand.answers() == before);
}
