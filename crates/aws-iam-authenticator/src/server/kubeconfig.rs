//! The kubeconfig by which an API server finds and trusts the webhook.

use super::certificate::ServingIdentity;
use super::files;
use super::settings::Settings;
use crate::{Failure, Log};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

/// Writes the file of each cluster, its directory too where it is missing. The names in it are those of the Go program's.
pub(super) fn write(settings: &Settings, port: u16, identity: &ServingIdentity, log: &Log) -> Result<(), Failure> {
    for (path, url) in settings.kubeconfigs(port) {
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            files::create_directory(directory)?;
        }
        let content = render(&url, identity.certificate_pem())?;
        files::replace(&path, content.as_bytes(), 0o644)?;
        log.info("writing webhook kubeconfig file", &[("kubeconfigPath", path.display().to_string().into())]);
    }
    Ok(())
}

fn render(url: &str, certificate_pem: &str) -> Result<String, Failure> {
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "aws-iam-authenticator",
            "cluster": { "certificate-authority-data": STANDARD.encode(certificate_pem), "server": url },
        }],
        "users": [{ "name": "apiserver" }],
        "contexts": [{ "name": "webhook", "context": { "cluster": "aws-iam-authenticator", "user": "apiserver" } }],
        "current-context": "webhook",
    });
    serde_yaml::to_string(&kubeconfig).map_err(Failure::new)
}
