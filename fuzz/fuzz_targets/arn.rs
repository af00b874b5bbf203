//! Any text as the ARN of a principal, and the callers that it can be.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/k8s-aws-identity/tests/common/laws.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod laws;

fuzz_target!(|text: &str| {
    let _ = laws::arn(text);
});
