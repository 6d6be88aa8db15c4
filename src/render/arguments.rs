//! Arguments of `podman run` and `docker run`, one a line; the image and what follows it are the caller's.

use super::Rendered;
use super::inexpressible;
use super::setting::{self, Flag, RETRIES, seconds};
use crate::config::Requirement;
use crate::error::Result;
use crate::plan::container::{Asked, Container};
use crate::plan::flags;

/// Whose arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    Podman,
    Docker,
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Engine::Podman => "podman",
            Engine::Docker => "docker",
        }
    }
}

pub(super) fn render(engine: Engine, containers: &[Container<'_>]) -> Result<Rendered> {
    let mut rendered = Rendered::default();
    for container in containers {
        for flag in setting::all(container, engine.name())? {
            if let Flag::Lost(_) = flag {
                rendered.notes.push(flag.why());
            }
            for argument in arguments(engine, &flag)? {
                rendered.notes.push(format!("{argument}: {}", flag.why()));
                rendered.page.push_str(&argument);
                rendered.page.push('\n');
            }
        }
    }
    Ok(rendered)
}

fn arguments(engine: Engine, flag: &Flag<'_>) -> Result<Vec<String>> {
    let podman = engine == Engine::Podman;
    Ok(match flag {
        Flag::User => vec!["--user=0:0".into()],
        Flag::ReadOnly => vec![flags::READ_ONLY.into()],
        Flag::NoNewPrivileges => vec![flags::NO_NEW_PRIVILEGES.into()],
        Flag::DropAll => vec![flags::DROP_ALL.into()],
        Flag::Add(name, _) => vec![format!("--cap-add={name}")],
        Flag::Tmpfs(entry) => vec![format!("--tmpfs={}", entry.mount())],
        Flag::Volume(entry, name) => vec![format!("--volume={}", entry.mount(name, podman))],
        Flag::Lost(_) => Vec::new(),
        Flag::Secret(secret) if podman => vec![format!("--secret={}", secret.mount())],
        // Without a swarm there are no secrets: a file at the same place of the host.
        Flag::Secret(secret) => vec![format!("--mount=type=bind,source={0},target={0},readonly", secret.path)],
        Flag::Role(variable, role) => vec![format!("--env={variable}={role}")],
        // Without a value: the caller's own.
        Flag::Required(Requirement { env: name, .. }) => vec![format!("--env={name}")],
        Flag::Pids(limit) => vec![flags::pids(*limit)],
        Flag::Memory(limit) => vec![flags::memory(limit)],
        Flag::Health(asked, start) => vec![
            format!("--health-cmd={}", health_command(engine, asked)?),
            format!("--health-interval={}s", seconds(asked.interval)),
            format!("--health-timeout={}s", seconds(asked.timeout)),
            format!("--health-start-period={}s", seconds(*start)),
            format!("--health-retries={RETRIES}"),
        ],
        Flag::Stop(time) => vec!["--stop-signal=SIGTERM".into(), format!("--stop-timeout={}", seconds(*time))],
    })
}

/// Podman takes JSON and needs no shell. Docker gives it to the image's `/bin/sh`, which makes a blank of `${IFS}`: so
/// the argument has none, and survives being split at blanks.
fn health_command(engine: Engine, asked: &Asked) -> Result<String> {
    if engine == Engine::Podman {
        return Ok(serde_json::to_string(&asked.command).unwrap_or_default());
    }
    let plain = |word: &String| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./=:@+".contains(&byte));
    match asked.command.iter().find(|word| !plain(word)) {
        Some(word) => Err(inexpressible(
            engine.name(),
            format!("the word {word:?} of the health check, which a shell would read"),
            "use plain names only",
        )),
        None => Ok(asked.command.join("${IFS}")),
    }
}
