//! The remedy of every error. The match has no wildcard, so an error without a remedy does not compile.

use std::path::Path;

use nix::errno::Errno;

use super::hindrance::UNMASK;
use super::mount::HIDDEN;
use super::{Entry, Error, Kernel, Linked, NoSecret, Place, Unfit};

/// Why a variable of `[env]` has no value yet.
const IN_ENV: &str = "[env] sets it later";

/// The list of roles of a configuration without roles.
pub const NO_ROLES: &str = "none";

/// Remedies that do not depend on the error's fields.
mod text {
    pub(super) const COMMAND_LINE: &str = "see /init --help; put -- before a command that begins with a dash";
    pub(super) const OPEN_FILES: &str = "allow more open files (--ulimit nofile=1024)";
    pub(super) const PRIVILEGED_INSTALL: &str = "install it as root's, with mode 0711, without set-user-ID, \
        set-group-ID and file capabilities (chown 0:0 /init; chmod 0711 /init; setcap -r /init)";
    pub(super) const SIGNALS: &str = "let the seccomp profile allow rt_sigprocmask, rt_sigpending and rt_sigtimedwait";
    pub(super) const DESCRIPTORS: &str = "mount a /dev with /dev/null, and leave the standard streams open";
    pub(super) const CONFIG_ABSENT: &str = "COPY the file into the image, or leave --config out to use /etc/init.toml";
    pub(super) const CONFIG_DENIED: &str = "let the user that /init starts as read it (COPY --chmod=0644) and enter \
        the directories above it";
    pub(super) const CONFIG_UNREADABLE: &str = "give the path of a regular file, without loops of symbolic links";
    pub(super) const CONFIG_ENCODING: &str = "save it as UTF-8 without a byte order mark";
    pub(super) const CONFIG_KIND: &str = "give a regular TOML file of at most 1 MiB";
    pub(super) const IDENTITY: &str = "give a number from 1 to 4294967294, or a name that is in the image's \
        /etc/passwd (user) or /etc/group (group)";
    pub(super) const NO_ROLES: &str = "declare it in the configuration (a table [roles.NAME] with its command), or \
        leave --role out";
    pub(super) const NO_HEALTH: &str =
        "add health = { http = … }, { tcp = … }, { exec = … } or { file = … } to the role";
    pub(super) const NO_ROLE_TO_ASK: &str = "select a role with a health check (--role NAME), or declare one";
    pub(super) const NOTHING_BESIDE: &str = "start the container without --exec, then run it in there (podman exec \
        CONTAINER /init --exec COMMAND)";
    pub(super) const ROOT_STEPS: &str = "start the container as root of its user namespace (USER 0, no --user): /init \
        drops to the user itself";
    pub(super) const NOT_HANDED_OVER: &str = "keep other processes from changing it during the boot, and any seccomp \
        filter from faking the call";
    pub(super) const PROOF_UNREADABLE: &str =
        "mount /proc in the container, and let the seccomp profile allow capget, prctl and getres*id";
    pub(super) const NOT_PROVED: &str = "report it with the engine's version, its seccomp profile and the output of \
        /init --plan: nothing was started";
    pub(super) const THREADS: &str = "let the engine execute /init directly, as its own process";
    pub(super) const PROCESSES: &str = "allow more processes (--pids-limit, --ulimit nproc)";
    pub(super) const MEMORY: &str = "give the container more memory (--memory)";
    pub(super) const CHILD: &str = "let the seccomp profile allow the call";
    pub(super) const WORKDIR_ABSENT: &str = "create it in the image, or change workdir";
    pub(super) const WORKDIR_DENIED: &str =
        "let the user enter it and each directory above it (chmod a+x), or change workdir";
    pub(super) const WORKDIR_FILE: &str = "change workdir to a directory: it or a part of its path is a file";
    pub(super) const WORKDIR_OUTSIDE: &str = "set workdir to a directory of the image, and update the engine if it \
        starts containers in a directory of the host";
    pub(super) const NO_DIRECTORY: &str =
        "make each part of its path a directory: no file, and no broken symbolic link";
    pub(super) const OUTPUT: &str = "keep standard output open, on a device with free space";
    pub(super) const SEAL_NOT_PROVED: &str = "mount /proc writable in the container, and let the seccomp profile \
        allow the calls of landlock(7) and seccomp(2)";
    pub(super) const IN_ENV: &str = "write its value there";
    pub(super) const SECRET_LEFT_OUT: &str =
        "mount its file (--secret …), give the secret no roles or this one too, or write a default (${NAME:-…})";
    pub(super) const STOPPED: &str = "none needed: the container was stopped while it was starting";
}

