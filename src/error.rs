//! What failed, on what, the kernel's reason, the fix, the exit code.
//!
//! One enum by *operation*. Each variant names its object and, where the kernel said no, its reason; nothing converts
//! into an [`Error`] by itself, so no call can lose the path it was about. [`Error::fix`] has an arm for every variant:
//! one without a remedy does not compile.

use std::fmt;

use nix::errno::Errno;

/// The result of everything that can end a boot.
pub type Result<T> = std::result::Result<T, Error>;

/// The exit codes, the numbers of `sysexits.h` where it has one (`systemctl status` names those) and the shell's for
/// commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The command line or the gate variable is wrong (`EX_USAGE`).
    Usage = 64,
    /// A system call failed (`EX_OSERR`).
    System = 71,
    /// A capability is missing, or the drop could not be proved (`EX_NOPERM`).
    Privilege = 77,
    /// The configuration is wrong, or what it names is not there (`EX_CONFIG`).
    Config = 78,
    /// The command is not executable.
    NotExecutable = 126,
    /// The command is not found.
    NotFound = 127,
}

/// Where a name or a number was given: it opens the message, so that the reader knows what to edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line and a column, both from 1, of a configuration file.
    File {
        /// The file as it was named.
        path: String,
        /// The line.
        line: usize,
        /// The column, in characters.
        column: usize,
    },
    /// An option of the command line.
    Option(&'static str),
    /// A variable of the environment.
    Variable(String),
    /// The built-in default.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { path, line, column } => write!(f, "{path}:{line}:{column}"),
            Place::Option(name) => f.write_str(name),
            Place::Variable(name) => write!(f, "the variable {name}"),
            Place::Default => f.write_str("the default"),
        }
    }
}

