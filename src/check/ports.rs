//! Compares the ports of the role, which `--render` publishes, with those that the app listens on.

use super::report::Report;
use crate::facts::listening;

pub(super) fn check(ports: &[u16], report: &mut Report) {
    let tables = listening::tables();
    for port in ports {
        let name = format!("port {port}");
        match listening::on(*port, &tables) {
            Some(true) => report.ok(&name, "the app listens".into()),
            Some(false) => report.warn(
                &name,
                "the app listens on a loopback address, which nobody outside reaches".into(),
                "let it listen on 0.0.0.0",
            ),
            None => report.warn(&name, "nothing listens".into(), "correct ports of the role, or the app's port"),
        }
    }
}
