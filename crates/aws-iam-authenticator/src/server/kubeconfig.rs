//! The kubeconfig by which an API server finds and trusts the webhook.

use super::files;
use crate::Failure;
use base64::{Engine, engine::general_purpose::STANDARD};
use std::path::Path;

/// Writes the file, its directory too where it is missing. The names in it are those of the Go program's.
pub(super) fn write(path: &Path, url: &str, certificate_pem: &str) -> Result<(), Failure> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        files::create_directory(directory)?;
    }
    files::replace(path, render(url, certificate_pem).as_bytes(), 0o644)
}

fn render(url: &str, certificate_pem: &str) -> String {
    // JSON is YAML, quoted as a whole: no host name of whatever kind can change the shape of the file.
    let server = serde_json::Value::from(url);
    let certificate = STANDARD.encode(certificate_pem);
    format!(
        "apiVersion: v1
kind: Config
clusters:
- name: aws-iam-authenticator
  cluster:
    certificate-authority-data: {certificate}
    server: {server}
users:
- name: apiserver
contexts:
- name: webhook
  context:
    cluster: aws-iam-authenticator
    user: apiserver
current-context: webhook
"
    )
}
