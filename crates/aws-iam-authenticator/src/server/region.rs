//! The region that this server is in, where nobody says another: variables, then the profile, then the instance metadata service,
//! as in the Go program.

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector as Tcp};
use hyper_util::rt::TokioExecutor;
use k8s_aws_auth::identity::Region;
use std::time::Duration;

/// How long the instance metadata service may take, its session and further attempts included. It is on the same machine; where
/// there is none, packets vanish.
const LIMIT: Duration = Duration::from_secs(2);
/// The most of an answer; a region has some twenty bytes.
const MAX_BODY: usize = 16 * 1024;

/// None where nobody says, or says something that is no region. The service is not asked where `AWS_EC2_METADATA_DISABLED` is true.
pub(super) async fn of_this_server() -> Option<Region> {
    let config = ProviderConfig::without_region().with_http_client(Plain);
    let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
        .or_else(ImdsRegionProvider::builder().configure(&config).build());
    let region = tokio::time::timeout(LIMIT, chain.region()).await.ok()??;
    Region::parse(region.as_ref()).ok()
}

/// HTTP without TLS, and past every proxy: what the service tells is for this machine alone.
#[derive(Clone, Debug)]
struct Plain;

impl HttpClient for Plain {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Self)
    }
}

impl HttpConnector for Plain {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(exchange(request))
    }
}

async fn exchange(request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let request = request.map(|body| Full::new(Bytes::copy_from_slice(body.bytes().unwrap_or_default())));
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(Tcp::new());
    let answer = client.request(request).await.map_err(|error| ConnectorError::io(error.into()))?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await.map_err(ConnectorError::io)?.to_bytes();
    HttpResponse::try_from(http::Response::from_parts(head, SdkBody::from(body)))
        .map_err(|error| ConnectorError::other(error.into(), None))
}
