//! What the test programs of this crate share. Each uses a part of it.
#![allow(dead_code, reason = "no test program uses all of it")]

pub(crate) mod laws;
pub(crate) mod rows;
pub(crate) mod sigv4;
