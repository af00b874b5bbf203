//! Any text as every name there is: account, keys, cluster, instance, region, partition, host, date.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/k8s-aws-identity/tests/common/laws.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod laws;

fuzz_target!(|text: &str| laws::names(text));
