//! Bytes as the URL in a token, and as the draws that make a nearly valid token: the laws of the gate hold for both.
#![no_main]

use k8s_aws_token::EndpointTable;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

#[path = "../../crates/k8s-aws-token/tests/common/laws.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod laws;
#[path = "../../crates/k8s-aws-token/tests/common/near_valid.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod near_valid;
#[path = "../../crates/k8s-aws-token/tests/common/sigv4.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod sigv4;

static TABLE: LazyLock<EndpointTable> = LazyLock::new(EndpointTable::standard);

fuzz_target!(|bytes: &[u8]| near_valid::url_or_near_valid(bytes, &TABLE));
