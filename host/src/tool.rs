//! Runs Podman, skopeo, cosign and systemd's tools as children, each with a time limit; their output is kept.

use std::{
    io::Read,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open},
};

use crate::{
    failure::{Context, Failure, one_line},
    interrupt,
};

/// The end of each stream that is kept, at least. The rest is read and dropped: an image decides what a gate prints,
/// and a registry what skopeo prints.
const KEPT: usize = 1 << 20;
/// The bytes of a line that an error quotes: the answer to a request contains it.
const QUOTED: usize = 500;
/// Between SIGTERM and SIGKILL for a tool that exceeds its time limit.
const GRACE: Duration = Duration::from_secs(5);

/// What Podman, skopeo and cosign print for a cause, and its fix.
const FIXES: &[(&[&str], &str)] = &[
    (
        &["no space left on device", "disk quota exceeded"],
        "free space where Podman keeps the images: podman system df shows what it uses, podman image prune frees some",
    ),
    (
        &["manifest unknown", "name unknown", "not found in repository"],
        "push the tag to this repository first, or deploy one that skopeo list-tags lists",
    ),
    (
        &["unauthorized", "authentication required", "access denied", "resource is denied", "forbidden"],
        "run podman login for this registry as this user; a password or token may have expired",
    ),
    (
        &["http response to https client"],
        "give the registry a certificate, or name it with insecure = true in /etc/containers/registries.conf.d",
    ),
    (&["x509:", "tls: "], "install the registry's certificate authority in /etc/containers/certs.d/HOST:PORT/ca.crt"),
    (
        &["connection refused", "no such host", "i/o timeout", "no route to host", "network is unreachable"],
        "start the registry, or make it reachable from here: skopeo list-tags docker://REPOSITORY must answer",
    ),
    (
        &["a signature was required", "signature verification failed", "rejected by policy"],
        "sign the digest with the key that /etc/containers/policy.json names for this repository",
    ),
];

#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) timed_out: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Output {
    pub(crate) fn ok(&self) -> bool {
        self.code == Some(0)
    }

    /// The fix of a known cause, by the tool's output; otherwise the command, to be run by hand.
    pub(crate) fn fix<S: AsRef<str>>(&self, argv: &[S]) -> String {
        self.known_fix().map_or_else(
            || {
                let words: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
                format!("run it by hand, it prints more: {}", shell(&words))
            },
            str::to_owned,
        )
    }

    pub(crate) fn known_fix(&self) -> Option<&'static str> {
        let text = self.err.to_lowercase();
        let known = FIXES.iter().find(|(words, _)| words.iter().any(|word| text.contains(word)));
        known.map(|(_, fix)| *fix)
    }

    /// The fix, and the limit of time that it may have needed.
    pub(crate) fn or_longer(&self, fix: &str, limit: &str) -> String {
        if self.timed_out { format!("{fix}; or raise {limit}") } else { fix.to_owned() }
    }

    /// The failure of a command that ended with another code than 0.
    pub(crate) fn failure<S: AsRef<str>>(&self, what: impl Into<String>, argv: &[S]) -> Failure {
        Failure::new(what, self.complaint()).fix(self.fix(argv))
    }

    /// The last lines that are not empty, for an error.
    pub(crate) fn complaint(&self) -> String {
        let source = if self.err.trim().is_empty() { &self.out } else { &self.err };
        let lines: Vec<String> =
            source.lines().filter(|line| !line.trim().is_empty()).map(|line| quoted(&message(line))).collect();
        let last = lines.get(lines.len().saturating_sub(3)..).unwrap_or_default().join("; ");
        match (self.timed_out, last.is_empty()) {
            (true, true) => "it did not end in time".to_owned(),
            (true, false) => format!("it did not end in time; {}", one_line(&last)),
            (false, true) => format!("exit code {}", self.code.map_or("none".to_owned(), |code| code.to_string())),
            (false, false) => one_line(&last),
        }
    }
}

/// Between two looks for a signal. It is taken by any thread, and interrupts no wait of another one.
const LOOK: Duration = Duration::from_millis(100);

