//! The laws of the fuzz target, over its seeds, its past findings and the vectors.

#![allow(clippy::disallowed_methods, reason = "the seeds are files")]

use std::path::Path;

mod law;
mod support;

#[test]
fn the_laws_hold_for_every_seed() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/tokenreview");
    if !seeds.exists() {
        // A packaged crate comes without the fuzz targets.
        return;
    }
    let mut count = 0;
    for seed in std::fs::read_dir(&seeds).unwrap() {
        law::tokenreview(&std::fs::read(seed.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count >= 10, "only {count} seeds in {}", seeds.display());
}

#[test]
fn the_laws_hold_for_every_vector() {
    for (_, row) in support::rows(include_str!("vectors/requests.json")) {
        law::tokenreview(&support::bytes(&row["body"]));
    }
    for (_, row) in support::rows(include_str!("vectors/exec_info.json")) {
        law::tokenreview(row["value"].as_str().unwrap_or_default().as_bytes());
    }
}
