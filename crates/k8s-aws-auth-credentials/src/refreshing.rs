//! Credentials for a program that goes on running.

use crate::{AssumeRole, CredentialsError, Sources};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError as SdkError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use k8s_aws_auth_hyper::HttpsTransport;
use k8s_aws_identity::Region;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// Credentials are loaded anew so long before they expire, and, where they do not, so long after they were loaded: somebody may
/// have put others into the file.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// The default sources over this transport, for a region, and, if one is given, the session of a role.
///
/// The provider loads credentials when it is first asked, keeps them, and loads them anew five minutes before they expire. Those
/// who ask meanwhile wait for the same load; if it fails, the old ones are given as long as they last. It is never interactive.
pub fn default_provider(
    transport: HttpsTransport,
    region: Option<Region>,
    role: Option<AssumeRole>,
) -> SharedCredentialsProvider {
    let mut sources = Sources::new(move || Ok(transport.clone()));
    if let Some(region) = region {
        sources = sources.region(region);
    }
    if let Some(role) = role {
        sources = sources.role(role);
    }
    sources.into_provider()
}

impl Sources {
    /// The sources as a provider that keeps and refreshes, as [`default_provider`].
    pub fn into_provider(self) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(Refreshing { sources: self, kept: Mutex::new(None) })
    }
}

#[derive(Debug)]
struct Refreshing {
    sources: Sources,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    credentials: Credentials,
    good_until: SystemTime,
}

impl Refreshing {
    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        // Held while loading, so that one load serves all who wait; one who gives up lets the next try.
        let mut kept = self.kept.lock().await;
        let now = SystemTime::now();
        if let Some(kept) = kept.as_ref().filter(|kept| now < kept.good_until) {
            return Ok(kept.credentials.clone());
        }
        match self.sources.load().await {
            Ok(found) => {
                let credentials = found.credentials().clone();
                let good_until =
                    credentials.expiry().map_or(now + AHEAD, |expiry| expiry.checked_sub(AHEAD).unwrap_or(now));
                *kept = Some(Kept { credentials: credentials.clone(), good_until });
                Ok(credentials)
            }
            Err(error) => match kept.as_ref() {
                Some(old) if old.credentials.expiry().is_none_or(|expiry| now < expiry) => Ok(old.credentials.clone()),
                _ => Err(error),
            },
        }
    }
}

impl ProvideCredentials for Refreshing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.credentials().await.map_err(SdkError::provider_error) })
    }
}
