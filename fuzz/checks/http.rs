//! The HTTP answer to a health check: only a complete valid status line with the expected status passes, in any
//! fragmentation.

use stepdown::health::http::{judge, request};

/// The longest status line that is read completely.
const LONGEST: usize = 8192;

pub fn check(data: &[u8]) {
    let (wanted, head) = data.split_at(data.len().min(1));
    let wanted = 200 + u16::from(wanted.first().copied().unwrap_or(0) % 4);
    let verdict = judge(head, wanted, false);
    if let Some(Ok(())) = verdict {
        assert_eq!(status(head), Some(wanted), "{:?}", String::from_utf8_lossy(head));
    }
    for length in (0..head.len().min(LONGEST)).filter(|_| head.len() <= LONGEST) {
        let early = judge(&head[..length], wanted, false);
        assert!(early.is_none() || early == verdict, "{early:?} after {length} bytes, then {verdict:?}");
    }
    let last = judge(head, wanted, true);
    assert!(last.is_some() && (verdict.is_none() || verdict == last));
    // The server's text is printed, and must not be able to imitate a record.
    if let Some(Err(what)) = last {
        super::one_line(&what);
    }
    let url = String::from_utf8_lossy(head);
    if !url.contains(char::is_whitespace) {
        let (address, sent) = request(&format!("http://{url}"), &[("X-One".into(), "1".into())]);
        assert!(
            address.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())),
            "{address}"
        );
        assert!(sent.starts_with("GET /") && sent.ends_with("\r\nConnection: close\r\n\r\n"));
        assert_eq!(sent.matches('\n').count(), 5, "{sent:?}");
    }
}

/// The status by a second implementation: empty lines, then the version, a space, three digits and a terminator.
fn status(head: &[u8]) -> Option<u16> {
    let text: String = head.iter().map(|byte| char::from(*byte)).collect();
    let mut rest = text.as_str();
    while let Some(after) = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')) {
        rest = after;
    }
    let rest = rest.strip_prefix("HTTP/1.1 ").or_else(|| rest.strip_prefix("HTTP/1.0 "))?;
    let (code, after) = rest.split_at_checked(3)?;
    let proper =
        code.bytes().all(|byte| byte.is_ascii_digit()) && after.starts_with([' ', '\r', '\n']) && after.contains('\n');
    proper.then(|| code.parse().ok()).flatten()
}
