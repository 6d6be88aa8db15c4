//! The app of the tests: one image, four roles, and a behaviour baked into the image at `/etc/behaviour`:
//! `good`, `crash`, `sick`, `hang`, `turns SECONDS` (healthy until then), or `uneven SECONDS` (the web role turns sick
//! after 5 s, the others become healthy at that time). `/` answers with the version.

#![allow(clippy::expect_used, clippy::print_stderr, clippy::print_stdout)]

use std::{
    env, fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::fd::{FromRawFd, OwnedFd},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

struct App {
    version: String,
    behaviour: String,
    started: Instant,
}

impl App {
    fn healthy(&self) -> bool {
        let (runs, of) = (self.started.elapsed(), |seconds: &str| Duration::from_secs(seconds.parse().unwrap_or(0)));
        match self.behaviour.split_once(' ') {
            Some(("turns", seconds)) => runs < of(seconds),
            Some(("uneven", _)) if env::var("ROLE").is_ok_and(|role| role == "web") => runs < of("5"),
            Some(("uneven", seconds)) => runs >= of(seconds),
            _ => self.behaviour == "good",
        }
    }

    fn answer(&self, path: &str) -> (&'static str, String) {
        match path {
            "/health" if self.behaviour == "hang" => {
                thread::sleep(Duration::from_secs(3600));
                ("200 OK", String::new())
            }
            "/slow" => {
                thread::sleep(Duration::from_secs(1));
                ("200 OK", self.version.clone())
            }
            _ if self.healthy() => ("200 OK", self.version.clone()),
            _ => ("503 Service Unavailable", "sick".to_owned()),
        }
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut request = [0; 2048];
        let read = stream.read(&mut request).unwrap_or(0);
        let text = String::from_utf8_lossy(request.get(..read).unwrap_or_default()).into_owned();
        let (status, body) = self.answer(text.split(' ').nth(1).unwrap_or("/"));
        let _ =
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    }
}

/// Set by SIGTERM: no further connection is taken, those that were are served, and the app ends.
static STOPPING: AtomicBool = AtomicBool::new(false);

extern "C" fn stop(_: i32) {
    STOPPING.store(true, Ordering::SeqCst);
}

#[allow(unsafe_code)]
fn catch_sigterm() {
    unsafe extern "C" {
        fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
    }
    // SAFETY: the handler stores to an atomic and nothing else.
    unsafe { signal(15, stop) };
}

/// The port of the container's own network, which the health check asks, and the socket in the host's network that
/// systemd holds, if there is one.
fn listeners() -> Vec<TcpListener> {
    let own = TcpListener::bind("0.0.0.0:8000").expect("port 8000 is free in a container of its own");
    let mut listeners = vec![own];
    if env::var("LISTEN_FDS").is_ok_and(|fds| fds == "1") {
        // SAFETY: systemd's protocol gives descriptor 3 to this process alone, and nothing here has taken it before.
        #[allow(unsafe_code)]
        listeners.push(TcpListener::from(unsafe { OwnedFd::from_raw_fd(3) }));
    }
    listeners
}

/// Takes connections until SIGTERM, and waits for those that it took. Another instance may take one first.
fn serve(app: &App, listener: &TcpListener) {
    listener.set_nonblocking(true).expect("a socket has no reason to refuse");
    let tick = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    thread::scope(|scope| {
        while !STOPPING.load(Ordering::SeqCst) {
            let _ = poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&tick));
            if let Ok((stream, _)) = listener.accept() {
                scope.spawn(|| app.serve(stream));
            }
        }
    });
}

fn main() {
    catch_sigterm();
    let read = |path| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let app = App { version: read("/etc/version"), behaviour: read("/etc/behaviour"), started: Instant::now() };
    if env::args().nth(1).as_deref() == Some("--version") {
        println!("{}", app.version);
        return;
    }
    if app.behaviour == "crash" {
        eprintln!("app: cannot read its settings");
        std::process::exit(3);
    }
    thread::scope(|scope| {
        for listener in listeners() {
            let app = &app;
            scope.spawn(move || serve(app, &listener));
        }
    });
}
