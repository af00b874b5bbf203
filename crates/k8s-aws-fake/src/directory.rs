//! Who a credential belongs to.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::SystemTime;

use aws_lc_rs::{digest, hmac};
use zeroize::Zeroize;

use crate::sync::{lock, read, write};

/// An access key of the fake: what a client signs with.
///
/// `Debug` leaves the secret and the session token out.
#[derive(Clone)]
pub struct Credential {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl Credential {
    /// A long-term access key, as IAM users and root users have (`AKIA…`).
    pub fn permanent(access_key_id: &str, secret_access_key: &str) -> Self {
        Self { access_key_id: access_key_id.into(), secret_access_key: secret_access_key.into(), session_token: None }
    }

    /// Temporary credentials with the session token that goes with them (`ASIA…`).
    pub fn temporary(access_key_id: &str, secret_access_key: &str, session_token: &str) -> Self {
        let mut credential = Self::permanent(access_key_id, secret_access_key);
        credential.session_token = Some(session_token.into());
        credential
    }

    /// Makes up a credential of the right sort for `identity`; the same `seed` gives the same one.
    pub(crate) fn for_identity(identity: &Identity, seed: &str) -> Self {
        let text = |what: &str| base32(&format!("{what} {seed}"), 40);
        let secret = text("secret");
        if identity.permanent {
            Self::permanent(&format!("AKIA{}", &text("key")[..16]), &secret)
        } else {
            // With the characters of base64, so that clients must escape them.
            let token = format!("IQoJb3JpZ2luX2VjE{}//+{}/{}==", text("a"), text("b"), text("c"));
            Self::temporary(&format!("ASIA{}", &text("key")[..16]), &secret, &token)
        }
    }

    /// The public half, such as `AKIAIOSFODNN7EXAMPLE`.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The secret half.
    pub fn secret_access_key(&self) -> &str {
        &self.secret_access_key
    }

    /// The session token of temporary credentials.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// The environment variables by which AWS tools and SDKs take the credential. `AWS_SESSION_TOKEN` is there for
    /// temporary credentials only.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        let mut env = vec![
            ("AWS_ACCESS_KEY_ID", self.access_key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.secret_access_key.clone()),
        ];
        env.extend(self.session_token.iter().map(|token| ("AWS_SESSION_TOKEN", token.clone())));
        env
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}, secrets left out)", self.access_key_id)
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        self.secret_access_key.zeroize();
        self.session_token.zeroize();
    }
}

/// A principal, as `GetCallerIdentity` reports it.
///
/// The constructors write ARNs and user ids the way AWS does ("Understanding unique IDs" in the IAM user guide); unique
/// ids (`AIDA…`, `AROA…`) are derived from the names, so they are the same in every run.
/// [`raw`](Self::raw) takes anything, to see what a client makes of an answer that cannot be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    account: String,
    arn: String,
    user_id: String,
    partition: String,
    permanent: bool,
}

impl Identity {
    /// An IAM user. `path` begins and ends with a slash; `/` is the ordinary one.
    pub fn user(account: &str, path: &str, name: &str) -> Self {
        let id = unique_id("AIDA", account, name);
        Self { permanent: true, ..Self::new("iam", account, &format!("user{path}{name}"), &id) }
    }

    /// The root user of an account.
    pub fn root(account: &str) -> Self {
        Self { permanent: true, ..Self::new("iam", account, "root", account) }
    }

    /// A session of a role. STS leaves the role's path out of the ARN, so there is none here.
    pub fn assumed_role(account: &str, role: &str, session: &str) -> Self {
        let id = format!("{}:{session}", unique_id("AROA", account, role));
        Self::new("sts", account, &format!("assumed-role/{role}/{session}"), &id)
    }

    /// A session of the role that IAM Identity Center makes for a permission set: `AWSReservedSSO_<set>_<16 hex digits>`.
    pub fn sso_role(account: &str, permission_set: &str, session: &str) -> Self {
        let hash = digest::digest(&digest::SHA256, format!("{account} {permission_set}").as_bytes());
        Self::assumed_role(account, &format!("AWSReservedSSO_{permission_set}_{}", hex(&hash.as_ref()[..8])), session)
    }

    /// A session from `GetFederationToken`.
    pub fn federated_user(account: &str, name: &str) -> Self {
        Self::new("sts", account, &format!("federated-user/{name}"), &format!("{account}:{name}"))
    }

