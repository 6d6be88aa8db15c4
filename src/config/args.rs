//! argv to [`Arguments`]. Options stop at the first word that is not one: everything after it is the app's.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use lexopt::{Arg, Parser};

use super::values;
use crate::error::{Error, Result};
use crate::text::joined;

/// The page that `--help` prints.
pub const HELP: &str = "\
Usage: /init [OPTION]... [--] [COMMAND [ARG]...]

Hands the tmpfs mount points to the app's user, drops every privilege, proves it,
and becomes COMMAND or, without one, the selected role's command.

  -c, --config FILE         configuration (default /etc/init.toml, which may be absent)
  -u, --user USER[:GROUP]   run the app as this user, by number or name (default 1001:1001)
      --tmpfs PATH[:MODE]   hand this tmpfs mount point over too (default mode 0755; repeatable)
  -r, --role NAME           select the role, whatever the role variable says
  -s, --supervise           stay as PID 1: reap, forward signals, end what the app leaves behind
      --check[=full|init]   check the boot: all of it, or through the drop and the write probes
      --health              ask the role's health check, by default of the role that runs; exit 0 or 1
      --exec                run COMMAND beside the running app, as its user and in its environment
      --plan                print what would be done and the capabilities it needs; change nothing
      --render FORMAT       print the run-time flags this configuration needs, for podman, docker,
                            quadlet, compose or kubernetes
      --image IMAGE         the image's name for --render (default: image of the configuration)
      --schema              print the JSON Schema of the configuration
      --json                print the plan, the check or the health as JSON
  -h, --help                print this
  -V, --version             print the version

Environment: ROLE (or what role.env names) selects the role; INIT_LOG sets the log
filter for standard error: error, warn, info (default), debug or trace;
BOOT_CHECK_ONLY=1 or init is --check or --check=init, BOOT_CHECK_FORMAT text or json.

Exit codes: 0 and 1 check or health, 64 command line, 70 step, 71 system call, 77 capability or proof, 78 configuration,
126 not executable, 127 not found; else the app's own.
";

/// The action of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start the app.
    Boot,
    /// Print the plan.
    Plan,
    /// Run the health check.
    Health,
    /// Run a command beside the app.
    Exec,
    /// Check the boot.
    Check(Extent),
    /// Print the run-time flags.
    Render(Format),
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Print the usage.
    Help,
    /// Print the version.
    Version,
}

/// The extent of a boot check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Through the app's start and stop.
    Full,
    /// Through the drop and the write probes.
    Init,
}

/// The format of `--render`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Arguments of `podman run`.
    Podman,
    /// Arguments of `docker run`.
    Docker,
    /// A unit for Podman's systemd generator.
    Quadlet,
    /// A Compose file.
    Compose,
    /// Manifests of the Kubernetes API.
    Kubernetes,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFormat {
    /// Lines.
    Text,
    /// One line of JSON.
    Json,
}

impl Action {
    /// Whether the process runs beside the app, where nothing is prepared again.
    pub fn is_beside(self) -> bool {
        matches!(self, Action::Health | Action::Exec)
    }
}

impl Format {
    /// All formats with their names.
    pub const ALL: [(&'static str, Format); 5] = [
        ("podman", Format::Podman),
        ("docker", Format::Docker),
        ("quadlet", Format::Quadlet),
        ("compose", Format::Compose),
        ("kubernetes", Format::Kubernetes),
    ];

    /// Its name on the command line and in messages.
    pub fn name(self) -> &'static str {
        Format::ALL.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }

    fn named(wanted: &str) -> Result<Format> {
        let found = Format::ALL.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, format)| *format).ok_or_else(|| {
            let names: Vec<&str> = Format::ALL.iter().map(|(name, _)| *name).collect();
            let (last, others) = names.split_last().unwrap_or((&"", &[]));
            wrong(format!("--render {wanted}: the formats are {} and {last}", joined(others, ", ")))
        })
    }
}

