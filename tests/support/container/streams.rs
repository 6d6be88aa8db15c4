//! Standard streams as engines create them, owned by the container's root; their output; and signals during the boot.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;

use super::{Try, because, duplicate_to, move_up, pipe, tree};
use crate::protocol::{Spec, Stop, Stream};

/// The container's ends, by number; None for a closed stream.
pub struct Ends([Option<OwnedFd>; 3]);

impl Ends {
    /// Moves them to 0, 1 and 2.
    pub fn install(self) -> Try<()> {
        let [input, output, error] = self.0;
        let moved = [input, output, error].map(|end| end.map(move_up).transpose());
        for (number, end) in (0..3).zip(moved) {
            match end? {
                Some(end) => duplicate_to(&end, number)?,
                // SAFETY: takes an integer; this process does not use the streams again.
                None => drop(unsafe { libc::close(number) }),
            }
        }
        Ok(())
    }
}

/// The keeper's ends of standard output and error.
pub struct Collected {
    ends: [Option<File>; 2],
    texts: [Vec<u8>; 2],
    /// Held open, so that a reader of standard input blocks instead of reading its end.
    _input: Option<OwnedFd>,
}

impl Collected {
    pub fn prepare(spec: &Spec) -> Try<(Collected, Ends)> {
        let [input, output, error] = &spec.streams;
        let (kept, input) = match input {
            Stream::Pipe => {
                let (read, write) = pipe()?;
                (Some(write), Some(read))
            }
            other => make(other).map(|(_, end)| (None, end))?,
        };
        let (first, output_end) = make(output)?;
        // One terminal for both, as in a container.
        let (second, error_end) = if *output == Stream::Terminal && *error == Stream::Terminal {
            (None, output_end.as_ref().map(OwnedFd::try_clone).transpose().map_err(because("dup"))?)
        } else {
            make(error)?
        };
        let collected = Collected { ends: [first, second], texts: [Vec::new(), Vec::new()], _input: kept };
        Ok((collected, Ends([input, output_end, error_end])))
    }

    /// Reads until the process has ended and every stream is closed. Returns false at the deadline.
    pub fn wait(&mut self, process: Pid, deadline: Instant) -> Try<bool> {
        let pid = rustix::process::Pid::from_raw(process.as_raw()).ok_or("pid 0")?;
        let ended =
            rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).map_err(because("pidfd_open"))?;
        let mut running = true;
        while running || self.ends.iter().any(Option::is_some) {
            let mut watched: Vec<(Option<usize>, BorrowedFd<'_>)> = Vec::new();
            if running {
                watched.push((None, ended.as_fd()));
            }
            watched
                .extend(self.ends.iter().enumerate().filter_map(|(at, end)| Some((Some(at), end.as_ref()?.as_fd()))));
            let mut polled: Vec<PollFd<'_>> =
                watched.iter().map(|(_, fd)| PollFd::new(*fd, PollFlags::POLLIN)).collect();
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).map_err(because("poll"))?;
            if poll(&mut polled, timeout).map_err(because("poll"))? == 0 {
                return Ok(false);
            }
            let ready: Vec<Option<usize>> = (watched.iter().zip(&polled))
                .filter(|(_, polled)| polled.any().unwrap_or(false))
                .map(|((at, _), _)| *at)
                .collect();
            for at in ready {
                match at {
                    None => running = false,
                    Some(at) => self.take(at)?,
                }
            }
        }
        Ok(true)
    }

    fn take(&mut self, at: usize) -> Try<()> {
        let mut buffer = [0; 65_536];
        let Some(end) = &mut self.ends[at] else { return Ok(()) };
        match end.read(&mut buffer) {
            Ok(0) => self.ends[at] = None,
            Ok(length) => self.texts[at].extend_from_slice(&buffer[..length]),
            // A terminal that no process has open any more.
            Err(error) if error.raw_os_error() == Some(libc::EIO) => self.ends[at] = None,
            Err(error) => return Err(because("read")(error)),
        }
        Ok(())
    }

    /// The output, including that to files.
    pub fn finish(self, spec: &Spec) -> Try<(Vec<u8>, Vec<u8>)> {
        let [_, output, error] = &spec.streams;
        let [first, second] = self.texts;
        let text = |stream: &Stream, text: Vec<u8>| match stream {
            Stream::File(path) => fs::read(format!("{}{path}", tree::ROOT)).map_err(because(path)),
            _ => Ok(text),
        };
        Ok((text(output, first)?, text(error, second)?))
    }
}

