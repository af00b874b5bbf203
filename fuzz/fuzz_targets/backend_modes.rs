//! Any text as the file that switches the chain of backends, and as the chain itself.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/k8s-aws-mapping/tests/common/laws.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod laws;

fuzz_target!(|text: &str| laws::backend_modes(text));
