//! The body of a review and STS's answer, all the way: nobody is let in whom STS did not vouch for, and only what is definite
//! becomes a denial.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/k8s-aws-auth/tests/common/laws.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod laws;

fuzz_target!(|bytes: &[u8]| {
    laws::review(bytes);
});
