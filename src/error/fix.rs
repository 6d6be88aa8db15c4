//! The remedy of every error. No wildcard: an error without one does not compile.

use nix::errno::Errno;

use super::Error;

impl Error {
    /// What to do about it. No wildcard: a new error needs a new remedy.
    pub fn fix(&self) -> String {
        if let Some(Errno::EMFILE | Errno::ENFILE) = self.errno() {
            return "allow more open files (--ulimit nofile=1024)".into();
        }
        match self {
            Error::CommandLine { .. } => "see /init --help; put -- before a command that begins with a dash".into(),
            Error::OwnVariable { name, allowed, .. } => format!("give {name} once, as {allowed}, or unset it"),
            Error::PrivilegedInstall { .. } => {
                "install it with mode 0755, without set-user-ID, set-group-ID and file capabilities (chmod 0755 /init; setcap -r /init)".into()
            }
            Error::Signals { .. } => "let the seccomp profile allow rt_sigprocmask, rt_sigpending and rt_sigtimedwait".into(),
            Error::NotDone { call, .. } => {
                format!("let the kernel carry {call} out: neither a filter of system calls nor the file system may only claim it")
            }
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
            Error::Accounts { path, errno: Errno::EFBIG } => format!("make {path} a file of at most 16 MiB"),
            Error::Accounts { path, .. } => format!("make {path} a file that everyone can read, or give the user as numbers"),
            Error::Role { variable, known, .. } => format!("set {variable} to one of: {known}"),
            Error::NoCommand { known, .. } => known.clone(),
            Error::NoHealth { .. } => "add health = { http = … }, { tcp = … }, { exec = … } or { file = … } to the role".into(),
            Error::Unset { name, message, .. } => match message {
                Some(_) => format!("set {name} (--env {name}=…)"),
                None => format!("set {name} (--env {name}=…), or write ${{{name}:-default}}"),
            },
            Error::Secret { name, .. } => {
                format!("mount the secret (--secret …), or name its file in {name}_FILE; root must be able to read it and the app not to replace it")
            }
            Error::Inexpressible { remedy, .. } => (*remedy).into(),
            Error::StepWritable { uid, .. } => {
                format!("make it root's alone and keep it off volumes, since uid {uid} could have root run anything at the next start")
            }
            Error::Step { remedy, .. } => (*remedy).into(),
            Error::Required { hint: Some(hint), .. } => hint.clone(),
            Error::Required { name, .. } => format!("set {name} (--env {name}=…)"),
            Error::NotFound { .. } => "install it in the image, mend PATH, or give its whole path".into(),
            Error::NotExecutable { remedy, .. } => (*remedy).into(),
            Error::CapabilityMissing { flags, .. } => format!("add {flags}"),
            Error::RootStepsWithoutRoot { .. } => {
                "start the container as root of its user namespace (USER 0, no --user): /init drops to the user itself".into()
            }
            Error::MountPoint { remedy, .. } | Error::HandOver { remedy, .. } | Error::Drop { remedy, .. } => remedy.clone(),
            Error::HandOverUnproved { .. } => {
                "do not let anything else change it during the boot; the kernel or a filter of system calls did not do what it said".into()
            }
            Error::NotWritable { path, errno: Errno::EROFS, .. } => {
                format!("mount something writable there (--tmpfs {path}:rw,mode=0777, a volume, or an emptyDir with fsGroup)")
            }
            Error::NotWritable { uid, .. } => {
                format!("mount it with the :U option or owned by uid {uid}, or start as root and let /init hand it over")
            }
            Error::ProofUnreadable { .. } => "mount /proc in the container, and let the seccomp profile answer capget, prctl and getres*id".into(),
            Error::NotProved { .. } => {
                "report it with the engine's version, its seccomp profile and the output of /init --plan: nothing was started".into()
            }
            Error::Threads { .. } => "start /init by the engine's exec, as a process of its own".into(),
            Error::Directory { errno: Errno::EROFS, path, .. } => format!("put it below a writable mount, or mount one (--tmpfs {path})"),
            Error::Directory { uid, .. } => format!("let uid {uid} write to the directory above it"),
            Error::Child { errno: Errno::EAGAIN, .. } => "allow more processes (--pids-limit, --ulimit nproc)".into(),
            Error::Child { .. } => "let the seccomp profile allow the call, and give the container memory to start a process".into(),
            Error::WorkingDirectory { .. } => "create it in the image and let the user enter it, or change workdir".into(),
            Error::Output { .. } => "keep standard output open and give it room".into(),
            Error::Stopped { .. } => "nothing to mend: the container was told to stop while it was starting".into(),
        }
    }

    /// The kernel's reason, where it is one of the process's own means and not of the object's.
    fn errno(&self) -> Option<Errno> {
        match self {
            Error::Signals { errno, .. }
            | Error::Descriptors { errno, .. }
            | Error::ConfigRead { errno, .. }
            | Error::Accounts { errno, .. }
            | Error::HandOver { errno, .. }
            | Error::ProofUnreadable { errno, .. }
            | Error::Directory { errno, .. }
            | Error::Child { errno, .. }
            | Error::WorkingDirectory { errno, .. } => Some(*errno),
            _ => None,
        }
    }
}
