//! One scenario against the fake API server, and the same against a real one where `KUBEBUILDER_ASSETS` names a folder with
//! `etcd` and `kube-apiserver`: so the fake is as the real one is, as far as this goes.
#![cfg(feature = "sources")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests of an adapter: files and processes")]

use futures_util::TryStreamExt;
use http::{Method, Request};
use k8s_aws_auth_kube::{ApiServer, Source, Update};
use k8s_aws_mapping::Document;
use kube::Client;
use kube::core::{DynamicObject, WatchEvent};
use kubernetes_fake::{FakeKubernetes, RealKubernetes, Resource, aws_auth, identity_mapping};
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;
use tokio::time::timeout;

/// Only a broken program makes a test wait that long.
const PATIENCE: Duration = Duration::from_secs(120);
const CONFIG_MAPS: &str = "/api/v1/namespaces/kube-system/configmaps";
const MAPPINGS: &str = "/apis/iamauthenticator.k8s.aws/v1alpha1/iamidentitymappings";
const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

async fn ask(client: &Client, method: Method, path: &str, body: &Value) -> Result<Value, kube::Error> {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    client.request(request.body(body.to_string().into_bytes()).unwrap()).await
}

/// Asks until it works: an API server that starts, or that has just heard of a new kind of object, needs a moment.
async fn ask_until(client: &Client, method: Method, path: &str, body: &Value) -> Value {
    let asking = async {
        loop {
            match ask(client, method.clone(), path, body).await {
                Ok(answer) => return answer,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{method} {path} does not work"))
}

/// The mappings, once they have this many rules.
async fn rules(source: &mut Source, count: usize) -> Document {
    let asking = async {
        loop {
            match source.next().await {
                Update::Mappings(document) if document.rules().count() == count => return document,
                _ => {}
            }
        }
    };
    timeout(PATIENCE, asking).await.expect("the mappings")
}

async fn scenario(server: ApiServer) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = server.client().await.unwrap();
    let none = json!({});

    let mut source = Source::aws_auth(server.clone());
    let user = |name: &str| format!("- userarn: arn:aws:iam::123456789012:user/{name}\n  username: {name}\n");
    rules(&mut source, 0).await;
    let created = ask_until(&client, Method::POST, CONFIG_MAPS, &aws_auth([("mapUsers", &user("alice"))])).await;
    rules(&mut source, 1).await;
    let mut edited = created.clone();
    edited["data"]["mapUsers"] = (user("alice") + &user("bob")).into();
    let name = format!("{CONFIG_MAPS}/aws-auth");
    ask(&client, Method::PUT, &name, &edited).await.unwrap();
    rules(&mut source, 2).await;
    let conflict = ask(&client, Method::PUT, &name, &edited).await;
    assert!(matches!(conflict, Err(kube::Error::Api(status)) if status.code == 409));
    ask(&client, Method::DELETE, &name, &none).await.unwrap();
    rules(&mut source, 0).await;

    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/manifests/iamidentitymapping.yaml"));
    let crd: Value = serde_yaml::from_str(&manifest.unwrap()).unwrap();
    ask(&client, Method::POST, CRDS, &crd).await.unwrap();
    let object = identity_mapping("alice", "arn:aws:iam::123456789012:user/Alice", "alice", &["humans"]);
    ask_until(&client, Method::POST, MAPPINGS, &object).await;
    let (mut source, controller) = Source::identity_mappings(server);
    let running = tokio::spawn(controller.run(|failure| panic!("{failure:?}")));
    rules(&mut source, 1).await;
    let name = format!("{MAPPINGS}/alice");
    let written = async {
        while ask(&client, Method::GET, &name, &none).await.unwrap()["status"]["canonicalARN"].is_null() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, written).await.expect("the status");
    let status = ask(&client, Method::GET, &name, &none).await.unwrap()["status"].clone();
    assert_eq!(status, json!({"canonicalARN": "arn:aws:iam::123456789012:user/alice", "userID": ""}));
    let path = "/api/v1/namespaces/default/events";
    let events = async {
        loop {
            let events = ask(&client, Method::GET, path, &none).await.unwrap();
            let ours = events["items"].as_array().unwrap().iter().any(|e| e["reason"] == "Synced");
            if ours {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, events).await.expect("an event");
    streamed(&client).await;
    ask(&client, Method::DELETE, &name, &none).await.unwrap();
    rules(&mut source, 0).await;
    running.abort();
}

/// The one object and the end of all there are as events of a watch: so newer clients of Go ask in place of a list.
async fn streamed(client: &Client) {
    let path = format!("{MAPPINGS}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true");
    let watch = |path: &str| client.request_events::<DynamicObject>(Request::get(path).body(Vec::new()).unwrap());
    let refused = watch(&path).await.err();
    assert!(matches!(refused, Some(kube::Error::Api(status)) if status.code == 422));
    let mut events = Box::pin(watch(&format!("{path}&resourceVersionMatch=NotOlderThan")).await.unwrap());
    let mut next = async || timeout(PATIENCE, events.try_next()).await.expect("an event").unwrap();
    let first = next().await;
    let Some(WatchEvent::Added(object)) = first else { panic!("{first:?}") };
    assert_eq!(object.metadata.name.as_deref(), Some("alice"));
    let Some(WatchEvent::Bookmark(end)) = next().await else { panic!("no bookmark") };
    assert_eq!(end.metadata.annotations.get("k8s.io/initial-events-end").map(String::as_str), Some("true"));
}

/// The scenario with this kubeconfig.
async fn goes_through(kubeconfig: &str) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kubeconfig");
    std::fs::write(&file, kubeconfig).unwrap();
    scenario(ApiServer { kubeconfig: Some(file), ..ApiServer::default() }).await;
}

#[tokio::test]
async fn the_fake_api_server_goes_through_the_scenario() {
    let crds = Resource::new("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", false);
    let fake = FakeKubernetes::builder().tls().token("admin").resource(crds).start();
    goes_through(&fake.kubeconfig()).await;
}

#[tokio::test]
async fn a_real_api_server_goes_through_the_scenario() {
    let Some(assets) = RealKubernetes::assets() else {
        // Not by a macro: what those write of a test that passes is not shown.
        let line = "skipped: KUBEBUILDER_ASSETS names no folder with etcd and kube-apiserver";
        writeln!(std::io::stderr(), "{line}").unwrap();
        return;
    };
    let mut real = RealKubernetes::prepare(&assets);
    real.start_api_server(&[]);
    goes_through(&real.kubeconfig()).await;
}
