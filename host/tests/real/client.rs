//! Clients of the web role: one request every 50 ms, and requests of one second, one after the other.

use std::process::{Child, Stdio};

use crate::stand::Stand;

/// Ends when its standard input does, and prints what it counted.
const SCRIPT: &str = r#"
import http.client, json, select, sys, threading, time
path, pause = sys.argv[1], float(sys.argv[2])
count = {"requests": 0, "failed": 0, "cut": 0, "slowest": 0.0, "last": ""}
errors = []
def ask():
    began = time.monotonic()
    try:
        link = http.client.HTTPConnection("127.0.0.1", 8000, timeout=20)
        link.request("GET", path)
        answer = link.getresponse()
        count["last"] = answer.read().decode()
        good = answer.status == 200
    except Exception as error:
        good, count["last"] = False, repr(error)
        count["cut"] += not isinstance(error, ConnectionRefusedError)
    count["requests"] += 1
    count["failed"] += not good
    if not good:
        errors.extend([began, time.monotonic()])
    count["slowest"] = max(count["slowest"], round(time.monotonic() - began, 3))
print("ready", flush=True)
while not select.select([sys.stdin], [], [], pause)[0]:
    ask()
count["errors"] = errors[-1] - errors[0] if errors else 0.0
print(json.dumps(count))
"#;

pub(crate) struct Client(Vec<Child>);

#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    /// Of those that failed: a connection was there and ended without an answer.
    pub(crate) cut: u64,
    pub(crate) slowest: f64,
    /// The seconds from the begin of the first failed request to the end of the last one.
    pub(crate) errors: f64,
}

impl Client {
    pub(crate) fn start(stand: &Stand) -> Self {
        let one = |path: &str, pause: &str| {
            let mut command = stand.in_it(&["python3", "-c", SCRIPT, path, pause]);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
        };
        Self(vec![one("/", "0.05"), one("/slow", "0.01")])
    }

    /// The quick client's count, and the slow one's.
    pub(crate) fn stop(self) -> [Counted; 2] {
        let mut counted = self.0.into_iter().map(|mut child| {
            drop(child.stdin.take());
            let output = child.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let count: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
            let number = |name: &str| count[name].as_u64().unwrap();
            Counted {
                requests: number("requests"),
                failed: number("failed"),
                cut: number("cut"),
                slowest: count["slowest"].as_f64().unwrap(),
                errors: count["errors"].as_f64().unwrap(),
            }
        });
        [counted.next().unwrap(), counted.next().unwrap()]
    }
}
