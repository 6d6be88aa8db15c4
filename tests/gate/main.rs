//! A real Django service behind an egress firewall: its boot check, and more than seventy deployments with one defect
//! each, in rootless Podman and, where that is cheap, also in Docker.
//!
//! The tables of results are printed at the end. The rows of a missing engine are skipped with a reason, or fail with
//! `STEPDOWN_MUST_RUN=1`. `STEPDOWN_ROWS=TEXT` runs only the rows with that text in their name.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]
// rustfmt puts braces around the last argument of a row that it breaks into lines.
#![allow(unused_braces)]

mod apps;
mod broken;
mod deployments;
mod health;
#[path = "../support/engines/mod.rs"]
mod lab;
mod old;
mod reports;
mod scene;
mod secrets;
mod serve;
mod steps;
mod stops;

use scene::{BOTH, BROKEN, HOLDS, STAGE};

#[test]
fn the_boot_check_of_healthy_and_broken_deployments() {
    let engines = lab::engine::here(BOTH);
    let _image = lab::engine::make_image("django", lab::engine::image(), &engines);
    let rows = lab::run::chosen([
        serve::rows(),
        deployments::rows(),
        steps::rows(),
        stops::rows(),
        apps::rows(),
        reports::rows(),
        health::rows(),
        secrets::rows(),
        old::rows(),
    ]);
    let rows: Vec<_> = rows.into_iter().map(|row| if row.part == BROKEN { row } else { row.of(HOLDS) }).collect();
    if std::env::var_os("STEPDOWN_ROWS").is_none() {
        let broken = rows.iter().filter(|row| row.part == BROKEN).count();
        assert!(broken >= 20, "only {broken} broken deployments");
    }
    let cells = lab::run::run(&rows, &engines, &STAGE);
    lab::run::assert_good(&rows, &cells);
}
