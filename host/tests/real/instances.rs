//! The web role as two instances of a template on one socket.

use std::fs;

use crate::stand::{CONFIG_FILE, Stand};

const WEB: &str = ".config/containers/systemd/web.container";
const TEMPLATE: &str = ".config/containers/systemd/web@.container";
const WEB_SOCKET: &str = ".config/systemd/user/web.socket";

/// The web role as two instances on one socket, until this ends.
pub(crate) struct Instances<'a> {
    stand: &'a Stand,
    before: [(&'static str, String); 3],
}

impl<'a> Instances<'a> {
    pub(crate) fn new(stand: &'a Stand) -> Self {
        let before = [WEB, WEB_SOCKET, CONFIG_FILE].map(|name| (name, stand.read(name)));
        let [(_, quadlet), (_, socket), (_, config)] = &before;
        let template = quadlet
            .replace("ContainerName=web", "ContainerName=web-%i")
            .replace("Requires=web.socket", "")
            .replace("After=web.socket", "")
            .replace("[Service]", "[Service]\nSockets=web.socket");
        stand.shell("systemctl --user stop web.service web.socket");
        fs::remove_file(stand.path(WEB)).unwrap();
        stand.write(TEMPLATE, &template);
        stand.write(WEB_SOCKET, &socket.replace("[Socket]", "[Socket]\nService=web@1.service"));
        stand.write(CONFIG_FILE, &config.replace("\"web\",", "\"web@1\", \"web@2\","));
        stand.own();
        let start = "systemctl --user daemon-reload && systemctl --user start web.socket web@1.service web@2.service";
        stand.shell(start);
        Self { stand, before }
    }
}

impl Drop for Instances<'_> {
    fn drop(&mut self) {
        let stand = self.stand;
        stand.user(&["systemctl", "--user", "stop", "web.socket", "web@1.service", "web@2.service"]);
        fs::remove_file(stand.path(TEMPLATE)).unwrap();
        for (name, text) in &self.before {
            stand.write(name, text);
        }
        stand.own();
        stand.user(&["systemctl", "--user", "daemon-reload"]);
        stand.user(&["systemctl", "--user", "start", "web.socket", "web.service"]);
    }
}
