//! Any bytes as a token text: judged without a panic, and by the laws of the gate where they are accepted.
#![no_main]

use k8s_aws_token::EndpointTable;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

#[path = "../../crates/k8s-aws-token/tests/common/laws.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod laws;
#[path = "../../crates/k8s-aws-token/tests/common/sigv4.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod sigv4;

static TABLE: LazyLock<EndpointTable> = LazyLock::new(EndpointTable::standard);

fuzz_target!(|bytes: &[u8]| {
    let _ = laws::text(bytes, &TABLE);
});
