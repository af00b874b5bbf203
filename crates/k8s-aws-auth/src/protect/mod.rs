//! What keeps STS, and everyone else's logins, from one client's flood: pure state, with `now` as an argument.
//!
//! Whoever drives logins owns the value, behind a lock of its own where it has to, and asks it before and after a call.

mod identity_cache;

pub use identity_cache::IdentityCache;