    /// The instance identity role of an EC2 instance, whose user id has three colons.
    pub fn instance_identity(account: &str, instance_id: &str) -> Self {
        let id = format!("{account}:aws:ec2-instance:{instance_id}");
        Self::new("sts", account, &format!("assumed-role/aws:ec2-instance/{instance_id}"), &id)
    }

    /// The role of an instance profile; EC2 names the session after the instance.
    pub fn instance_profile(account: &str, role: &str, instance_id: &str) -> Self {
        Self::assumed_role(account, role, instance_id)
    }

    /// Any three texts, true or not. The partition is the ARN's, or `aws` where the ARN has none.
    pub fn raw(account: &str, arn: &str, user_id: &str) -> Self {
        let partition = arn.split(':').nth(1).filter(|p| p.starts_with("aws")).unwrap_or("aws").into();
        Self { account: account.into(), arn: arn.into(), user_id: user_id.into(), partition, permanent: false }
    }

    /// The same principal in another partition, such as `aws-cn`. Endpoints of other partitions do not know its key.
    #[must_use]
    pub fn in_partition(mut self, partition: &str) -> Self {
        if let Some(rest) = self.arn.strip_prefix("arn:").and_then(|a| a.split_once(':')).map(|(_, rest)| rest) {
            self.arn = format!("arn:{partition}:{rest}");
        }
        self.partition = partition.into();
        self
    }

    /// The account number.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The ARN, as STS writes it.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The unique id; for sessions with `:` and the session name.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The partition, such as `aws`.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    fn new(service: &str, account: &str, resource: &str, user_id: &str) -> Self {
        Self::raw(account, &format!("arn:aws:{service}::{account}:{resource}"), user_id)
    }
}

/// A credential that the fake knows.
pub(crate) struct Entry {
    pub(crate) credential: Credential,
    pub(crate) identity: Identity,
    expires: Mutex<Option<SystemTime>>,
    describes_instances: AtomicBool,
    signing_keys: RwLock<Vec<SigningKey>>,
}

struct SigningKey {
    date: String,
    region: String,
    service: String,
    key: hmac::Key,
}

/// More than the regions a test uses; the oldest goes first.
const SIGNING_KEYS_PER_CREDENTIAL: usize = 32;

impl Entry {
    pub(crate) fn is_expired(&self, now: SystemTime) -> bool {
        lock(&self.expires).is_some_and(|at| at <= now)
    }

    pub(crate) fn may_describe_instances(&self) -> bool {
        self.describes_instances.load(Ordering::Relaxed)
    }

    /// The signing key of Signature Version 4 for one day, region and service; derived once.
    pub(crate) fn signing_key(&self, date: &str, region: &str, service: &str) -> hmac::Key {
        let same = |k: &&SigningKey| k.date == date && k.region == region && k.service == service;
        if let Some(found) = read(&self.signing_keys).iter().find(same) {
            return found.key.clone();
        }
        let chain = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
        let mut first = format!("AWS4{}", self.credential.secret_access_key).into_bytes();
        let mut key = chain(&first, date);
        first.zeroize();
        for text in [region, service, "aws4_request"] {
            key = chain(key.as_ref(), text);
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
        let mut keys = write(&self.signing_keys);
        if keys.len() >= SIGNING_KEYS_PER_CREDENTIAL {
            keys.remove(0);
        }
        let (date, region, service) = (date.into(), region.into(), service.into());
        keys.push(SigningKey { date, region, service, key: key.clone() });
        key
    }
}

/// All credentials, by access key id.
#[derive(Default)]
pub(crate) struct Directory(RwLock<HashMap<String, Arc<Entry>>>);

impl Directory {
    pub(crate) fn insert(&self, credential: Credential, identity: Identity) {
        let key = credential.access_key_id.clone();
        let entry = Entry {
            credential,
            identity,
            expires: Mutex::new(None),
            describes_instances: AtomicBool::new(true),
            signing_keys: RwLock::default(),
        };
        write(&self.0).insert(key, Arc::new(entry));
    }

    pub(crate) fn get(&self, access_key_id: &str) -> Option<Arc<Entry>> {
        read(&self.0).get(access_key_id).cloned()
    }

    pub(crate) fn remove(&self, access_key_id: &str) -> bool {
        write(&self.0).remove(access_key_id).is_some()
    }

    pub(crate) fn set_may_describe_instances(&self, access_key_id: &str, may: bool) -> bool {
        self.get(access_key_id).map(|entry| entry.describes_instances.store(may, Ordering::Relaxed)).is_some()
    }

