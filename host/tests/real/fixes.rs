//! The fix of a refusal mends it: each test follows the fix that was printed, and the same image then passes the gate.

use crate::{
    refusals::refused,
    stand::{CONFIG_FILE, Stand, stand},
};

const KEY: &str = "/etc/containers/cosign-app.pub";

fn fix(stand: &Stand) -> String {
    let status = stand.stepdown(&["status"]).out;
    let line = status.lines().find_map(|line| line.trim_start().strip_prefix("fix: "));
    line.unwrap_or_else(|| panic!("no fix: {status}")).to_owned()
}

fn passes(stand: &Stand, tag: &str) {
    let said = stand.stepdown(&["deploy", "--gate-only", tag]);
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn broken_quadlet_is_refused_with_what_is_wrong_in_it() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let tag = stand.publish("good", Some("good"));
    let drop_in = ".config/containers/systemd/beat.container.d/10-typo.conf";
    let edited = stand.edit(drop_in, "[Container]\nReadOnli=true\n");
    refused(&stand, &tag, "beat.service: Quadlet makes no unit: ");
    assert!(stand.stepdown(&["status"]).out.contains("ReadOnli"));
    assert!(fix(&stand).starts_with("correct beat.container or its drop-in, and run systemctl --user daemon-reload"));
    drop(edited);
    passes(&stand, &tag);
    stand.shell(
        "cd .config/containers/systemd && mv beat.container beat.kept && systemctl --user daemon-reload && \
         mv beat.kept beat.container",
    );
    refused(&stand, &tag, "systemd has not loaded it since beat.container was written");
    stand.shell(&fix(&stand));
    passes(&stand, &tag);
}

#[test]
fn tag_that_is_not_at_the_registry_is_named_with_its_fix() {
    let Some(stand) = stand() else { return };
    stand.serving();
    refused(&stand, "v999", "resolve 127.0.0.1:5000/app:v999: ");
    assert!(fix(&stand).starts_with("push the tag to this repository first"), "{}", fix(&stand));
}

#[test]
fn command_before_the_cutover_that_fails_is_named_with_its_fix() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let tag = stand.publish("good", Some("good"));
    let config = stand.read(CONFIG_FILE);
    let line = config.lines().find(|line| line.starts_with("pre = ")).unwrap();
    let edited =
        stand.edit(CONFIG_FILE, &config.replace(line, "pre = [\"sh\", \"-c\", \"echo no table >&2; exit 3\"]"));
    refused(&stand, &tag, "pre: no table");
    assert!(fix(&stand).starts_with("run the command of [gate] pre by hand"), "{}", fix(&stand));
    drop(edited);
    passes(&stand, &tag);
}

#[test]
fn missing_key_is_installed_as_the_fix_says() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let tag = stand.publish("good", Some("good"));
    stand.root(&format!("rm {KEY}"));
    refused(&stand, &tag, "No such file or directory");
    let fix = fix(&stand);
    let command = fix.strip_prefix("as root: ").unwrap().replace("cosign.pub", "/home/app/good.pub");
    stand.root(&command);
    passes(&stand, &tag);
}
