//! A role's health check, fully resolved.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::command::{Command, Search};
use super::expand::{self, expand};
use crate::config::environment::Environment;
use crate::config::{At, Config, Health, Probe, values};
use crate::error::{Error, Result, fix};
use crate::exec::App;
use crate::text::joined;

/// A health check.
#[derive(Clone, Debug)]
pub struct HealthPlan {
    /// The kind of check.
    pub question: Question,
    /// Its timeout.
    pub timeout: Duration,
}

/// The kind of a health check.
#[derive(Clone, Debug)]
pub enum Question {
    /// This URL must answer with this status.
    Http {
        /// The URL; http only.
        url: String,
        /// The socket to connect to instead of the URL's host.
        unix: Option<PathBuf>,
        /// The status.
        status: u16,
        /// Headers to send.
        headers: Vec<(String, String)>,
    },
    /// This `HOST:PORT` must accept a connection.
    Tcp(String),
    /// This program must exit with 0.
    Exec(App),
    /// This file must exist and, with an age, be no older.
    File {
        /// Its path.
        path: PathBuf,
        /// How long ago it may have been written.
        max_age: Option<Duration>,
    },
}

impl HealthPlan {
    /// The same, with a program that does not get these variables.
    pub(super) fn without(mut self, unset: &[String]) -> HealthPlan {
        if let Question::Exec(app) = &mut self.question {
            unset.iter().for_each(|name| app.environment.remove(name));
        }
        self
    }

    /// Whether its answer depends on the directory in which it is asked.
    pub fn depends_on_directory(&self) -> bool {
        match &self.question {
            Question::Exec(app) => app.working_directory.is_none(),
            Question::File { path, .. } | Question::Http { unix: Some(path), .. } => path.is_relative(),
            Question::Http { unix: None, .. } | Question::Tcp(_) => false,
        }
    }
}

impl Question {
    /// What it checks, for messages of a wait.
    pub fn object(&self) -> String {
        match self {
            Question::Http { url, unix: None, .. } => url.clone(),
            Question::Http { url, unix: Some(path), .. } => format!("{url} through {}", path.display()),
            Question::Tcp(address) => address.clone(),
            Question::File { path, .. } => path.display().to_string(),
            Question::Exec(app) => {
                let words: Vec<_> = app.arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
                format!("'{}' to exit with 0", joined(&words, " "))
            }
        }
    }
}

/// Resolves it. Its program gets the environment of the search, and the app's working directory and umask.
///
/// # Errors
/// [`Error::Config`], [`Error::Unset`]; [`Error::NotFound`] and [`Error::NotExecutable`] for its program.
pub(super) fn resolve(config: &Config, health: &Health, search: &Search<'_>) -> Result<HealthPlan> {
    let environment = search.environment;
    let path = |at: &At<String>| Ok(expand::below(search.workdir, text(at, environment)?.into()));
    let question = match &health.probe {
        Probe::Http { url, unix, status, headers } => Question::Http {
            url: http_url(url, environment)?,
            unix: unix.as_ref().map(path).transpose()?,
            status: *status,
            headers: texts(headers, environment)?,
        },
        Probe::Tcp(address) => Question::Tcp(address_of(address, environment)?),
        Probe::Exec(words) => {
            let Command { programs, words } = search.expanded(words)?;
            Question::Exec(App {
                programs,
                arguments: words,
                environment: environment.clone(),
                working_directory: config.workdir.clone(),
                umask: expand::umask(config, environment)?,
            })
        }
        Probe::File { path: file, max_age } => Question::File { path: path(file)?, max_age: *max_age },
    };
    Ok(HealthPlan { question, timeout: expand::value(&health.timeout, values::duration, environment)? })
}

fn text(at: &At<String>, environment: &Environment) -> Result<String> {
    String::from_utf8(expand(at, environment)?)
        .map_err(|_| refuse(at, "expands to bytes that are not UTF-8".into(), fix::mistake::EXPANDED_BYTES))
}

fn texts(all: &BTreeMap<String, At<String>>, environment: &Environment) -> Result<Vec<(String, String)>> {
    all.iter()
        .map(|(name, value)| {
            let expanded = text(value, environment)?;
            let plain = |text: &str| !text.contains(['\r', '\n']);
            if plain(name) && plain(&expanded) {
                Ok((name.clone(), expanded))
            } else {
                Err(refuse(value, "a header with a line break".into(), fix::mistake::HEADER))
            }
        })
        .collect()
}

fn http_url(at: &At<String>, environment: &Environment) -> Result<String> {
    let url = text(at, environment)?;
    let plain = url.strip_prefix("http://").is_some_and(|rest| !rest.is_empty()) && !url.contains(char::is_whitespace);
    if plain { Ok(url) } else { Err(refuse(at, is_not(at, "an http:// URL"), &fix::mistake::url(&url))) }
}

fn address_of(at: &At<String>, environment: &Environment) -> Result<String> {
    let address = text(at, environment)?;
    let is_host = |host: &str| !host.is_empty() && !host.contains('/');
    let port =
        address.rsplit_once(':').filter(|(host, _)| is_host(host)).and_then(|(_, port)| port.parse::<u16>().ok());
    if port.is_some() { Ok(address) } else { Err(refuse(at, is_not(at, "HOST:PORT"), fix::mistake::ADDRESS)) }
}

/// As configured: an expanded value may contain a secret.
fn is_not(at: &At<String>, form: &str) -> String {
    let verb = if at.value.contains('$') { "does not expand to" } else { "is not" };
    format!("'{}' {verb} {form}", at.value)
}

fn refuse(at: &At<String>, what: String, allowed: &str) -> Error {
    Error::Config { place: at.place.clone(), what, allowed: allowed.to_owned() }
}
