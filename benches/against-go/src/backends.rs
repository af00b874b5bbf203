//! The same callers out of each backend.

use super::process::Result;
use super::tokens;
use kubernetes_fake::{FakeKubernetes, aws_auth, identity_mapping};
use serde_json::json;
use std::fs;
use tempfile::TempDir;

/// Mappings in an API server and in files.
pub(crate) struct Backends {
    directory: TempDir,
    /// It is asked for as long as this is there.
    _kubernetes: FakeKubernetes,
}

const CALLERS: (&str, &str) = ("arn:aws:iam::111122223333:role/Callers", "caller:{{SessionName}}");

impl Backends {
    pub(crate) fn start() -> Result<Self> {
        let kubernetes = FakeKubernetes::builder().tls().start();
        let roles = tokens::map_roles(2);
        kubernetes.apply(aws_auth([("mapRoles", roles.strip_prefix("mapRoles:\n").unwrap_or(&roles))]));
        let mut object = identity_mapping("callers", CALLERS.0, CALLERS.1, &["callers"]);
        // The Go program finds an object by its status, which its controller writes some time later.
        object["status"] = json!({"canonicalARN": CALLERS.0.to_ascii_lowercase(), "userID": ""});
        kubernetes.apply(object);
        let directory = tempfile::tempdir()?;
        fs::write(directory.path().join("kubeconfig"), kubernetes.kubeconfig())?;
        let role = json!({"rolearn": CALLERS.0, "username": CALLERS.1, "groups": ["callers"]});
        let document = json!({"LastUpdatedDateTime": "1700000000", "Version": "1", "mapRoles": [role]});
        fs::write(directory.path().join("dynamic.json"), document.to_string())?;
        Ok(Self { directory, _kubernetes: kubernetes })
    }

    /// Each by its name, with the lines under `server` that choose it.
    pub(crate) fn all(&self) -> [(&'static str, String); 3] {
        let file = |name: &str| self.directory.path().join(name).display().to_string();
        let kubeconfig = file("kubeconfig");
        [
            ("EKSConfigMap", format!("backendMode: [EKSConfigMap]\nkubeconfig: {kubeconfig}\n")),
            ("CRD", format!("backendMode: [CRD]\nkubeconfig: {kubeconfig}\n")),
            ("DynamicFile", format!("backendMode: [DynamicFile]\ndynamicfilepath: {}\n", file("dynamic.json"))),
        ]
    }
}
