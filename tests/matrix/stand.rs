//! Shared by the rows of the matrix: the image's roles, the rendered flags, a broker for its app.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lab::call::Outcome;
use crate::lab::engine::{BROKER, Engine};
use crate::lab::scene::{Scene, Stage};

pub const STAGE: Stage = Stage { probe: "", docker: "" };

pub const ROLES: [&str; 4] = ["web", "worker", "beat", "flower"];

/// The time in which an app must become healthy on a busy machine.
const PATIENCE: Duration = Duration::from_secs(80);

/// The image's rendered output for one role, or for all of them.
pub fn rendered(scene: &Scene, options: &str, format: &str) -> Result<String, String> {
    Ok(scene.run(options, &["--render", format])?.ended(0)?.stdout)
}

/// The format of the engine's own arguments.
pub fn own_format(engine: Engine) -> &'static str {
    if engine.is_podman() { "podman" } else { "docker" }
}

/// The rendered flags for this engine and role; the engine renders them once.
pub fn flags(scene: &Scene, role: &str) -> Result<String, String> {
    static PRINTED: Mutex<Vec<(Engine, String, String)>> = Mutex::new(Vec::new());
    let printed = PRINTED
        .lock()
        .unwrap()
        .iter()
        .find(|(engine, of, _)| *engine == scene.engine && of == role)
        .map(|(.., flags)| flags.clone());
    if let Some(flags) = printed {
        return Ok(flags);
    }
    let flags = arguments(&rendered(scene, &format!("--env=ROLE={role}"), own_format(scene.engine))?)?;
    PRINTED.lock().unwrap().push((scene.engine, role.to_owned(), flags.clone()));
    Ok(flags)
}

/// Arguments one a line, as the rows pass them: separated by blanks, so none may contain one.
pub fn arguments(text: &str) -> Result<String, String> {
    let lines: Vec<&str> = text.lines().collect();
    match lines.iter().find(|line| line.is_empty() || line.contains(char::is_whitespace) || !line.starts_with("--")) {
        Some(line) => Err(format!("not one argument: '{line}'")),
        None => Ok(lines.join(" ")),
    }
}

/// Starts a broker, and returns the option that puts a container into its network.
pub fn broker(scene: &Scene) -> Result<String, String> {
    let words = ["redis-server", "--bind", "127.0.0.1", "--save", ""];
    let broker = scene.detach("--user=1001 --read-only --cap-drop=ALL", BROKER, &words)?;
    Ok(format!("--network=container:{broker}"))
}

/// Repeats the command until it ends with 0; each one starts a process through the engine.
pub fn until_good(ask: impl Fn() -> Result<Outcome, String>) -> Result<Outcome, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let outcome = ask()?;
        if outcome.code == Some(0) {
            return Ok(outcome);
        }
        if Instant::now() > deadline {
            return Err(format!("it never was healthy\n{}", outcome.shown()));
        }
    }
}
