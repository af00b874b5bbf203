//! The real server, asked as an API server asks it, with a fake AWS behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests of a program: files, sockets, processes"
)]

#[path = "../support/mod.rs"]
mod support;

mod clusters;
mod config;
mod connections;
mod decisions;
mod faults;
mod files;
mod instances;
mod interruptions;
mod kubernetes;
mod mappings;
mod metrics;
mod principals;
mod protection;
mod rejections;
mod reload;
mod requests;
mod secrets;
mod settings;
