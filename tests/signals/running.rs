//! One running init: its output, the signals sent to it, and its state in `/proc`.

use std::fs;
use std::io::Write as _;
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollTimeout, poll};

use super::peer::Init;
use super::pty::Pty;
use super::stage::skip;
use super::table::{Try, failed};

/// A line of one of the streams.
pub enum Heard {
    Out(String),
    Error(String),
}

/// A running init, killed when it is dropped.
pub struct Running {
    pub init: Init,
    /// The pid of the init in this test's namespace, and in its own.
    pub pid: i32,
    pub inner: i32,
    /// The first process of the namespace: its end ends all others.
    first: i32,
    launcher: Child,
    heard: Receiver<Heard>,
    input: Option<ChildStdin>,
    pub pty: Option<Pty>,
    /// Lines read but not yet consumed, all lines, and those of standard error.
    waiting: Vec<String>,
    all: Vec<String>,
    errors: Vec<String>,
    command: String,
    over: Option<String>,
    pub patience: Duration,
}

impl Running {
    pub fn new(
        init: Init,
        launcher: Child,
        heard: Receiver<Heard>,
        input: Option<ChildStdin>,
        pty: Option<Pty>,
        command: String,
    ) -> Running {
        let (waiting, all, errors) = (Vec::new(), Vec::new(), Vec::new());
        let patience = init.patience();
        Running {
            init,
            pid: 0,
            inner: 0,
            first: 0,
            launcher,
            heard,
            input,
            pty,
            waiting,
            all,
            errors,
            command,
            over: None,
            patience,
        }
    }

    /// The command, streams and status, for a failure message.
    pub fn shown(&self) -> String {
        let over = self.over.as_deref().unwrap_or("still running");
        format!(
            "{}\nstatus: {over}\noutput:\n{}\nstandard error:\n{}\n",
            self.command,
            self.all.join("\n"),
            self.errors.join("\n")
        )
    }

    /// Fails the scenario unless this holds.
    pub fn check(&mut self, holds: bool, expected: impl Into<String>) -> Try {
        if holds { Ok(()) } else { self.fail(expected) }
    }

    pub fn fail<T>(&mut self, expected: impl Into<String>) -> Try<T> {
        // Reads remaining output.
        while let Ok(heard) = self.heard.recv_timeout(Duration::from_millis(100)) {
            self.take(heard);
        }
        failed(format!("expected {}\n{}", expected.into(), self.shown()))
    }

    fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Out(line) => {
                if let Some(reason) = line.strip_prefix("stage: unavailable: ") {
                    skip(reason);
                }
                if let Some(end) = line.strip_prefix("stage: ended ") {
                    self.over = Some(end.to_owned());
                }
                self.all.push(line.clone());
                self.waiting.push(line);
            }
            Heard::Error(line) => self.errors.push(line),
        }
    }

    /// Returns the first line that contains this text, each line once. A terminal puts echoes and prompts before it.
    pub fn line(&mut self, text: &str) -> Try<String> {
        self.line_within(text, self.patience)
    }

    pub fn line_within(&mut self, text: &str, patience: Duration) -> Try<String> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(at) = self.waiting.iter().position(|line| line.contains(text)) {
                return Ok(self.waiting.remove(at));
            }
            if self.over.is_some() && !text.starts_with("stage: ") {
                // The other stream may still hold output.
                match self.heard.recv_timeout(Duration::from_secs(2)) {
                    Ok(heard) => self.take(heard),
                    Err(_) => return self.fail(format!("a line with '{text}' before its end")),
                }
                continue;
            }
            match self.heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(heard) => self.take(heard),
                Err(RecvTimeoutError::Timeout) => {
                    return self.fail(format!("a line with '{text}' within {patience:?}"));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return self.fail(format!("a line with '{text}' before its streams closed"));
                }
            }
        }
    }

    /// Discards the output so far.
    pub fn forget(&mut self) {
        while let Ok(heard) = self.heard.try_recv() {
            self.take(heard);
        }
        self.waiting.clear();
    }

    /// The number after this text.
    pub fn number(&mut self, text: &str) -> Try<u64> {
        let line = self.line(text)?;
        let found = line.split_once(text).and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
        match found {
            Some(number) => Ok(number),
            None => self.fail(format!("a number after '{text}' in '{line}'")),
        }
    }

    pub fn know_pids(&mut self) -> Try {
        let first = self.number("stage: first ")?;
        self.first = i32::try_from(first).unwrap();
        let line = self.line("stage: init ")?;
        let numbers: Vec<i32> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        (self.pid, self.inner) = (numbers[0], numbers[1]);
        Ok(())
    }

    /// The app's pid in its namespace, available once it listens.
    pub fn ready(&mut self) -> Try<u64> {
        self.number("ready ")
    }

    /// Whether a line with this text has been printed so far.
    pub fn has_said(&self, text: &str) -> bool {
        self.all.iter().any(|line| line.contains(text))
    }

    pub fn said(&self) -> &[String] {
        &self.all
    }

    pub fn logged(&self, text: &str) -> bool {
        self.errors.iter().any(|line| line.contains(text))
    }

    /// The status: `code N` or `signal N`.
    pub fn end(&mut self) -> Try<String> {
        if self.over.is_none() {
            self.line("stage: ended ")?;
        }
        // Reads the rest of the other stream; a terminal stays open.
        while self.pty.is_none()
            && let Ok(heard) = self.heard.recv_timeout(Duration::from_secs(2))
        {
            self.take(heard);
        }
        Ok(self.over.clone().unwrap())
    }

    /// Waits for the end and compares the status.
    pub fn ends(&mut self, expected: &str) -> Try {
        let end = self.end()?;
        self.check(end == expected, format!("the end '{expected}' instead of '{end}'"))
    }

    /// Sends a signal to the init.
    pub fn signal(&mut self, number: i32) -> Try {
        // SAFETY: takes integers only.
        match Errno::result(unsafe { libc::kill(self.pid, number) }) {
            Ok(_) => Ok(()),
            Err(errno) => self.fail(format!("an init that can be signalled with {number}: {errno}")),
        }
    }

    /// Queues a signal with a value; returns false if the queue is full.
    pub fn queue(&mut self, number: i32, value: u64) -> Try<bool> {
        let from = u64::from(std::process::id());
        let mut info = [0_u64; 16];
        info[..4].copy_from_slice(&[
            u64::from(number.unsigned_abs()),
            u64::from(libc::SI_QUEUE.cast_unsigned()),
            from,
            value,
        ]);
        // SAFETY: the pointer is to a live block of 128 bytes, the size of the kernel's siginfo_t.
        match Errno::result(unsafe { libc::syscall(libc::SYS_rt_sigqueueinfo, self.pid, number, info.as_ptr()) }) {
            Ok(_) => Ok(true),
            Err(Errno::EAGAIN) => Ok(false),
            Err(errno) => self.fail(format!("an init that can be sent the queued signal {number}: {errno}")),
        }
    }

    /// Writes to standard input.
    pub fn write(&mut self, text: &str) -> Try {
        let done = self.input.as_mut().map(|input| input.write_all(text.as_bytes()));
        self.check(matches!(done, Some(Ok(()))), format!("a reader of standard input: {done:?}"))
    }

    /// Types on the terminal.
    pub fn type_in(&mut self, text: &str) -> Try {
        let done = self.pty.as_ref().map(|pty| pty.write(text));
        self.check(matches!(done, Some(Ok(()))), format!("a terminal to type on: {done:?}"))
    }

    /// A file of `/proc` about a process of the namespace, by its number there.
    pub fn proc(&self, inner: i32, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/root/proc/{inner}/{name}", self.pid)).unwrap_or_default()
    }

    /// A file of `/proc` about the init.
    pub fn of_init(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.pid)).unwrap_or_default()
    }

    /// A field of the init's status or memory.
    pub fn field(&mut self, file: &str, name: &str) -> Try<u64> {
        let text = self.of_init(file);
        let found = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.split_whitespace().next()?.parse().ok());
        match found {
            Some(number) => Ok(number),
            None => self.fail(format!("{name} in {file}: {text}")),
        }
    }

    /// The processes of the namespace, by number, with their state.
    pub fn processes(&self) -> Vec<(i32, char)> {
        let list = fs::read_dir(format!("/proc/{}/root/proc", self.pid)).into_iter().flatten().flatten();
        let pids = list.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(|pid| Some((pid, self.proc(pid, "stat").rsplit_once(") ")?.1.chars().next()?))).collect()
    }

    /// Waits for a state that the kernel sends no event for.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&Running) -> bool) -> Try {
        let deadline = Instant::now() + self.patience;
        while !holds(self) {
            if Instant::now() > deadline {
                return self.fail(what);
            }
            // Polled, since there is no descriptor to wait on.
            let _ = poll(&mut [], PollTimeout::from(2_u8));
        }
        Ok(())
    }

    /// Waits until the init sleeps.
    pub fn asleep(&mut self) -> Try {
        self.until("a sleeping init", |run| {
            run.of_init("stat").rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.over.is_none() && self.first > 0 {
            // SAFETY: takes integers only. The launcher has not said that it reaped it, so the number is still its own.
            unsafe { libc::kill(self.first, libc::SIGKILL) };
        }
        self.input = None;
        if self.first == 0 && self.over.is_none() {
            let _ = self.launcher.kill();
        }
        let _ = self.launcher.wait();
    }
}
