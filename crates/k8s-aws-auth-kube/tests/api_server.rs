//! One scenario against the fake API server, and the same against a real one where `KUBEBUILDER_ASSETS` names a folder with
//! `etcd` and `kube-apiserver`: so the fake is as the real one is, as far as this goes.
#![cfg(feature = "sources")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests of an adapter: files, sockets, processes"
)]

use http::{Method, Request};
use k8s_aws_auth_kube::{ApiServer, Source, Update};
use k8s_aws_mapping::Document;
use kube::Client;
use kubernetes_fake::{FakeKubernetes, Resource, aws_auth, identity_mapping};
use serde_json::{Value, json};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
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
    ask(&client, Method::DELETE, &name, &none).await.unwrap();
    rules(&mut source, 0).await;
    running.abort();
}

#[tokio::test]
async fn the_fake_api_server_goes_through_the_scenario() {
    let crds = Resource::new("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", false);
    let fake = FakeKubernetes::builder().tls().token("admin").resource(crds).start();
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = directory.path().join("kubeconfig");
    std::fs::write(&kubeconfig, fake.kubeconfig()).unwrap();
    scenario(ApiServer { kubeconfig: Some(kubeconfig), ..ApiServer::default() }).await;
}

#[tokio::test]
async fn a_real_api_server_goes_through_the_scenario() {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let Some(assets) = assets.filter(|a| a.join("etcd").exists() && a.join("kube-apiserver").exists()) else {
        // Not by a macro: what those write of a test that passes is not shown.
        let line = "skipped: KUBEBUILDER_ASSETS names no folder with etcd and kube-apiserver";
        writeln!(std::io::stderr(), "{line}").unwrap();
        return;
    };
    let running = Running::start(&assets);
    scenario(running.server()).await;
}

/// etcd and kube-apiserver in a directory of their own.
struct Running {
    processes: Vec<Child>,
    directory: tempfile::TempDir,
}

impl Running {
    fn start(assets: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let [etcd, peers, api] = free_ports();
        let (etcd, peers) = (format!("http://127.0.0.1:{etcd}"), format!("http://127.0.0.1:{peers}"));
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        std::fs::write(path("service-accounts.pem"), key).unwrap();
        std::fs::write(path("tokens.csv"), "admin,admin,admin,system:masters\n").unwrap();
        let user = json!({"token": "admin"});
        let cluster = json!({"server": format!("https://127.0.0.1:{api}"), "insecure-skip-tls-verify": true});
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "real", "cluster": cluster}],
            "users": [{"name": "real", "user": user}],
            "contexts": [{"name": "real", "context": {"cluster": "real", "user": "real"}}],
            "current-context": "real",
        });
        std::fs::write(path("kubeconfig"), kubeconfig.to_string()).unwrap();
        let run = |program: &str, arguments: &[String]| {
            let mut command = Command::new(assets.join(program));
            command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().unwrap()
        };
        let etcd_arguments = [
            format!("--data-dir={}", path("etcd")),
            format!("--listen-client-urls={etcd}"),
            format!("--advertise-client-urls={etcd}"),
            format!("--listen-peer-urls={peers}"),
            format!("--initial-advertise-peer-urls={peers}"),
            format!("--initial-cluster=default={peers}"),
            "--unsafe-no-fsync".to_owned(),
        ];
        let api_arguments = [
            format!("--etcd-servers={etcd}"),
            format!("--cert-dir={}", path("certificates")),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={api}"),
            format!("--token-auth-file={}", path("tokens.csv")),
            "--authorization-mode=RBAC".to_owned(),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            "--service-account-issuer=https://127.0.0.1".to_owned(),
            format!("--service-account-key-file={}", path("service-accounts.pem")),
            format!("--service-account-signing-key-file={}", path("service-accounts.pem")),
            "--disable-admission-plugins=ServiceAccount".to_owned(),
        ];
        let processes = vec![run("etcd", &etcd_arguments), run("kube-apiserver", &api_arguments)];
        Self { processes, directory }
    }

    fn server(&self) -> ApiServer {
        ApiServer { kubeconfig: Some(self.directory.path().join("kubeconfig")), ..ApiServer::default() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Ports that were free a moment ago: these programs do not tell which one they took.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
