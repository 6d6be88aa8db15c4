//! The manual page stepdown(1), made from the command line's own definition.

use clap::{Arg, Command};
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

/// The day of the last change to the commands: a page without one is not well formed.
const DATE: &str = "2026-11-26";

const FILES: &[(&str, &str)] = &[
    ("~/.config/stepdown/APP.toml", "The configuration of an app; stepdown schema prints its JSON Schema."),
    ("~/.local/state/stepdown/APP/", "The state, the journal and the claimed requests, private to the user."),
    ("/etc/containers/policy.json", "Decides at the pull where [verify] policy = true."),
];
const EXITS: &[(&str, &str)] = &[
    ("0", "Done."),
    ("1", "Refused, or rolled back: what served before serves."),
    ("2", "Stuck: a unit could not be restored, and a person is needed."),
    ("64", "The command line is wrong."),
    ("78", "The configuration is wrong or missing."),
];

pub(crate) fn page(mut command: Command) -> String {
    command.build();
    let mut page = Roff::new();
    let version = format!("stepdown {}", command.get_version().unwrap_or_default());
    page.control("TH", ["STEPDOWN", "1", DATE, &version, "stepdown"]);
    page.control("SH", ["NAME"]);
    let about_it = about(&command).to_lowercase();
    page.text([roman(format!("stepdown - {}", about_it.trim_end_matches('.')))]);
    page.control("SH", ["SYNOPSIS"]);
    page.text([bold("stepdown"), roman(" [--app APP] [--json] "), italic("COMMAND")]);
    page.control("SH", ["DESCRIPTION"]);
    let description = command.get_long_about().map(ToString::to_string).unwrap_or_default();
    for (at, part) in description.split("\n\n").enumerate() {
        if at > 0 {
            page.control("PP", []);
        }
        page.text([roman(part)]);
    }
    page.control("SH", ["COMMANDS"]);
    for one in command.get_subcommands().filter(|one| one.get_name() != "help") {
        let mut name = vec![bold(one.get_name())];
        name.extend(one.get_positionals().flat_map(|arg| [roman(" "), italic(value(arg))]));
        entry(&mut page, name, &about(one));
        let options: Vec<&Arg> = own(one).collect();
        if !options.is_empty() {
            page.control("RS", []);
            options.into_iter().for_each(|arg| option(&mut page, arg));
            page.control("RE", []);
        }
    }
    page.control("SH", ["OPTIONS"]);
    command.get_arguments().for_each(|arg| option(&mut page, arg));
    for (title, entries) in [("FILES", FILES), ("EXIT STATUS", EXITS)] {
        page.control("SH", [title]);
        entries.iter().for_each(|(term, words)| entry(&mut page, vec![bold(*term)], words));
    }
    page.control("SH", ["SEE ALSO"]);
    page.text([roman("podman(1), podman-systemd.unit(5), skopeo(1), cosign(1), containers-policy.json(5)")]);
    page.to_roff()
}

/// The options that only this command has.
fn own(command: &Command) -> impl Iterator<Item = &Arg> {
    let common = |arg: &Arg| arg.is_global_set() || matches!(arg.get_id().as_str(), "help" | "version");
    command.get_arguments().filter(move |arg| !arg.is_positional() && !common(arg))
}

fn option(page: &mut Roff, arg: &Arg) {
    let long = arg.get_long().map(|long| format!("--{long}"));
    let short = arg.get_short().map(|short| format!("-{short}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let mut term = vec![bold(names.join(", "))];
    if arg.get_action().takes_values() {
        term.extend([roman(" "), italic(value(arg))]);
    }
    entry(page, term, &sentence(&arg.get_help().map(ToString::to_string).unwrap_or_default()));
}

fn value(arg: &Arg) -> String {
    let names = arg.get_value_names().and_then(|names| names.first());
    names.map_or_else(|| arg.get_id().as_str().to_uppercase(), |name| name.to_string().to_uppercase())
}

fn entry(page: &mut Roff, term: Vec<Inline>, words: &str) {
    page.control("TP", []);
    page.text(term);
    page.text([roman(words)]);
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).map(|about| sentence(&about)).unwrap_or_default()
}

/// clap takes the full stop away.
fn sentence(words: &str) -> String {
    if words.is_empty() || words.ends_with(['.', ')']) { words.to_owned() } else { format!("{words}.") }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_command_and_option_is_in_the_manual() {
        let mut command = Cli::command();
        let page = page(command.clone()).replace("\\-", "-");
        command.build();
        for one in command.get_subcommands().filter(|one| one.get_name() != "help") {
            assert!(page.contains(&format!("\\fB{}\\fR", one.get_name())), "{}", one.get_name());
            for long in own(one).filter_map(Arg::get_long) {
                assert!(page.contains(&format!("--{long}")), "{long}");
            }
        }
    }
}
