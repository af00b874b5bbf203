//! Any text as an edit and the list that it edits: the change that was asked for, and no other.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/k8s-aws-mapping/tests/common/laws.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod laws;

fuzz_target!(|text: &str| laws::edit(text));
