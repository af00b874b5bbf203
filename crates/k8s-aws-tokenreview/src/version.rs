use std::fmt;

use crate::{Document, TokenReviewError};

/// A version of the API group `authentication.k8s.io`. Source: `kube-apiserver --authentication-token-webhook-version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenReviewVersion {
    /// `authentication.k8s.io/v1`.
    V1,
    /// `authentication.k8s.io/v1beta1`, what an API server sends when it is not told otherwise.
    V1Beta1,
}

impl TokenReviewVersion {
    /// Every version, the newest first.
    pub const ALL: &'static [Self] = &[Self::V1, Self::V1Beta1];

    /// The text of `apiVersion`.
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "authentication.k8s.io/v1",
            Self::V1Beta1 => "authentication.k8s.io/v1beta1",
        }
    }

    pub(crate) fn parse(document: Document, api_version: &str) -> Result<Self, TokenReviewError> {
        let version = Self::ALL.iter().find(|version| version.api_version() == api_version);
        version.copied().ok_or(TokenReviewError::UnsupportedVersion { document })
    }
}

impl fmt::Display for TokenReviewVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.api_version())
    }
}

/// A version of the API group `client.authentication.k8s.io`. Source: the Kubernetes reference "Client Authentication".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExecCredentialVersion {
    /// `client.authentication.k8s.io/v1`.
    V1,
    /// `client.authentication.k8s.io/v1beta1`: what is meant where nothing says which.
    #[default]
    V1Beta1,
    /// `client.authentication.k8s.io/v1alpha1`, gone from clients since Kubernetes 1.24; the part of it that is used
    /// here has the shape of the later ones.
    V1Alpha1,
}

impl ExecCredentialVersion {
    /// Every version, the newest first.
    pub const ALL: &'static [Self] = &[Self::V1, Self::V1Beta1, Self::V1Alpha1];

    /// The text of `apiVersion`.
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "client.authentication.k8s.io/v1",
            Self::V1Beta1 => "client.authentication.k8s.io/v1beta1",
            Self::V1Alpha1 => "client.authentication.k8s.io/v1alpha1",
        }
    }

    pub(crate) fn parse(document: Document, api_version: &str) -> Result<Self, TokenReviewError> {
        let version = Self::ALL.iter().find(|version| version.api_version() == api_version);
        version.copied().ok_or(TokenReviewError::UnsupportedVersion { document })
    }
}

impl fmt::Display for ExecCredentialVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.api_version())
    }
}