/// Everything that stops a boot.
#[derive(Debug)]
pub enum Error {
    /// The command line is not one of ours.
    CommandLine {
        /// What is wrong with it.
        what: String,
    },
    /// The gate variable says neither yes nor no.
    Gate {
        /// What it says.
        value: String,
    },
    /// A variable that `/init` itself obeys is in the environment more than once, or makes no sense.
    OwnVariable {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        what: String,
        /// The values that would be right.
        allowed: &'static str,
    },
    /// What was asked for is in no released version yet.
    NotBuilt {
        /// The option or the key.
        what: String,
        /// Where it stands.
        place: Place,
    },
    /// `/init` itself is installed so that it gives its caller privilege.
    PrivilegedInstall {
        /// In what way.
        how: &'static str,
    },
    /// The signal mask could not be set or read.
    Signals {
        /// The call.
        call: &'static str,
        /// The kernel's reason.
        errno: Errno,
    },
    /// Standard streams or inherited descriptors could not be put in order.
    Descriptors {
        /// The call.
        call: &'static str,
        /// The descriptor or file.
        object: String,
        /// The kernel's reason.
        errno: Errno,
    },
    /// The configuration file could not be read.
    ConfigRead {
        /// The file.
        path: String,
        /// The call.
        call: &'static str,
        /// The kernel's reason.
        errno: Errno,
    },
    /// The configuration is no regular file of a sane size.
    ConfigKind {
        /// The file.
        path: String,
        /// What it is instead.
        what: String,
    },
    /// The app user could rewrite the configuration that root obeys.
    ConfigWritable {
        /// The file.
        path: String,
        /// The file or directory that is writable, and by what right.
        how: String,
        /// The user.
        uid: u32,
    },
    /// The configuration says something that is not allowed.
    Config {
        /// Where.
        place: Place,
        /// What is wrong.
        what: String,
        /// What is allowed instead.
        allowed: String,
    },
    /// The user, group or supplementary group cannot be used.
    Identity {
        /// Where it was given.
        place: Place,
        /// As it was given.
        given: String,
        /// What is wrong with it.
        what: String,
    },
    /// The accounts of the image could not be read.
    Accounts {
        /// `/etc/passwd` or `/etc/group`.
        path: &'static str,
        /// The kernel's reason.
        errno: Errno,
    },
    /// No role is selected, or an unknown one, or two.
    Role {
        /// What is wrong.
        what: String,
        /// The variable that selects.
        variable: String,
        /// The roles there are.
        known: String,
    },
    /// Neither a command nor a role that has one.
    NoCommand {
        /// What was looked at.
        what: String,
        /// How to give one, if it is not by a role.
        known: String,
    },
    /// A `${VARIABLE}` that has no value.
    Unset {
        /// The variable.
        name: String,
        /// The configuration that refers to it.
        place: Place,
        /// The text of `${NAME:?text}`.
        message: Option<String>,
    },
    /// A required variable is missing.
    Required {
        /// The variable.
        name: String,
        /// The configuration's hint.
        hint: Option<String>,
    },
    /// The command was found nowhere.
    NotFound {
        /// As given.
        name: String,
        /// Where it was looked for, or what is missing.
        what: String,
    },
    /// The command is there and cannot be run.
    NotExecutable {
        /// The file.
        path: String,
        /// Why.
        what: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// Root lacks capabilities that the plan needs.
    CapabilityMissing {
        /// Name and purpose of each, joined.
        missing: String,
        /// The flags that add them.
        flags: String,
    },
    /// The configuration has root steps and the container was not started as root.
    RootStepsWithoutRoot {
        /// The uid it was started with.
        uid: u32,
        /// The name of the first one.
        step: String,
    },
    /// A path to hand over is not what the configuration says.
    MountPoint {
        /// The path.
        path: String,
        /// What is wrong with it.
        what: String,
        /// The flag or the edit that mends it.
        remedy: String,
    },
    /// A path could not be handed over.
    HandOver {
        /// The path.
        path: String,
        /// The call that failed.
        call: &'static str,
        /// The kernel's reason.
        errno: Errno,
        /// What to do about it.
        remedy: String,
    },
    /// A hand-over that claims success cannot be read back.
    HandOverUnproved {
        /// The path.
        path: String,
        /// What was read instead.
        found: String,
    },
    /// A path that must be writable to the user is not.
    NotWritable {
        /// The path.
        path: String,
        /// The uid.
        uid: u32,
        /// The kernel's reason.
        errno: Errno,
    },
    /// A step of the drop failed.
    Drop {
        /// The call.
        call: &'static str,
        /// Its object.
        object: String,
        /// The kernel's reason.
        errno: Errno,
        /// The kernel's reason translated, where the errno misleads.
        remedy: String,
    },
    /// The kernel's state could not be read back after the drop.
    ProofUnreadable {
        /// The call.
        call: &'static str,
        /// Its object.
        object: String,
        /// The kernel's reason.
        errno: Errno,
    },
    /// What was read back differs from what was set, or privilege could be regained.
    NotProved {
        /// The difference.
        what: String,
    },
    /// More than one thread: credentials belong to threads, so one of them would keep what the others drop.
    Threads {
        /// How many.
        count: u32,
    },
    /// A directory of the user's could not be made.
    Directory {
        /// The directory.
        path: String,
        /// The call.
        call: &'static str,
        /// The kernel's reason.
        errno: Errno,
        /// The uid that tried.
        uid: u32,
    },
    /// The working directory cannot be entered.
    WorkingDirectory {
        /// The directory.
        path: String,
        /// The kernel's reason.
        errno: Errno,
    },
    /// The output of `--plan`, `--help` or `--version` could not be written.
    Output {
        /// The kernel's reason.
        errno: Errno,
    },
    /// A stop signal came before the app existed.
    Stopped {
        /// The signal's number.
        signal: i32,
    },
}

impl Error {
    /// The exit code that goes with it.
    pub fn exit_code(&self) -> u8 {
        let exit = match self {
            Error::CommandLine { .. }
            | Error::Gate { .. }
            | Error::OwnVariable { .. }
            | Error::NotBuilt { place: Place::Option(_) | Place::Variable(_), .. } => Exit::Usage,
            Error::Descriptors { .. }
            | Error::Signals { .. }
            | Error::HandOver { .. }
            | Error::HandOverUnproved { .. }
            | Error::Directory { .. }
            | Error::WorkingDirectory { .. }
            | Error::Output { .. } => Exit::System,
            Error::PrivilegedInstall { .. }
            | Error::CapabilityMissing { .. }
            | Error::Drop { .. }
            | Error::ProofUnreadable { .. }
            | Error::NotProved { .. }
            | Error::Threads { .. } => Exit::Privilege,
            Error::ConfigRead { .. }
            | Error::NotBuilt { .. }
            | Error::ConfigKind { .. }
            | Error::ConfigWritable { .. }
            | Error::Config { .. }
            | Error::Identity { .. }
            | Error::Accounts { .. }
            | Error::Role { .. }
            | Error::NoCommand { .. }
            | Error::Unset { .. }
            | Error::Required { .. }
            | Error::RootStepsWithoutRoot { .. }
            | Error::MountPoint { .. }
            | Error::NotWritable { .. } => Exit::Config,
            Error::NotExecutable { .. } => Exit::NotExecutable,
            Error::NotFound { .. } => Exit::NotFound,
            Error::Stopped { signal } => return u8::try_from(128 + signal).unwrap_or(255),
        };
        exit as u8
    }

