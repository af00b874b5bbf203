//! What the test programs of this crate share. Each uses a part of it.
#![allow(dead_code, reason = "no test program uses all of it")]

pub(crate) mod answer_rows;
pub(crate) mod laws;

/// The tables and laws of the token gate, which [`k8s_aws_sts::Verifier::begin`] is to apply whole.
#[path = "../../../k8s-aws-token/tests/common/mod.rs"]
pub(crate) mod gate;
