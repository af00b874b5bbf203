//! Benchmarks of the whole workspace; each one is a file in `benches/`.
//!
//! `cargo bench -p benches` runs all of them, `cargo bench -p benches --bench login decode` those whose name has `decode`.
#![allow(clippy::unwrap_used, reason = "a benchmark of a broken build should stop")]

pub mod operations;

/// The code in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The code on the page about embedding compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/embedding.md")]
pub struct Embedding;
