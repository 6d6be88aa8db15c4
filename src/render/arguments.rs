//! Arguments of `podman run` and `docker run`, one a line. The image and its command follow them.

use super::Rendered;
use super::inexpressible;
use super::setting::{self, Flag, RETRIES, seconds};
use crate::config::Requirement;
use crate::config::args::Format;
use crate::error::{Result, fix};
use crate::plan::container::{Asked, Container};
use crate::plan::flags;
use crate::text::joined;

pub(super) fn render(format: Format, containers: &[Container<'_>]) -> Result<Rendered> {
    let mut rendered = Rendered::default();
    for container in containers {
        for flag in setting::all(container, format)? {
            if let Flag::Lost(_) = flag {
                rendered.notes.push(flag.why());
            }
            for argument in arguments(format, &flag)? {
                rendered.notes.push(format!("{argument}: {}", flag.why()));
                rendered.page.push_str(&argument);
                rendered.page.push('\n');
            }
        }
    }
    Ok(rendered)
}

fn arguments(format: Format, flag: &Flag<'_>) -> Result<Vec<String>> {
    let podman = format == Format::Podman;
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
        // Docker has secrets only in a swarm, so the host's file at the same path is mounted.
        Flag::Secret(secret) => vec![format!("--mount=type=bind,source={0},target={0},readonly", secret.path)],
        Flag::Role(variable, role) => vec![format!("--env={variable}={role}")],
        // Without a value the engine uses its caller's variable.
        Flag::Required(Requirement { env: name, .. }) => vec![format!("--env={name}")],
        Flag::Pids(limit) => vec![flags::pids(*limit)],
        Flag::Memory(limit) => vec![flags::memory(limit)],
        Flag::Port(port) => vec![format!("--publish={}", flags::publish(*port))],
        Flag::Health(asked, start) => vec![
            format!("--health-cmd={}", health_command(format, asked)?),
            format!("--health-interval={}s", seconds(asked.interval)),
            format!("--health-timeout={}s", seconds(asked.timeout)),
            format!("--health-start-period={}s", seconds(*start)),
            format!("--health-retries={RETRIES}"),
        ],
        Flag::StopSignal(signal) => vec![format!("--stop-signal={signal}")],
        Flag::StopTimeout(time) => vec![format!("--stop-timeout={}", seconds(*time))],
    })
}

/// Podman accepts a JSON list. Docker passes the value to the image's `/bin/sh`; `${IFS}` separates the words, since
/// the caller's shell would split the argument at a blank.
fn health_command(format: Format, asked: &Asked) -> Result<String> {
    if format == Format::Podman {
        return Ok(serde_json::to_string(&asked.command).unwrap_or_default());
    }
    let plain = |word: &String| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./=:@+".contains(&byte));
    match asked.command.iter().find(|word| !plain(word)) {
        Some(word) => Err(inexpressible(
            format,
            format!("the word {word:?} of the health check, which a shell would read"),
            fix::render::HEALTH_WORD,
        )),
        None => Ok(joined(&asked.command, "${IFS}")),
    }
}
