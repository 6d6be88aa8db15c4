//! A secret in a file that the app could have written: the app may use its value, and root acts on it nowhere.

use super::configuration::{USER, access_list};
use crate::support::cases;
use crate::support::protocol::{Content, Kind, Node};
use crate::support::sandbox::{Sandbox, node, sandbox};

const SECRET: &str = "/safe/in/secret";

/// Where root acts on a value: the keys with `@` in place of the reference, and the secret's value.
const ACTS: [(&str, &str); 16] = [
    ("[[root_step]]\nname = 'x'\ncommand = ['@', 'aside']", "/bin/witness"),
    ("[[root_step]]\nname = 'x'\ncommand = ['/bin/witness', '@']", "aside"),
    ("[[root_step]]\nname = 'x'\ncommand = ['/bin/witness', 'aside', '${NONE:-a@}']", "b"),
    ("[[root_step]]\nname = 'x'\ncommand = ['/bin/witness', 'aside']\nenv = { Y = '@' }", "b"),
    ("[[root_step]]\nname = 'x'\ncommand = ['/bin/witness', 'aside']\ntimeout = '@'", "5s"),
    ("[[root_step]]\nname = 'x'\ncommand = ['/bin/witness', 'aside']\nwhen = { NAME = 'on' }", "on"),
    ("[[root_step]]\nname = 'x'\ncommand = ['/bin/witness', 'aside']\nunless = { NAME = 'off' }", "on"),
    ("[[root_step]]\nname = 'x'\ncommand = ['/bin/witness', 'aside']\nwhen = { NAME = true }", "on"),
    ("[[volume]]\npath = '@'", "/data"),
    ("[[volume]]\npath = '/data'\nwhen = { NAME = 'on' }", "on"),
    ("[[tmpfs]]\npath = '/data'\nunless = { NAME = 'off' }", "on"),
    ("[seal]\nwrites = true\nalso = ['@']", "/srv"),
    ("[seal]\nwrites = true\n[[directory]]\npath = '@'", "/work/made"),
    ("[seal]\nwrites = true\n[[directory]]\npath = '/work/made'\nwhen = { NAME = 'on' }", "on"),
    ("[seal]\nwrites = true\n[[file]]\npath = '@'\ntemplate = '/etc/template'", "/work/file"),
    (
        "[seal]\nwrites = true\n[[file]]\npath = '/work/file'\ntemplate = '/etc/template'\nunless = { NAME = 'off' }",
        "on",
    ),
];

/// The variable that the keys refer to: the secret, or one whose value is from it.
const VARIABLES: [(&str, &str); 5] =
    [("X", ""), ("V", "V = '${X}'"), ("V", "V = '${NONE:-${X}}'"), ("V", "V = '${X:+x}'"), ("V", "V = 'a$$b${X:-c}'")];

fn keys(act: &str, variable: &str) -> String {
    act.replace('@', &format!("${{{variable}}}")).replace("NAME", variable)
}

fn started_with(keys: &str, env: &str, secret: &str) -> Sandbox {
    let text = |text: &str| Kind::File(Content::Bytes(text.into()));
    sandbox()
        .with(|spec| spec.read_only = false)
        .tmpfs("/data")
        .owned("/safe", Kind::Directory, (0, 0), 0o755)
        .owned("/safe/in", Kind::Directory, (0, 0), 0o755)
        .owned("/work", Kind::Directory, (1001, 1001), 0o755)
        .owned("/srv", Kind::Directory, (1001, 1001), 0o755)
        .owned("/etc/template", text("text"), (0, 0), 0o644)
        .config(format!("[secrets]\n{secret}\n{keys}\n[env]\nOTHER = '1'\n{env}\n"))
}

const PLAIN: &str = "X = '/safe/in/secret'";

/// The secret's file, as others can write it.
fn places(value: &str) -> Vec<Vec<Node>> {
    let file = |owner, mode| Node { owner, mode: Some(mode), ..node(SECRET, Kind::File(Content::Bytes(value.into()))) };
    let directory = |owner, mode| Node { owner, mode: Some(mode), ..node("/safe/in", Kind::Directory) };
    let real = Node { owner: (0, 0), ..node("/safe/real", Kind::File(Content::Bytes(value.into()))) };
    let link = Node { owner: (1001, 1001), ..node(SECRET, Kind::Symlink("/safe/real".into())) };
    vec![
        vec![file((1001, 1001), 0o400)],
        vec![file((2000, 2000), 0o644)],
        vec![file((0, 1001), 0o660)],
        vec![file((0, 0), 0o646)],
        vec![Node { access_list: access_list(USER, 6, 1001, 6), ..file((0, 0), 0o644) }],
        vec![directory((1001, 1001), 0o755), file((0, 0), 0o644)],
        vec![directory((0, 0), 0o1777), file((0, 0), 0o644)],
        vec![real, link],
    ]
}

