//! Ctrl-C, a closed terminal, a stopped service and a shutdown: nothing has changed, or the previous image is restored.

use crate::{
    races::Stopped,
    stand::{STEPDOWN, Stand, stand},
};

/// Publishes a version and requests it. Returns at its cutover, with what served before and the tag.
fn cutting_over(stand: &Stand) -> (String, String) {
    let before = stand.serving();
    let tag = stand.publish("good", Some("good"));
    stand.shell(&format!(
        "rm -f runner-data/deploy-status && echo {tag} >runner-data/.new && \
         mv runner-data/.new runner-data/deploy-trigger && \
         until {STEPDOWN} status | grep -q 'under way: {tag}, in state cutting'; do sleep 0.1; done"
    ));
    (before, tag)
}

fn answer(stand: &Stand) -> String {
    stand.shell(
        "timeout 90 sh -c 'until [ -s runner-data/deploy-status ]; do sleep 0.1; done'; cat runner-data/deploy-status",
    )
}

#[test]
fn signal_in_any_state_ends_the_deploy_and_restores() {
    let Some(stand) = stand() else { return };
    let before = stand.serving();
    let tag = stand.publish("good", Some("good"));
    let (picture, images) = (stand.picture(), stand.shell("podman images --quiet --no-trunc | sort -u"));
    let states = ["claimed", "resolved", "verified", "pulled", "gated", "pre", "cutting 0", "cutting 2", "soaking"];
    for (state, signal) in states.into_iter().zip(["INT", "TERM", "HUP"].into_iter().cycle()) {
        let said = Stopped::after(&stand, state, &tag).goes_on_with(signal);
        let touched = state.starts_with("cutting") || state == "soaking";
        let rest = if touched { format!("serving {before}") } else { "nothing has changed".to_owned() };
        assert_eq!(said.code, 1, "{state}: {said:?}");
        assert!(said.last().starts_with(&format!("fail {tag} ")) && said.last().contains(&rest), "{state}: {said:?}");
        assert!(said.last().contains(&format!("it was interrupted by SIG{signal}")), "{state}: {said:?}");
        assert_eq!(stand.answers(), before, "{state}");
        assert!(stand.consistent() && (touched || stand.picture() == picture), "{state}: {}", stand.picture());
        assert_eq!(stand.shell("podman images --quiet --no-trunc | sort -u"), images, "{state}");
        eprintln!("SIG{signal} after {state}: {}", said.last());
    }
    assert_eq!(stand.shell("podman ps --all --quiet --filter label=stepdown.gate=app"), "");
    assert!(!stand.stepdown(&["status"]).out.contains("under way"));
}

#[test]
fn service_that_is_stopped_restores_and_answers() {
    let Some(stand) = stand() else { return };
    let (before, _) = cutting_over(&stand);
    stand.shell("systemctl --user stop stepdown-app.service");
    let answer = answer(&stand);
    assert!(answer.contains("it was interrupted by SIGTERM; serving "), "{answer}");
    assert!(stand.answers() == before && stand.consistent(), "{}", stand.picture());
}

/// systemd starts no unit while it shuts down, so the previous image is restored at the next boot.
#[test]
fn shutdown_during_a_cutover_is_not_stuck_and_is_answered_after_the_boot() {
    let Some(stand) = stand() else { return };
    let (before, tag) = cutting_over(&stand);
    stand.reboot();
    let answer = answer(&stand);
    assert!(answer.starts_with(&format!("fail {tag} ")) && answer.contains(&format!("; serving {before}")), "{answer}");
    assert!(!answer.contains("stuck") && answer.contains("the host was shut down meanwhile"), "{answer}");
    assert!(answer.ends_with("; fix: deploy the tag again"), "{answer}");
    assert!(stand.answers() == before && stand.consistent(), "{}", stand.picture());
    eprintln!("shut down: {answer}");
}
