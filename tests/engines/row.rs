//! The rows of this table: options of the engine, arguments after the image's name, and the expected result.

pub use crate::lab::engine::{BOTH, DOCKER, PODMAN};
pub use crate::lab::row::Row;
pub use crate::lab::scene::Scene;

use crate::expect::{App, Refusal};
use crate::lab::engine::Engine;

/// What the interface asks of an engine, and the one writable directory of the image's configuration.
pub const USUAL: &str =
    "--cap-drop=ALL --cap-add=CHOWN,SETUID,SETGID,SETPCAP --read-only --tmpfs /home/app:rw,size=16m,mode=0755";

/// The same without the writable directory.
pub const FOUR: &str = "--cap-drop=ALL --cap-add=CHOWN,SETUID,SETGID,SETPCAP --read-only";

/// The app of the table.
pub const PROBE: &str = include_str!("probe.py");

/// A row in which the app starts and finds what it should; `asked` are the words for the probe.
pub fn starts(
    name: &str,
    engines: &'static [Engine],
    options: impl Into<String>,
    asked: &'static str,
    app: App,
) -> Row {
    let options = options.into();
    Row::new(name, engines, move |scene| {
        app.judge(&scene.probe(&options, &asked.split_whitespace().collect::<Vec<_>>())?)
    })
}

/// A row that is refused; `words` are what follows the image's name, and the probe comes after them.
pub fn refused(
    name: impl Into<String>,
    engines: &'static [Engine],
    options: impl Into<String>,
    words: &'static [&'static str],
    refusal: Refusal,
) -> Row {
    let options = options.into();
    Row::new(name, engines, move |scene| {
        let mut all = words.to_vec();
        all.extend(["python3", "-c", PROBE]);
        refusal.judge(&scene.run(&options, &all)?)
    })
}

/// A row that is refused with a configuration of its own.
pub fn refused_with(name: &str, options: &'static str, configuration: &'static str, refusal: Refusal) -> Row {
    Row::new(name, BOTH, move |scene| {
        let options = format!("{options} {}", scene.configuration(configuration));
        refusal.judge(&scene.probe(&options, &[])?)
    })
}