fn with(base: Sandbox, nodes: Vec<Node>) -> Sandbox {
    base.with(|spec| spec.tree.extend(nodes))
}

const REFUSED: [&str; 3] = [
    "secret X from /safe/in/secret: root would act on its value (/etc/init.toml:",
    "), but others can write the file: ",
    "fix: let only root own and write it",
];

#[test]
fn root_acts_on_no_secret_that_others_can_write() {
    for (act, value) in ACTS {
        for nodes in places(value) {
            let run = with(started_with(&keys(act, "X"), "", PLAIN), nodes).run();
            run.refused(78, &REFUSED);
            run.check(!run.stderr().contains("init: step: "), "that no root step runs");
        }
    }
    cases("actions of root on secrets that others can write", ACTS.len() * places("").len());
}

#[test]
fn root_acts_on_no_variable_that_is_made_from_such_a_secret() {
    let of_the_app = |value| places(value).swap_remove(0);
    for (act, value) in ACTS {
        for (variable, env) in VARIABLES {
            let keys = keys(act, variable);
            with(started_with(&keys, env, PLAIN), of_the_app(value)).run().refused(78, &REFUSED);
            // The variables of a role, too.
            let role = format!("{keys}\n[roles.web]\ncommand = ['/bin/witness']\nenv = {{ Z = '1', {env} }}");
            let role = started_with(&role, "", PLAIN).words(["--role", "web"]);
            with(role, of_the_app(value)).run().refused(78, &REFUSED);
        }
    }
    cases("variables that are made from a secret that others can write", ACTS.len() * VARIABLES.len() * 2);
}

/// The app could remove the file: then the variable is unset.
#[test]
fn root_acts_on_no_optional_secret_that_the_app_can_remove() {
    let optional = "X = { path = '/safe/in/secret', optional = true }";
    for (act, _) in ACTS {
        let directory = Node { owner: (1001, 1001), ..node("/safe/in", Kind::Directory) };
        let keys = keys(&act.replace('@', "${NAME:-/data}").replace("${NONE:-", "${NONE:-a"), "X");
        with(started_with(&keys, "", optional), vec![directory]).run().refused(78, &REFUSED);
    }
    cases("actions of root on a secret that the app can remove", ACTS.len());
}

#[test]
fn root_acts_on_secrets_that_only_root_can_write() {
    for (act, value) in ACTS {
        for (variable, env) in VARIABLES.into_iter().filter(|(_, env)| !env.contains('$') || env.ends_with("${X}'")) {
            let file = Node { mode: Some(0o600), ..node(SECRET, Kind::File(Content::Bytes(value.into()))) };
            let run = with(started_with(&keys(act, variable), env, PLAIN), vec![file]).run();
            run.app().is_dropped_to(1001, 1001, "1001");
            run.check(!act.contains("root_step") || run.stderr().contains("init: step: x: "), "that the step runs");
        }
    }
    cases("actions of root on secrets of its own", ACTS.len() * 2);
}

/// The operator's value counts where the file is absent; steps of the user and other roles may use
/// any secret.
#[test]
fn secret_that_others_can_write_is_used_where_root_does_not_act_on_it() {
    let directory = || Node { owner: (1001, 1001), ..node("/safe/in", Kind::Directory) };
    let mine = |value: &str| places(value).swap_remove(0);
    let step = "[[root_step]]\nname = 'x'\ncommand = ['/bin/witness', 'aside']\nwhen = { X = 'on' }";
    let by_hand = with(started_with(step, "", PLAIN), vec![directory()]).env("X=on").run();
    by_hand.check(by_hand.stderr().contains("init: step: x: "), "that the root step runs");
    for (keys, env, value) in [
        ("[[directory]]\npath = '${X}'", "", "/work/made"),
        ("[[step]]\nname = 'y'\ncommand = ['/bin/witness', 'aside', '${X}']\nwhen = { X = 'on' }", "", "on"),
        ("[[root_step]]\nname = 'x'\ncommand = ['/bin/witness', 'aside', '$${X}']", "", "on"),
        ("[[root_step]]\nname = 'x'\ncommand = ['/bin/witness', 'aside', '${X}']\nroles = ['other']", "", "on"),
        ("umask = '${X}'", "", "0027"),
    ] {
        let roles = if keys.contains("roles") { "\n[roles.other]\ncommand = ['x']" } else { "" };
        let base = if keys.starts_with('[') {
            started_with(&format!("{keys}{roles}"), env, PLAIN)
        } else {
            let base = started_with("", env, PLAIN);
            base.clone().config(format!("{keys}\n[secrets]\n{PLAIN}\n"))
        };
        let run = with(base.words(["/bin/witness"]), mine(value)).run();
        run.app().is_dropped_to(1001, 1001, "1001");
    }
    cases("uses of a secret that others can write", 6);
}
