//! What is refused before the cutover: no container, no pointer and no request is touched.

use crate::{
    client::Client,
    stand::{CONFIG_FILE, STATE, Stand, stand},
};

/// Deploys, and expects a refusal with these words while a client sees nothing.
pub(crate) fn refused(stand: &Stand, tag: &str, words: &str) {
    let picture = stand.picture();
    let client = Client::start(stand);
    let said = stand.stepdown(&["deploy", tag]);
    let [quick, slow] = client.stop();
    assert_eq!(said.code, 1, "{tag}: {said:?}");
    assert!(said.last().starts_with(&format!("fail {tag} ")) && said.last().contains(words), "{words}: {said:?}");
    assert!(said.last().contains("nothing has changed"), "{said:?}");
    assert!(said.out.lines().any(|line| line.starts_with("fix  to fix it: ")), "{said:?}");
    assert_eq!(stand.picture(), picture);
    assert_eq!((quick.failed, slow.failed, slow.cut), (0, 0, 0), "{tag}");
    let left = stand.shell("podman ps --all --quiet --filter label=stepdown.gate=app");
    assert_eq!(left, "", "a gate container is left");
    eprintln!("refused: {}", said.last());
}

#[test]
fn unsigned_image_and_another_key_change_nothing() {
    let Some(stand) = stand() else { return };
    stand.serving();
    refused(&stand, &stand.publish("good", None), "no signatures found");
    refused(&stand, &stand.publish("good", Some("other")), "no matching signatures");
}

#[test]
fn crashing_sick_and_hanging_images_fail_no_request() {
    let Some(stand) = stand() else { return };
    stand.serving();
    refused(&stand, &stand.publish("crash", Some("good")), "exited with 3");
    refused(&stand, &stand.publish("sick", Some("good")), "status 503 instead of 200");
    refused(&stand, &stand.publish("hang", Some("good")), "no answer within 2s");
}

/// It would serve instead of checking: it does not know `BOOT_CHECK_ONLY`.
#[test]
fn image_without_init_is_not_started_in_a_gate() {
    let Some(stand) = stand() else { return };
    stand.serving();
    refused(&stand, &stand.publish("bare", Some("good")), "render the image's units: ");
}

#[test]
fn older_signed_image_is_refused_and_a_rollback_is_named() {
    let Some(stand) = stand() else { return };
    let old = stand.publish("good", Some("good"));
    let new = stand.publish("good", Some("good"));
    assert_eq!(stand.stepdown(&["deploy", &new]).code, 0);
    refused(&stand, &old, "it is older than");
}

#[test]
fn registry_out_of_reach_changes_nothing() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let tag = stand.publish("good", Some("good"));
    stand.root("systemctl stop docker-registry");
    refused(&stand, &tag, "resolve");
    stand.root("systemctl start docker-registry && until ss -ltn | grep -q :5000; do sleep 0.1; done");
}

#[test]
fn key_that_the_user_can_change_is_not_trusted() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let tag = stand.publish("good", Some("good"));
    stand.shell("ln -s /etc/containers/cosign-app.pub key.pub");
    let config = stand.read(CONFIG_FILE).replace("/etc/containers/cosign-app.pub", "/home/app/key.pub");
    let by_link = stand.edit(CONFIG_FILE, &config);
    let said = stand.stepdown(&["deploy", "--gate-only", &tag]);
    assert!(said.code == 0 && said.out.contains("signed by the key of /etc/containers/cosign-app.pub"), "{said:?}");
    drop(by_link);
    stand.root("rm /home/app/key.pub && chown app /etc/containers/cosign-app.pub");
    refused(&stand, &tag, "it belongs to uid 1000");
    stand.root("chown root /etc/containers/cosign-app.pub && chmod 666 /etc/containers/cosign-app.pub");
    refused(&stand, &tag, "this user can write to it");
    stand.root("chmod 644 /etc/containers/cosign-app.pub");
}

