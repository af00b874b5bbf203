//! Any text as a template: read without a panic, and by the laws of the mapping engine.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/k8s-aws-mapping/tests/common/laws.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod laws;

fuzz_target!(|text: &str| laws::template(text));
