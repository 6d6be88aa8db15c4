//! Compares the ports of the role, which `--render` publishes, with those that the app listens on.

use super::report::Report;
use crate::error::fix;
use crate::facts::listening;

/// `before` are the kernel's tables from before the app's start.
pub(super) fn check(ports: &[u16], before: &str, report: &mut Report) {
    let tables = listening::tables();
    for port in ports {
        let name = format!("port {port}");
        match listening::on(*port, &tables) {
            _ if listening::on(*port, before).is_some() => {
                report.fail(
                    &name,
                    "something else listens, since before the app was started".into(),
                    fix::check::OWN_NETWORK,
                );
            }
            Some(true) => report.ok(&name, "the app listens".into()),
            Some(false) => report.warn(
                &name,
                "the app listens on a loopback address, which nobody outside reaches".into(),
                fix::check::LOOPBACK_ONLY,
            ),
            None => report.warn(&name, "nothing listens".into(), fix::check::PORT_CLOSED),
        }
    }
}
