//! The Service of a role with ports.

use super::{Names, head, labels};
use crate::plan::container::Container;

pub(super) fn service(container: &Container<'_>, names: &Names) -> String {
    let mut document = head("v1", "Service", &names.role, |document| labels(document, names, &names.role));
    document.map("spec", |document| {
        document.map("selector", |document| labels(document, names, &names.role));
        document.map("ports", |document| {
            for port in &container.ports {
                document.open_item();
                document.text("name", &port_name(*port));
                document.number("port", u64::from(*port));
                document.text("targetPort", &port_name(*port));
                document.close();
            }
        });
    });
    document.page()
}

/// The name of a port, here and in the Pod.
pub(super) fn port_name(port: u16) -> String {
    format!("tcp-{port}")
}
