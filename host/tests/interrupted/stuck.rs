//! The previous image cannot be restored: a person is needed, and the fix says what to do.

use crate::{races::Stopped, stand::stand};

const DROP_IN: &str = ".config/systemd/user/worker.service.d/10-fails.conf";

#[test]
fn unit_that_cannot_be_restored_is_stuck_and_its_fix_restores_it() {
    let Some(stand) = stand() else { return };
    let before = stand.serving();
    let tag = stand.publish("good", Some("good"));
    let stopped = Stopped::after(&stand, "soaking", &tag);
    let edited = stand.edit(DROP_IN, "[Service]\nExecStartPre=/bin/false\n");
    stand.shell("podman kill web");
    let said = stopped.goes_on();
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.last().starts_with(&format!("fail {tag} web: ")), "{said:?}");
    assert!(said.last().contains("; stuck: restart worker.service: "), "{said:?}");
    // The other units are restored all the same.
    assert_eq!(stand.answers(), before);
    let status = stand.stepdown(&["status"]).out;
    assert!(status.contains(&format!("app: serving {before} (")), "{status}");
    let unit = |name: &str| status.lines().find_map(|line| line.trim_start().strip_prefix(name)).unwrap();
    assert_eq!(unit("web: "), format!("active, runs {before}, healthy"));
    assert!(unit("worker: ").ends_with(", no container runs"), "{status}");
    let fix = status.lines().last().unwrap().trim_start().strip_prefix("fix: ").unwrap();
    let (unit, command) = fix.split_once("; then run ").unwrap();
    assert!(unit.starts_with("correct what journalctl --user -u worker.service shows"), "{fix}");
    drop(edited);
    stand.shell(command);
    assert!(stand.consistent(), "{}", stand.picture());
    let history = stand.stepdown(&["history"]).out;
    assert!(
        history.contains(&format!(" UTC  {tag} soaking\n")) && history.contains("; fix: correct what"),
        "{history}"
    );
}
