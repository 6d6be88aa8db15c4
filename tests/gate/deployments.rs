//! Broken deployments of the Django service: its own image, configuration and flags, with one defect.

use crate::broken::{Broken, ends};
use crate::scene::{
    BOTH, BROKEN, CONFIGURATION, Engine, FLAGS, GATE, PODMAN, Row, Scene, THROW_AWAY, replaced, without,
};

pub fn rows() -> Vec<Row> {
    let mut rows = missing();
    rows.extend(handed_over());
    rows.extend(egress());
    rows.extend(operator());
    rows
}

/// The options of a boot check without one of them.
fn gate_less(part: &str) -> String {
    replaced(&gate(), part, "")
}

fn gate() -> String {
    format!("{FLAGS} {THROW_AWAY} {GATE}")
}

fn broken(
    name: &str,
    engines: &'static [Engine],
    options: impl Fn(&Scene) -> String + Send + Sync + 'static,
    expected: Broken,
) -> Row {
    Row::new(name, engines, move |scene| expected.judge(&scene.run(&options(scene), &[])?)).of(BROKEN)
}

/// A gate with another configuration.
fn configured(name: &str, configuration: String, expected: Broken) -> Row {
    broken(name, PODMAN, move |scene| format!("{} {}", gate(), scene.configuration(&configuration)), expected)
}

fn missing() -> Vec<Row> {
    let home = "--tmpfs /home/app:rw,size=16m,mode=0755";
    let files = "--tmpfs /app/staticfiles:rw,size=32m,mode=0755";
    vec![
        broken(
            "--tmpfs /app/staticfiles missing",
            BOTH,
            move |_| gate_less(files),
            ends(78, "/app/staticfiles is not a tmpfs mount point"),
        ),
        broken(
            "--tmpfs /home/app missing",
            BOTH,
            move |_| gate_less(home),
            ends(78, "/home/app is not a tmpfs mount point"),
        ),
        broken(
            "--tmpfs /tmp missing",
            BOTH,
            |scene| {
                // Podman would mount its own tmpfs there.
                let none = if scene.engine == Engine::Podman {
                    "--read-only-tmpfs=false --tmpfs /run:rw,size=1m,mode=0755"
                } else {
                    ""
                };
                format!("{} {none}", gate_less("--tmpfs /tmp:rw,size=64m,mode=1777"))
            },
            ends(71, "cannot create the directory /tmp/app_cache: mkdir: Read-only file system (EROFS)"),
        ),
        broken("the volume missing", BOTH, |_| gate_less(THROW_AWAY), ends(78, "/app/runtime is not a mount point")),
        broken(
            "--read-only forgotten",
            BOTH,
            |_| gate_less("--read-only "),
            ends(1, "FAIL  root file system: writable"),
        ),
        broken("OPENAI_API_KEY missing", BOTH, |_| gate_less("--env OPENAI_API_KEY=key-of-a-test"), {
            ends(78, "required variable OPENAI_API_KEY is unset or empty; fix: Add it to the env file")
        }),
        broken(
            "OPENAI_API_KEY empty",
            PODMAN,
            |_| gate_less("key-of-a-test"),
            ends(78, "required variable OPENAI_API_KEY is unset or empty"),
        ),
        broken("the secret key missing", PODMAN, |_| gate_less("--env DJANGO_SECRET_KEY=set-by-hand"), {
            ends(
                78,
                "secret DJANGO_SECRET_KEY from /run/secrets/django_secret_key: \
                 open: No such file or directory (ENOENT)",
            )
        }),
        broken(
            "NET_ADMIN missing",
            BOTH,
            |_| gate_less("NET_ADMIN,"),
            ends(77, "missing capability NET_ADMIN (for a root step)"),
        ),
        broken("CHOWN missing", PODMAN, |_| gate_less("CHOWN,"), ends(77, "missing capability CHOWN")),
        broken("SETPCAP missing", PODMAN, |_| gate_less(",SETPCAP"), ends(77, "missing capability SETPCAP")),
    ]
}

fn handed_over() -> Vec<Row> {
    vec![
        // The app reports no error here: only the check's probe fails.
        configured(
            "hand-over of HOME forgotten",
            without(CONFIGURATION, "path = \"/home/app\""),
            ends(1, "FAIL  HOME: /home/app: create: Permission denied (EACCES)"),
        ),
        configured("hand-over of /app/staticfiles forgotten", without(CONFIGURATION, "path = \"/app/staticfiles\""), {
            ends(70, "step 'static files' exited with 1")
        }),
        configured(
            "no hand-over of the volume",
            without(CONFIGURATION, "path = \"/app/runtime\""),
            ends(70, "step 'store' exited with 1"),
        ),
        Row::new("the volume mounted read-only", PODMAN, |scene| {
            let volume = scene.volume()?;
            let options = format!("{} --volume {volume}:/app/runtime:ro", gate_less(THROW_AWAY));
            ends(71, "cannot hand over /app/runtime: fchownat: Read-only file system (EROFS)")
                .judge(&scene.run(&options, &[])?)
        })
        .of(BROKEN),
        configured(
            "a tmpfs handed over writable to everyone",
            replaced(CONFIGURATION, "mode = \"0755\"\nsize = \"16m\"", "mode = \"0777\""),
            { ends(1, "FAIL  tmpfs /home/app: writable to everyone, without the sticky bit") },
        ),
        broken(
            "/app/staticfiles too small",
            PODMAN,
            |_| replaced(&gate(), "size=32m", "size=4k"),
            ends(1, "FAIL  tmpfs /app/staticfiles: /app/staticfiles: write: No space left on device (ENOSPC)"),
        ),
    ]
}

