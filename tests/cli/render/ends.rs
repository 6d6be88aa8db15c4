//! `--render` of a role that only runs steps: it ends by itself, and nothing starts it again.

use super::rendered;

const ROLES: &str = "\
[[step]]\nname = 'schema'\ncommand = ['migrate']\nroles = ['migrate']\n\
[[step]]\nname = 'wait'\nroles = ['web']\nwait = { tcp = 'migrate:1' }\n\
[roles.migrate]\ncommand = []\nhealth = { file = '/run/done' }\n\
[roles.web]\ncommand = ['app']\n";

#[test]
fn a_unit_of_steps_is_started_when_they_are_done() {
    let page = |role| rendered("ends", ROLES, &["quadlet", "-r", role]);
    let unit = page("migrate");
    unit.has("[Service]\n# started means that its steps are done\nType=oneshot\nRemainAfterExit=true\n");
    // Without an app there is nothing to ask.
    unit.lacks("Notify=");
    unit.lacks("Health");
    page("web").lacks("Type=");
}

#[test]
fn a_service_of_steps_is_not_started_again() {
    let page = |role| rendered("ends", ROLES, &["compose", "-r", role]);
    page("migrate").has("    restart: on-failure\n");
    page("web").has("    restart: unless-stopped\n");
    rendered("ends", ROLES, &["compose"]).has("migrate:\n        condition: service_completed_successfully\n");
}

#[test]
fn steps_are_a_job_of_the_cluster() {
    let done = rendered("ends", ROLES, &["kubernetes", "-r", "migrate"]);
    let kinds: Vec<&str> = done.page().lines().filter(|line| line.starts_with("kind: ")).collect();
    assert_eq!(kinds, ["kind: Job", "kind: Job"]);
    let (job, check) = done.page().split_once("---\n").unwrap();
    done.check(job.contains("  name: migrate\n") && check.contains("  name: migrate-check\n"), "the two names");
    for page in [job, check] {
        done.check(page.contains("restartPolicy: Never\n"), "no restart");
        done.check(!page.contains("topologySpread"), "no spread");
    }
    done.check(!job.contains("BOOT_CHECK_ONLY") && !job.contains("backoffLimit"), "a Job that is repeated");
    rendered("ends", ROLES, &["kubernetes", "-r", "web"]).has("kind: Deployment\n");
}
