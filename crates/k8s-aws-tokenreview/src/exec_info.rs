use serde::de::MapAccess;

use crate::envelope::{Body, read_object};
use crate::strict::{Member, Members};
use crate::{Document, ExecCredentialVersion, TokenReviewError};

/// What a Kubernetes client tells its credential plugin in the environment variable `KUBERNETES_EXEC_INFO`.
///
/// Source: the Kubernetes reference "Client Authentication", type `ExecCredential`. What a plugin for AWS has no use for
/// (`spec.cluster.config`, certificates, proxies) is skipped.
///
/// # Where this differs from the Go `aws-iam-authenticator`
///
/// A client refuses an answer in another version than the one it named, with a message about versions that hides the
/// cause. So what cannot be read is an error here, with its place and a remedy. The Go program takes it for an absent
/// variable and answers in v1beta1; it takes a `spec.cluster` with a `config` for unreadable too (the kubeconfig's
/// extension `client.authentication.k8s.io/exec`), which is read here; and any text at all that is in `apiVersion` it
/// answers in. What is then printed is the same, byte for byte: see [`ExecCredential`](crate::ExecCredential).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecInfo {
    version: ExecCredentialVersion,
    interactive: Option<bool>,
    server: Option<String>,
}

impl ExecInfo {
    /// What is assumed where the variable is not set: `client.authentication.k8s.io/v1beta1` and nothing else known.
    pub fn absent() -> Self {
        Self::default()
    }

    /// Reads the variable as the environment has it. Not set and empty are both [`absent`](Self::absent): clients that
    /// predate the variable leave it out, scripts empty it.
    ///
    /// # Errors
    ///
    /// Those of [`from_json`](Self::from_json).
    pub fn from_env_value(value: Option<&str>) -> Result<Self, TokenReviewError> {
        match value {
            None | Some("") => Ok(Self::absent()),
            Some(json) => Self::from_json(json),
        }
    }

    /// Reads the value of the variable.
    ///
    /// # Errors
    ///
    /// A [`TokenReviewError`] about [`Document::ExecInfo`], with a [`remedy`](TokenReviewError::remedy), if it is not an
    /// `ExecCredential` of a [known version](ExecCredentialVersion). The client would refuse an answer in any version
    /// but the one it named, so there is no point in guessing one.
    pub fn from_json(json: &str) -> Result<Self, TokenReviewError> {
        let document = Document::ExecInfo;
        let (api_version, spec) = read_object::<SpecMembers>(document, json.as_bytes())?;
        let version = ExecCredentialVersion::parse(document, &api_version)?;
        let SpecMembers { interactive, cluster } = spec.unwrap_or_default();
        Ok(Self { version, interactive, server: cluster.unwrap_or_default().server })
    }

    /// The version to answer in.
    pub fn version(&self) -> ExecCredentialVersion {
        self.version
    }

    /// Whether standard input is the user's, so that a question can be asked. `None` if the client does not say.
    pub fn interactive(&self) -> Option<bool> {
        self.interactive
    }

    /// The URL of the API server that the credential is for. Clients say so only with `provideClusterInfo: true`.
    pub fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }
}

#[derive(Default)]
struct SpecMembers {
    interactive: Option<bool>,
    cluster: Option<ClusterMembers>,
}

impl Members for SpecMembers {
    const NAMES: &'static [(&'static str, &'static str)] =
        &[("interactive", "spec.interactive"), ("cluster", "spec.cluster")];

    fn member<'de, A: MapAccess<'de>>(&mut self, name: &'static str, member: Member<'_, A>) -> Result<(), A::Error> {
        match name {
            "interactive" => self.interactive = member.boolean()?,
            "cluster" => self.cluster = member.object()?,
            _ => member.ignore()?,
        }
        Ok(())
    }
}

impl Body for SpecMembers {
    const IN: &'static str = "spec";
}

#[derive(Default)]
struct ClusterMembers {
    server: Option<String>,
}

impl Members for ClusterMembers {
    const NAMES: &'static [(&'static str, &'static str)] = &[("server", "spec.cluster.server")];

    fn member<'de, A: MapAccess<'de>>(&mut self, name: &'static str, member: Member<'_, A>) -> Result<(), A::Error> {
        match name {
            "server" => self.server = member.string()?,
            _ => member.ignore()?,
        }
        Ok(())
    }
}
