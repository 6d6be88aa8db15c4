//! Every key of every table of the configuration: its type, whether it is required, its default, one line about it.
//!
//! The decoder refuses what is not listed here and what is of another type or form, and [`super::schema`] prints this
//! as a JSON Schema. To add a key: a row here, a field in [`super::Config`] that `decode` reads, a line in
//! `fuzz/every-key.toml`.

pub use super::kinds::{Form, Key, Kind, Table};

const fn key(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, required: false, expands: false, default: "", about }
}

impl Key {
    const fn required(self) -> Key {
        Key { required: true, ..self }
    }

    /// The value may contain `${…}`.
    const fn expands(self) -> Key {
        Key { expands: true, ..self }
    }

    const fn default(self, default: &'static str) -> Key {
        Key { default, ..self }
    }
}

const fn table(name: &'static str, keys: &'static [Key]) -> Table {
    Table { name, keys, scope: &[], one_of: &[], with: &[] }
}

const fn entry(name: &'static str, keys: &'static [Key]) -> Table {
    Table { name, keys, scope: SCOPE, one_of: &[], with: &[] }
}

const PATH: Kind = Kind::Form(Form::Path);
const MODE: Kind = Kind::Form(Form::DirectoryMode);
const DURATION: Kind = Kind::Form(Form::Duration);
const VARIABLE: Kind = Kind::Form(Form::Variable);
const NAME: Kind = Kind::Form(Form::Name);
const VARIABLES: Kind = Kind::Map(Form::Name, &Kind::Text);

/// A value, one of several, set and not empty (`true`), unset or empty (`false`).
const CONDITION: Kind =
    Kind::Either(&[Kind::Text, Kind::Texts, Kind::Boolean], "a string, an array of strings, true or false");
const CONDITIONS: Kind = Kind::Map(Form::Name, &CONDITION);

/// The keys that every entry of an array of tables has.
static SCOPE: &[Key] = &[
    key("roles", Kind::Texts, "only for these roles"),
    key("when", CONDITIONS, "only if each of these variables is so"),
    key("unless", CONDITIONS, "not if each of these variables is so"),
];

/// The top level.
pub static TOP: Table = table(
    "",
    &[
        key("user", Kind::Text, "uid[:gid] or name[:group] of the app").expands().default("\"1001:1001\""),
        key(
            "groups",
            Kind::Either(&[Kind::Texts, Kind::Word("engine")], "an array of strings"),
            "supplementary groups, or engine: those that the engine gave",
        ),
        key("home", Kind::Form(Form::Directory), "HOME of the app"),
        key("umask", Kind::Form(Form::Umask), "umask of steps and app").expands(),
        key("workdir", Kind::Form(Form::Directory), "working directory of steps and app"),
        key("image", Kind::Text, "the image's name in rendered files").expands(),
        key("keep_capabilities", Kind::Texts, "capabilities that the app keeps").default("[]"),
        key("unset", Kind::Forms(Form::Name), "variables that steps get, and the app does not").default("[]"),
        key("role", Kind::Table(&ROLE), "how a role is selected"),
        key("tmpfs", Kind::Tables(&TMPFS), "tmpfs mount points, handed to the user"),
        key("volume", Kind::Tables(&VOLUME), "volumes, handed to the user"),
        key("directory", Kind::Tables(&DIRECTORY), "directories that the user makes"),
        key("file", Kind::Tables(&FILE), "files that the user writes from templates"),
        key("require", Kind::Tables(&REQUIRE), "variables that must be set"),
        key("refuse", Kind::Tables(&REFUSE), "variables that must not be set"),
        key("root_step", Kind::Tables(&ROOT_STEP), "commands run as root before the drop"),
        key("step", Kind::Tables(&STEP), "commands run as the user before the app"),
        key("env", VARIABLES, "variables of steps and app").expands(),
        key(
            "secrets",
            Kind::Map(Form::Name, &Kind::Either(&[Kind::Text, Kind::Table(&SECRET)], "a string")),
            "variables read from files",
        ),
        key("limits", Kind::Table(&LIMITS), "limits in rendered files"),
        key("stop", Kind::Table(&STOP), "how the app is stopped"),
        key("boot_check", Kind::Table(&BOOT_CHECK), "the boot check"),
        key("supervise", Kind::Table(&SUPERVISE), "supervision"),
        key("seal", Kind::Table(&SEAL), "what the app may no longer do"),
        key("roles", Kind::Map(Form::Role, &Kind::Table(&A_ROLE)), "the roles, by name"),
    ],
);