/// The reasons that are limits of the process, and their remedies.
const LIMITS: [(&str, &str); 3] =
    [("(EMFILE)", text::OPEN_FILES), ("(ENFILE)", text::OPEN_FILES), ("(ENOMEM)", text::MEMORY)];

impl Error {
    /// What to do about it.
    pub fn fix(&self) -> String {
        // A limit of the process, whatever the object: the reason is the end of every message.
        let message = self.to_string();
        for (reason, fix) in LIMITS {
            if message.ends_with(reason) {
                return fix.into();
            }
        }
        let fixed = match self {
            Error::CommandLine { .. } => text::COMMAND_LINE,
            Error::PrivilegedInstall { .. } => text::PRIVILEGED_INSTALL,
            Error::Signals { .. } => text::SIGNALS,
            Error::Descriptors { .. } => text::DESCRIPTORS,
            Error::ConfigRead { errno: Errno::ENOENT, .. } => text::CONFIG_ABSENT,
            Error::ConfigRead { errno: Errno::EACCES, .. } => text::CONFIG_DENIED,
            Error::ConfigRead { .. } => text::CONFIG_UNREADABLE,
            Error::ConfigEncoding { .. } => text::CONFIG_ENCODING,
            Error::ConfigKind { .. } => text::CONFIG_KIND,
            Error::Config { allowed, .. } => allowed,
            Error::Identity { .. } => text::IDENTITY,
            Error::NoCommand { known, .. } => known,
            Error::NoHealth { role: None } => text::NO_ROLE_TO_ASK,
            Error::NoHealth { .. } => text::NO_HEALTH,
            Error::NothingBeside => text::NOTHING_BESIDE,
            Error::Inexpressible { remedy, .. } => remedy,
            Error::Step { remedy, .. } => remedy,
            Error::Required { hint: Some(hint), .. } => hint,
            Error::Refused { hint: Some(hint), .. } => hint,
            Error::RootStepsWithoutRoot { .. } => text::ROOT_STEPS,
            Error::Drop { errno, cause, .. } => return cause.fix(*errno),
            Error::HandOverUnproved { .. } => text::NOT_HANDED_OVER,
            Error::ProofUnreadable { .. } => text::PROOF_UNREADABLE,
            Error::NotProved { .. } => text::NOT_PROVED,
            Error::Threads { .. } => text::THREADS,
            Error::SealNotProved { .. } => text::SEAL_NOT_PROVED,
            Error::Child { errno: Errno::EAGAIN, .. }
            | Error::NotExecutable { cause: Unfit::Other(Errno::EAGAIN), .. } => text::PROCESSES,
            Error::Child { .. } => text::CHILD,
            Error::WorkingDirectory { errno: Errno::EACCES, .. } => text::WORKDIR_DENIED,
            Error::WorkingDirectory { errno: Errno::EXDEV, .. } => text::WORKDIR_OUTSIDE,
            Error::WorkingDirectory { errno: Errno::ENOTDIR, .. } => text::WORKDIR_FILE,
            Error::WorkingDirectory { .. } => text::WORKDIR_ABSENT,
            Error::Output { .. } => text::OUTPUT,
            Error::Stopped { .. } => text::STOPPED,
            Error::OwnVariable { name, what, allowed } => {
                return format!("give {name} once, as {allowed}, or unset it{}", around(what));
            }
            Error::NotDone { call, .. } => return not_done(call),
            Error::MountPoint { path, surface, cause } => return cause.fix(path, surface),
            Error::HandOver { errno, cause, .. } => return cause.fix(*errno),
            Error::NotRoots { fix: Err(fix), .. } => fix,
            Error::NotRoots { step, fix: Ok(fix), .. } => return roots_alone(fix, step.is_some()),
            Error::Part { error, .. } => return error.fix(),
            Error::Hindered { by, .. } => return by.fix(),
            Error::NotFound { cause, .. } => return cause.fix(),
            Error::NotExecutable { cause, .. } => return cause.fix(),
            Error::Credentials { .. } => UNMASK,
            Error::Unmapped { file, mapped, .. } => return unmapped(file, mapped),
            Error::Accounts { path, errno } => return accounts(path, *errno),
            Error::Role { known, .. } if known == NO_ROLES => text::NO_ROLES,
            Error::Role { what, variable, known } => {
                return format!("set {variable} to one of: {known}{}", around(what));
            }
            Error::Unset { message: Some(why), .. } if why == IN_ENV => text::IN_ENV,
            Error::Unset { name, message: Some(why), .. } if is_about(why, name) => text::SECRET_LEFT_OUT,
            Error::Unset { name, message, .. } => return set(name, message.is_none()),
            Error::Required { name, hint: None } => return set(name, false),
            Error::Refused { name, is, hint: None } if is == "unset" => return set(name, false),
            Error::Refused { name, is, hint: None } if is == "set" => return format!("unset {name}"),
            Error::Refused { name, hint: None, .. } => return format!("unset {name}, or change its value"),
            Error::Secret { name, cause, .. } => return secret(name, *cause),
            Error::CapabilityMissing { wanted, as_user } => return add(wanted, *as_user),
            Error::SealUnavailable { what, errno, .. } => return seal(what, *errno),
            Error::Linked(Linked { link: Some(link), .. }) => return link.fix(),
            Error::Linked(_) => text::NOT_HANDED_OVER,
            Error::NotWritable { path, uid, errno, entry } => return not_writable(path, *uid, *errno, *entry),
            Error::Create { what, path, call, uid, errno } => return made(what, path, call, *uid, *errno),
        };
        fixed.to_owned()
    }