/// A configuration whose firewall rules come from this Python program.
fn generated_by(code: &str) -> String {
    let own = "[\"/usr/local/libexec/egress\", \"generate\", \"/etc/egress.list\", \"/run/egress/rules.nft\"]";
    replaced(
        CONFIGURATION,
        own,
        &format!("[\"/usr/bin/python3\", \"-I\", \"-c\", '''import os\nos.mkdir(\"/run/egress\")\n{code}''']"),
    )
}

fn egress() -> Vec<Row> {
    let writes = |rules: &str| generated_by(&format!("open(\"/run/egress/rules.nft\", \"w\").write(\"{rules}\")"));
    let half =
        "table inet egress { chain output { type filter hook output priority filter; ip daddr 10.0.0.0/8 reject; }; }";
    let late = "table inet egress { chain output { type filter hook output priority filter; accept; \
                ip daddr 169.254.0.0/16 reject; }; }";
    vec![
        broken(
            "the list of networks empty",
            BOTH,
            |scene| format!("{} --volume {}:/etc/egress.list:ro", gate(), scene.file("list", "", 0o644)),
            ends(70, "step 'egress rules' exited with 1"),
        ),
        configured("the rules empty", writes(""), ends(70, "step 'egress verified' exited with 1")),
        configured(
            "the rules without the metadata address",
            writes(half),
            ends(70, "step 'egress verified' exited with 1"),
        ),
        configured(
            "the rules accept it before they reject it",
            writes(late),
            ends(70, "step 'egress verified' exited with 1"),
        ),
        configured(
            "the generator crashes",
            generated_by("os.abort()"),
            ends(70, "step 'egress rules' was ended by signal 6"),
        ),
        configured(
            "the generator fails half-way",
            generated_by("open(\"/run/egress/rules.nft\", \"w\").write(\"table inet egress {}\")\n1 / 0"),
            ends(70, "step 'egress rules' exited with 1"),
        ),
        configured(
            "nft refuses the rules",
            writes("drop everything"),
            ends(70, "step 'egress firewall' exited with 1"),
        ),
        configured("no marker of the firewall", replaced(CONFIGURATION, "EGRESS_FW_LOADED        = \"1\"\n", ""), {
            ends(70, "step 'store' exited with 1")
        }),
    ]
}

fn operator() -> Vec<Row> {
    let mistyped = |value: &'static str| {
        broken(
            &format!("BOOT_CHECK_ONLY={value}"),
            BOTH,
            move |_| replaced(&gate(), "BOOT_CHECK_ONLY=1", &format!("BOOT_CHECK_ONLY={value}")),
            { ends(64, "BOOT_CHECK_ONLY is '") },
        )
    };
    let command = |name: &str, words: &'static [&'static str], expected: Broken| {
        Row::new(name, PODMAN, move |scene| expected.judge(&scene.run(&gate(), words)?)).of(BROKEN)
    };
    let quick = replaced(CONFIGURATION, "timeout = \"60s\"", "timeout = \"8s\"");
    vec![
        mistyped("true"),
        mistyped("yes"),
        mistyped("2"),
        broken("an unknown role", BOTH, |_| format!("{} --env ROLE=webb", gate()), ends(78, "webb")),
        broken("--user 1001: root steps without root", BOTH, |_| format!("{} --user 1001", gate()), {
            ends(78, "started as uid 1001, but the root step 'egress rules' must run as root")
        }),
        configured("an unknown key", replaced(CONFIGURATION, "workdir", "workdirectory"), ends(78, "/etc/init.toml:")),
        configured(
            "the health check sends a wrong Host",
            replaced(&quick, "Host = \"localhost\"", "Host = \"wrong.example\""),
            { ends(1, "status 400 instead of 200") },
        ),
        command("the command mistyped", &["gunicron", "answers.wsgi"], ends(127, "command 'gunicron' not found")),
        command(
            "no such Python module",
            &["gunicorn", "--workers", "1", "--worker-tmp-dir", "/tmp", "answers.nothing"],
            { ends(1, "FAIL  app: exited with 3 before it was healthy") },
        ),
        command("the command is not a program", &["/etc/passwd"], ends(126, "cannot run /etc/passwd")),
        broken(
            "neither command nor CMD",
            PODMAN,
            |_| format!("{} --entrypoint /init", gate()),
            ends(78, "no command to run"),
        ),
    ]
}