/// The keeper's end, if it reads one, and the container's end.
fn make(stream: &Stream) -> Try<(Option<File>, Option<OwnedFd>)> {
    Ok(match stream {
        Stream::Closed => (None, None),
        Stream::Null => (
            None,
            Some(OpenOptions::new().read(true).write(true).open("/dev/null").map_err(because("/dev/null"))?.into()),
        ),
        Stream::Pipe => {
            let (read, write) = pipe()?;
            (Some(read.into()), Some(write))
        }
        Stream::BrokenPipe => (None, Some(pipe()?.1)),
        Stream::FullPipe { blocking } => (None, Some(full_pipe(*blocking)?)),
        Stream::Socket => {
            let (ours, theirs) = UnixStream::pair().map_err(because("socketpair"))?;
            (Some(OwnedFd::from(ours).into()), Some(theirs.into()))
        }
        Stream::Terminal => {
            let (ours, theirs) = terminal()?;
            (Some(ours), Some(theirs))
        }
        Stream::File(path) => {
            let place = format!("{}{path}", tree::ROOT);
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&place).map_err(because(place))?;
            (None, Some(file.into()))
        }
    })
}

fn full_pipe(blocking: bool) -> Try<OwnedFd> {
    let (read, write) = pipe()?;
    rustix::io::ioctl_fionbio(&write, true).map_err(because("FIONBIO"))?;
    while rustix::io::write(&write, &[b'.'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&write, !blocking).map_err(because("FIONBIO"))?;
    // Open as long as this process lives, and never read.
    let _ = read.into_raw_fd();
    Ok(write)
}

fn terminal() -> Try<(File, OwnedFd)> {
    let open = |path: String| {
        OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(&path).map_err(because(path))
    };
    let ours = open(format!("{}/dev/pts/ptmx", tree::ROOT))?;
    let (unlocked, mut number): (i32, i32) = (0, 0);
    // SAFETY: both requests use a pointer to a live int.
    unsafe {
        Errno::result(libc::ioctl(ours.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked))
            .map_err(because("TIOCSPTLCK"))?;
        Errno::result(libc::ioctl(ours.as_raw_fd(), libc::TIOCGPTN, &raw mut number)).map_err(because("TIOCGPTN"))?;
    }
    let theirs = open(format!("{}/dev/pts/{number}", tree::ROOT))?;
    Ok((ours, theirs.into()))
}

/// Signals the process while it works: when it waits for a writer of the FIFO.
pub fn interrupt(stop: &Stop, inner: Pid, pid_one: bool) -> Try<()> {
    let path = format!("{}{}", tree::ROOT, stop.fifo);
    let mut fifo = OpenOptions::new().write(true).open(&path).map_err(because(path))?;
    let process = if pid_one {
        inner
    } else {
        let list = format!("/proc/{inner}/task/{inner}/children");
        let text = fs::read_to_string(&list).map_err(because(list))?;
        Pid::from_raw(text.trim().parse().map_err(because("children"))?)
    };
    if let Some((place, target)) = &stop.swap {
        let place = format!("{}{place}", tree::ROOT);
        fs::rename(&place, format!("{place}.old")).map_err(because("rename"))?;
        std::os::unix::fs::symlink(target, &place).map_err(because("symlink"))?;
    }
    for signal in &stop.signals {
        // SAFETY: takes only integers.
        Errno::result(unsafe { libc::kill(process.as_raw(), *signal) }).map_err(because("kill"))?;
    }
    fifo.write_all(stop.text.as_bytes()).map_err(because("the FIFO"))
}
