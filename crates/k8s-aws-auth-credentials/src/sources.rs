//! What is asked for, and what is found.

use crate::client::SdkClient;
use crate::environment::{self, variable};
use crate::error::{CredentialsError, Source};
use crate::loading::Loading;
use crate::profile::Profiles;
use crate::role::{AssumeRole, MfaPrompt};
use aws_credential_types::Credentials;
use k8s_aws_auth_hyper::{HttpsTransport, SetupError};
use k8s_aws_identity::{EndpointKind, IdentityError, Region, StsEndpoint};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// Where credentials come from: the environment, web identity, profiles, the container endpoint, instance metadata, and a role.
///
/// Variables and files are read when credentials are loaded, not before.
#[derive(Clone)]
pub struct Sources {
    pub(crate) client: SdkClient,
    pub(crate) profile: Option<String>,
    pub(crate) region: Option<Region>,
    pub(crate) endpoint_kind: Option<EndpointKind>,
    pub(crate) role: Option<AssumeRole>,
    pub(crate) prompt: Option<Arc<dyn MfaPrompt>>,
    pub(crate) interactive: bool,
}

/// Credentials, and what was learned on the way to them.
#[derive(Clone, Debug)]
pub struct Found {
    credentials: Credentials,
    region: Option<Region>,
    endpoint_kind: EndpointKind,
    shareable: bool,
}

impl Found {
    pub(crate) fn new(credentials: Credentials, region: Option<Region>, endpoint_kind: EndpointKind) -> Self {
        Self { credentials, region, endpoint_kind, shareable: true }
    }

    /// The credentials. Their `Debug` shows the access key id alone.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The region: the one that was set, else that of `AWS_REGION`, `AWS_DEFAULT_REGION` or the profile, else, where the
    /// instance metadata service gave the credentials, the instance's; `us-east-1` where nobody says.
    pub fn region(&self) -> Region {
        self.region.clone().unwrap_or(Region::US_EAST_1)
    }

    /// The STS endpoint of the region, of the kind that was set or that `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT`
    /// or the profile say; regional otherwise.
    ///
    /// # Errors
    /// [`IdentityError`] for a region that nobody knows, or one of a partition without the endpoint.
    pub fn endpoint(&self) -> Result<StsEndpoint, IdentityError> {
        StsEndpoint::in_region(&self.region(), self.endpoint_kind)
    }

    /// Whether another machine with the same home folder would come to the same credentials. Not so where the container or
    /// the instance gave the first of them.
    pub fn is_shareable(&self) -> bool {
        self.shareable
    }
}

impl Sources {
    /// All sources, with a transport that `make` makes once it is needed.
    pub fn new(make: impl Fn() -> Result<HttpsTransport, SetupError> + Send + Sync + 'static) -> Self {
        let client = SdkClient::new(make);
        Self { client, profile: None, region: None, endpoint_kind: None, role: None, prompt: None, interactive: false }
    }

    /// This profile alone, whatever the environment says.
    #[must_use]
    pub fn profile(mut self, name: &str) -> Self {
        self.profile = Some(name.to_owned());
        self
    }

    /// The region, before every other setting.
    #[must_use]
    pub fn region(mut self, region: Region) -> Self {
        self.region = Some(region);
        self
    }

    /// The kind of STS endpoint, before every other setting. [`EndpointKind::Global`] is for tokens: roles are then assumed at
    /// the regional one.
    #[must_use]
    pub fn endpoint_kind(mut self, kind: EndpointKind) -> Self {
        self.endpoint_kind = Some(kind);
        self
    }

    /// Assumes this role with the credentials of the sources.
    #[must_use]
    pub fn role(mut self, role: AssumeRole) -> Self {
        self.role = Some(role);
        self
    }

    /// Somebody can be asked for codes of MFA devices, and by programs of `credential_process` on standard input.
    #[must_use]
    pub fn interactive(mut self, prompt: impl MfaPrompt + 'static) -> Self {
        self.prompt = Some(Arc::new(prompt));
        self.interactive = true;
        self
    }

    /// The credentials of the environment, if it has some and nothing else is needed: without a role, a runtime or a connection.
    ///
    /// # Errors
    /// [`CredentialsError`] for half a pair of keys, and for credentials that have expired.
    pub fn in_environment(&self) -> Result<Option<Found>, CredentialsError> {
        if self.role.is_some() || self.profile.is_some() {
            return Ok(None);
        }
        let Some(credentials) = environment::keys(variable)? else { return Ok(None) };
        // A file that cannot be read is no fault of credentials that are not in it.
        let profiles = Profiles::load(None).ok();
        let region = self.configured_region(profiles.as_ref())?;
        fresh(credentials, &Source::Environment)
            .map(|credentials| Some(Found::new(credentials, region, self.configured_kind(profiles.as_ref()))))
    }

    /// Asks one source after the other and assumes the roles.
    ///
    /// # Errors
    /// [`CredentialsError`], which says what was tried and what to do next.
    pub async fn load(&self) -> Result<Found, CredentialsError> {
        let profiles = Profiles::load(self.profile.as_deref());
        let region = self.configured_region(profiles.as_ref().ok())?;
        let kind = self.configured_kind(profiles.as_ref().ok());
        let mut loading = Loading::new(self, region, kind);
        let (mut credentials, mut origin) = loading.first(profiles).await?;
        if let Some(role) = &self.role {
            credentials = loading.assume(role, credentials).await?;
            origin = Source::Role(role.arn.clone());
        }
        let credentials = fresh(credentials, &origin)?;
        Ok(Found { shareable: loading.shareable, ..Found::new(credentials, loading.region, kind) })
    }

    /// Credentials of the cache, with region and endpoint as they are said now.
    pub(crate) fn with_cached(&self, credentials: Credentials) -> Option<Found> {
        let profiles = Profiles::load(self.profile.as_deref()).ok();
        let region = self.configured_region(profiles.as_ref()).ok()?;
        Some(Found::new(credentials, region, self.configured_kind(profiles.as_ref())))
    }

    pub(crate) fn configured_region(&self, profiles: Option<&Profiles>) -> Result<Option<Region>, CredentialsError> {
        if let Some(region) = &self.region {
            return Ok(Some(region.clone()));
        }
        let name = environment::region(variable, profiles);
        name.map(|name| parse_region(&name, profiles)).transpose()
    }

    pub(crate) fn configured_kind(&self, profiles: Option<&Profiles>) -> EndpointKind {
        self.endpoint_kind.unwrap_or_else(|| environment::endpoint_kind(variable, profiles))
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("profile", &self.profile)
            .field("region", &self.region)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

fn parse_region(name: &str, profiles: Option<&Profiles>) -> Result<Region, CredentialsError> {
    Region::parse(name).map_err(|error| {
        let source = match profiles {
            Some(profiles) if profiles.get("region") == Some(name) => Source::Profile(profiles.name().to_owned()),
            _ => Source::Environment,
        };
        CredentialsError::source(source, error).with_remedy("check --region, AWS_REGION and AWS_DEFAULT_REGION")
    })
}

fn fresh(credentials: Credentials, origin: &Source) -> Result<Credentials, CredentialsError> {
    match credentials.expiry() {
        Some(expiry) if expiry <= SystemTime::now() => Err(CredentialsError::Expired { origin: origin.clone() }),
        _ => Ok(credentials),
    }
}
