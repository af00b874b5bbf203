//! What credentials depend on, as one number: the key of the cache.

use crate::cache::home;
use crate::environment::variable;
use crate::role::SessionName;
use crate::{AssumeRole, Sources};
use k8s_aws_identity::Region;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The variables that decide which credentials come out. Of the keys, the public half is enough.
const VARIABLES: [&str; 19] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_ACCESS_KEY",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
];

/// SHA-256, in hex, of all that the sources and the environment say: settings, variables, what is in the files, which logins
/// to IAM Identity Center there are.
pub(crate) fn fingerprint(sources: &Sources) -> String {
    let mut hash = Hash(Sha256::new());
    hash.add("profile", sources.profile.as_deref());
    hash.add("region", sources.region.as_ref().map(Region::as_str));
    hash.add("endpoint", sources.endpoint_kind.map(|kind| format!("{kind:?}")).as_deref());
    hash.add("role", sources.role.as_ref().map(|role| role.arn.as_str()));
    if let Some(role) = &sources.role {
        add_role(&mut hash, role);
    }
    for name in VARIABLES {
        hash.add(name, variable(name).as_deref());
    }
    let home = home();
    hash.add("home", home.as_deref().map(Path::to_string_lossy).as_deref());
    let aws = home.map(|home| home.join(".aws"));
    for (name, file) in [("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")] {
        let path = variable(name).map(PathBuf::from).or_else(|| Some(aws.as_ref()?.join(file)));
        hash.file(name, path.as_deref());
    }
    hash.file("web identity", variable("AWS_WEB_IDENTITY_TOKEN_FILE").map(PathBuf::from).as_deref());
    for login in logins(aws.as_deref()) {
        hash.add("login", Some(&login));
    }
    let digest = hash.0.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn add_role(hash: &mut Hash, role: &AssumeRole) {
    let AssumeRole { arn: _, external_id, session_name, duration_seconds, mfa_serial, source_arn } = role;
    let session_name = match session_name {
        SessionName::Made => None,
        SessionName::Given(name) => Some(format!("given {name}")),
        SessionName::Forwarded => Some("forwarded".to_owned()),
    };
    hash.add("external id", external_id.as_deref());
    hash.add("session name", session_name.as_deref());
    hash.add("duration", duration_seconds.map(|seconds| seconds.to_string()).as_deref());
    hash.add("mfa", mfa_serial.as_deref());
    hash.add("source", source_arn.as_deref());
}

/// The files in which logins are kept, with size and time: a new login, or none, is another identity.
fn logins(aws: Option<&Path>) -> Vec<String> {
    let Some(folder) = aws.map(|aws| aws.join("sso").join("cache")) else { return Vec::new() };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut logins: Vec<String> = entries
        .filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
            Some(format!("{} {} {changed}", entry.file_name().to_string_lossy(), metadata.len()))
        })
        .collect();
    logins.sort_unstable();
    logins
}

struct Hash(Sha256);

impl Hash {
    /// Lengths keep one value from being taken for two.
    fn add(&mut self, name: &str, value: Option<&str>) {
        self.bytes(name.as_bytes());
        match value {
            None => self.0.update([0]),
            Some(value) => {
                self.0.update([1]);
                self.bytes(value.as_bytes());
            }
        }
    }

    fn file(&mut self, name: &str, path: Option<&Path>) {
        self.add(name, path.map(Path::to_string_lossy).as_deref());
        self.bytes(&path.and_then(|path| fs::read(path).ok()).map(zeroize::Zeroizing::new).unwrap_or_default());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(bytes);
    }
}
