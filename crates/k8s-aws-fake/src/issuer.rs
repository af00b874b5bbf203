//! What the fake gives credentials for: roles, logins to IAM Identity Center, an instance and a container.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::directory::{Credential, Directory, Identity};
use crate::sync::lock;

/// How long sessions last that nobody asks another duration for.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// An IAM role that STS gives sessions of, and what its trust policy asks for. Put there by
/// [`FakeAws::add_role`](crate::FakeAws::add_role).
///
/// ```
/// use k8s_aws_fake::{FakeAws, Role};
///
/// let fake = FakeAws::start()?;
/// fake.add_role(Role::new("111122223333", "deployer").external_id("ticket-42"));
/// # Ok::<(), k8s_aws_fake::StartError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Role {
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) trusted: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) mfa: Option<(String, String)>,
    pub(crate) source_arn: Option<String>,
    pub(crate) web_identity: Option<String>,
}

impl Role {
    /// A role without a path that every caller may assume.
    pub fn new(account: &str, name: &str) -> Self {
        let (account, name) = (account.to_owned(), name.to_owned());
        Self { account, name, trusted: None, external_id: None, mfa: None, source_arn: None, web_identity: None }
    }

    /// Only the caller of this ARN may assume it.
    #[must_use]
    pub fn trusts(mut self, arn: &str) -> Self {
        self.trusted = Some(arn.to_owned());
        self
    }

    /// Only with this external id.
    #[must_use]
    pub fn external_id(mut self, id: &str) -> Self {
        self.external_id = Some(id.to_owned());
        self
    }

    /// Only with this code of this MFA device.
    #[must_use]
    pub fn mfa(mut self, serial: &str, code: &str) -> Self {
        self.mfa = Some((serial.to_owned(), code.to_owned()));
        self
    }

    /// Only on behalf of this resource: `x-amz-source-arn`, and its account in `x-amz-source-account`.
    #[must_use]
    pub fn source_arn(mut self, arn: &str) -> Self {
        self.source_arn = Some(arn.to_owned());
        self
    }

    /// `AssumeRoleWithWebIdentity` gives sessions for this token. Without it it gives none.
    #[must_use]
    pub fn web_identity(mut self, token: &str) -> Self {
        self.web_identity = Some(token.to_owned());
        self
    }

    /// `arn:aws:iam::<account>:role/<name>`.
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:role/{}", self.account, self.name)
    }
}

/// Credentials that were given, and until when.
pub(crate) struct Issued {
    pub(crate) credential: Credential,
    pub(crate) identity: Identity,
    pub(crate) expires: SystemTime,
}

/// A registered client of IAM Identity Center and the token with which it gets new ones.
pub(crate) struct Registration {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) refresh_token: String,
    pub(crate) access_token: String,
}

#[derive(Default)]
pub(crate) struct Issuer {
    roles: Mutex<HashMap<String, Role>>,
    access_tokens: Mutex<HashSet<String>>,
    permission_sets: Mutex<HashSet<(String, String)>>,
    registrations: Mutex<Vec<Registration>>,
    pub(crate) instance: Mutex<Option<Identity>>,
    pub(crate) container: Mutex<Option<(Identity, String)>>,
    lifetime: Mutex<Option<Duration>>,
    issued: AtomicU64,
}

impl Issuer {
    pub(crate) fn add_role(&self, role: Role) {
        lock(&self.roles).insert(role.arn(), role);
    }

    pub(crate) fn role(&self, arn: &str) -> Option<Role> {
        lock(&self.roles).get(arn).cloned()
    }

    pub(crate) fn set_lifetime(&self, lifetime: Duration) {
        *lock(&self.lifetime) = Some(lifetime);
    }

    pub(crate) fn log_in(&self, access_token: &str) {
        lock(&self.access_tokens).insert(access_token.to_owned());
    }

    pub(crate) fn log_out(&self, access_token: &str) -> bool {
        lock(&self.access_tokens).remove(access_token)
    }

    pub(crate) fn is_logged_in(&self, access_token: &str) -> bool {
        lock(&self.access_tokens).contains(access_token)
    }

    pub(crate) fn assign(&self, account: &str, permission_set: &str) {
        lock(&self.permission_sets).insert((account.to_owned(), permission_set.to_owned()));
    }

    pub(crate) fn is_assigned(&self, account: &str, permission_set: &str) -> bool {
        lock(&self.permission_sets).contains(&(account.to_owned(), permission_set.to_owned()))
    }

    pub(crate) fn register(&self, registration: Registration) {
        lock(&self.registrations).push(registration);
    }

    /// The access token of the registration with these three, which is a login from then on.
    pub(crate) fn renew(&self, client_id: &str, client_secret: &str, refresh_token: &str) -> Option<String> {
        let registrations = lock(&self.registrations);
        let of = |r: &&Registration| {
            r.client_id == client_id && r.client_secret == client_secret && r.refresh_token == refresh_token
        };
        let token = registrations.iter().find(of)?.access_token.clone();
        self.log_in(&token);
        Some(token)
    }

    /// Makes up credentials for an identity, which the directory knows from then on until they expire.
    pub(crate) fn issue(
        &self,
        directory: &Directory,
        identity: Identity,
        lifetime: Option<Duration>,
        now: SystemTime,
    ) -> Issued {
        let seed = format!("session {}", self.issued.fetch_add(1, Ordering::Relaxed));
        let credential = Credential::for_identity(&identity, &seed);
        // Services tell times in whole seconds.
        let lifetime = lifetime.or(*lock(&self.lifetime)).unwrap_or(AN_HOUR);
        let expires = SystemTime::UNIX_EPOCH + whole_seconds(now) + lifetime;
        directory.insert(credential.clone(), identity.clone());
        directory.set_expiry(credential.access_key_id(), Some(expires));
        Issued { credential, identity, expires }
    }
}

fn whole_seconds(time: SystemTime) -> Duration {
    Duration::from_secs(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs())
}
