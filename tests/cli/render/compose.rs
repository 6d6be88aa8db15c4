//! `--render compose`: which services start after which.

use super::rendered;

const ROLES: &str = "\
[roles.db]\ncommand = ['postgres']\nhealth = { tcp = '127.0.0.1:5432' }\n\
[roles.cache]\ncommand = ['redis-server']\n\
[roles.web]\ncommand = ['app']\n\
";

fn waiting(steps: &str) -> String {
    format!("{steps}{ROLES}")
}

fn step(wait: &str) -> String {
    format!("[[step]]\nname = 'wait'\nroles = ['web']\nwait = {{ {wait} }}\ntimeout = '60s'\n")
}

#[test]
fn a_service_starts_after_the_roles_that_its_steps_wait_for() {
    let steps = [
        step("tcp = '${DB_HOST:-db}:5432'"),
        step("http = 'http://cache:6379/ping'"),
        step("tcp = 'elsewhere.example:1'"),
        step("tcp = '${UNSET_HOST}:1'"),
        step("file = '/run/db'"),
    ];
    let config = waiting(&steps.concat());
    let wanted = "    # a step waits for them\n    depends_on:\n      \
                  cache:\n        condition: service_started\n      \
                  db:\n        condition: service_healthy\n";
    let done = rendered("waits", &config, &["compose"]);
    done.has(wanted);
    assert_eq!(done.out.matches("depends_on:").count(), 1, "{}", done.out);
    // Not on the page, so compose would refuse the name.
    rendered("alone", &config, &["compose", "-r", "web"]).lacks("depends_on");
}

#[test]
fn no_service_waits_for_itself_or_for_an_address_that_is_no_role() {
    let all = "[[step]]\nname = 'wait'\nwait = { tcp = 'db:5432' }\ntimeout = '60s'\n";
    let done = rendered("self", &waiting(all), &["compose"]);
    assert_eq!(done.out.matches("depends_on:").count(), 2, "{}", done.out);
    rendered("unix", &waiting(&step("http = 'http://db/', unix = '/run/app.sock'")), &["compose"]).lacks("depends_on");
    rendered("other", &waiting(&step("tcp = 'db.example:5432'")), &["compose"]).lacks("depends_on");
}
