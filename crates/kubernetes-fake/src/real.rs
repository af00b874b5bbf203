use crate::kubeconfig::kubeconfig;
use crate::process::Process;
use crate::tls::{self, Identity};
use rcgen::KeyPair;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The bearer token of the administrator.
const ADMIN: &str = "admin";

/// A real API server, and its etcd: processes of this test, in a directory of their own, on free ports of the loopback interface.
/// Who may do what is decided by RBAC.
///
/// There is nothing else of a cluster: no controllers, so nothing is aggregated, collected or scheduled. Dropping it ends both.
pub struct RealKubernetes {
    assets: PathBuf,
    port: u16,
    ca: String,
    arguments: Vec<String>,
    // Ended in this order, before their directory goes.
    api_server: Option<Process>,
    _etcd: Process,
    directory: TempDir,
}

impl RealKubernetes {
    /// The folder that `KUBEBUILDER_ASSETS` names, if it has `etcd` and `kube-apiserver`.
    pub fn assets() -> Option<PathBuf> {
        let assets = PathBuf::from(std::env::var_os("KUBEBUILDER_ASSETS")?);
        (assets.join("etcd").exists() && assets.join("kube-apiserver").exists()).then_some(assets)
    }

    /// Starts etcd out of this folder, and settles where the API server will be.
    ///
    /// # Panics
    /// If the machine has no directory, port or process to give.
    #[expect(clippy::unwrap_used, reason = "a test that cannot have its server ends here")]
    pub fn prepare(assets: &Path) -> Self {
        let directory = tempfile::Builder::new().prefix("kubernetes-").tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let [clients, peers, port] = free_ports();
        let (clients, peers) = (format!("http://127.0.0.1:{clients}"), format!("http://127.0.0.1:{peers}"));
        let Identity { certificate, key, ca } = tls::identity().unwrap();
        let accounts = KeyPair::generate().unwrap();
        for (name, text) in [
            ("server.pem", certificate.pem()),
            ("server-key.pem", key.serialize_pem()),
            ("accounts.pem", accounts.public_key_pem()),
            ("accounts-key.pem", accounts.serialize_pem()),
            ("tokens.csv", format!("{ADMIN},admin,admin,system:masters\n")),
        ] {
            fs::write(path(name), text).unwrap();
        }
        let etcd = [
            format!("--data-dir={}", path("etcd")),
            format!("--listen-client-urls={clients}"),
            format!("--advertise-client-urls={clients}"),
            format!("--listen-peer-urls={peers}"),
            format!("--initial-advertise-peer-urls={peers}"),
            format!("--initial-cluster=default={peers}"),
            "--unsafe-no-fsync".to_owned(),
        ];
        let etcd = Process::start(&assets.join("etcd"), &etcd, File::create(path("etcd.log")).unwrap()).unwrap();
        let arguments = vec![
            format!("--etcd-servers={clients}"),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            format!("--tls-cert-file={}", path("server.pem")),
            format!("--tls-private-key-file={}", path("server-key.pem")),
            format!("--token-auth-file={}", path("tokens.csv")),
            "--authorization-mode=RBAC".to_owned(),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            "--service-account-issuer=https://127.0.0.1".to_owned(),
            format!("--service-account-key-file={}", path("accounts.pem")),
            format!("--service-account-signing-key-file={}", path("accounts-key.pem")),
            // It would wait for a controller to make the account `default`.
            "--disable-admission-plugins=ServiceAccount".to_owned(),
        ];
        let assets = assets.to_owned();
        Self { assets, port, ca, arguments, api_server: None, _etcd: etcd, directory }
    }

    /// Starts the API server, with these arguments behind its own, and does not wait for it: it answers some seconds later. One that
    /// runs is killed first; what it stored stays.
    ///
    /// # Panics
    /// If it cannot be started.
    #[expect(clippy::unwrap_used, reason = "a test that cannot have its server ends here")]
    pub fn start_api_server(&mut self, more: &[String]) {
        self.kill_api_server();
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let arguments = [&self.arguments, more].concat();
        self.api_server = Some(Process::start(&self.assets.join("kube-apiserver"), &arguments, log).unwrap());
    }

    /// Kills the API server, as an outage would. Its etcd runs on.
    pub fn kill_api_server(&mut self) {
        drop(self.api_server.take());
    }

    /// `https://127.0.0.1:<port>`, whether it runs or not.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The CA certificate in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca
    }

    /// The bearer token of an administrator, who is in the group `system:masters`.
    pub fn admin_token(&self) -> &str {
        ADMIN
    }

    /// The text of a kubeconfig of the administrator, with one context, `test`.
    pub fn kubeconfig(&self) -> String {
        self.kubeconfig_of(&json!({"token": ADMIN}))
    }

    /// The same with other credentials, such as `{"tokenFile": "/path"}`.
    pub fn kubeconfig_of(&self, user: &Value) -> String {
        kubeconfig(&self.url(), Some(&self.ca), user)
    }

    /// What the API server wrote to its log since the first start, for the message of a test that fails.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.directory.path().join("kube-apiserver.log")
    }
}

/// Ports that were free a moment ago: these programs do not tell which one they took.
#[expect(clippy::unwrap_used, reason = "a test that cannot have its server ends here")]
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