    pub(crate) fn set_expiry(&self, access_key_id: &str, at: Option<SystemTime>) -> bool {
        self.get(access_key_id).is_some_and(|entry| {
            *lock(&entry.expires) = at;
            true
        })
    }
}

/// `AIDA`, `AROA`, … and 17 more characters, as IAM writes them.
fn unique_id(prefix: &str, account: &str, name: &str) -> String {
    format!("{prefix}{}", &base32(&format!("{prefix} {account} {name}"), 17))
}

/// `len` characters out of the hash of a text; at most 64.
fn base32(text: &str, len: usize) -> String {
    let hash = digest::digest(&digest::SHA512, text.as_bytes());
    hash.as_ref()
        .iter()
        .take(len)
        .map(|b| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(b % 32)]))
        .collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from(b"0123456789abcdef"[usize::from(n)]);
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_principal_is_written_as_aws_writes_it() {
        let account = "111122223333";
        let id = |i: &Identity| (i.arn().to_owned(), i.user_id().to_owned());
        let user = Identity::user(account, "/team/ops/", "alice");
        assert_eq!(user.arn(), "arn:aws:iam::111122223333:user/team/ops/alice");
        assert!(user.user_id().starts_with("AIDA") && user.user_id().len() == 21);
        assert_eq!(id(&Identity::root(account)), ("arn:aws:iam::111122223333:root".into(), account.into()));
        let role = Identity::assumed_role(account, "dev", "me@example.com");
        assert_eq!(role.arn(), "arn:aws:sts::111122223333:assumed-role/dev/me@example.com");
        assert!(role.user_id().starts_with("AROA") && role.user_id().ends_with(":me@example.com"));
        let other = Identity::assumed_role(account, "dev", "you");
        assert_eq!(role.user_id()[..21], other.user_id()[..21], "the unique id is the role's");
        assert_eq!(
            id(&Identity::federated_user(account, "bob")),
            ("arn:aws:sts::111122223333:federated-user/bob".into(), "111122223333:bob".into())
        );
        assert_eq!(
            id(&Identity::instance_identity(account, "i-0123456789abcdef0")),
            (
                "arn:aws:sts::111122223333:assumed-role/aws:ec2-instance/i-0123456789abcdef0".into(),
                "111122223333:aws:ec2-instance:i-0123456789abcdef0".into()
            )
        );
        let sso = Identity::sso_role(account, "Admin_ro", "me");
        let role = sso.arn().strip_prefix("arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_ro_").unwrap();
        assert_eq!(role.len(), 16 + "/me".len());
        let cn = Identity::root(account).in_partition("aws-cn");
        assert_eq!((cn.arn(), cn.partition()), ("arn:aws-cn:iam::111122223333:root", "aws-cn"));
    }

    #[test]
    fn a_credential_does_not_show_its_secrets() {
        let shown = format!("{:?}", Credential::temporary("ASIAEXAMPLE", "hush", "hush"));
        assert_eq!(shown, "Credential(ASIAEXAMPLE, secrets left out)");
    }

    #[test]
    fn a_replaced_credential_does_not_keep_old_signing_keys() {
        let directory = Directory::default();
        let tag = |secret: &str| {
            directory.insert(Credential::permanent("AKIA", secret), Identity::root("111122223333"));
            let key = directory.get("AKIA").unwrap().signing_key("20150830", "us-east-1", "sts");
            hmac::sign(&key, b"x").as_ref().to_vec()
        };
        assert_ne!(tag("one"), tag("two"));
        assert_eq!(tag("one"), tag("one"));
    }

    #[test]
    fn each_day_region_and_service_has_a_signing_key_of_its_own() {
        let directory = Directory::default();
        directory.insert(Credential::permanent("AKIA", "secret"), Identity::root("111122223333"));
        let entry = directory.get("AKIA").unwrap();
        let tag = |day: &str, region: &str, service: &str| {
            hmac::sign(&entry.signing_key(day, region, service), b"x").as_ref().to_vec()
        };
        let first = tag("20150830", "us-east-1", "sts");
        for other in [
            tag("20150831", "us-east-1", "sts"),
            tag("20150830", "us-east-2", "sts"),
            tag("20150830", "us-east-1", "ec2"),
        ] {
            assert_ne!(first, other);
        }
        assert_eq!(first, tag("20150830", "us-east-1", "sts"));
        for n in 0..2 * SIGNING_KEYS_PER_CREDENTIAL {
            tag("20150830", &format!("xx-test-{n}"), "sts");
        }
        assert_eq!(read(&entry.signing_keys).len(), SIGNING_KEYS_PER_CREDENTIAL);
    }
}
