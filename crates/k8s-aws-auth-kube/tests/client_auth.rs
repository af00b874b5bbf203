//! Signing in, against a fake API server that looks at the tokens.
#![cfg(feature = "client-auth")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests of an adapter")]

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use http::Request;
use k8s_aws_auth_kube::{ClusterId, EksCluster, EndpointKind, Region, StsEndpoint, TokenLayer};
use k8s_aws_token::{EndpointTable, Token};
use kube::Client;
use kube::client::ClientBuilder;
use kubernetes_fake::{FakeKubernetes, aws_auth};
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

const LIST: &str = "/api/v1/namespaces/kube-system/configmaps";

/// Credentials that end after some time, or none at all, and how often they were asked for.
#[derive(Debug, Default)]
struct Provider {
    asked: AtomicUsize,
    expiry: Mutex<Option<SystemTime>>,
    fails: Mutex<bool>,
}

#[derive(Clone, Debug)]
struct Shared(Arc<Provider>);

impl ProvideCredentials for Shared {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.0.asked.fetch_add(1, SeqCst);
            // Others get their turn, and wait for this one.
            tokio::task::yield_now().await;
            if *self.0.fails.lock().unwrap() {
                return Err(CredentialsError::not_loaded("the test has none"));
            }
            let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
            Ok(Credentials::new("AKIAIOSFODNN7EXAMPLE", secret, None, *self.0.expiry.lock().unwrap(), "test"))
        })
    }
}

struct Setting {
    fake: FakeKubernetes,
    provider: Arc<Provider>,
    now: Arc<Mutex<SystemTime>>,
    cluster: EksCluster,
}

impl Setting {
    fn new() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let fake = FakeKubernetes::builder().tls().start();
        fake.apply(aws_auth([]));
        fake.authenticate_by(|bearer| {
            let token = Token::decode(bearer?, &EndpointTable::standard()).ok()?;
            assert_eq!(token.endpoint().host(), "sts.eu-central-1.amazonaws.com");
            Some(Value::Null)
        });
        let cluster = EksCluster {
            endpoint: fake.url(),
            certificate_authority: fake.ca_pem().unwrap().into(),
            id: ClusterId::parse("production").unwrap(),
            region: Region::parse("eu-central-1").unwrap(),
        };
        let now = Arc::new(Mutex::new(SystemTime::now()));
        Self { fake, provider: Arc::default(), now, cluster }
    }

    fn credentials(&self) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(Shared(self.provider.clone()))
    }

    /// A client whose clock is `now`.
    fn client(&self) -> Client {
        let endpoint = StsEndpoint::in_region(&self.cluster.region, EndpointKind::Regional).unwrap();
        let now = self.now.clone();
        let clock = move || *now.lock().unwrap();
        let layer = TokenLayer::with_clock(self.credentials(), endpoint, self.cluster.id.clone(), clock);
        ClientBuilder::try_from(self.cluster.config().unwrap()).unwrap().with_layer(&layer).build()
    }

    fn pass(&self, seconds: u64) {
        *self.now.lock().unwrap() += Duration::from_secs(seconds);
    }

    fn asked(&self) -> usize {
        self.provider.asked.load(SeqCst)
    }
}

async fn list(client: &Client) -> Result<Value, kube::Error> {
    client.request(Request::get(LIST).body(Vec::new()).unwrap()).await
}

#[tokio::test]
async fn a_client_signs_in_with_a_token_that_the_gate_accepts() {
    let setting = Setting::new();
    let client = setting.cluster.client(setting.credentials()).unwrap();
    assert_eq!(list(&client).await.unwrap()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn requests_at_the_same_time_share_one_token_and_it_is_replaced_before_its_end() {
    let setting = Setting::new();
    let client = setting.client();
    let all = futures_util::future::join_all((0..50).map(|_| list(&client))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(setting.asked(), 1);
    setting.pass(12 * 60);
    list(&client).await.unwrap();
    assert_eq!(setting.asked(), 1);
    setting.pass(70);
    futures_util::future::join_all((0..50).map(|_| list(&client))).await;
    assert_eq!(setting.asked(), 2, "50 s before its end");
    let requests = setting.fake.requests();
    let bearers: std::collections::BTreeSet<&[u8]> =
        requests.iter().map(|r| r.headers["authorization"].as_bytes()).collect();
    assert_eq!(bearers.len(), 2);
}

#[tokio::test]
async fn a_token_ends_with_the_credentials() {
    let setting = Setting::new();
    *setting.provider.expiry.lock().unwrap() = Some(*setting.now.lock().unwrap() + Duration::from_secs(300));
    let client = setting.client();
    list(&client).await.unwrap();
    setting.pass(200);
    list(&client).await.unwrap();
    assert_eq!(setting.asked(), 1);
    setting.pass(50);
    list(&client).await.unwrap();
    assert_eq!(setting.asked(), 2);
}

#[tokio::test]
async fn without_credentials_a_good_token_is_used_to_its_end_and_then_everyone_is_told() {
    let setting = Setting::new();
    let client = setting.client();
    list(&client).await.unwrap();
    *setting.provider.fails.lock().unwrap() = true;
    setting.pass(13 * 60 + 10);
    list(&client).await.unwrap();
    assert_eq!(setting.asked(), 2);
    setting.pass(60);
    let asked = setting.asked();
    let failed = futures_util::future::join_all((0..50).map(|_| list(&client))).await;
    for result in failed {
        let shown = format!("{0} {0:?}", result.unwrap_err());
        assert!(shown.contains("cannot sign in"), "{shown}");
    }
    // One for each second that it takes.
    assert!(setting.asked() - asked < 25, "{}", setting.asked());
    *setting.provider.fails.lock().unwrap() = false;
    while list(&client).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_not_used_again() {
    let setting = Setting::new();
    let client = setting.client();
    list(&client).await.unwrap();
    setting.fake.set_tokens(&["no token of ours"]);
    assert!(matches!(list(&client).await, Err(kube::Error::Api(status)) if status.code == 401));
    setting.fake.set_tokens(&[]);
    list(&client).await.unwrap();
    assert_eq!(setting.asked(), 2);
}
