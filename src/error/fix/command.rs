//! For commands that are missing or cannot be executed.

use crate::error::{Missing, Unfit};
use crate::text::joined;

/// An unusable command line.
pub(super) const LINE: &str = "see /init --help; put -- before a command that begins with a dash";
pub(super) const NOTHING_BESIDE: &str = "start the container without --exec, then run it in there (podman exec \
    CONTAINER /init --exec COMMAND)";
pub(super) const NO_HEALTH: &str = "add health = { http = … }, { tcp = … }, { exec = … } or { file = … } to the role";
pub(super) const NO_ROLE_TO_ASK: &str = "select a role with a health check (--role NAME), or declare one";
pub(super) const WORKDIR_ABSENT: &str = "create it in the image, or change workdir";
pub(super) const WORKDIR_DENIED: &str =
    "let the user enter it and each directory above it (chmod a+x), or change workdir";
pub(super) const WORKDIR_FILE: &str = "change workdir to a directory: it or a part of its path is a file";
pub(super) const WORKDIR_OUTSIDE: &str = "set workdir to a directory of the image, and update the engine if it starts \
    containers in a directory of the host";

/// A role that only runs steps gets words.
pub(crate) const STEPS_ONLY: &str = "leave the words out, or select another role";
pub(crate) const NO_ROLES: &str =
    "give the command after the image's name (or as CMD), or declare roles in /etc/init.toml";

/// The role has no command.
pub(crate) fn role_without_command(roles: &str) -> String {
    format!("give the command after the image's name (or as CMD), or add command to the role; roles: {roles}")
}

impl Missing {
    /// What to do about it.
    pub(super) fn fix(&self) -> String {
        match self {
            Missing::File(Some(target)) => format!("install {target} in the image, or name another program"),
            Missing::File(None) | Missing::InPath(_) => {
                "install it in the image, correct PATH, or give its whole path".into()
            }
            Missing::NamesRole(role, variable) => {
                format!("select the role: --role {role} instead of {role}, or {variable}={role}")
            }
            Missing::Option(option) => format!("write --{option}"),
            Missing::Replaced => "leave it and its options out: /init sets the user; supervise = true reaps".into(),
            Missing::OneWord(line) => {
                format!("write each word as its own string: [{}]", words(line))
            }
            Missing::ShellSyntax => "write only the program and its words, each its own string; workdir, [env] and \
                [[step]] replace cd, export and &&; for a shell: [\"sh\", \"-c\", \"…\"]"
                .into(),
            Missing::Shell => {
                "write the command in exec form (CMD [\"program\", \"argument\"]), or install a shell".into()
            }
            Missing::Interpreter(interpreter, target) => {
                let file = interpreter.split([' ', '\t']).next().unwrap_or_default();
                if !file.starts_with('/') {
                    let name = file.rsplit('/').next().unwrap_or_default();
                    return format!("give its whole path in the script's first line, as in #!/usr/bin/env {name}");
                }
                let file = target.as_deref().unwrap_or(file);
                format!("install {file} in the image, or name the right one in the script's first line")
            }
            Missing::CarriageReturn(_) => {
                "save the script with LF line endings (dos2unix, or eol=lf in .gitattributes)".into()
            }
            Missing::Loader(loader, target) => {
                let file = target.as_ref().unwrap_or(loader);
                format!("build it for the image's C library or as a static program, or install {file}")
            }
            Missing::Unknown => {
                "install the interpreter of its first line or its dynamic loader, and let the user read it to see which"
                    .into()
            }
        }
    }
}

/// The words of a line in quotes, separated at blanks outside of quotes.
pub(super) fn words(line: &str) -> String {
    let (mut words, mut open) = (vec![String::new()], None);
    for letter in line.chars() {
        match open {
            Some(quote) if quote == letter => open = None,
            None if matches!(letter, '"' | '\'') => open = Some(letter),
            None if letter.is_whitespace() => words.push(String::new()),
            _ => words.iter_mut().last().into_iter().for_each(|word| word.push(letter)),
        }
    }
    words.retain(|word| !word.is_empty());
    let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    joined(&words, ", ")
}

impl Unfit {
    /// What to do about it.
    pub(super) fn fix(&self) -> String {
        match self {
            Unfit::Runner(path, why) => match why.as_ref() {
                Unfit::Barred { .. } => format!("{}, or install {path} where all may enter", why.fix()),
                why => why.fix(),
            },
            Unfit::Barred { directory, .. } => format!("let the user enter it (chmod a+x {directory})"),
            Unfit::Machine(its, ours) => {
                format!("build or pull the image for {ours} (--platform), since this file is for {its}")
            }
            fixed => fixed.remedy().to_owned(),
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Unfit::Directory | Unfit::NotRegular => "name the program's file instead",
            Unfit::NoPermission | Unfit::NotForUser { .. } => "let the user execute it (chmod 0755)",
            Unfit::Links => "link directly to the program, and let the interpreter be a program, not a script",
            Unfit::NoExec => "install it on another file system, or mount this one with exec",
            Unfit::Denied => {
                "let the user execute it and enter every directory above it (chmod 0755), and look into the audit log \
                 (SELinux, AppArmor)"
            }
            Unfit::ByteOrderMark => "save the script as UTF-8 without a byte order mark",
            Unfit::Utf16 => "save the script as UTF-8",
            Unfit::LongLine => "shorten the path in the #! line, for example by a symbolic link",
            Unfit::NoInterpreter => "name the interpreter in the first line: #!/bin/sh",
            Unfit::NoHashBang => {
                "begin the script with #! and its interpreter, no byte before it: no shell guesses one"
            }
            Unfit::Empty => "copy the program into the image again: its build or COPY made an empty file",
            Unfit::Foreign(_) => {
                "put a program for Linux there (build, unpack or fetch it), or run the program that reads this"
            }
            Unfit::Elf(_) => "link it as a program, or copy it into the image again",
            Unfit::Filtered => "let the seccomp profile and the security module (audit log) allow execve of this file",
            Unfit::FileCapabilities => "list them in keep_capabilities, or remove them from the file (setcap -r)",
            Unfit::TooLong(_) => "pass less in arguments and environment: write long values to files",
            Unfit::Busy => "let the process that writes it close it before the start",
            Unfit::Unrecognized | Unfit::Other(_) | Unfit::Runner(..) | Unfit::Barred { .. } | Unfit::Machine(..) => {
                "run it by hand in the image to find the reason"
            }
        }
    }
}
