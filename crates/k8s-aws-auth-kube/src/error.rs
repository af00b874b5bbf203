/// Why an API server cannot be asked, or did not answer as it should.
///
/// Messages hold no credential: where a library's own words might quote a kubeconfig or the output of a credential plugin, they
/// are left out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubeError {
    /// A kubeconfig cannot be used.
    #[error("cannot use the kubeconfig: {problem}")]
    Kubeconfig {
        /// What is wrong with it.
        problem: String,
    },
    /// Neither a kubeconfig nor a pod's service account.
    #[error("no kubeconfig was given, and there is no service account of a pod: {problem}")]
    NotInCluster {
        /// What a pod would have.
        problem: String,
    },
    /// The URL of the API server.
    #[error("the address of the API server is not a URL such as https://127.0.0.1:6443")]
    Address,
    /// Certificates, keys or the credential plugin.
    #[error("cannot set up the connection to the API server: {problem}")]
    Setup {
        /// What is wrong.
        problem: String,
    },
    /// No token could be minted: no credentials, or they are over.
    #[error("cannot sign in to the cluster: {problem}")]
    SignIn {
        /// What the provider of the credentials or the presigner says.
        problem: String,
    },
    /// No answer: no connection, no TLS session, or the connection broke.
    #[error("the API server does not answer: {problem}")]
    Unreachable {
        /// What happened to the connection.
        problem: String,
    },
    /// No answer in time.
    #[error("the API server did not answer within {} s", limit.as_secs())]
    Timeout {
        /// The limit.
        limit: std::time::Duration,
    },
    /// An answer that says no.
    #[error("the API server answered {status}{}{message}", if message.is_empty() { "" } else { ": " })]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The API server's words, at most 512 bytes of them.
        message: String,
    },
    /// An answer that is not one of a Kubernetes API server, or larger than it may be.
    #[error("the API server's answer cannot be read: {problem}")]
    Malformed {
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl KubeError {
    /// A stable code for logs, metrics and programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Kubeconfig { .. } => "kubeconfig",
            Self::NotInCluster { .. } => "not_in_cluster",
            Self::Address => "api_server_address",
            Self::Setup { .. } => "api_server_setup",
            Self::SignIn { .. } => "sign_in",
            Self::Unreachable { .. } => "api_server_unreachable",
            Self::Timeout { .. } => "api_server_timeout",
            Self::Refused { status: 401, .. } => "api_server_unauthorized",
            Self::Refused { status: 403, .. } => "api_server_forbidden",
            Self::Refused { status: 404, .. } => "api_server_not_found",
            Self::Refused { .. } => "api_server_refused",
            Self::Malformed { .. } => "api_server_malformed",
        }
    }
}