    /// Adds why a variable has no value: a secret that is left out (`left`, as the plan prints them), or the order of
    /// `[env]`.
    pub fn explain(&mut self, left: &mut Vec<String>, is_in_env: impl Fn(&str) -> bool) {
        if let Error::Unset { name, message: why @ None, .. } = self {
            let found = left.iter().position(|left| is_about(left, name));
            *why = match found {
                Some(number) => Some(left.swap_remove(number)),
                None => is_in_env(name).then(|| IN_ENV.to_owned()),
            };
        }
    }

    /// The error for a path of `when_exists` or `unless_exists` that cannot be looked up.
    pub fn unseen(place: &Place, path: &Path, errno: Errno) -> Error {
        let allowed = match errno {
            Errno::EACCES => "let the user enter each directory above it (chmod a+x)",
            Errno::ELOOP => "remove the loop of symbolic links from it",
            Errno::ENAMETOOLONG => "give it a shorter name and path",
            _ => "mount a working file system there (see the kernel's log), or let seccomp allow newfstatat",
        };
        let what = format!("cannot tell whether {} exists: lstat: {}", path.display(), Kernel(errno));
        Error::Config { place: place.clone(), what, allowed: allowed.to_owned() }
    }
}

/// Whether this is why the secret of that name is left out.
fn is_about(left: &str, name: &str) -> bool {
    left.strip_prefix("secret ").and_then(|left| left.strip_prefix(name)).is_some_and(|left| left.starts_with(": "))
}

fn not_done(call: &str) -> String {
    format!("keep seccomp filters and the file system from faking {call}")
}

fn roots_alone(fix: &str, of_step: bool) -> String {
    let how = if of_step { "(off volumes, or in a script of root's own)" } else { "(COPY --chown=0:0 --chmod=0644)" };
    format!("let only root own and write it: {fix} {how}; anyone else could control root at the next start")
}

fn add(wanted: &[(String, &str)], as_user: bool) -> String {
    let names: Vec<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
    // Only Podman gives capabilities to another user than root.
    let root = if as_user { ", and with Docker or Kubernetes start the container as root" } else { "" };
    let flags = names.join(" --cap-add=");
    format!("add --cap-add={flags} (Kubernetes: capabilities.add: [{}]){root}", names.join(", "))
}

fn unmapped(file: &str, mapped: &str) -> String {
    format!(
        "choose an id that {file} maps ({mapped}), or give the engine's user more sub-ids (/etc/subuid, /etc/subgid)"
    )
}

fn accounts(path: &str, errno: Errno) -> String {
    match errno {
        Errno::EFBIG => format!("make {path} a file of at most 16 MiB"),
        _ => format!("make {path} a file that everyone can read, or remove it and give users and groups as numbers"),
    }
}

fn set(name: &str, or_default: bool) -> String {
    let default = if or_default { format!(", or write ${{{name}:-default}}") } else { String::new() };
    format!("set {name} (--env {name}=…){default}")
}

