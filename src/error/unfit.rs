//! Why a command cannot be executed, by cause: each cause has its own words and its own remedy.

use std::fmt;

use nix::errno::Errno;

use super::Kernel;

/// What is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The file itself.
    File,
    /// A program of that name in any directory of `PATH`, which this is.
    InPath(String),
    /// A command of that name, but there is a role of that name: the role and its variable.
    NamesRole(String, String),
    /// A program of that name: the word holds blanks, so it is a whole command line, this one.
    OneWord(String),
    /// The same, with operators of a shell in it.
    ShellSyntax,
    /// The shell of a command in shell form.
    Shell,
    /// The interpreter of a script: the script, the interpreter.
    Interpreter(String),
    /// The interpreter of a script, since its name ends with a carriage return.
    CarriageReturn(String),
    /// The dynamic loader of a program.
    Loader(String),
    /// Something that the file needs; the file cannot be read, so what it is stays unknown.
    Unknown,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missing::File => f.write_str("no such file"),
            Missing::InPath(path) => write!(f, "it is in no directory of PATH={path}"),
            Missing::NamesRole(role, _) => write!(f, "it is no program of the image, and '{role}' is a role"),
            Missing::OneWord(_) => f.write_str("the command line is one word, with blanks in it"),
            Missing::ShellSyntax => f.write_str("it is a line for a shell, and no shell reads it"),
            Missing::Shell => f.write_str("no such file: the image has no shell for a command in shell form"),
            Missing::Interpreter(interpreter) => write!(f, "its interpreter '{interpreter}' is missing"),
            Missing::CarriageReturn(interpreter) => {
                write!(f, "its interpreter '{interpreter}' is missing: its first line ends with a carriage return")
            }
            Missing::Loader(loader) => {
                write!(f, "its dynamic loader {loader} is missing (built for another C library?)")
            }
            Missing::Unknown => f.write_str("it cannot be read, and something that it needs is missing"),
        }
    }
}

impl Missing {
    /// What to do about it.
    pub(super) fn fix(&self) -> String {
        match self {
            Missing::File | Missing::InPath(_) => {
                "install it in the image, correct PATH, or give its whole path".into()
            }
            Missing::NamesRole(role, variable) => {
                format!("select the role: --role {role} instead of {role}, or {variable}={role}")
            }
            Missing::OneWord(line) => {
                let words: Vec<String> = line.split_whitespace().map(|word| format!("\"{word}\"")).collect();
                format!("write each word as its own string: [{}]", words.join(", "))
            }
            Missing::ShellSyntax => "give each word as its own string, and use workdir, [env] and [[step]] instead of \
                cd, export and &&; where it must be a shell: [\"sh\", \"-c\", \"…\"]"
                .into(),
            Missing::Shell => {
                "write the command in exec form (CMD [\"program\", \"argument\"]), or install a shell".into()
            }
            Missing::Interpreter(interpreter) => {
                let file = interpreter.split([' ', '\t']).next().unwrap_or_default();
                format!("install {file} in the image, or name the right one in the script's first line")
            }
            Missing::CarriageReturn(_) => {
                "save the script with LF line endings (dos2unix, or eol=lf in .gitattributes)".into()
            }
            Missing::Loader(loader) => {
                format!("build it for the image's C library or as a static program, or install {loader}")
            }
            Missing::Unknown => {
                "install the interpreter of its first line or its dynamic loader, and let the user read it to see which"
                    .into()
            }
        }
    }
}

