//! Bytes as the draws that make credentials, cluster, host and time: what is minted of them is accepted and rightly signed.
#![no_main]

use k8s_aws_token::EndpointTable;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

#[path = "../../crates/k8s-aws-token/tests/common/laws.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod laws;
#[path = "../../crates/k8s-aws-token/tests/common/presigned.rs"]
mod presigned;
#[path = "../../crates/k8s-aws-token/tests/common/sigv4.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod sigv4;

static TABLE: LazyLock<EndpointTable> = LazyLock::new(EndpointTable::standard);

fuzz_target!(|bytes: &[u8]| {
    presigned::presigned(bytes, &TABLE);
});
