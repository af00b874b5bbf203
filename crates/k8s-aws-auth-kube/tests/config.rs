//! Which API server is meant, from flags and kubeconfig.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests of an adapter: files")]

use k8s_aws_auth_kube::{ApiServer, KubeError};
use std::path::Path;

const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
clusters:
- name: one
  cluster: {server: 'https://10.0.0.1:6443', proxy-url: 'http://proxy.example:3128'}
- name: two
  cluster: {server: 'https://127.0.0.1:6443'}
users:
- name: admin
  user: {token: sEcReT}
contexts:
- {name: one, context: {cluster: one, user: admin, namespace: apps}}
- {name: two, context: {cluster: two, user: admin}}
current-context: one
";

fn server(path: &Path) -> ApiServer {
    ApiServer { kubeconfig: Some(path.to_owned()), ..ApiServer::default() }
}

fn kubeconfig() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), KUBECONFIG).unwrap();
    file
}

#[tokio::test]
async fn the_current_context_counts_unless_another_is_named() {
    let file = kubeconfig();
    let config = server(file.path()).config().await.unwrap();
    assert_eq!(
        (config.cluster_url.to_string().as_str(), &*config.default_namespace),
        ("https://10.0.0.1:6443/", "apps")
    );
    assert_eq!(config.proxy_url.unwrap(), "http://proxy.example:3128/");
    assert!(!config.default_retry, "a source has pauses of its own");
    let other = ApiServer { context: Some("two".to_owned()), ..server(file.path()) };
    let config = other.config().await.unwrap();
    assert_eq!((config.cluster_url.to_string().as_str(), config.proxy_url), ("https://127.0.0.1:6443/", None));
}

#[tokio::test]
async fn the_master_url_counts_over_the_kubeconfig_and_the_credentials_stay() {
    let file = kubeconfig();
    let master = ApiServer { master: Some("https://127.0.0.1:7443".to_owned()), ..server(file.path()) };
    let config = master.config().await.unwrap();
    assert_eq!(config.cluster_url, "https://127.0.0.1:7443/");
    assert!(config.auth_info.token.is_some());
    let alone = ApiServer { kubeconfig: None, in_cluster: true, ..master };
    let config = alone.config().await.unwrap();
    assert!(config.auth_info.token.is_none(), "never the credentials of another place");
}

#[tokio::test]
async fn what_cannot_be_used_is_said_without_a_secret() {
    let file = kubeconfig();
    let missing = server(Path::new("/nowhere/kubeconfig")).config().await.unwrap_err();
    assert!(missing.to_string().contains("/nowhere/kubeconfig"), "{missing}");
    let context = ApiServer { context: Some("three".to_owned()), ..server(file.path()) };
    assert_eq!(context.config().await.unwrap_err().reason(), "kubeconfig");
    let url = ApiServer { master: Some("https://".to_owned()), ..server(file.path()) };
    assert!(matches!(url.config().await, Err(KubeError::Address)));
    // Tests may run in a pod themselves.
    if std::env::var_os("KUBERNETES_SERVICE_HOST").is_none() {
        let nothing = ApiServer { in_cluster: true, ..ApiServer::default() };
        assert_eq!(nothing.config().await.unwrap_err().reason(), "not_in_cluster");
    }
    std::fs::write(file.path(), KUBECONFIG.replace("sEcReT", "[sEcReT")).unwrap();
    let broken = server(file.path()).config().await.unwrap_err();
    let shown = format!("{broken} {broken:?}");
    assert!(broken.reason() == "kubeconfig" && !shown.contains("sEcReT"), "{shown}");
}
