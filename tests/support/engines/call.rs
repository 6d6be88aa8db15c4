//! Runs a command with a deadline: its output, its status, its duration.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// A command that has ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The command as a shell line.
    pub command: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Outcome {
    /// The whole result, for a failure message.
    pub fn shown(&self) -> String {
        let Outcome { command, code, stdout, stderr, took } = self;
        format!("$ {command}\nexit code {code:?} after {} ms\nstdout:\n{stdout}stderr:\n{stderr}", took.as_millis())
    }

    /// Fails unless this holds.
    pub fn check(&self, holds: bool, expected: impl AsRef<str>) -> Result<(), String> {
        if holds { Ok(()) } else { Err(format!("expected {}\n{}", expected.as_ref(), self.shown())) }
    }

    /// The outcome, if it ended with this code.
    pub fn ended(self, code: i32) -> Result<Outcome, String> {
        self.check(self.code == Some(code), format!("exit code {code}"))?;
        Ok(self)
    }
}

/// A running command. Killed when it is dropped.
pub struct Running {
    child: Child,
    command: String,
    chunks: Receiver<Chunk>,
    printed: [Vec<u8>; 2],
    open: usize,
    started: Instant,
    deadline: Instant,
}

struct Chunk {
    stream: usize,
    bytes: Vec<u8>,
}

/// Runs a command until it ends.
pub fn run(command: &mut Command, patience: Duration) -> Result<Outcome, String> {
    Running::start(command, patience)?.finish()
}

impl Running {
    /// Starts a command; everything expected of it must happen before the deadline.
    pub fn start(command: &mut Command, patience: Duration) -> Result<Running, String> {
        let shown = show(command);
        let started = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {shown}: {error}"))?;
        let (sender, chunks) = channel();
        read(child.stdout.take().unwrap(), 0, sender.clone());
        read(child.stderr.take().unwrap(), 1, sender);
        Ok(Running {
            child,
            command: shown,
            chunks,
            printed: Default::default(),
            open: 2,
            started,
            deadline: started + patience,
        })
    }

    /// Waits until it has printed this text on either stream.
    pub fn until(&mut self, text: &str) -> Result<(), String> {
        while !self.printed.iter().any(|printed| String::from_utf8_lossy(printed).contains(text)) {
            if self.open == 0 || !self.take()? {
                return Err(format!("it never printed '{text}'\n{}", self.so_far()));
            }
        }
        Ok(())
    }

    /// Waits until it ends.
    pub fn finish(mut self) -> Result<Outcome, String> {
        while self.open > 0 && self.take()? {}
        let status = match self.ended() {
            Some(status) if self.open == 0 => status,
            _ => return Err(format!("it did not end in time\n{}", self.so_far())),
        };
        let [stdout, stderr] = self.printed.each_ref().map(|printed| String::from_utf8_lossy(printed).into_owned());
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
        Ok(Outcome { command: self.command.clone(), code, stdout, stderr, took: self.started.elapsed() })
    }

    /// Reads more output; returns false at the deadline.
    fn take(&mut self) -> Result<bool, String> {
        match self.chunks.recv_timeout(self.deadline.saturating_duration_since(Instant::now())) {
            Ok(Chunk { bytes, .. }) if bytes.is_empty() => self.open -= 1,
            Ok(Chunk { stream, bytes }) => self.printed[stream].extend(bytes),
            Err(RecvTimeoutError::Timeout) => return Ok(false),
            Err(RecvTimeoutError::Disconnected) => return Err(format!("its output was lost\n{}", self.so_far())),
        }
        Ok(true)
    }

    /// The status, if it ends before the deadline.
    fn ended(&mut self) -> Option<ExitStatus> {
        let pid = Pid::from_child(&self.child);
        let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        let left = self.deadline.saturating_duration_since(Instant::now());
        let mut ends = [PollFd::new(handle.as_fd(), PollFlags::POLLIN)];
        poll(&mut ends, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)).ok()?;
        self.child.try_wait().ok()?
    }

    /// The output so far.
    pub fn so_far(&self) -> String {
        let [out, err] = self.printed.each_ref().map(|printed| String::from_utf8_lossy(printed));
        format!(
            "$ {}\nafter {} ms\nstdout so far:\n{out}stderr so far:\n{err}",
            self.command,
            self.started.elapsed().as_millis()
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // By its pid, which is valid until it is reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends on the chunks of a stream, then an empty chunk.
fn read(mut stream: impl Read + Send + 'static, number: usize, sender: Sender<Chunk>) {
    thread::spawn(move || {
        let mut buffer = [0_u8; 4096];
        loop {
            let length = stream.read(&mut buffer).unwrap_or(0);
            let sent = sender.send(Chunk { stream: number, bytes: buffer[..length].to_vec() });
            if length == 0 || sent.is_err() {
                return;
            }
        }
    });
}

/// A command as a shell line; arguments of several lines are shortened.
fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args()).map(|word| {
        let word = word.to_string_lossy();
        match word.split_once('\n') {
            Some((first, _)) => format!("'{first} …'"),
            None if word.is_empty() || word.contains([' ', '\'', '"', '$', ';', '>']) => {
                format!("'{}'", word.replace('\'', "'\\''"))
            }
            None => word.into_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}
