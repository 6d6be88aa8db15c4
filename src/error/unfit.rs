//! Why a command cannot be executed. Each cause has its own text, and its own remedy in [`super::fix`].

use std::fmt;

use nix::errno::Errno;

use super::Kernel;

/// Why there is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSecret {
    /// Its file is missing.
    Absent,
    /// Its variable and the variable of its file are both set.
    Twice,
    /// Neither root nor the user may read its file.
    Unreadable,
    /// The file holds no value.
    NoValue,
    /// The kernel refuses to read its file.
    Refused(Errno),
    /// Others can write its file, and root would act on its value.
    NotForRoot,
}

/// What is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The file, or the target of its path if that differs.
    File(Option<String>),
    /// A program of that name in any directory of `PATH`, which this is.
    InPath(String),
    /// A command of that name, but there is a role of that name: the role and its variable.
    NamesRole(String, String),
    /// A program with that name: the word is one of `/init`'s options without its dashes.
    Option(String),
    /// A program whose work `/init` does.
    Replaced,
    /// A program with that name: the word contains blanks or quotes, so it is a whole command line.
    OneWord(String),
    /// The same, with the syntax or a builtin of a shell.
    ShellSyntax,
    /// The shell of a command in shell form.
    Shell,
    /// The interpreter of a script, or the target of its path if that differs.
    Interpreter(String, Option<String>),
    /// The interpreter of a script, since its name ends with a carriage return.
    CarriageReturn(String),
    /// The dynamic loader of a program, or the target of its path.
    Loader(String, Option<String>),
    /// A dependency of the file, which cannot be read to find out more.
    Unknown,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missing::File(target) => write!(f, "no such file{}", Target(target)),
            Missing::InPath(path) => write!(f, "it is in no directory of PATH={path}"),
            Missing::NamesRole(role, _) => write!(f, "the image has no such program, but '{role}' is a role"),
            Missing::Option(_) => f.write_str("it is taken as the app's command, since no dashes precede it"),
            Missing::Replaced => f.write_str("the image has no such program, and /init does its work"),
            Missing::OneWord(_) => f.write_str("the command line is one word, with blanks or quotes in it"),
            Missing::ShellSyntax => f.write_str("it is written for a shell, and no shell reads it"),
            Missing::Shell => f.write_str("no such file: the image has no shell for a command in shell form"),
            Missing::Interpreter(interpreter, target) => {
                write!(f, "its interpreter '{interpreter}' is missing{}", Target(target))
            }
            Missing::CarriageReturn(interpreter) => {
                write!(f, "its interpreter '{interpreter}' is missing: its first line ends with a carriage return")
            }
            Missing::Loader(loader, target) => write!(f, "its dynamic loader {loader} is missing{}", Target(target)),
            Missing::Unknown => f.write_str("it cannot be read, and its interpreter or loader is missing"),
        }
    }
}

/// The end of a path's symbolic links, if it is not the path itself.
struct Target<'a>(&'a Option<String>);

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |target| write!(f, ": there is no {target}"))
    }
}

/// The reason why an existing file cannot be executed.
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
    /// The reason is not visible: a security module, or a file that cannot be examined.
    Denied,
    /// Its interpreter or loader cannot be executed: which one, and why.
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
    /// A file of another format, such as a program for Windows.
    Foreign(&'static str),
    /// A damaged or unlinked ELF file.
    Elf(&'static str),
    /// Unknown content.
    Unrecognized,
    /// A seccomp filter or a security module forbids the call.
    Filtered,
    /// File capabilities that the empty bounding set cannot give.
    FileCapabilities,
    /// Arguments and environment are too long: the longest string, if it alone is, and its length.
    TooLong(Option<(String, usize)>),
    /// It is open for writing.
    Busy,
    /// Another errno.
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
            Unfit::ByteOrderMark => f.write_str("a byte order mark (BOM) precedes its #!"),
            Unfit::Utf16 => f.write_str("it is UTF-16 text"),
            Unfit::LongLine => f.write_str("its #! line is longer than the 255 bytes that the kernel reads"),
            Unfit::NoInterpreter => f.write_str("its #! line names no interpreter"),
            Unfit::NoHashBang => f.write_str("it is text without a #! line"),
            Unfit::Empty => f.write_str("it is an empty file"),
            Unfit::Machine(its, ours) => write!(f, "it is a program for {its}, and this machine is {ours}"),
            Unfit::Foreign(what) => write!(f, "it is {what}"),
            Unfit::Elf(what) => write!(f, "it is {what}"),
            Unfit::Unrecognized => f.write_str("it is not a program for this machine"),
            Unfit::Filtered => write!(f, "{}, and it has no file capabilities", Kernel(Errno::EPERM)),
            Unfit::FileCapabilities => {
                write!(f, "{}: file capabilities that the empty bounding set cannot give", Kernel(Errno::EPERM))
            }
            Unfit::TooLong(Some((what, length))) => {
                write!(f, "{}: {what} has {length} bytes, and Linux takes 131071", Kernel(Errno::E2BIG))
            }
            Unfit::TooLong(None) => Kernel(Errno::E2BIG).fmt(f),
            Unfit::Busy => write!(f, "{}: a process has it open for writing", Kernel(Errno::ETXTBSY)),
            Unfit::Other(errno) => Kernel(*errno).fmt(f),
        }
    }
}
