//! strace(1), attached to the inner process before it continues.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio};

use nix::unistd::Pid;
use rustix::fs::{MemfdFlags, memfd_create};

use super::{Try, because};

/// A running strace that writes to memory: the container could see a file.
pub struct Tracer {
    strace: Child,
    record: File,
}

/// Attaches it, and returns when it is attached.
pub fn attach(process: Pid) -> Try<Tracer> {
    let record = File::from(memfd_create("trace", MemfdFlags::empty()).map_err(because("memfd_create"))?);
    let file = format!("/proc/self/fd/{}", record.as_raw_fd());
    let mut strace = Command::new("strace")
        .args(["-s", "200", "-v", "-o", &file, "-p", &process.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(because("strace"))?;
    let mut words = BufReader::new(strace.stderr.take().ok_or("no stream")?);
    let mut line = String::new();
    words.read_line(&mut line).map_err(because("strace"))?;
    if line.contains("attached") { Ok(Tracer { strace, record }) } else { Err(format!("strace: {line}")) }
}

impl Tracer {
    /// The trace, after the process has ended.
    pub fn finish(mut self) -> Try<String> {
        self.strace.wait().map_err(because("strace"))?;
        let mut text = Vec::new();
        self.record.rewind().and_then(|()| self.record.read_to_end(&mut text)).map_err(because("the trace"))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
