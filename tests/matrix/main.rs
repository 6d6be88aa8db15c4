//! The same questions for every engine of the lab: does the image boot with the flags that it prints, is it refused
//! where it should be, does the boot check detect a wrong flag, does it become healthy, and do the engines' own tools
//! accept the other rendered formats? The table at the end has a line for each engine and no empty cell.
//!
//! The lab's rootless engines have no control groups: the limits are judged where there are some, as root.
//! `STEPDOWN_ROWS=TEXT` runs only the rows with that text in their name.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
// rustfmt puts braces around the last argument of a row that it breaks into lines.
#![allow(unused_braces)]

mod boot;
mod check;
mod columns;
mod compose;
mod django;
mod health;
mod kubernetes;
#[path = "../support/engines/mod.rs"]
mod lab;
mod public;
mod quadlet;
mod refusals;
mod seal;
mod servers;
mod stand;

use lab::engine::{ALL, PODMAN, django_image, give_broker, here, image, make_image};

#[test]
fn every_engine_runs_the_rendered_flags() {
    let engines = here(ALL);
    let _images =
        [("image", image()), ("django", django_image())].map(|(script, name)| make_image(script, name, &engines));
    let _servers = make_image("servers", servers::servers_image(), PODMAN);
    give_broker(&engines);
    let rows = lab::run::chosen([
        boot::rows(),
        refusals::rows(),
        check::rows(),
        health::rows(),
        quadlet::rows(),
        kubernetes::rows(),
        compose::rows(),
        public::rows(),
        django::rows(),
        seal::rows(),
        servers::rows(),
    ]);
    let cells = lab::run::run(&rows, &engines, &stand::STAGE);
    columns::print(&rows, &engines, &cells);
    lab::run::assert_good(&rows, &cells);
    if std::env::var_os("STEPDOWN_ROWS").is_none() {
        columns::assert_full(&rows, &engines, &cells);
    }
}
