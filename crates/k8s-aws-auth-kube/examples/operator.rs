//! A kube operator that signs in to its cluster with AWS credentials, inside its own process: no exec plugin, no AWS CLI, no kubeconfig.
//! Tokens are made anew before they end, however long it runs.
//!
//! AWS and the API server are made up here; the API server finds out who is asking as a real one does, by the token.
//! `cargo run --example operator --features client-auth`.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a program: it reads the clock and prints")]

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use k8s_aws_auth::mapping::{Backend, BackendMode, Document, Options, Snapshot};
use k8s_aws_auth::sts::{Partition, Policy, TransportFailure, Verifier};
use k8s_aws_auth::{Authenticator, LookupFailure, Outcome, drive_blocking};
use k8s_aws_auth_kube::{ClusterId, EksCluster, EndpointKind, Region, StsEndpoint, TokenLayer};
use k8s_aws_auth_ureq::UreqTransport;
use k8s_aws_fake::{FakeAws, FakeClock, Identity};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt, client::ClientBuilder};
use kubernetes_fake::FakeKubernetes;
use serde_json::json;
use std::error::Error;
use std::time::{Duration, SystemTime};

type AnyError = Box<dyn Error + Send + Sync>;

/// The operator itself knows nothing of AWS: it has a client. It notes in every ConfigMap that it has seen it.
async fn reconcile(client: &Client) -> Result<usize, kube::Error> {
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), "apps");
    let mut noted = 0;
    for config_map in config_maps.list(&ListParams::default()).await? {
        if config_map.annotations().contains_key("example.com/seen") {
            continue;
        }
        let seen = Patch::Merge(json!({"metadata": {"annotations": {"example.com/seen": "yes"}}}));
        config_maps.patch(&config_map.name_any(), &PatchParams::default(), &seen).await?;
        noted += 1;
    }
    Ok(noted)
}

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    rustls::crypto::aws_lc_rs::default_provider().install_default().map_err(|_| "there is one already")?;
    let clock = FakeClock::fixed(SystemTime::now());
    let aws = FakeAws::builder().clock(&clock).start()?;
    let key = aws.issue(Identity::assumed_role("111122223333", "operator", "pod-7f3a"));
    let api_server = cluster(&aws, &clock)?;

    // What `DescribeCluster` tells of a cluster of EKS.
    let eks = EksCluster {
        endpoint: api_server.url(),
        certificate_authority: api_server.ca_pem().ok_or("the API server speaks TLS")?.into(),
        id: ClusterId::parse("production")?,
        region: Region::parse("eu-central-1")?,
    };
    // Out of `k8s-aws-auth-credentials` or `aws-config`, which refresh them.
    let session_token = key.session_token().map(str::to_owned);
    let credentials =
        Credentials::new(key.access_key_id(), key.secret_access_key(), session_token, None, "the pod's role");
    let credentials = SharedCredentialsProvider::new(credentials);
    // `eks.client(credentials)` is all there is to it, unless the clock is one for tests.
    let endpoint = StsEndpoint::in_region(&eks.region, EndpointKind::Regional)?;
    let time = clock.clone();
    let layer = TokenLayer::with_clock(credentials, endpoint, eks.id.clone(), move || time.now());
    let client = ClientBuilder::try_from(eks.config()?)?.with_layer(&layer).build();

    assert_eq!(reconcile(&client).await?, 2);
    assert_eq!(reconcile(&client).await?, 0);
    println!("two ConfigMaps noted, and nothing left to do");

    // A quarter of an hour later the first token is no good any more; nobody has to know.
    let before = api_server.requests().len();
    clock.advance(Duration::from_secs(16 * 60));
    api_server.apply(config_map("third"));
    assert_eq!(reconcile(&client).await?, 1);
    println!("a third one, with a token that was made meanwhile");

    let requests = api_server.requests();
    let tokens: Vec<_> = requests.iter().filter_map(|request| request.headers.get("authorization")).collect();
    assert_eq!(tokens.len(), requests.len(), "each request bears a token");
    assert!(tokens[..before].iter().all(|token| *token == tokens[0]));
    assert!(tokens[before..].iter().all(|token| *token == tokens[before] && *token != tokens[0]));
    println!("{} requests, two tokens", requests.len());
    Ok(())
}

/// An API server with two ConfigMaps that lets in whom the mapping of `aws-auth` lets in.
fn cluster(aws: &FakeAws, clock: &FakeClock) -> Result<FakeKubernetes, AnyError> {
    let api_server = FakeKubernetes::builder().tls().start();
    let sts = UreqTransport::builder().roots_pem(aws.ca_pem().as_bytes())?.proxy(&aws.proxy_url(), "")?.build()?;
    let role = "[{rolearn: 'arn:aws:iam::111122223333:role/operator', username: operator, groups: [operators]}]";
    let document = Document::from_aws_auth([("mapRoles", role)]);
    let rules = Snapshot::new([Backend::synced(BackendMode::EksConfigMap, document)], Options::default());
    let authenticator = Authenticator::new(Verifier::new(Policy::new(Partition::Aws)));
    let (cluster, clock) = (ClusterId::parse("production")?, clock.clone());
    api_server.authenticate_by(move |token| {
        let first = authenticator.begin(token?, &cluster, clock.now());
        let outcome = drive_blocking(
            first,
            || rules.clone(),
            |request| sts.send(request.into_http().map(|()| [])).map_err(|_| TransportFailure::Unreachable),
            |_| Err(LookupFailure::NotConfigured),
        );
        match &*outcome {
            Outcome::Authenticated(granted) => {
                Some(json!({"username": granted.user().username, "groups": granted.user().groups}))
            }
            Outcome::Refused(_) => None,
        }
    });
    for name in ["first", "second"] {
        api_server.apply(config_map(name));
    }
    Ok(api_server)
}

fn config_map(name: &str) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "apps"}})
}
