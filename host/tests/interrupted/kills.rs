//! SIGKILL after every state, and a reboot: one start of the service mends it.

use crate::stand::{STEPDOWN, stand};

const MEND: &[&str] = &["systemctl", "--user", "start", "stepdown-app.service"];

#[test]
fn kill_after_any_state_is_repaired_by_one_start_of_the_service() {
    let Some(stand) = stand() else { return };
    let before = stand.serving();
    let good = stand.publish("good", Some("good"));
    let sick = stand.publish("turns 5", Some("good"));
    let states = ["claimed", "resolved", "verified", "pulled", "gated", "pre", "cutting 0", "cutting 2", "soaking"];
    let cases = states.iter().map(|state| (*state, &good)).chain([("restoring", &sick)]);
    for (state, tag) in cases {
        let die = format!("STEPDOWN_TEST_KILL_AFTER={state}");
        let said = stand.user(&["env", &die, STEPDOWN, "deploy", tag]);
        // What systemd-run ends with when its command is killed.
        assert_eq!(said.code, 255, "{state}: {said:?}");
        let name = state.split(' ').next().unwrap_or_default();
        let status = stand.stepdown(&["status"]).out;
        assert!(status.contains(&format!("under way: {tag}, in state {name},")), "{state}: {status}");
        let mended = stand.user(MEND);
        assert_eq!(mended.code, 0, "{state}: {mended:?}");
        assert_eq!(stand.answers(), before, "{state}");
        assert!(stand.consistent(), "{state}: {}", stand.picture());
        let status = stand.stepdown(&["status"]).out;
        assert!(status.contains(&format!("last answer: fail {tag} ")) && !status.contains("under way"), "{status}");
        eprintln!("killed after {state}: {}", status.lines().last().unwrap_or_default());
    }
    assert_eq!(stand.shell("podman ps --all --quiet --filter label=stepdown.gate=app"), "");
}

/// No container holds the image yet, and no tag names it.
#[test]
fn image_of_a_pull_that_was_killed_is_removed_by_the_next_start() {
    let Some(stand) = stand() else { return };
    let before = stand.serving();
    let tag = stand.publish("good", Some("good"));
    let list = "podman images --quiet --no-trunc | sort -u";
    let images = stand.shell(list);
    let said = stand.user(&["env", "STEPDOWN_TEST_KILL_AFTER=pull", STEPDOWN, "deploy", &tag]);
    assert_eq!(said.code, 255, "{said:?}");
    assert_ne!(stand.shell(list), images, "the image was not pulled");
    assert_eq!(stand.user(MEND).code, 0);
    assert_eq!((stand.shell(list), stand.answers()), (images.clone(), before));
    // A pull may outlive its stepdown, and end after the next start.
    let said = stand.user(&["env", "STEPDOWN_TEST_KILL_AFTER=pull", STEPDOWN, "deploy", &tag]);
    assert_eq!(said.code, 255, "{said:?}");
    let pulled = "podman images --digests --format '{{.Repository}}@{{.Digest}}' | grep ^127.0.0.1:5000/app@";
    stand.shell(&format!(
        "image=$({pulled}) && podman rmi \"$image\" && systemctl --user start stepdown-app.service && \
         podman pull --quiet \"$image\""
    ));
    assert_eq!(stand.user(MEND).code, 0);
    assert_eq!(stand.shell(list), images);
    // Killed between the removal of the container that holds an image and the removal of its tag.
    assert_eq!(stand.stepdown(&["deploy", "--gate-only", &tag]).code, 0);
    stand.shell(
        "podman pull --quiet docker://127.0.0.1:5000/app:TAG && podman tag 127.0.0.1:5000/app:TAG \
         localhost/stepdown/app:id-0123456789ab && podman untag 127.0.0.1:5000/app:TAG 127.0.0.1:5000/app:TAG"
            .replace("TAG", &tag)
            .as_str(),
    );
    assert_eq!(stand.stepdown(&["deploy", "v999"]).code, 1);
    assert_eq!(stand.shell(list), images);
}

/// The out-of-memory killer may choose the service.
#[test]
fn killed_service_is_started_again_by_systemd_and_restores() {
    let Some(stand) = stand() else { return };
    let before = stand.serving();
    let tag = stand.publish("good", Some("good"));
    stand.shell(&format!(
        "rm -f runner-data/deploy-status && echo {tag} >runner-data/.new && \
         mv runner-data/.new runner-data/deploy-trigger"
    ));
    stand.shell(&format!(
        "until {STEPDOWN} status | grep -q 'under way: {tag}, in state cutting'; do sleep 0.1; done; \
         systemctl --user kill --signal=KILL stepdown-app.service"
    ));
    let answer =
        stand.shell("until [ -s runner-data/deploy-status ]; do sleep 0.1; done; cat runner-data/deploy-status");
    assert!(answer.starts_with(&format!("fail {tag} deploy: it was interrupted in state cutting; ")), "{answer}");
    assert!(answer.contains(&format!("; serving {before}; fix: stepdown deploy {tag} ")), "{answer}");
    assert!(stand.answers() == before && stand.consistent(), "{}", stand.picture());
}

#[test]
fn reboot_in_the_middle_of_a_cutover_ends_on_the_previous_image() {
    let Some(stand) = stand() else { return };
    let before = stand.serving();
    let tag = stand.publish("good", Some("good"));
    let said = stand.user(&["env", "STEPDOWN_TEST_KILL_AFTER=cutting 2", STEPDOWN, "deploy", &tag]);
    assert_eq!(said.code, 255, "{said:?}");
    stand.reboot();
    // Enabled at boot: the start only waits for it.
    assert_eq!(stand.user(MEND).code, 0);
    assert_eq!(stand.answers(), before);
    assert!(stand.consistent(), "{}", stand.picture());
}
