//! Maps AWS identities to Kubernetes usernames and groups, and explains itself. No IO.
//!
//! What an administrator wrote, in any of the formats of `aws-iam-authenticator`, becomes an immutable [`Snapshot`];
//! a [`CallerIdentity`](k8s_aws_identity::CallerIdentity) goes in, a [`Resolution`] comes out.
//!
//! ```
//! use k8s_aws_identity::{AccessKeyId, CallerIdentity};
//! use k8s_aws_mapping::{Backend, BackendMode, Document, Options, Resolution, Snapshot};
//!
//! let roles = "
//! - rolearn: arn:aws:iam::123456789012:role/developer
//!   username: dev:{{SessionName}}
//!   groups: [developers]
//! ";
//! let document = Document::from_aws_auth([("mapRoles", roles)]);
//! let backends = [Backend::synced(BackendMode::EksConfigMap, document)];
//! let snapshot = Snapshot::new(backends, Options::default());
//!
//! let caller = CallerIdentity::new(
//!     "arn:aws:sts::123456789012:assumed-role/developer/alice",
//!     "123456789012",
//!     "AROAIOSFODNN7EXAMPLE:alice",
//!     AccessKeyId::parse("ASIAIOSFODNN7EXAMPLE")?,
//! )?;
//! match snapshot.resolve(&caller) {
//!     Resolution::Mapped(user) => {
//!         assert_eq!(user.username, "dev:alice");
//!         assert_eq!(user.groups, ["developers"]);
//!         assert_eq!(user.rule.to_string(), "EKSConfigMap mapRoles[0], line 2");
//!     }
//!     Resolution::Needs(lookup) => drop(lookup), // ask EC2 about lookup.instance_id(), then lookup.resume(name)
//!     Resolution::NotMapped(refusal) => panic!("definite: {refusal}"),
//!     Resolution::Unavailable(refusal) => panic!("ask again: {refusal}"),
//! }
//! # Ok::<(), k8s_aws_identity::IdentityError>(())
//! ```
//!
//! # Formats
//!
//! | format | read by |
//! |---|---|
//! | `server.mapRoles`, `mapUsers`, `mapAccounts`, `reservedPrefixConfig` of the configuration file | [`ServerConfig`] |
//! | `data` of the ConfigMap `aws-auth`, or its manifest | [`Document::from_aws_auth`], [`Document::from_aws_auth_manifest`] |
//! | dynamic file (JSON) | [`DynamicFile`] |
//! | backend mode file (JSON) | [`BackendModeFile`] |
//! | `IAMIdentityMapping` objects, or their manifests | [`Document::from_identity_mappings`], [`Document::from_identity_mapping_manifests`] |
//!
//! Everything goes through one tree, [`tree::Tree`], in which scalars stay the text that was written and every node
//! knows its line, column and bytes. A program reads its other settings from the same tree.
//!
//! Back to `aws-auth`: [`encode_aws_auth`] writes a whole document, [`add_to_aws_auth`] and [`remove_from_aws_auth`]
//! change one entry and leave everything around it as the editor wrote it.
//!
//! # Whom a rule matches
//!
//! * `rolearn`, `userarn`, `arn`: one principal; letter case does not count, any kind of principal in either list. Of a
//!   role, account and name count and the path does not (STS does not tell it); of a user, the path counts. The ARN of a
//!   role session stands for its role, except in `aws-auth`, where it matches nobody. `*` means itself.
//! * `sso`: a permission set, compared whole, in one account and partition. Only with
//!   [`Options::sso_role_match`](Options).
//! * `arnPattern` (in `mapRoles` and `mapUsers`): [`pattern::ArnPattern`], `*` and `?` as in IAM, letter case counts,
//!   partition, account and kind are spelt out.
//! * `userid`: in a dynamic file with strict user ids, instead of the above; a given ARN must be the caller's too.
//! * `mapAccounts`: every caller of an account, under its canonical ARN and without groups.
//!
//! # Order
//!
//! Backends in their order; within one: exact rules (`mapRoles`, then `mapUsers`), `sso` rules, pattern rules in the order
//! of the file, accounts. The first that matches decides, also when it then refuses. The same ARN twice in a list: the
//! last entry wins, but one without a path before one with (which the Go program never matched). The same permission set
//! twice: the last. Two objects for one ARN: the last by name. Looking up an exact or `sso` rule takes the same time among
//! ten rules and a hundred thousand.
//!
//! A backend that is not synced is passed over: what a later one maps is mapped. But no refusal is definite then
//! ([`Resolution::Unavailable`]).
//!
//! # Names
//!
//! Usernames and groups are [`template::Template`]s, compiled when they are read and rendered in one pass. The result is
//! refused where it is empty, has control characters, begins with a reserved prefix of its backend
//! ([`ReservedPrefixes`], in any letter case), or begins with `system:` without the rule spelling `system:` and the word
//! behind it: a value may say which node (`system:node:{{EC2PrivateDNSName}}`), never that somebody is a node.
//!
//! # A bad edit costs the bad entry
//!
//! Reading never fails as a whole. Entries that cannot be used are left out, around YAML and JSON errors too, each with a
//! [`Finding`]: code, place, words, and where it is safe the corrected text. Only a list in which no entry can be told
//! apart keeps its last good version ([`Document::keeping`], done by [`Engine`]). [`lint`](lint::lint) says more than
//! reading does; [`Snapshot::explain`] tells one caller's story.
//!
//! # Guarantees
//!
//! No sockets, files, clock, environment, randomness, threads, logging or global state; no panic on any input. The same
//! documents give the same answers, whatever the platform or run. Memory and time are bounded by
//! [`tree::MAX_DOCUMENT_BYTES`], [`tree::MAX_DEPTH`], [`tree::MAX_ALIAS_NODES`], [`MAX_ENTRIES`] and [`MAX_FINDINGS`].
//!
//! # Not in scope
//!
//! Tokens, STS and EC2 calls, watching files or the API server, uid and extra of the Kubernetes user.
//!
//! # Stability
//!
//! What may grow is `#[non_exhaustive]`. These are not, on purpose: [`Options`] and [`lint::LintOptions`], because who sets them decides
//! who gets in, and a setting more is to be seen and not taken by default; [`Resolution`], for the same reason; [`Finding`], [`NewEntry`]
//! and [`IdentityMappingSpec`], which programs write themselves; [`template::Values`]; and the tree ([`tree::Node`] and what it is made
//! of), which is what YAML and JSON have. A field or a case more in one of them is a breaking change.
//!
//! # Errors
//!
//! Documents have no errors but [findings](Finding): what can be read is in force, and each of the rest has a code, a place and a text.
//! [`Resolution::NotMapped`] and [`Resolution::Unavailable`] carry a [`Refusal`] with a [`Reason`]; [`MappingError`] is for names and edits.

