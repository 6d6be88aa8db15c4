//! The command line of the real program, without systemd and Podman: exit codes, what it prints, what it writes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let home = std::env::temp_dir().join(format!("stepdown-cli-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(home.join(".config/stepdown")).unwrap();
        Self(home)
    }

    fn run(&self, words: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepdown"));
        let Output { status, stdout, stderr } =
            command.args(words).env_clear().env("HOME", &self.0).env("PATH", "/nowhere").output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn wrong_command_line_ends_with_64() {
    let home = Home::new("usage");
    let wrong: [&[&str]; 8] = [
        &[],
        &["deploy"],
        &["deploy", "../x"],
        &["deploy", "v1", "--trigger"],
        &["deploy", "--trigger", "--gate-only"],
        &["rollback", "--", "--help"],
        &["undo"],
        &["schema", "all"],
    ];
    for words in wrong {
        let (code, out, err) = home.run(words);
        assert!(code == 64 && out.is_empty() && !err.is_empty(), "{words:?}: {code} {out} {err}");
    }
    for words in [&["--help"], &["--version"]] {
        assert_eq!(home.run(words).0, 0, "{words:?}");
    }
}

#[test]
fn missing_and_ambiguous_configuration_end_with_78() {
    let home = Home::new("configuration");
    let (code, _, err) = home.run(&["status"]);
    assert!(code == 78 && err.contains("no app is configured") && err.contains("fix: stepdown install"), "{err}");
    for app in ["one", "two"] {
        fs::write(home.0.join(format!(".config/stepdown/{app}.toml")), "").unwrap();
    }
    let (code, _, err) = home.run(&["deploy", "v1"]);
    assert!(code == 78 && err.contains("several apps") && err.contains("fix: name one: one, two"), "{err}");
    let (code, _, err) = home.run(&["--app", "../x", "status", "--json"]);
    let line: serde_json::Value = serde_json::from_str(&err).unwrap();
    assert!(code == 78 && line.pointer("/error/fix").is_some(), "{err}");
    let (code, out, _) = home.run(&["--app", "one", "status"]);
    assert!(code == 0 && out.starts_with("one: nothing was deployed yet\n  the units cannot be read: "), "{out}");
}

#[test]
fn root_does_not_deploy() {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("STEPDOWN_MUST_RUN").is_none(), "this needs root");
        return;
    }
    let (code, _, err) = Home::new("root").run(&["--app", "app", "deploy", "v1"]);
    assert!(code == 1 && err.contains("it runs as root") && err.contains("fix: run it as the user"), "{err}");
}

#[test]
fn completions_manual_and_schemas_are_printed() {
    let home = Home::new("printed");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, out, _) = home.run(&["completions", shell]);
        assert!(code == 0 && out.contains("gate-only") && out.contains("rollback"), "{shell}: {out}");
    }
    let (code, out, _) = home.run(&["manual"]);
    assert!(code == 0 && out.contains(".SH \"EXIT STATUS\""), "{out}");
    for words in [&["schema"][..], &["schema", "output"]] {
        let (code, out, _) = home.run(words);
        let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert!(code == 0 && schema.get("$schema").is_some(), "{out}");
    }
}

#[test]
fn install_writes_three_files_and_overwrites_none() {
    let home = Home::new("install");
    let dir = home.0.to_str().unwrap();
    let (code, out, err) = home.run(&["--app", "news", "install", "--dir", dir]);
    assert!(code == 0 && out.contains("enable --now stepdown-news.path stepdown-news.service"), "{out} {err}");
    let files = ["systemd/user/stepdown-news.path", "systemd/user/stepdown-news.service", "stepdown/news.toml"];
    for name in files {
        let text = fs::read_to_string(Path::new(dir).join(".config").join(name)).unwrap();
        assert!(!text.contains("APP"), "{name}: {text}");
    }
    let config = Path::new(dir).join(".config/stepdown/news.toml");
    fs::write(&config, "mine").unwrap();
    let (code, _, err) = home.run(&["--app", "news", "install", "--dir", dir]);
    assert!(code == 1 && err.contains("File exists") && err.contains("fix: move away"), "{err}");
    assert_eq!(fs::read_to_string(&config).unwrap(), "mine");
    let (code, out, _) = home.run(&["--app", "news", "install"]);
    assert!(code == 0 && files.iter().all(|name| out.contains(&format!("# ~/.config/{name}"))), "{out}");
}