/// The command line, parsed.
#[derive(Debug)]
pub struct Arguments {
    /// What to do.
    pub action: Action,
    /// How reports are printed.
    pub format: ReportFormat,
    /// The path of `--config`.
    pub config: Option<String>,
    /// The user of `--user`.
    pub user: Option<String>,
    /// The role of `--role`.
    pub role: Option<String>,
    /// The image of `--image`.
    pub image: Option<String>,
    /// Supervise the app, even if the role does not ask for it.
    pub supervise: bool,
    /// Further tmpfs mount points: path and mode.
    pub tmpfs: Vec<(String, u32)>,
    /// The app's own command, as bytes.
    pub command: Vec<CString>,
}

/// Parses the arguments after the program's name.
///
/// # Errors
/// [`Error::CommandLine`] for an unknown option, a missing or doubled value, and a value of the wrong form.
pub fn parse(words: &[&CStr]) -> Result<Arguments> {
    let mut arguments = Arguments {
        action: Action::Boot,
        format: ReportFormat::Text,
        config: None,
        user: None,
        role: None,
        image: None,
        supervise: false,
        tmpfs: Vec::new(),
        command: Vec::new(),
    };
    let mut parser = Parser::from_args(words.iter().map(|word| OsStr::from_bytes(word.to_bytes()).to_owned()));
    while let Some(argument) = parser.next().map_err(unusable)? {
        match argument {
            Arg::Short('c') | Arg::Long("config") => once("--config", &mut arguments.config, &mut parser)?,
            Arg::Short('u') | Arg::Long("user") => once("--user", &mut arguments.user, &mut parser)?,
            Arg::Short('r') | Arg::Long("role") => once("--role", &mut arguments.role, &mut parser)?,
            Arg::Long("image") => once("--image", &mut arguments.image, &mut parser)?,
            Arg::Long("tmpfs") => {
                let entry = tmpfs(&text("--tmpfs", &mut parser)?)?;
                arguments.tmpfs.push(entry);
            }
            Arg::Short('s') | Arg::Long("supervise") => arguments.supervise = true,
            Arg::Long("plan") => act(&mut arguments, Action::Plan)?,
            Arg::Long("render") => {
                let format = Format::named(&text("--render", &mut parser)?)?;
                act(&mut arguments, Action::Render(format))?;
            }
            Arg::Long("health") => act(&mut arguments, Action::Health)?,
            Arg::Long("exec") => act(&mut arguments, Action::Exec)?,
            Arg::Long("check") => {
                let extent = parser.optional_value();
                let extent = match extent.as_deref().and_then(OsStr::to_str) {
                    None if extent.is_none() => Extent::Full,
                    Some("full") => Extent::Full,
                    Some("init") => Extent::Init,
                    _ => return Err(wrong("--check takes =full or =init, or nothing".into())),
                };
                act(&mut arguments, Action::Check(extent))?;
            }
            Arg::Long("schema") => act(&mut arguments, Action::Schema)?,
            Arg::Long("json") => arguments.format = ReportFormat::Json,
            Arg::Short('h') | Arg::Long("help") => act(&mut arguments, Action::Help)?,
            Arg::Short('V') | Arg::Long("version") => act(&mut arguments, Action::Version)?,
            Arg::Value(first) => {
                arguments.command.push(c_string(first)?);
                for word in parser.raw_args().map_err(unusable)? {
                    arguments.command.push(c_string(word)?);
                }
            }
            other => return Err(unusable(other.unexpected())),
        }
    }
    agree(&arguments)?;
    Ok(arguments)
}

/// Refuses empty values, and options that do not go together.
fn agree(arguments: &Arguments) -> Result<()> {
    let Arguments { config, role, image, .. } = arguments;
    for (option, value) in [("--config", config), ("--role", role), ("--image", image)] {
        if value.as_deref() == Some("") {
            return Err(wrong(format!("{option} with an empty value")));
        }
    }
    if arguments.command.first().is_some_and(|first| first.is_empty()) {
        return Err(wrong("the command is an empty word".into()));
    }
    if arguments.action == Action::Exec && arguments.command.is_empty() {
        return Err(wrong("--exec without a command: /init --exec COMMAND [ARG]...".into()));
    }
    if arguments.image.is_some() && !matches!(arguments.action, Action::Render(_)) {
        return Err(wrong("--image goes with --render".into()));
    }
    if matches!(arguments.action, Action::Render(_)) && !arguments.command.is_empty() {
        return Err(wrong("--render takes no command: it goes after the image's name, or is the image's CMD".into()));
    }
    Ok(())
}

