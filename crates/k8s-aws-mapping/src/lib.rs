//! x
#![forbid(unsafe_code)]

mod backend;
mod check;
mod document;
mod entry;
mod error;
mod explain;
pub mod findings;
mod formats;
mod index;
pub mod lint;
mod near;
pub mod pattern;
mod reason;
mod reserved;
mod resolve;
pub mod rule;
mod snapshot;
pub mod sso;
pub mod suggest;
pub mod template;
pub mod tree;

pub use backend::{BackendMode, List};
pub use document::Document;
pub use entry::MAX_ENTRIES;
pub use error::MappingError;
pub use explain::{Considered, Explanation, MAX_CONSIDERED, Outcome};
pub use findings::{Code, Finding, Fix, Severity, apply_fixes};
pub use formats::backend_mode::{BackendModeFile, parse_modes};
pub use formats::dynamic_file::DynamicFile;
pub use formats::identity_mapping::IdentityMappingSpec;
pub use formats::server::{SERVER_KEYS, ServerConfig, TOP_KEYS, unknown_keys};
pub use lint::LintOptions;
pub use near::Near;
pub use reason::Reason;
pub use reserved::ReservedPrefixes;
pub use resolve::{InstanceLookup, MappedUser, MatchKind, Refusal, Resolution, RuleRef};
pub use snapshot::{Backend, Engine, Options, Snapshot};
