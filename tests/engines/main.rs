//! The built image in real rootless Podman and real Docker: a table of run options and their results.
//!
//! A row is run in each engine that it is about, three at a time, and the table is printed whole at the end. A refusal
//! is judged by its exit code, by its one record, and by the app not having left its mark.
//!
//! An engine that is missing skips its column with a reason, or fails where everything must run
//! (`STEPDOWN_MUST_RUN=1`). `STEPDOWN_ROWS=TEXT` runs only the rows with that text in their name.

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

mod boots;
mod configuration;
mod expect;
#[path = "../support/engines/mod.rs"]
mod lab;
mod readme;
mod refusals;
mod roles;
mod row;
mod supervised;
mod tmpfs_owner;
mod volumes;

use lab::engine::BOTH;
use lab::scene::Stage;

const STAGE: Stage = Stage { probe: row::PROBE, docker: "" };

#[test]
fn every_row_in_every_engine() {
    let engines = lab::engine::here(BOTH);
    let _image = lab::engine::make_image("image", lab::engine::image(), &engines);
    let rows = lab::run::chosen([
        tmpfs_owner::rows(),
        boots::rows(),
        roles::rows(),
        volumes::rows(),
        configuration::rows(),
        supervised::rows(),
        refusals::rows(),
        readme::rows(),
    ]);
    let cells = lab::run::run(&rows, &engines, &STAGE);
    lab::run::assert_good(&rows, &cells);
}