    /// What to do about it. No wildcard: a new error needs a new remedy.
    pub fn fix(&self) -> String {
        match self {
            Error::CommandLine { .. } => "see /init --help; put -- before a command that begins with a dash".into(),
            Error::Gate { .. } => "set BOOT_CHECK_ONLY to 1 (full check) or init (stop after the drop), or unset it to boot".into(),
            Error::OwnVariable { name, allowed, .. } => format!("give {name} once, as {allowed}, or unset it"),
            Error::NotBuilt { .. } => "leave it out, or use a version that has it".into(),
            Error::PrivilegedInstall { .. } => {
                "install it with mode 0755, without set-user-ID, set-group-ID and file capabilities (chmod 0755 /init; setcap -r /init)".into()
            }
            Error::Signals { .. } => "let the seccomp profile allow rt_sigprocmask, rt_sigpending and rt_sigtimedwait".into(),
            Error::Descriptors { .. } => "give the container a /dev with null, and do not close its standard streams".into(),
            Error::ConfigRead { errno: Errno::ENOENT, .. } => "COPY the file into the image, or leave --config out to use /etc/init.toml".into(),
            Error::ConfigRead { .. } => "make it a file that root can read (COPY --chmod=0644)".into(),
            Error::ConfigKind { .. } => "give a regular TOML file of at most 1 MiB".into(),
            Error::ConfigWritable { uid, .. } => {
                format!("make it root's alone (COPY --chown=0:0 --chmod=0644), since uid {uid} could tell root what to do at the next start")
            }
            Error::Config { allowed, .. } => allowed.clone(),
            Error::Identity { .. } => {
                "give a number from 1 to 4294967294, or a name that is in the image's /etc/passwd (user) or /etc/group (group)".into()
            }
            Error::Accounts { path, .. } => format!("make {path} a file that everyone can read, or give the user as numbers"),
            Error::Role { variable, known, .. } => format!("set {variable} to one of: {known}"),
            Error::NoCommand { known, .. } => known.clone(),
            Error::Unset { name, message, .. } => match message {
                Some(_) => format!("set {name} (--env {name}=…)"),
                None => format!("set {name} (--env {name}=…), or write ${{{name}:-default}}"),
            },
            Error::Required { hint: Some(hint), .. } => hint.clone(),
            Error::Required { name, .. } => format!("set {name} (--env {name}=…)"),
            Error::NotFound { .. } => "install it in the image, mend PATH, or give its whole path".into(),
            Error::NotExecutable { remedy, .. } => (*remedy).into(),
            Error::CapabilityMissing { flags, .. } => format!("add {flags}"),
            Error::RootStepsWithoutRoot { .. } => "start the container as root of its user namespace (USER 0, no --user): /init drops to the user itself".into(),
            Error::MountPoint { remedy, .. } | Error::HandOver { remedy, .. } | Error::Drop { remedy, .. } => remedy.clone(),
            Error::HandOverUnproved { .. } => "do not let anything else change it during the boot; the kernel or a filter of system calls did not do what it said".into(),
            Error::NotWritable { path, errno: Errno::EROFS, .. } => {
                format!("mount something writable there (--tmpfs {path}:rw,mode=0777, a volume, or an emptyDir with fsGroup)")
            }
            Error::NotWritable { uid, .. } => {
                format!("mount it with the :U option or owned by uid {uid}, or start as root and let /init hand it over")
            }
            Error::ProofUnreadable { .. } => "mount /proc in the container, and let the seccomp profile answer capget, prctl and getres*id".into(),
            Error::NotProved { .. } => "report it with the engine's version, its seccomp profile and the output of /init --plan: nothing was started".into(),
            Error::Threads { .. } => "start /init by the engine's exec, as a process of its own".into(),
            Error::Directory { errno: Errno::EROFS, path, .. } => format!("put it below a writable mount, or mount one (--tmpfs {path})"),
            Error::Directory { uid, .. } => format!("let uid {uid} write to the directory above it"),
            Error::WorkingDirectory { .. } => "create it in the image and let the user enter it, or change workdir".into(),
            Error::Output { .. } => "keep standard output open and give it room".into(),
            Error::Stopped { .. } => "nothing to mend: the container was told to stop while it was starting".into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::CommandLine { what } => write!(f, "command line: {what}"),
            Error::Gate { value } => write!(f, "BOOT_CHECK_ONLY is '{value}', which is neither a check nor a boot; nothing was started"),
            Error::OwnVariable { name, what, .. } => write!(f, "{name} {what}"),
            Error::NotBuilt { what, place } => write!(f, "{place}: {what} is not in this version of /init"),
            Error::PrivilegedInstall { how } => write!(f, "refusing to run /init: {how}"),
            Error::Signals { call, errno } => write!(f, "cannot keep the signals in order: {}", Reason(call, *errno)),
            Error::Descriptors { call, object, errno } => write!(f, "cannot put {object} in order: {}", Reason(call, *errno)),
            Error::ConfigRead { path, call, errno } => write!(f, "cannot read the configuration {path}: {}", Reason(call, *errno)),
            Error::ConfigKind { path, what } => write!(f, "the configuration {path} is {what}"),
            Error::ConfigWritable { path, how, .. } => write!(f, "refusing the configuration {path}: {how}"),
            Error::Config { place, what, .. } => write!(f, "{place}: {what}"),
            Error::Identity { place, given, what } => write!(f, "{place}: '{given}' {what}"),
            Error::Accounts { path, errno } => write!(f, "cannot read {path}: {}", Reason("read", *errno)),
            Error::Role { what, .. } => f.write_str(what),
            Error::NoCommand { what, .. } => write!(f, "no command to run: {what}"),
            Error::Unset { name, place, message: Some(message) } => write!(f, "{place}: {name} is unset: {message}"),
            Error::Unset { name, place, message: None } => write!(f, "{place}: ${{{name}}} is unset"),
            Error::Required { name, .. } => write!(f, "required variable {name} is unset or empty"),
            Error::NotFound { name, what } => write!(f, "command '{name}' not found: {what}"),
            Error::NotExecutable { path, what, .. } => write!(f, "cannot run {path}: {what}"),
            Error::CapabilityMissing { missing, .. } => write!(f, "missing capability {missing}"),
            Error::RootStepsWithoutRoot { uid, step } => {
                write!(f, "started as uid {uid}, but the root step '{step}' needs root: the app must not be reached without it")
            }
            Error::MountPoint { path, what, .. } => write!(f, "{path} {what}"),
            Error::HandOver { path, call, errno, .. } => write!(f, "cannot hand over {path}: {}", Reason(call, *errno)),
            Error::HandOverUnproved { path, found } => write!(f, "hand-over of {path} not proved: {found}"),
            Error::NotWritable { path, uid, errno } => write!(f, "{path} is not writable to uid {uid}: {}", Reason("access", *errno)),
            Error::Drop { call, object, errno, .. } => write!(f, "cannot drop privilege: {call} of {object}: {}", Kernel(*errno)),
            Error::ProofUnreadable { call, object, errno } => {
                write!(f, "drop not proved: cannot read back {object}: {}", Reason(call, *errno))
            }
            Error::NotProved { what } => write!(f, "drop not proved: {what}"),
            Error::Threads { count } => write!(f, "refusing to drop privilege with {count} threads"),
            Error::Directory { path, call, errno, .. } => write!(f, "cannot make the directory {path}: {}", Reason(call, *errno)),
            Error::WorkingDirectory { path, errno } => write!(f, "cannot enter the working directory {path}: {}", Reason("chdir", *errno)),
            Error::Output { errno } => write!(f, "cannot write to standard output: {}", Reason("write", *errno)),
            Error::Stopped { signal } => write!(f, "stopped by signal {signal} before the app was started"),
        }
    }
}

impl std::error::Error for Error {}

/// A call and the kernel's reason for refusing it.
struct Reason(&'static str, Errno);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0, Kernel(self.1))
    }
}

/// An errno in words and by its name: `Permission denied (EACCES)`.
pub struct Kernel(pub Errno);

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.0.desc(), self.0)
    }
}

/// rustix's errno as the one type that errors hold.
pub fn errno(of: rustix::io::Errno) -> Errno {
    Errno::from_raw(of.raw_os_error())
}

/// An I/O error of the standard library as an errno; one without a number is `EIO`.
pub fn io_errno(of: &std::io::Error) -> Errno {
    of.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