#![forbid(unsafe_code)]

mod backend;
mod check;
mod document;
mod edit;
mod encode;
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
mod resolution;
mod resolve;
pub mod rule;
mod snapshot;
pub mod sso;
pub mod suggest;
pub mod template;
pub mod tree;

pub use backend::{BackendMode, List};
pub use document::Document;
pub use edit::{NewEntry, NewSubject, add_to_aws_auth, remove_from_aws_auth};
pub use encode::encode_aws_auth;
pub use entry::{MAX_ENTRIES, MAX_FINDINGS};
pub use error::MappingError;
pub use explain::{Considered, Explanation, MAX_CONSIDERED, Outcome};
pub use findings::{Code, Finding, Fix, Severity, apply_fixes, decode_utf8};
pub use formats::backend_mode::{BackendModeFile, parse_modes};
pub use formats::dynamic_file::DynamicFile;
pub use formats::identity_mapping::IdentityMappingSpec;
pub use formats::server::{SERVER_KEYS, ServerConfig, TOP_KEYS, unknown_keys};
pub use lint::LintOptions;
pub use near::Near;
pub use reason::Reason;
pub use reserved::ReservedPrefixes;
pub use resolution::{InstanceLookup, MappedUser, MatchKind, Refusal, Resolution, RuleRef};
pub use snapshot::{Backend, Engine, Options, Snapshot};
