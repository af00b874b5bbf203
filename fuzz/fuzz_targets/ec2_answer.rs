//! Status, content type and body as the answer to a query: only what was asked for comes out, pages end, and no failure
//! is of a class that its status cannot have.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/k8s-aws-ec2/tests/common/laws.rs"]
mod laws;

fuzz_target!(|bytes: &[u8]| {
    if let Some(answer) = laws::response(bytes) {
        let _ = laws::read(&laws::query(), &answer);
    }
});
