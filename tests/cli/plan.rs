//! `--plan`: its output, and values that it must not print.

use serde_json::Value;

use super::{Done, command, configured, finish, run};

const ROLES: &str = "user = '1500:1501'\nhome = '/srv'\nworkdir = '/'\n\
    umask = '0027'\ngroups = ['44', '29']\n[role]\ndefault = 'web'\n\
    [[tmpfs]]\npath = '/home/app'\nmode = '1777'\nsize = '64m'\n\
    [[volume]]\npath = '/data'\nrecursive = true\n[[directory]]\npath = '${WHERE:-/tmp/made}'\nmode = '0750'\n\
    [env]\nURL = 'db://${PASSWORD:-}@db'\n\
    [roles.web]\ncommand = ['sh', '-c', '${PORT:-8000} ok']\n[roles.beat]\ncommand = ['sh', 'beat']\n";

fn plan(name: &str, more: &[&str], variables: &[(&str, &str)]) -> Done {
    let path = configured(name, ROLES);
    let words: Vec<&str> = ["--config", &path, "--plan"].into_iter().chain(more.iter().copied()).collect();
    finish(command(&words, variables))
}

fn as_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

#[test]
fn the_plan_is_readable() {
    let done = plan("readable", &[], &[("PASSWORD", "hunter2")]);
    let page = done.printed();
    let mut rows = vec![
        "role          web (by role.default)",
        "tmpfs         /home/app mode 1777 size 64m",
        "volume        /data recursive",
        "directory     /tmp/made mode 0750",
        "kept          none",
        "home          /srv",
        "workdir       /",
        "umask         0027",
        "env           URL=db://${PASSWORD:-}@db",
        "command       [\"sh\", \"-c\", \"8000 ok\"]",
    ];
    if as_root() {
        rows.extend([
            "start         root: hand over, drop, prove",
            "user          uid 1500 gid 1501 groups 29 44 1501",
            "capability    CHOWN to hand over mount points",
        ]);
    } else {
        rows.push("start         not root: prove");
    }
    for row in rows {
        done.check(page.lines().any(|line| line == row), row);
    }
    done.check(!page.contains("hunter2"), "that no value of the environment is shown");
}

#[test]
fn the_plan_as_json_has_these_keys_and_values() {
    let done = plan("json", &["--json"], &[("PASSWORD", "hunter2"), ("PORT", "9000"), ("WHERE", "/tmp/elsewhere")]);
    let text = done.printed();
    done.check(text.lines().count() == 1, "one line");
    let Value::Object(plan) = serde_json::from_str(text).unwrap() else { panic!("no object: {text}") };
    let known = [
        "role",
        "role_from",
        "start",
        "uid",
        "gid",
        "groups",
        "program",
        "command",
        "workdir",
        "umask",
        "home",
        "tmpfs",
        "volumes",
        "directories",
        "capabilities",
        "capabilities_kept",
    ];
    for key in known {
        done.check(plan.contains_key(key), key);
    }
    let is = |key: &str, json: &str| {
        done.check(plan[key] == serde_json::from_str::<Value>(json).unwrap(), &format!("{key}: {json}"))
    };
    is("role", "\"web\"");
    is("role_from", "\"role.default\"");
    is("command", "[\"sh\", \"-c\", \"9000 ok\"]");
    is("workdir", "\"/\"");
    is("umask", "\"0027\"");
    is("home", "\"/srv\"");
    is("tmpfs", "[{\"path\": \"/home/app\", \"mode\": \"1777\", \"size\": \"64m\", \"recursive\": false}]");
    is("volumes", "[{\"path\": \"/data\", \"recursive\": true, \"always\": false}]");
    is("directories", "[{\"path\": \"/tmp/elsewhere\", \"mode\": \"0750\"}]");
    is("capabilities_kept", "[]");
    is("env", "[\"URL=db://${PASSWORD:-}@db\"]");
    is("held_back", "[]");
    done.check(plan["program"].as_str().is_some_and(|program| program.ends_with("/sh")), "the program's path");
    if as_root() {
        is("uid", "1500");
        is("gid", "1501");
        is("groups", "[29, 44, 1501]");
        let names: Vec<&str> =
            plan["capabilities"].as_array().unwrap().iter().filter_map(|need| need["name"].as_str()).collect();
        assert_eq!(names, ["CHOWN", "SETUID", "SETGID", "SETPCAP"]);
    }
    done.check(!text.contains("hunter2"), "that no value of the environment is shown");
}

#[test]
fn the_plan_does_not_print_a_secret_that_a_command_refers_to() {
    let configuration = configured(
        "secret",
        "[secrets]\nPASSWORD = \"/none\"\n[roles.a]\ncommand = [\"true\", \"--password=${PASSWORD}\"]\n",
    );
    for more in [&["--plan"][..], &["--plan", "--json"]] {
        let words = [&["--config", configuration.as_str(), "--role", "a"], more].concat();
        let done = finish(command(&words, &[("PASSWORD", "hunter2")]));
        let text = done.printed();
        done.check(
            text.contains("--password=<secret PASSWORD>") && !text.contains("hunter2"),
            "the name of the secret instead of its value",
        );
    }
}

