//! Signing in to a cluster with AWS credentials, inside the process: no exec plugin, no file.

mod layer;
mod tokens;

pub use layer::{TokenLayer, TokenService};

use crate::KubeError;
use crate::config::in_safe_words;
use aws_credential_types::provider::SharedCredentialsProvider;
use k8s_aws_presign::{ClusterId, EndpointKind, Region, StsEndpoint};
use kube::client::ClientBuilder;
use kube::{Client, Config};
use rustls_pki_types::{CertificateDer, pem::PemObject};

/// A cluster of EKS, as `DescribeCluster` tells it.
///
/// ```no_run
/// # async fn example(
/// #     credentials: aws_credential_types::provider::SharedCredentialsProvider,
/// #     ca_pem: Vec<u8>,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use k8s_aws_auth_kube::{ClusterId, EksCluster, Region};
///
/// let cluster = EksCluster {
///     endpoint: "https://0123456789abcdef.gr7.eu-central-1.eks.amazonaws.com".to_owned(),
///     certificate_authority: ca_pem, // `certificateAuthority.data`, decoded from base64
///     id: ClusterId::parse("production")?,
///     region: Region::parse("eu-central-1")?,
/// };
/// let client: kube::Client = cluster.client(credentials)?;
/// # drop(client);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct EksCluster {
    /// The URL of the API server.
    pub endpoint: String,
    /// The certificates of its CA, in PEM.
    pub certificate_authority: Vec<u8>,
    /// The cluster's id: its name, with EKS.
    pub id: ClusterId,
    /// The region whose STS endpoint tokens are made for: the cluster's own, best.
    pub region: Region,
}

impl EksCluster {
    /// The settings of kube for this cluster, without credentials: those come from a [`TokenLayer`].
    ///
    /// # Errors
    /// [`KubeError::Address`], [`KubeError::Setup`].
    pub fn config(&self) -> Result<Config, KubeError> {
        let uri = self.endpoint.parse().map_err(|_| KubeError::Address)?;
        let problem = || KubeError::Setup { problem: "the CA certificate is not PEM".to_owned() };
        let certificates = CertificateDer::pem_slice_iter(&self.certificate_authority).map(|pem| Ok(pem?.to_vec()));
        let certificates: Result<Vec<Vec<u8>>, rustls_pki_types::pem::Error> = certificates.collect();
        let certificates = certificates.ok().filter(|list| !list.is_empty()).ok_or_else(problem)?;
        let mut config = Config::new(uri);
        config.root_cert = Some(certificates);
        Ok(config)
    }

    /// The layer that signs in to this cluster.
    ///
    /// # Errors
    /// [`KubeError::SignIn`] if there is no STS endpoint in the region.
    pub fn token_layer(&self, credentials: SharedCredentialsProvider) -> Result<TokenLayer, KubeError> {
        let endpoint = StsEndpoint::in_region(&self.region, EndpointKind::Regional);
        let endpoint = endpoint.map_err(|error| KubeError::SignIn { problem: error.to_string() })?;
        Ok(TokenLayer::new(credentials, endpoint, self.id.clone()))
    }

    /// A client that signs in as whoever the credentials are, and stays signed in.
    ///
    /// # Errors
    /// As [`config`](Self::config) and [`token_layer`](Self::token_layer).
    pub fn client(&self, credentials: SharedCredentialsProvider) -> Result<Client, KubeError> {
        let layer = self.token_layer(credentials)?;
        let builder = ClientBuilder::try_from(self.config()?);
        let builder = builder.map_err(|error| KubeError::Setup { problem: in_safe_words(&error) })?;
        Ok(builder.with_layer(&layer).build())
    }
}