/// Fails if a signal arrived.
fn check() -> Result<(), Failure> {
    interrupt::heeded().map_or(Ok(()), |signal| {
        Err(Failure::new("deploy", format!("it was interrupted by {signal}")).fix("deploy the tag again"))
    })
}

/// Sleeps, unless a signal arrives.
pub(crate) fn sleep(time: Duration) -> Result<(), Failure> {
    let end = Instant::now() + time;
    loop {
        check()?;
        match end.saturating_duration_since(Instant::now()) {
            Duration::ZERO => return Ok(()),
            left => thread::sleep(left.min(LOOK)),
        }
    }
}

/// Runs `argv` to its end, or ends it after `limit` or on a signal. NOTIFY_SOCKET would let a container report for this
/// service. Ctrl-C goes to the process group of the terminal: a child has a group of its own, so that this program
/// decides what ends.
pub(crate) fn run<S: AsRef<str>>(argv: &[S], limit: Duration) -> Result<Output, Failure> {
    check()?;
    let (program, arguments) = argv.split_first().ok_or_else(|| Failure::new("run", "no command").bug())?;
    let program = program.as_ref();
    let mut child = Command::new(program)
        .args(arguments.iter().map(AsRef::as_ref))
        .env_remove("NOTIFY_SOCKET")
        .env_remove("LISTEN_FDS")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::new(format!("start {program}"), error.to_string()).fix(missing(program, &error)))?;
    let out = child.stdout.take().map(keep);
    let err = child.stderr.take().map(keep);
    let deadline = Instant::now() + limit;
    let mut interrupted = Ok(());
    let mut ended = false;
    while !ended && interrupted.is_ok() && Instant::now() < deadline {
        ended = ends_within(&child, LOOK.min(deadline.saturating_duration_since(Instant::now())));
        interrupted = check();
    }
    let timed_out = !ended;
    if timed_out {
        end(&child);
    }
    let status = child.wait().on("wait for", program)?;
    interrupted?;
    Ok(Output { code: status.code(), timed_out, out: kept(out), err: kept(err) })
}

/// Runs `argv`, and takes another exit code than 0 for a failure of `what`.
pub(crate) fn must<S: AsRef<str>>(what: &str, argv: &[S], limit: Duration) -> Result<String, Failure> {
    let output = run(argv, limit)?;
    if output.ok() { Ok(output.out.trim().to_owned()) } else { Err(output.failure(what, argv)) }
}

/// The message of a line of Podman's and skopeo's log: `time="…" level=fatal msg="…"`. Other lines are kept.
fn message(line: &str) -> String {
    let logged = line.starts_with("time=\"").then(|| line.split_once(" msg=\"")).flatten();
    logged.map_or(line.to_owned(), |(_, text)| text.strip_suffix('"').unwrap_or(text).replace("\\\"", "\""))
}

/// The words as a shell takes them.
fn shell(words: &[&str]) -> String {
    let plain =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c));
    let quoted = words
        .iter()
        .map(|word| if plain(word) { (*word).to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) });
    quoted.collect::<Vec<_>>().join(" ")
}

fn missing(program: &str, error: &std::io::Error) -> String {
    let name = program.rsplit('/').next().unwrap_or(program);
    match error.kind() {
        std::io::ErrorKind::NotFound => format!("install {name}, in a directory of this user's PATH"),
        std::io::ErrorKind::PermissionDenied => format!("make {name} executable for this user"),
        _ => "free memory or processes for this user: ulimit -u and free show the limits".to_owned(),
    }
}

/// What a tool has written to a stream so far, and the end of its reader.
struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    ended: mpsc::Receiver<()>,
}

fn keep(mut stream: impl Read + Send + 'static) -> Stream {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let (reading, ended) = mpsc::channel::<()>();
    let kept = Arc::clone(&bytes);
    thread::spawn(move || {
        let _reading = reading;
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(buffer.get(..count).unwrap_or_default());
            if kept.len() > 2 * KEPT {
                let more = kept.len() - KEPT;
                kept.drain(..more);
            }
        }
    });
    Stream { bytes, ended }
}

