//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::tag::Tag;

/// Deploy a release tag to Podman's Quadlets, or change nothing.
///
/// stepdown resolves a tag at the registry, verifies the digest's signature, pulls it, checks it under each unit's own
/// flags beside the serving containers, restarts the units, watches their health, and restores the previous image if
/// anything fails. It runs Podman, Quadlet, systemd, skopeo and cosign as the user that runs the containers.
#[derive(Debug, Parser)]
#[command(name = "stepdown", version, propagate_version = true)]
#[command(after_help = "Exit codes: 0; 1 refused or rolled back; 2 stuck; 64 command line; 78 configuration.")]
pub(crate) struct Cli {
    /// The app: the name of its configuration, ~/.config/stepdown/APP.toml. Not needed where there is only one.
    #[arg(long, global = true, value_name = "APP")]
    pub(crate) app: Option<String>,
    /// Print one JSON value per line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Examine everything that a deploy needs; change nothing.
    Check,
    /// Deploy a tag: verify, pull, check, cut over, watch.
    Deploy {
        /// The release tag at the registry.
        #[arg(required_unless_present = "trigger", conflicts_with = "trigger")]
        tag: Option<Tag>,
        /// Stop after the gate, before the cutover.
        #[arg(long, conflicts_with = "trigger")]
        gate_only: bool,
        /// Restore after an interrupted run, then answer every request in the spool. The service runs this.
        #[arg(long)]
        trigger: bool,
        /// Wait for a deploy that is under way, instead of refusing.
        #[arg(long)]
        wait: bool,
    },
    /// Restore the previous image, or a tag that served before.
    Rollback {
        /// A tag that served before. Default: the previous one.
        tag: Option<Tag>,
        /// Skip verification and gate: the image is in the local store and served before.
        #[arg(long)]
        now: bool,
    },
    /// Print what serves, what each unit runs now, what served before and the current run.
    Status,
    /// Print every state of every run, and how it ended.
    History,
    /// Print the path unit, the service and an example configuration; do not call systemd.
    Install {
        /// Write them below this directory instead, as .config/… of a home directory; do not overwrite files.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Print a JSON Schema: of the configuration, or of the lines of --json and history.
    Schema {
        #[arg(value_enum, default_value_t = SchemaOf::Configuration)]
        of: SchemaOf,
    },
    /// Print completions for a shell.
    Completions { shell: Shell },
    /// Print the manual page stepdown(1).
    Manual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    Configuration,
    Output,
}
