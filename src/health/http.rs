//! One HTTP question: a request, and what the first bytes of the answer say. RFC 9112.
//!
//! By hand: the clients that are small enough send a `Host` of their own beside the configured one, which servers
//! refuse (RFC 9112, 3.2).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// A longer status line is none.
const LONGEST_STATUS: usize = 8192;

/// Asks, and reads until the status is known.
pub(super) fn ask(url: &str, wanted: u16, headers: &[(String, String)]) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("GET {url}: {error}");
    let (address, request) = request(url, headers);
    let mut server = TcpStream::connect(&address).map_err(|error| failed(&error))?;
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

/// Where to connect to, and what to send.
pub fn request(url: &str, headers: &[(String, String)]) -> (String, String) {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
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

/// What the answer says, of which this is the beginning; none while more is needed. The status is all that is asked
/// for: an answer that never ends has been given.
///
/// # Errors
/// Why it is not the wanted one.
pub fn judge(head: &[u8], wanted: u16, ended: bool) -> Option<Result<(), String>> {
    let mut none = [];
    let mut response = httparse::Response::new(&mut none);
    let parsed = response.parse(head);
    match (response.code, parsed) {
        (Some(code), _) if code == wanted => Some(Ok(())),
        (Some(code), _) => Some(Err(format!("status {code} instead of {wanted}"))),
        (None, Err(error)) => Some(Err(error.to_string())),
        (None, _) if head.len() > LONGEST_STATUS => Some(Err("no end of its status line".into())),
        (None, _) if ended => Some(Err("the connection was closed without an answer".into())),
        (None, _) => None,
    }
}