#[test]
fn plan_prints_what_selected_the_role() {
    let from = |more: &[&str], variables: &[(&str, &str)]| {
        let done = plan("selects", &[&["--json"], more].concat(), variables);
        let plan: Value = serde_json::from_str(done.printed()).unwrap();
        format!("{} {} {}", plan["role"], plan["role_from"], plan["command"][1])
    };
    assert_eq!(from(&[], &[("ROLE", "beat")]), "\"beat\" \"ROLE\" \"beat\"");
    assert_eq!(from(&["--role", "beat"], &[("ROLE", "web")]), "\"beat\" \"--role\" \"beat\"");
    assert_eq!(from(&["sh", "--help"], &[]), "\"web\" \"role.default\" \"--help\"");
}

#[test]
fn plan_lists_skipped_entries_with_the_reason() {
    let configuration = configured(
        "held-back",
        "[[step]]\nname = 'assets'\ncommand = ['true']\ntimeout = '90s'\n\
         [[step]]\nname = 'beat only'\ncommand = ['true']\nroles = ['beat']\n\
         [[directory]]\npath = '/tmp/debug'\nwhen = { DEBUG = '1' }\n\
          [[step]]\nname = 'not in CI'\ncommand = ['true']\nunless = { CI = true }\n\
         [secrets]\nDSN = { path = '/none', optional = true }\n\
          [roles.web]\ncommand = ['true']\n[roles.beat]\ncommand = ['true']\n",
    );
    let done = finish(command(&["--config", &configuration, "--role", "web", "--plan"], &[("CI", "yes")]));
    for row in [
        "step          assets: [\"true\"] within 90s",
        "held back     step \"beat only\": for other roles",
        "held back     directory \"/tmp/debug\": when DEBUG is unset",
        "held back     step \"not in CI\": unless CI is set",
        "held back     secret DSN: optional, and /none is absent",
    ] {
        done.check(done.printed().lines().any(|line| line == row), row);
    }
}

#[test]
fn plan_prints_waits_and_conditions_of_steps() {
    let configuration = configured(
        "waits",
        "[secrets]\nPASSWORD = '/none'\n[[step]]\nname = 'database'\nwait = { tcp = '${HOST}:5432' }\ntimeout = '60s'\n\
         [[step]]\nname = 'api'\nwait = { http = 'http://api/${PASSWORD}', unix = '/run/api.sock' }\n\
         [[step]]\nname = 'worker'\nwait = { exec = ['true', '--password=${PASSWORD}'] }\noptional = true\n\
         [[step]]\nname = 'first'\ncommand = ['true']\nwhen_exists = 'a'\nunless_exists = '/b/${PASSWORD}'\n\
         [[step]]\nname = 'count'\ncommand = ['true']\noutput = 'COUNT'\n\
         [[step]]\nname = 'later'\ncommand = ['true']\nwhen = { COUNT = true }\n\
         [[file]]\npath = '/tmp/a'\ntemplate = '/etc/passwd'\nunless_exists = '/tmp/${PASSWORD}'\n\
         [roles.web]\ncommand = ['true']\n",
    );
    let variables = [("HOST", "db"), ("PASSWORD", "hunter2")];
    let done = finish(command(&["--config", &configuration, "--role", "web", "--plan"], &variables));
    for row in [
        "step          database: waits for db:5432 within 60s",
        "step          api: waits for http://api/<secret PASSWORD> through /run/api.sock",
        "step          worker: waits for 'true --password=<secret PASSWORD>' to exit with 0, optional",
        "step          later: [\"true\"]",
        "file          /tmp/a mode 0644 from /etc/passwd [], unless there is /tmp/<secret PASSWORD>",
        "step          first: [\"true\"], when there is a, unless there is /b/<secret PASSWORD>",
    ] {
        done.check(done.printed().lines().any(|line| line == row), row);
    }
    done.check(!done.printed().contains("held back"), "that no step is held back by an output that is not known yet");
    let done = finish(command(&["--config", &configuration, "--role", "web", "--plan", "--json"], &variables));
    let plan: Value = serde_json::from_str(done.printed()).unwrap();
    let (database, first) = (&plan["steps"][0], &plan["steps"][3]);
    assert_eq!(
        (&database["wait"], &database["timeout"], &database["optional"]),
        (&"db:5432".into(), &"60s".into(), &false.into())
    );
    assert_eq!((&first["when_exists"], &first["wait"]), (&"a".into(), &Value::Null));
    assert_eq!(plan["steps"][2]["optional"], true);
}

#[test]
fn the_plan_refuses_like_a_boot() {
    plan("refuses", &[], &[("ROLE", "bogus")]).refused(78, &["unknown role 'bogus'", "beat, web"]);
    plan("refuses", &["nowhere"], &[]).refused(127, &["command 'nowhere' not found"]);
    plan("refuses", &["/etc/passwd"], &[]).refused(126, &["cannot run /etc/passwd"]);
    plan("refuses", &["--user", "0"], &[]).refused(78, &["'0'", "root"]);
    plan("refuses", &["--user", "4294967295"], &[]).refused(78, &["'4294967295'"]);
    let path = configured("refuses-key", "# one\nusr = 'x'\n");
    run(&["-c", &path, "--plan", "sh"])
        .refused(78, &[&format!("{path}:2:1: unknown key 'usr'"), "allowed here: user, groups"]);
}