/// A process that outlives the tool may hold the pipe open (conmon does): it is not waited for longer than a second.
fn kept(stream: Option<Stream>) -> String {
    let Some(Stream { bytes, ended }) = stream else { return String::new() };
    let _ = ended.recv_timeout(Duration::from_secs(1));
    let bytes = std::mem::take(&mut *bytes.lock().unwrap_or_else(PoisonError::into_inner));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A line, shortened for an error.
pub(crate) fn quoted(line: &str) -> String {
    let end = (0..=QUOTED.min(line.len())).rfind(|at| line.is_char_boundary(*at)).unwrap_or(0);
    let dots = if end < line.len() { "…" } else { "" };
    format!("{}{dots}", line.get(..end).unwrap_or_default())
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

fn ends_within(child: &Child, limit: Duration) -> bool {
    let Some(handle) = pid(child).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else { return false };
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(ready) => return ready > 0,
            Err(_) => return false,
        }
    }
}

/// The child is not reaped yet, so its id is still its own.
fn end(child: &Child) {
    let Some(pid) = pid(child) else { return };
    let _ = kill_process(pid, Signal::TERM);
    if !ends_within(child, GRACE) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_code_are_kept() {
        let output = run(&["sh", "-c", "echo out; echo err >&2; exit 3"], Duration::from_secs(10)).unwrap();
        assert_eq!((output.code, output.out.as_str(), output.err.as_str()), (Some(3), "out\n", "err\n"));
    }

    #[test]
    fn only_the_end_of_a_long_output_is_kept_and_quoted() {
        let peak = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
            line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
        };
        let before = peak();
        let long = "head -c 200000000 /dev/zero | tr '\\0' x; echo; echo last";
        let output = run(&["sh", "-c", long], Duration::from_secs(100)).unwrap();
        assert!(output.out.len() <= 2 * KEPT && output.out.ends_with("\nlast\n"), "{}", output.out.len());
        assert!(peak() - before < 50 << 20, "{} MiB", (peak() - before) >> 20);
        assert!(output.complaint().len() < 3 * QUOTED && output.complaint().ends_with("…; last"));
        assert_eq!(quoted(&"ä".repeat(QUOTED)), format!("{}…", "ä".repeat(QUOTED / 2)));
    }

    #[test]
    fn tool_that_exceeds_its_time_is_killed() {
        let output = run(&["sleep", "600"], Duration::from_millis(50)).unwrap();
        assert!(output.timed_out && !output.ok());
        assert_eq!(output.or_longer("mend it", "[gate] timeout"), "mend it; or raise [gate] timeout");
    }

    #[test]
    fn complaint_is_the_message_of_a_logged_line() {
        let err = "time=\"2026-11-27T03:57:58Z\" level=fatal msg=\"no \\\"v9\\\" in app\"\n".to_owned();
        let output = Output { code: Some(1), timed_out: false, out: String::new(), err };
        assert_eq!(output.complaint(), "no \"v9\" in app");
        let output = Output { err: "Error: a msg=\"b\"\n".to_owned(), ..output };
        assert_eq!(output.complaint(), "Error: a msg=\"b\"");
    }

    #[test]
    fn known_causes_have_their_fix_and_others_the_command() {
        let of = |err: &str| {
            let output = Output { code: Some(1), timed_out: false, out: String::new(), err: err.to_owned() };
            output.fix(&["podman", "tag", "a b"])
        };
        assert!(of("write /var: no space left on device").starts_with("free space"));
        assert!(of("reading manifest v9: manifest unknown").starts_with("push the tag"));
        for denied in ["unauthorized: authentication required", "denied: requested access to the resource is denied"] {
            assert!(of(denied).starts_with("run podman login"), "{denied}");
        }
        assert!(of("http: server gave HTTP response to HTTPS client").starts_with("give the registry a certificate"));
        assert!(of("dial tcp: connect: connection refused").starts_with("start the registry"));
        assert!(of("Source image rejected: A signature was required, but none").starts_with("sign the digest"));
        assert!(of("else").ends_with("podman tag 'a b'"), "{}", of("else"));
    }

    #[test]
    fn pipe_held_by_a_grandchild_does_not_block() {
        let output = run(&["sh", "-c", "sleep 20 & echo started"], Duration::from_secs(10)).unwrap();
        assert_eq!(output.out, "started\n");
    }
}