/// `[role]`.
pub static ROLE: Table = table(
    "[role]",
    &[
        key("env", VARIABLE, "the variable that selects the role").default("\"ROLE\""),
        key("default", Kind::Text, "the role where nothing selects one"),
        key("argument", Kind::Boolean, "a first word of the command that names a role selects it").default("false"),
        key("flags", Kind::Text, "the role of a command that begins with a dash"),
    ],
);

/// `[[tmpfs]]`.
pub static TMPFS: Table = entry(
    "[[tmpfs]]",
    &[
        key("path", PATH, "the mount point").required(),
        key("mode", MODE, "its mode").default("\"0755\""),
        key("size", Kind::Form(Form::Size), "its size in rendered files"),
        key("recursive", Kind::Boolean, "hand over what the engine copied into it too").default("false"),
    ],
);

/// `[[volume]]`.
pub static VOLUME: Table = entry(
    "[[volume]]",
    &[
        key("path", PATH, "the mount point").expands().required(),
        key(
            "recursive",
            Kind::Either(&[Kind::Boolean, Kind::Word("always")], "true, false or \"always\""),
            "hand over what is below too, if the top's owner is wrong, or always",
        )
        .default("false"),
    ],
);

/// `[[directory]]`.
pub static DIRECTORY: Table = entry(
    "[[directory]]",
    &[key("path", Kind::Text, "its path").expands().required(), key("mode", MODE, "its mode").default("\"0755\"")],
);

/// `[[file]]`.
pub static FILE: Table = entry(
    "[[file]]",
    &[
        key("path", Kind::Text, "where it is written").expands().required(),
        key("template", Kind::Text, "the file that it is made from").expands().required(),
        key("variables", Kind::Forms(Form::Variable), "the variables that are replaced in it"),
        key("mode", Kind::Form(Form::Mode), "its mode").default("\"0644\""),
        key("when_exists", Kind::Text, "only if this path is there").expands(),
        key("unless_exists", Kind::Text, "not if this path is there").expands(),
    ],
);

/// `[[require]]`.
pub static REQUIRE: Table = entry(
    "[[require]]",
    &[key("env", NAME, "the variable").required(), key("hint", Kind::Text, "the fix that the message gives").expands()],
);

/// `[[refuse]]`.
pub static REFUSE: Table = entry(
    "[[refuse]]",
    &[
        key("env", NAME, "the variable").required(),
        key("value", CONDITION, "only with this value, one of these, set (true) or unset (false)").default("true"),
        key("hint", Kind::Text, "the fix that the message gives").expands(),
    ],
);

/// `[[root_step]]`.
pub static ROOT_STEP: Table = entry(
    "[[root_step]]",
    &[
        key("name", Kind::Text, "what messages call it").required(),
        key("command", Kind::Command, "the program and its arguments").expands().required(),
        key("capabilities", Kind::Texts, "capabilities that it needs").default("[]"),
        key("env", VARIABLES, "its environment, beside a fixed PATH").expands(),
        key("timeout", DURATION, "how long it may take").expands(),
    ],
);

/// `[[step]]`.
pub static STEP: Table = Table {
    name: "[[step]]",
    keys: &[
        key("name", Kind::Text, "what messages call it").required(),
        key("command", Kind::Command, "the program and its arguments").expands(),
        key("wait", Kind::Table(&WAIT), "what is waited for, instead of a command"),
        key("output", NAME, "the variable that gets the line of its standard output"),
        key("timeout", DURATION, "how long it may take").expands(),
        key("optional", Kind::Boolean, "a failure is a warning").default("false"),
        key("when_exists", Kind::Text, "only if this path is there").expands(),
        key("unless_exists", Kind::Text, "not if this path is there").expands(),
    ],
    scope: SCOPE,
    one_of: &["command", "wait"],
    with: &[("output", "command")],
};

/// The condition that a step waits for.
pub static WAIT: Table = Table {
    name: "wait",
    // A wait has no liveness.
    keys: HEALTH_KEYS.split_at(9).0,
    scope: &[],
    one_of: QUESTIONS,
    with: QUESTION_KEYS,
};

/// One of `[secrets]`, where it is more than a path.
pub static SECRET: Table = table(
    "a secret",
    &[
        key("path", Kind::Text, "its file").required(),
        key("optional", Kind::Boolean, "start without it where the file is absent").default("false"),
        key("roles", Kind::Texts, "only for these roles"),
    ],
);

