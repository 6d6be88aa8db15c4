//! Configurations of other apps, mounted over the image's own: accepted or refused as they should be.

use crate::expect::{App, app, refusal, usual};
use crate::lab::row::Verdict;
use crate::row::{BOTH, FOUR, PODMAN, Row, Scene, USUAL, refused, refused_with};

pub fn rows() -> Vec<Row> {
    accepted().into_iter().chain(mistakes()).chain(refusals()).collect()
}

fn accepted() -> Vec<Row> {
    let plain = || usual().finds("HOME", "/opt/app-root/src");
    vec![
        with(
            "no [[tmpfs]]: three capabilities will do",
            "--cap-drop=ALL --cap-add=SETUID,SETGID,SETPCAP --read-only",
            "",
            without_streams(),
        ),
        with(
            "user = \"default\": the image's own",
            FOUR,
            "user = \"default\"",
            app(1001, 0, "0").finds("HOME", "/opt/app-root/src").finds("USER", "default"),
        ),
        with(
            "user = \"5000:6000\", in no file",
            FOUR,
            "user = \"5000:6000\"",
            app(5000, 6000, "6000").finds("HOME", "/").finds("USER", "5000"),
        ),
        with("groups = [\"video\", \"4\"]", FOUR, "groups = [\"video\", \"4\"]", plain().finds("Groups", "4 44 1001")),
        with(
            "umask and workdir",
            FOUR,
            "umask = \"0027\"\nworkdir = \"/tmp\"",
            plain().finds("umask", "0027").finds("cwd", "/tmp"),
        ),
        with(
            "--env HOME=/data and no configured home",
            "--env HOME=/data --cap-drop=ALL --cap-add=CHOWN,SETUID,SETGID,SETPCAP",
            "",
            plain().finds("HOME", "/data"),
        ),
        with(
            "[env] over --env",
            "--env NEWS=mine --cap-drop=ALL --cap-add=CHOWN,SETUID,SETGID,SETPCAP",
            "[env]\nNEWS = \"${NEWS:-none} and forced\"",
            plain().finds("NEWS", "mine and forced"),
        ),
        kept(),
    ]
}

/// Files and values that cannot be read.
fn mistakes() -> Vec<Row> {
    vec![
        Row::new("a configuration everyone may write", BOTH, |scene| writable_configuration(scene, "")),
        // Others could still write to the file through its other name outside of the container.
        Row::new("a configuration everyone may write, on :ro", BOTH, |scene| writable_configuration(scene, ":ro")),
        refused(
            "a directory for a configuration",
            BOTH,
            USUAL,
            &["--config", "/app"],
            refusal(78, &["the configuration /app is a directory"]),
        ),
        refused_with("an unknown key", USUAL, "user = \"1001\"\n\n[[tmpfs]]\npath = \"/home/app\"\n  uid = 1001\n", {
            refusal(78, &["/etc/init.toml:5:3: unknown key 'uid' in [[tmpfs]]", "allowed here: path, mode, size"])
        }),
        refused_with(
            "an unknown key at the top",
            USUAL,
            "usr = \"1001\"\n",
            refusal(78, &["/etc/init.toml:1:1: unknown key 'usr' at the top level"]),
        ),
        refused_with("a file that is not TOML", USUAL, "user = \n", refusal(78, &["/etc/init.toml:1:", "not TOML"])),
        refused_with(
            "a value of the wrong kind",
            USUAL,
            "user = 1001\n",
            refusal(78, &["/etc/init.toml:1:8: user: an integer where a string belongs"]),
        ),
        refused_with(
            "user = \"root\"",
            USUAL,
            "user = \"root\"\n",
            refusal(78, &["/etc/init.toml:1:8: 'root' is root (uid 0)"]),
        ),
        refused_with(
            "a mistyped role in [[tmpfs]]",
            USUAL,
            "[[tmpfs]]\npath = \"/home/app\"\nroles = [\"wbe\"]\n[roles.web]\n",
            { refusal(78, &["/etc/init.toml:3:10: no role 'wbe' in [roles]", "one of: web"]) },
        ),
    ]
}

/// Readable configurations that this container or image cannot satisfy.
fn refusals() -> Vec<Row> {
    vec![
        refused_with(
            "a variable that is not set",
            USUAL,
            "[env]\nA = \"${NOT_SET}\"\n",
            refusal(78, &["/etc/init.toml:2:5: ${NOT_SET} is unset", "--env NOT_SET=…"]),
        ),
        refused_with(
            "a [[root_step]] and --user 1001",
            "--user 1001",
            "[[root_step]]\nname = \"firewall\"\ncommand = [\"true\"]\n",
            refusal(78, &[]),
        ),
        refused_with(
            "a [[require]]d variable that is not set",
            USUAL,
            "[[require]]\nenv = \"KEY\"\nhint = \"Add it to the env file.\"\n",
            { refusal(78, &["required variable KEY is unset", "fix: Add it to the env file."]).late() },
        ),
        refused_with("a [[directory]] on what is read-only", USUAL, "[[directory]]\npath = \"/srv/cache\"\n", {
            refusal(71, &["cannot create the directory /srv/cache", "(EROFS)", "--tmpfs /srv/cache"]).late()
        }),
        refused_with("a capability to keep that is not there", FOUR, "keep_capabilities = [\"NET_BIND_SERVICE\"]\n", {
            refusal(77, &["missing capability NET_BIND_SERVICE (to keep it)", "--cap-add=NET_BIND_SERVICE"])
        }),
        refused_with(
            "an id that the user namespace does not map",
            FOUR,
            "user = \"4000000000:1\"\n",
            refusal(78, &["uid 4000000000 does not exist in this user namespace", "uid_map"]),
        )
        .only(PODMAN),
    ]
}

fn writable_configuration(scene: &Scene, option: &str) -> Verdict {
    let options = format!("{FOUR} --volume {}:/etc/init.toml{option}", scene.file("init.toml", "", 0o666));
    refusal(78, &["/etc/init.toml is writable to everyone", "--chmod=0644"]).judge(&scene.probe(&options, &[])?)
}

/// Nothing is handed over, so CHOWN is not needed; without it the engine's pipes stay owned by root.
fn without_streams() -> App {
    usual().finds("HOME", "/opt/app-root/src").finds("open /dev/stdout", "EACCES").finds("open /dev/stderr", "EACCES")
}

/// A row in which the probe starts with a configuration of its own.
fn with(name: &str, options: &'static str, configuration: &'static str, app: App) -> Row {
    Row::new(name, BOTH, move |scene| {
        app.judge(&scene.probe(&format!("{options} {}", scene.configuration(configuration)), &[])?)
    })
}

/// A kept capability is in all five sets, and no other is in any.
fn kept() -> Row {
    const NET_BIND_SERVICE: &str = "0000000000000400";
    let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
    let app = sets.iter().fold(usual().finds("HOME", "/opt/app-root/src"), |app, set| app.finds(set, NET_BIND_SERVICE));
    with(
        "keep_capabilities = [\"NET_BIND_SERVICE\"]",
        "--cap-drop=ALL --cap-add=CHOWN,SETUID,SETGID,SETPCAP,NET_BIND_SERVICE --read-only",
        "keep_capabilities = [\"NET_BIND_SERVICE\"]",
        app,
    )
}
