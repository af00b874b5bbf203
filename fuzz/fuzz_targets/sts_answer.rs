//! Status, content type and body as the answer to a call: what is accepted is what `serde_json` reads, and no failure is
//! called definite without a code of STS.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/k8s-aws-sts/tests/common/laws.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod laws;

fuzz_target!(|bytes: &[u8]| {
    if let Some(answer) = laws::response(bytes) {
        let _ = laws::finish(laws::call(), &answer);
    }
});