/// `[limits]`.
pub static LIMITS: Table = table(
    "[limits]",
    &[
        key("pids", Kind::Integer(1, 4_194_304), "processes and threads"),
        key("memory", Kind::Form(Form::Size), "memory"),
    ],
);

/// `[stop]`.
pub static STOP: Table = table(
    "[stop]",
    &[
        key("signal", Kind::Form(Form::StopSignal), "the signal that the engine stops the app with"),
        key("grace", DURATION, "from that signal to SIGKILL").default("\"10s\""),
    ],
);

/// A role's `stop`, over `[stop]`.
pub static ROLE_STOP: Table = table(
    "stop",
    &[
        key("signal", Kind::Form(Form::StopSignal), "the signal that the engine stops the app with"),
        key("grace", DURATION, "from that signal to SIGKILL"),
    ],
);

/// `[boot_check]`.
pub static BOOT_CHECK: Table = table(
    "[boot_check]",
    &[
        key("timeout", DURATION, "for the app to become healthy").default("\"90s\""),
        key("settle", DURATION, "how long an app without a health check must stay up").default("\"3s\""),
        key("require_read_only_root", Kind::Boolean, "fail where / is writable").default("true"),
    ],
);

/// `[supervise]`.
pub static SUPERVISE: Table = table(
    "[supervise]",
    &[
        key("signals", Kind::Map(Form::Any, &Kind::Text), "signals rewritten before forwarding; empty: dropped"),
        key("group", Kind::Boolean, "signal the app's whole process group").default("false"),
        key("exit_codes", Kind::Map(Form::ExitCode, &Kind::Integer(0, 255)), "exit codes rewritten"),
    ],
);

/// `[seal]`.
pub static SEAL: Table = Table { with: &[("also", "writes")], ..table("[seal]", SEAL_KEYS) };

const SEAL_KEYS: &[Key] = &[
    key("writes", Kind::Boolean, "write only below tmpfs, volumes, directories, also and /dev").default("false"),
    key("also", Kind::Texts, "where the app may write beside them").expands().default("[]"),
    key("namespaces", Kind::Boolean, "false: no new namespace").default("true"),
    key("optional", Kind::Boolean, "only warn where the kernel cannot seal").default("false"),
];

/// One of `[roles]`.
pub static A_ROLE: Table = Table {
    name: "a role",
    keys: &[
        key("command", Kind::CommandOrNone, "the program and its arguments; empty: only steps run").expands(),
        key("supervise", Kind::Boolean, "stay as PID 1 instead of exec").default("false"),
        key("env", VARIABLES, "its variables, over [env]").expands(),
        key("health", Kind::Table(&HEALTH), "how to tell that it works"),
        key("ports", Kind::Integers(1, 65535), "the TCP ports that it listens on, for rendered files"),
        key("activation", Kind::Boolean, "systemd holds the ports in a rendered Quadlet unit").default("false"),
        key("at_most_one", Kind::Boolean, "rendered so that it never runs twice").default("false"),
        key("stop", Kind::Table(&ROLE_STOP), "how it is stopped, over [stop]"),
    ],
    scope: &[],
    one_of: &[],
    with: &[("activation", "ports")],
};

/// A health check.
pub static HEALTH: Table =
    Table { name: "health", keys: HEALTH_KEYS, scope: &[], one_of: QUESTIONS, with: QUESTION_KEYS };

/// The first nine are also the keys of a wait.
const HEALTH_KEYS: &[Key] = &[
    key("http", Kind::Text, "an http:// URL").expands(),
    key("unix", Kind::Text, "the socket that http connects to").expands(),
    key("tcp", Kind::Text, "a HOST:PORT that accepts a connection").expands(),
    key("exec", Kind::Command, "a command that exits with 0").expands(),
    key("file", Kind::Text, "a file that is there").expands(),
    key("status", Kind::Integer(100, 599), "the status of the answer").default("200"),
    key("headers", Kind::Map(Form::Any, &Kind::Text), "headers to send").expands(),
    key("max_age", DURATION, "how long ago the file may have been written"),
    key("timeout", DURATION, "how long the answer may take").expands().default("\"5s\""),
    key("liveness", Kind::Boolean, "Kubernetes restarts a container that fails it").default("false"),
];

const QUESTIONS: &[&str] = &["http", "tcp", "exec", "file"];

const QUESTION_KEYS: &[(&str, &str)] =
    &[("status", "http"), ("unix", "http"), ("headers", "http"), ("max_age", "file")];
