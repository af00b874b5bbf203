//! `token` with every source of credentials, against the fake AWS: whose the token is, and what is said where there is none.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests of a program: files, sockets, processes"
)]

#[path = "../support/secrets.rs"]
mod secrets;

mod cache;
mod failures;
mod home;
mod precedence;
mod roles;
mod sources;
