//! The formats that mappings come in.

pub(crate) mod aws_auth;
pub(crate) mod backend_mode;
pub(crate) mod dynamic_file;
pub(crate) mod identity_mapping;
pub(crate) mod server;
