//! The token that is used now, and the next one before its time is over.

use crate::KubeError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use http::HeaderValue;
use k8s_aws_presign::{ClusterId, StsEndpoint, presign};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long before its end a token is replaced.
const MARGIN: Duration = Duration::from_secs(60);
/// How long after a failure nothing is tried: a token that is still good is used, and without one the failure is told again.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

pub(crate) struct Tokens {
    pub(crate) credentials: SharedCredentialsProvider,
    pub(crate) endpoint: StsEndpoint,
    pub(crate) cluster: ClusterId,
    pub(crate) clock: Clock,
    pub(crate) state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    minted: Option<Minted>,
    failed: Option<(Instant, String)>,
}

struct Minted {
    header: HeaderValue,
    expires_at: SystemTime,
}

impl Tokens {
    /// The value of `Authorization` now. Of those who ask at the same time, one mints and the others wait for it; if that one
    /// gives up, the next one mints.
    pub(crate) async fn header(&self) -> Result<HeaderValue, KubeError> {
        let mut state = self.state.lock().await;
        let now = (self.clock)();
        let good = state.minted.as_ref().filter(|minted| now < minted.expires_at);
        if let Some(minted) = good.filter(|minted| now + MARGIN < minted.expires_at) {
            return Ok(minted.header.clone());
        }
        let still_good = good.map(|minted| minted.header.clone());
        // Whoever waited while another one failed would fail likewise.
        if let Some((_, problem)) = state.failed.as_ref().filter(|(at, _)| at.elapsed() < PAUSE) {
            return still_good.ok_or_else(|| KubeError::SignIn { problem: problem.clone() });
        }
        match self.mint(now).await {
            Ok(minted) => {
                let header = minted.header.clone();
                *state = State { minted: Some(minted), failed: None };
                Ok(header)
            }
            Err(problem) => {
                state.failed = Some((Instant::now(), problem.clone()));
                still_good.ok_or(KubeError::SignIn { problem })
            }
        }
    }

    /// The API server does not take this one (any more).
    pub(crate) async fn refused(&self, header: &HeaderValue) {
        let mut state = self.state.lock().await;
        if state.minted.as_ref().is_some_and(|minted| minted.header == header) {
            state.minted = None;
        }
    }

    async fn mint(&self, now: SystemTime) -> Result<Minted, String> {
        let credentials = self.credentials.provide_credentials().await.map_err(|error| error.to_string())?;
        let token = presign(&credentials, &self.endpoint, &self.cluster, now).map_err(|error| error.to_string())?;
        let header = HeaderValue::from_str(&format!("Bearer {}", token.text().expose()));
        let mut header = header.map_err(|error| error.to_string())?;
        header.set_sensitive(true);
        Ok(Minted { header, expires_at: token.expires_at() })
    }
}