fn secret(name: &str, cause: NoSecret) -> String {
    match cause {
        NoSecret::Absent => format!("mount the secret there (--secret …), or name its file in {name}_FILE"),
        NoSecret::Twice => format!("unset {name} or {name}_FILE"),
        NoSecret::NotForRoot => {
            "let only root own and write it and the directories above it, or use another variable at that place".into()
        }
        NoSecret::Unreadable => {
            "let the app's user own it, with mode 0400 (--secret NAME,uid=UID,mode=0400), or start as root and let \
             root own it and the directories above it"
                .into()
        }
        NoSecret::NoValue => "let it be a file with the value in it: not empty, no NUL, at most 64 KiB".into(),
    }
}

/// An addition for a quoted value with blanks, quotes or a carriage return at its ends.
fn around(what: &str) -> &'static str {
    let given = what.split_once('\'').and_then(|(_, rest)| rest.rsplit_once('\'')).map_or("", |(given, _)| given);
    if given.trim_matches(|byte: char| byte.is_whitespace() || matches!(byte, '"' | '\'')) == given {
        return "";
    }
    "; without quotes, blanks and carriage returns around it (save an env file with LF line endings)"
}

fn not_writable(path: &str, uid: u32, errno: Errno, entry: Entry) -> String {
    match (entry, errno) {
        (Entry::Directory, Errno::EROFS) => {
            "put it below a writable mount, or leave it out if the app only reads it".into()
        }
        (Entry::Directory, _) => format!(
            "let uid {uid} own and write it (chmod u+wx): by COPY --chown in the image, by recursive = true in its \
             [[tmpfs]], or by recursive = \"always\" in its [[volume]]"
        ),
        (_, Errno::ENOTDIR) => text::NO_DIRECTORY.into(),
        (Entry::Tmpfs | Entry::FullTmpfs, Errno::EROFS) => {
            let hidden = if entry == Entry::FullTmpfs { HIDDEN } else { "" };
            format!("mount it writable (--tmpfs {path}:rw,mode=1777, or a memory-backed emptyDir with fsGroup){hidden}")
        }
        (Entry::Volume, Errno::EROFS) => {
            format!("mount a writable volume there (--volume NAME:{path}:U, or a claim with fsGroup)")
        }
        _ => format!(
            "mount it owned by uid {uid} (Podman's option U, fsGroup of Kubernetes) or with mode=1777, or start as \
             root and let /init hand it over"
        ),
    }
}

fn made(what: &str, path: &str, call: &str, uid: u32, errno: Errno) -> String {
    match errno {
        // A mount at a file's path would be a directory, and one above it would hide what the image has there.
        Errno::EROFS if what == "file" => "put it below a writable mount, such as a [[tmpfs]]".into(),
        Errno::EROFS => format!("put it below a writable mount, or mount one (--tmpfs {path})"),
        Errno::ENOENT if what == "file" => "create the directory above it by a [[directory]] entry".into(),
        Errno::EISDIR => "remove the directory that is in its place".into(),
        Errno::ENOSPC | Errno::EDQUOT => "free space or inodes there, or mount it larger".into(),
        Errno::EACCES | Errno::EPERM => {
            format!(
                "let uid {uid} enter each directory above it and write to the last one, or put it below a [[tmpfs]] or \
                 [[volume]]"
            )
        }
        Errno::EBUSY => format!("unmount the file that is mounted there, or keep it (unless_exists = \"{path}\")"),
        Errno::EFBIG => "allow larger files (--ulimit fsize=-1)".into(),
        Errno::ENAMETOOLONG => "give it a shorter name and path".into(),
        Errno::ENODATA => not_done(call),
        Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP => text::NO_DIRECTORY.into(),
        _ => format!("put it on another file system (see the kernel's log), or let the seccomp profile allow {call}"),
    }
}

/// Depends on the errno: the kernel lacks the feature, or a seccomp filter refuses it.
fn seal(what: &str, errno: Errno) -> String {
    let fix = match (what, errno) {
        ("writes", Errno::EOPNOTSUPP) => "boot the host with landlock among the names of lsm=",
        ("writes", Errno::ENOSYS) => {
            "run it on Linux 5.13 or newer with Landlock, with a seccomp profile that knows it"
        }
        ("writes", _) => {
            "let the seccomp profile allow landlock_create_ruleset, landlock_add_rule, landlock_restrict_self and \
             openat2"
        }
        (_, Errno::EINVAL) => "run it on Linux 4.17 or newer with seccomp filters",
        _ => "let the seccomp profile allow the seccomp call",
    };
    format!("{fix}; or set seal.optional = true")
}
