//! One HTTP request and the status line of its response. RFC 9112.
//!
//! Written by hand: small HTTP clients send a `Host` header beside the configured one, and servers refuse two (RFC
//! 9112, 3.2).

use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// The longest status line that is accepted.
const LONGEST_STATUS: usize = 8192;

/// Sends the request and reads until the status is known.
pub(super) fn ask(
    url: &str,
    unix: Option<&Path>,
    wanted: u16,
    headers: &[(String, String)],
    timeout: Duration,
) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| match unix {
        None => format!("GET {url}: {error}"),
        Some(path) => format!("GET {url} through {}: {error}", path.display()),
    };
    let (address, request) = request(url, headers);
    // A file for both kinds of stream: it is only read and written.
    let mut server = match unix {
        None => super::connect(&address, timeout).map(OwnedFd::from),
        Some(path) => UnixStream::connect(path).map(OwnedFd::from),
    }
    .map(std::fs::File::from)
    .map_err(|error| failed(&error))?;
    server.write_all(request.as_bytes()).map_err(|error| failed(&error))?;
    let (mut head, mut some) = (Vec::new(), [0_u8; 1024]);
    loop {
        let length = server.read(&mut some).map_err(|error| failed(&error))?;
        head.extend(some.get(..length).unwrap_or(&[]));
        if let Some(answer) = judge(&head, wanted, length == 0) {
            return answer.map_err(|what| failed(&what));
        }
    }
}

/// The address to connect to, and the request.
pub fn request(url: &str, headers: &[(String, String)]) -> (String, String) {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    let address = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    let mut request = format!("GET {}{target} HTTP/1.1\r\n", if target.starts_with('/') { "" } else { "/" });
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request.push_str(&format!("Host: {authority}\r\n"));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("Connection: close\r\n\r\n");
    (address, request)
}

/// Parses the beginning of a response; None while more is needed. Only the status counts: the body is not read.
///
/// # Errors
/// Why it is not the expected response.
pub fn judge(head: &[u8], wanted: u16, ended: bool) -> Option<Result<(), String>> {
    let mut none = [];
    let mut response = httparse::Response::new(&mut none);
    let parsed = response.parse(head);
    // Wait for the character after the status: before that, another digit could follow.
    match (response.code, parsed) {
        (Some(code), parsed) if response.reason.is_some() || (ended && parsed.is_ok()) => {
            Some(if code == wanted { Ok(()) } else { Err(format!("status {code} instead of {wanted}")) })
        }
        (_, Err(error)) => Some(Err(error.to_string())),
        (_, _) if head.len() > LONGEST_STATUS => Some(Err("no end of its status line".into())),
        (_, _) if ended => Some(Err("the connection was closed without an answer".into())),
        (_, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_once_the_status_line_is_complete() {
        for head in [
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.0 200\r\n",
            "HTTP/1.1 200 \nServer: x",
            "\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\nbody",
        ] {
            assert_eq!(judge(head.as_bytes(), 200, false), Some(Ok(())), "{head:?}");
            assert_eq!(judge(head.as_bytes(), 204, false), Some(Err("status 200 instead of 204".into())), "{head:?}");
        }
        for head in ["", "HTTP/1.1 20", "HTTP/1.1 200", "HTTP/1.1 200 O"] {
            assert_eq!(judge(head.as_bytes(), 200, false), None, "{head:?}");
        }
        assert_eq!(judge(b"HTTP/1.1 200 OK", 200, true), Some(Ok(())), "closed right after it");
    }

    #[test]
    fn an_invalid_status_line_is_not_healthy() {
        for head in [
            "HTTP/1.1 2000 OK\r\n",
            "HTTP/1.1 200OK\r\n",
            "HTTP/1.1 +20 OK\r\n",
            "HTTP/3 200 OK\r\n",
            "SSH-2.0-OpenSSH\r\n",
            "\0",
        ] {
            assert!(matches!(judge(head.as_bytes(), 200, false), Some(Err(_))), "{head:?}");
        }
        let endless = "HTTP/1.1 200 ".to_owned() + &"x".repeat(LONGEST_STATUS);
        assert!(matches!(judge(endless.as_bytes(), 200, false), Some(Err(_))));
        assert!(matches!(judge(b"HTTP/1.1 2", 200, true), Some(Err(_))));
    }
}