fn act(arguments: &mut Arguments, action: Action) -> Result<()> {
    if arguments.action != Action::Boot && arguments.action != action {
        return Err(wrong(
            "give one of --plan, --render, --schema, --check, --health, --exec, --help and --version".into(),
        ));
    }
    arguments.action = action;
    Ok(())
}

/// Reads the value of an option that may be given only once: a second one would silently replace the first.
fn once(option: &'static str, slot: &mut Option<String>, parser: &mut Parser) -> Result<()> {
    let value = text(option, parser)?;
    if slot.replace(value).is_some() {
        return Err(wrong(format!("{option} is given twice")));
    }
    Ok(())
}

fn text(option: &'static str, parser: &mut Parser) -> Result<String> {
    let value = parser.value().map_err(unusable)?;
    value.into_string().map_err(|value| wrong(format!("the value of {option} is not UTF-8: {}", value.display())))
}

/// `PATH[:MODE]`. A path may contain a colon, so a last part with a slash in it belongs to the path.
fn tmpfs(value: &str) -> Result<(String, u32)> {
    let (path, mode) = match value.rsplit_once(':') {
        Some((path, mode)) if !mode.contains('/') => (path, mode),
        _ => (value, "0755"),
    };
    let mode = values::directory_mode(mode).map_err(|what| wrong(format!("--tmpfs {value}: {what}")))?;
    let path = values::path(path).map_err(|what| wrong(format!("--tmpfs {value}: {what}")))?;
    Ok((path, mode))
}

fn c_string(word: OsString) -> Result<CString> {
    CString::new(word.into_vec()).map_err(|_| wrong("a word holds a NUL".into()))
}

fn unusable(error: lexopt::Error) -> Error {
    wrong(error.to_string())
}

fn wrong(what: String) -> Error {
    Error::CommandLine { what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(words: &[&CStr]) -> Arguments {
        parse(words).expect("parses")
    }

    #[test]
    fn options_stop_at_the_first_word_and_the_rest_is_bytes() {
        let arguments = ok(&[c"-u", c"app", c"--tmpfs=/run:1777", c"sh", c"--plan", c"--", c"\xff"]);
        assert_eq!(arguments.action, Action::Boot);
        assert_eq!(arguments.user.as_deref(), Some("app"));
        assert_eq!(arguments.tmpfs, [("/run".to_owned(), 0o1777)]);
        assert_eq!(arguments.command, [c"sh", c"--plan", c"--", c"\xff"].map(CStr::to_owned));
    }

    #[test]
    fn a_double_dash_lets_a_command_begin_with_a_dash() {
        assert_eq!(ok(&[c"--", c"-x", c"--help"]).command, [c"-x", c"--help"].map(CStr::to_owned));
    }

    #[test]
    fn ambiguous_options_are_refused() {
        for words in [
            &[c"-u", c"a", c"--user", c"b"][..],
            &[c"--config"],
            &[c"--config", c""],
            &[c"--role="],
            &[c"--plan=yes"],
            &[c"--plan", c"--version"],
            &[c"--check=maybe"],
            &[c"--check", c"--health"],
            &[c"--exec"],
            &[c"--exec", c"--health", c"sh"],
            &[c"--tmpfs", c"relative"],
            &[c"--image", c"app:1"],
            &[c"--render", c"podman", c"--image", c"a", c"--image", c"b"],
            &[c"--tmpfs", c"/a:0799"],
            &[c"--tmpfs", c"/a:"],
            &[c"--tmpfs", c"/a/../b"],
            &[c"--user", c"\xff"],
            &[c"--nonsense"],
            &[c"-x"],
            &[c""],
        ] {
            assert_eq!(parse(words).expect_err("refused").exit_code(), 64, "{words:?}");
        }
    }

    #[test]
    fn a_path_may_hold_a_colon() {
        assert_eq!(ok(&[c"--tmpfs", c"/a:b/c"]).tmpfs, [("/a:b/c".to_owned(), 0o755)]);
    }
}