#[test]
fn full_disk_under_the_state_changes_nothing() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let tag = stand.publish("good", Some("good"));
    stand.root(&format!(
        "cp -a {STATE} /tmp/state && mount -t tmpfs -o size=64k,uid=1000,gid=1000,mode=0700 tmpfs {STATE} && \
         cp -a /tmp/state/. {STATE}/ && {{ dd if=/dev/zero of={STATE}/full bs=4k 2>/dev/null || true; }}"
    ));
    let picture = stand.picture();
    let said = stand.stepdown(&["deploy", &tag]);
    stand.root(&format!("umount {STATE} && rm -rf /tmp/state"));
    assert_eq!((said.code, stand.picture()), (1, picture), "{said:?}");
    assert!(said.out.contains("No space left on device"), "{said:?}");
}

#[test]
fn unit_that_would_pull_or_run_another_image_is_refused() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let tag = stand.publish("good", Some("good"));
    let drop_in = ".config/containers/systemd/beat.container.d/10-image.conf";
    for (line, words) in [("Pull=always", "may pull"), ("Image=docker.io/library/busybox", "it runs docker.io")] {
        let _edited = stand.edit(drop_in, &format!("[Container]\n{line}\n"));
        refused(&stand, &tag, words);
    }
}

#[test]
fn unit_edited_by_hand_is_warned_of_or_refused() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let tag = stand.publish("good", Some("good"));
    let drop_in = ".config/containers/systemd/worker.container.d/10-hand.conf";
    let by_hand = "[Container]\nReadOnly=false\nAddCapability=NET_ADMIN\nEnvironment=SITE=x\n";
    let edited = stand.edit(drop_in, by_hand);
    let lines = [
        "worker: it has --read-only=false, the image asks for --read-only",
        "worker: it has --cap-add=net_admin, which the image does not ask for",
    ];
    let said = stand.stepdown(&["check"]);
    let said_of = |line: &str| said.out.lines().any(|said| said.starts_with("warn drift: ") && said.contains(line));
    assert!(said.code == 0 && lines.iter().all(|line| said_of(line)) && !said.out.contains("SITE"), "{said:?}");
    let _refuse = stand.edit(CONFIG_FILE, &format!("drift = \"refuse\"\n{}", stand.read(CONFIG_FILE)));
    refused(&stand, &tag, lines[0]);
    drop(edited);
    assert_eq!(stand.stepdown(&["deploy", "--gate-only", &tag]).code, 0);
}

/// The policy is the system's, and the signatures are tags: the registry has no referrers.
const POLICY: &str = r#"{"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"127.0.0.1:5000/app":
[{"type":"sigstoreSigned","keyPath":"/etc/containers/cosign-app.pub","signedIdentity":{"type":"matchRepository"}}]}}}"#;

#[test]
fn policy_of_the_system_decides_at_the_pull() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let by_policy = stand.read(CONFIG_FILE).replace("key = \"/etc/containers/cosign-app.pub\"", "policy = true");
    let _edited = stand.edit(CONFIG_FILE, &by_policy);
    let unsigned = stand.publish("good", None);
    refused(&stand, &unsigned, "the policy accepts it without a signature");
    // Podman takes the user's own policy before the system's.
    let everything = "{\"default\":[{\"type\":\"insecureAcceptAnything\"}]}";
    let _own = stand.edit(".config/containers/policy.json", everything);
    stand.root("cp /etc/containers/policy.json /etc/containers/policy.before && echo '{' >/etc/containers/policy.json");
    refused(&stand, &unsigned, "read /etc/containers/policy.json: EOF while parsing an object at line 2");
    let attachments = "docker:\\n  127.0.0.1:5000/app:\\n    use-sigstore-attachments: true\\n";
    stand.root(&format!(
        "printf '%s' '{POLICY}' >/etc/containers/policy.json && \
         mkdir -p /etc/containers/registries.d && printf '{attachments}' >/etc/containers/registries.d/app.yaml"
    ));
    refused(&stand, &unsigned, "A signature was required, but no signature exists");
    refused(&stand, &stand.publish("good", Some("other")), "cryptographic signature verification failed");
    let signed = stand.publish("good", Some("good"));
    let said = stand.stepdown(&["deploy", &signed]);
    assert_eq!((said.code, stand.answers()), (0, signed), "{said:?}");
    stand.root(
        "mv /etc/containers/policy.before /etc/containers/policy.json && rm /etc/containers/registries.d/app.yaml",
    );
}
