//! A stand-in for another program: it prints its arguments and ends. As the app of a boot check it runs until it is
//! stopped, and answers on the port of the app's health check.

use std::ffi::{CStr, c_int};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// The variable with the arguments of the app, which keeps running; it also makes the witness a stub.
pub const APP: &str = "STUB_APP";
/// The variable with the arguments of the app's health check, if that is a program.
pub const HEALTH: &str = "STUB_HEALTH";
/// The variable with the port on which the app answers.
pub const PORT: &str = "STUB_PORT";

pub fn main(arguments: &[&CStr]) -> c_int {
    let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
    let words = words.join(" ");
    if crate::say(&format!("ran: {words}\n")) != 0 {
        return 1;
    }
    // A program that checks whether the app works.
    if std::env::var(HEALTH).is_ok_and(|health| health == words) {
        let port = std::env::var(PORT).unwrap_or_default();
        return c_int::from(TcpStream::connect(format!("127.0.0.1:{port}")).is_err());
    }
    let is = |name: &str, wanted: &str| std::env::var(name).is_ok_and(|value| value == wanted);
    if is(APP, &words) && is("BOOT_CHECK_ONLY", "1") { stay() } else { 0 }
}

extern "C" fn end(_: c_int) {
    // SAFETY: ends the process, which is async-signal-safe.
    unsafe { libc::_exit(0) }
}

fn stay() -> ! {
    for number in [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT] {
        // SAFETY: the handler only ends the process.
        unsafe { libc::signal(number, end as *const () as libc::sighandler_t) };
    }
    let listener = std::env::var(PORT).ok().map(|port| TcpListener::bind(format!("127.0.0.1:{port}")).unwrap());
    loop {
        let Some(listener) = &listener else {
            // SAFETY: has no arguments.
            unsafe { libc::pause() };
            continue;
        };
        if let Ok((mut client, _)) = listener.accept() {
            let _ = client.read(&mut [0; 1024]);
            let _ = client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    }
}
