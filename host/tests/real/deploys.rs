//! Good deploys, and rollbacks.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    client::Client,
    documented,
    instances::Instances,
    stand::{CONFIG_FILE, stand},
};

/// The soak of the tests' configuration.
const SOAK: Duration = Duration::from_secs(2);
/// A deploy resolves, verifies, pulls, gates, restarts and checks four units. It is compared with four plain restarts
/// on the same machine, since a limit in seconds would fail on a busy one.
const AT_MOST: f64 = 5.0;

#[test]
fn good_deploy_behind_a_socket_fails_no_request() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let tag = stand.publish("good", Some("good"));
    documented::install(&stand);
    let client = Client::start(&stand);
    let began = Instant::now();
    let said = documented::deploy(&stand, &tag);
    let took = began.elapsed().saturating_sub(SOAK);
    let [quick, slow] = client.stop();
    let began = Instant::now();
    stand.shell("for unit in web worker beat flower; do systemctl --user restart $unit; done");
    let restarts = began.elapsed();
    let times = took.as_secs_f64() / restarts.as_secs_f64();
    eprintln!(
        "good deploy: {took:.1?} and the soak, {times:.1} times four plain restarts ({restarts:.1?}); {quick:?}; \
         one-second requests: {slow:?}\n{}",
        said.out
    );
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.last().starts_with(&format!("ok {tag} (")), "{said:?}");
    assert_eq!(stand.answers(), tag);
    assert!(stand.consistent());
    assert!(quick.requests > 20 && quick.failed == 0, "{quick:?}");
    assert!(quick.slowest < 10.0 && slow.failed == 0, "{quick:?} {slow:?}");
    assert!(times < AT_MOST, "{times:.1} times four plain restarts");
    documented::compare(&said);
}

#[test]
fn gate_only_changes_nothing() {
    let Some(stand) = stand() else { return };
    let before = stand.serving();
    let picture = stand.picture();
    let tag = stand.publish("good", Some("good"));
    let said = stand.stepdown(&["deploy", "--gate-only", &tag]);
    assert_eq!((said.code, stand.picture(), stand.answers()), (0, picture, before), "{said:?}");
}

#[test]
fn rollback_goes_to_what_served_before_and_prune_leaves_it() {
    let Some(stand) = stand() else { return };
    let first = stand.serving();
    let second = stand.publish("good", Some("good"));
    assert_eq!(stand.stepdown(&["deploy", &second]).code, 0);
    stand.shell("podman image prune --all --force");
    let said = stand.stepdown(&["rollback", "--now"]);
    assert_eq!((said.code, stand.answers()), (0, first.clone()), "{said:?}");
    let said = stand.stepdown(&["rollback", &second]);
    assert_eq!((said.code, stand.answers()), (0, second), "{said:?}");
    assert!(said.out.contains("gate web: passed"), "{said:?}");
    let said = stand.stepdown(&["rollback", "v999"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("it did not serve before"), "{said:?}");
}

#[test]
fn app_that_turns_unhealthy_is_rolled_back_within_seconds() {
    let Some(stand) = stand() else { return };
    let before = stand.serving();
    let tag = stand.publish("turns 5", Some("good"));
    let client = Client::start(&stand);
    let said = stand.stepdown(&["deploy", &tag]);
    let [quick, _] = client.stop();
    eprintln!("turns unhealthy: {quick:?}\n{}", said.out);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.last().contains("turned unhealthy") && said.last().contains(&format!("serving {before}")), "{said:?}");
    assert_eq!(stand.answers(), before);
    assert!(stand.consistent());
    assert!(quick.failed > 0 && quick.errors < 5.0, "{quick:?}");
}

/// The next unit needs half a minute to become healthy; the one that turned unhealthy is not left so for that time.
#[test]
fn slow_start_of_the_next_unit_does_not_hold_up_a_rollback() {
    let Some(stand) = stand() else { return };
    let before = stand.serving();
    let config = stand
        .read(CONFIG_FILE)
        .replace("[gate]", "[gate]\nmode = { worker = \"off\", beat = \"off\", flower = \"off\" }");
    let _edited = stand.edit(CONFIG_FILE, &config);
    let tag = stand.publish("uneven 30", Some("good"));
    let client = Client::start(&stand);
    let said = stand.stepdown(&["deploy", &tag]);
    let [quick, _] = client.stop();
    eprintln!("turns unhealthy during a slow start: {quick:?}\n{}", said.out);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.last().contains("web turned unhealthy") && said.last().contains(&format!("serving {before}")),
        "{said:?}"
    );
    assert!(stand.answers() == before && stand.consistent(), "{}", stand.picture());
    assert!(said.out.contains("FAIL cut over worker: worker.service: it is given up: "), "{said:?}");
    // Two cores may be busy.
    assert!(quick.failed > 0 && quick.errors < 7.0, "{quick:?}");
}

/// One instance serves while the other is replaced.
#[test]
fn good_deploy_of_instances_on_one_socket_fails_no_request() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let _instances = Instances::new(&stand);
    let tag = stand.publish("good", Some("good"));
    let client = Client::start(&stand);
    let said = stand.stepdown(&["deploy", &tag]);
    let [quick, slow] = client.stop();
    eprintln!("good deploy of instances: {quick:?}; one-second requests: {slow:?}\n{}", said.out);
    assert_eq!((said.code, stand.answers()), (0, tag.clone()), "{said:?}");
    assert!(!said.out.contains("warn drift"), "{said:?}");
    assert!(quick.requests > 20 && quick.failed == 0 && slow.failed == 0, "{quick:?} {slow:?}");
    // A request that waits for a restart takes as long as one. Two busy cores may hold any request back.
    assert!(quick.slowest < 3.0, "{quick:?}");
    let sick = stand.publish("turns 5", Some("good"));
    let said = stand.stepdown(&["deploy", &sick]);
    assert!(said.code == 1 && said.last().contains(&format!("serving {tag}")), "{said:?}");
    assert_eq!(stand.answers(), tag);
}

#[test]
fn check_of_a_sound_host_finds_nothing() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let said = stand.stepdown(&["check"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!said.out.contains("FAIL") && !said.out.contains("warn drift"), "{said:?}");
    assert!(said.out.contains("the units are as the image renders them"), "{said:?}");
}

#[test]
fn quadlet_takes_the_units_of_the_example() {
    let Some(stand) = stand() else { return };
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/deploy/quadlet");
    for entry in std::fs::read_dir(&example).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap();
        let files = if entry.is_dir() { vec![format!("{name}/10-memory.conf")] } else { vec![name.to_owned()] };
        for file in files {
            stand.write(&format!("example/{file}"), &std::fs::read_to_string(example.join(&file)).unwrap());
        }
    }
    stand.own();
    let units = stand.shell("QUADLET_UNIT_DIRS=/home/app/example /usr/libexec/podman/quadlet -dryrun -user 2>&1");
    for name in ["web", "worker", "beat", "flower", "postgres", "valkey", "app-network"] {
        assert!(units.contains(&format!("---{name}.service---")), "{name}: {units}");
    }
    assert!(units.contains("--memory=512m") || units.contains("--memory 512m"), "{units}");
}
