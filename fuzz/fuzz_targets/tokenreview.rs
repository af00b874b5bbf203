//! Any bytes, read as a TokenReview in either direction, as KUBERNETES_EXEC_INFO and as an ExecCredential.
//!
//! The laws are a plain function, which `cargo test -p k8s-aws-tokenreview` runs over the seeds.
#![no_main]

#[path = "../../crates/k8s-aws-tokenreview/tests/law/mod.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod law;

libfuzzer_sys::fuzz_target!(|data: &[u8]| law::tokenreview(data));