/// Why a file that is there cannot be executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is a directory.
    Directory,
    /// It is a device, a FIFO or a socket.
    NotRegular,
    /// Nobody has execute permission.
    NoPermission,
    /// The user has no execute permission.
    NotForUser {
        /// The user.
        uid: u32,
        /// The mode of the file.
        mode: u32,
    },
    /// Symbolic links that lead nowhere, or interpreters that have interpreters.
    Links,
    /// A directory on the way that the user may not enter.
    Barred {
        /// The directory.
        directory: String,
        /// The user.
        uid: u32,
    },
    /// A mount with `noexec`.
    NoExec,
    /// The kernel's refusal has no visible reason: a security module, or a file that cannot be looked at.
    Denied,
    /// What runs it cannot be run: the interpreter or loader, and why.
    Runner(String, Box<Unfit>),
    /// A byte order mark before `#!`.
    ByteOrderMark,
    /// UTF-16 text.
    Utf16,
    /// The first line is longer than the kernel reads.
    LongLine,
    /// `#!` without a name.
    NoInterpreter,
    /// Text without `#!`.
    NoHashBang,
    /// An empty file.
    Empty,
    /// A program for another machine: that, and this one.
    Machine(String, &'static str),
    /// A file for something else, such as a program for Windows.
    Foreign(&'static str),
    /// A damaged or unlinked ELF file.
    Elf(&'static str),
    /// None of these.
    Unrecognized,
    /// File capabilities that the empty bounding set cannot give.
    FileCapabilities,
    /// Arguments and environment are too long.
    TooLong,
    /// It is open for writing.
    Busy,
    /// Any other reason of the kernel's.
    Other(Errno),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let denied = Kernel(Errno::EACCES);
        match self {
            Unfit::Directory => f.write_str("it is a directory"),
            Unfit::NotRegular => f.write_str("it is not a regular file"),
            Unfit::NoPermission => f.write_str("it has no execute permission"),
            Unfit::NotForUser { uid, mode } => {
                write!(f, "{denied}: mode {mode:04o} does not let uid {uid} execute it")
            }
            Unfit::Links => f.write_str("too many symbolic links or interpreters lead to it"),
            Unfit::Barred { directory, uid } => write!(f, "{denied}: uid {uid} may not enter {directory}"),
            Unfit::NoExec => f.write_str("it is on a mount with noexec"),
            Unfit::Denied => denied.fmt(f),
            Unfit::Runner(path, why) => write!(f, "{path}, which runs it: {why}"),
            Unfit::ByteOrderMark => f.write_str("a byte order mark (BOM) stands before its #!"),
            Unfit::Utf16 => f.write_str("it is UTF-16 text"),
            Unfit::LongLine => f.write_str("its #! line is longer than the 255 bytes that the kernel reads"),
            Unfit::NoInterpreter => f.write_str("its #! line names no interpreter"),
            Unfit::NoHashBang => f.write_str("it is text without a #! line"),
            Unfit::Empty => f.write_str("it is an empty file"),
            Unfit::Machine(its, ours) => write!(f, "it is a program for {its}, and this machine is {ours}"),
            Unfit::Foreign(what) => write!(f, "it is {what}"),
            Unfit::Elf(what) => write!(f, "it is {what}"),
            Unfit::Unrecognized => f.write_str("it is no program for this machine"),
            Unfit::FileCapabilities => {
                write!(f, "{}: file capabilities that the empty bounding set cannot give", Kernel(Errno::EPERM))
            }
            Unfit::TooLong => Kernel(Errno::E2BIG).fmt(f),
            Unfit::Busy => write!(f, "{}: a process has it open for writing", Kernel(Errno::ETXTBSY)),
            Unfit::Other(errno) => Kernel(*errno).fmt(f),
        }
    }
}

impl Unfit {
    /// What to do about it.
    pub(super) fn fix(&self) -> String {
        match self {
            Unfit::Runner(path, why) => match why.as_ref() {
                Unfit::Barred { .. } => format!("{}, or install {path} where all may enter", why.fix()),
                why => why.fix(),
            },
            Unfit::Barred { directory, .. } => format!("let the user enter it (chmod o+x {directory})"),
            Unfit::Machine(its, ours) => {
                format!("build or pull the image for {ours} (--platform), since this file is for {its}")
            }
            fixed => fixed.remedy().to_owned(),
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Unfit::Directory | Unfit::NotRegular | Unfit::NoPermission => {
                "make it an executable file (chmod 0755), or name another"
            }
            Unfit::NotForUser { .. } => "let the user execute it (chmod 0755)",
            Unfit::Links => "link to the program itself, and name a program as the interpreter, not a script",
            Unfit::NoExec => "put it elsewhere, or mount with exec",
            Unfit::Denied => {
                "let the user execute it and enter every directory above it (chmod 0755), and look into the audit log \
                 (SELinux, AppArmor)"
            }
            Unfit::ByteOrderMark => "save the script as UTF-8 without a byte order mark",
            Unfit::Utf16 => "save the script as UTF-8",
            Unfit::LongLine => "name a shorter path in the #! line (a symbolic link will do)",
            Unfit::NoInterpreter => "name the interpreter in the first line: #!/bin/sh",
            Unfit::NoHashBang => "begin the script with #! and its interpreter: there is no shell to guess one",
            Unfit::Empty => "copy the program into the image again: its build or COPY made an empty file",
            Unfit::Foreign(_) => "build the program for Linux, or run it by the program that reads it",
            Unfit::Elf(_) => "link it as a program, or copy it into the image again",
            Unfit::FileCapabilities => "list them in keep_capabilities, or remove them from the file (setcap -r)",
            Unfit::TooLong => "pass less in arguments and environment",
            Unfit::Busy => "close it before the start: nothing may write to the program's file",
            Unfit::Unrecognized | Unfit::Other(_) | Unfit::Runner(..) | Unfit::Barred { .. } | Unfit::Machine(..) => {
                "run it by hand in the image to see what is wrong with it"
            }
        }
    }
}
