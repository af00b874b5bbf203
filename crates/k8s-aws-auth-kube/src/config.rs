//! Which API server, and as whom.

use crate::KubeError;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use kube::config::{Config, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, client::AuthError};
use std::path::PathBuf;

/// Which API server is meant, and with whose credentials: the flags `--kubeconfig`, `--kubeconfig-context` and `--master`.
///
/// ```no_run
/// # async fn example() -> Result<(), k8s_aws_auth_kube::KubeError> {
/// use k8s_aws_auth_kube::ApiServer;
///
/// let client = ApiServer { context: Some("staging".to_owned()), ..ApiServer::default() }.client().await?;
/// # drop(client);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiServer {
    /// The kubeconfig file. None: see [`in_cluster`](Self::in_cluster).
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig. None: its current one.
    pub context: Option<String>,
    /// The URL of the API server, in place of what the kubeconfig or the pod's environment says.
    pub master: Option<String>,
    /// Where to look if no kubeconfig is given. False, as for tools that people run: the files of `KUBECONFIG`, then
    /// `~/.kube/config`, then the service account of the pod. True, as for servers: the service account of the pod alone, or no
    /// credentials at all if [`master`](Self::master) is given.
    pub in_cluster: bool,
}

impl ApiServer {
    /// Reads what there is to read: the kubeconfig, or environment and files of the pod.
    ///
    /// `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` count for an API server that is not on this machine, unless the kubeconfig
    /// names a proxy. Requests are not repeated: see [`kube::Config::default_retry`].
    ///
    /// # Errors
    /// [`KubeError::Kubeconfig`], [`KubeError::NotInCluster`], [`KubeError::Address`].
    pub async fn config(&self) -> Result<Config, KubeError> {
        let master = self.master.as_deref().filter(|url| !url.is_empty()).map(address).transpose()?;
        let (mut config, proxy) = match (self.kubeconfig()?, master.clone()) {
            (Some(kubeconfig), _) => self.of_kubeconfig(kubeconfig).await?,
            (None, Some(master)) => (Config::new(master), None),
            (None, None) => {
                let pod = Config::incluster();
                (pod.map_err(|error| KubeError::NotInCluster { problem: error.to_string() })?, None)
            }
        };
        if let Some(master) = master {
            config.cluster_url = master;
        }
        config.proxy_url = match proxy {
            Some(proxy) => Some(proxy),
            None => proxy_of_environment(&config.cluster_url),
        };
        config.default_retry = false;
        Ok(config)
    }

    /// A client of the API server. Nothing is sent yet. Needs a default cryptography provider of rustls.
    ///
    /// # Errors
    /// As [`config`](Self::config), and [`KubeError::Setup`].
    pub async fn client(&self) -> Result<Client, KubeError> {
        Client::try_from(self.config().await?).map_err(|error| KubeError::Setup { problem: in_safe_words(&error) })
    }

    /// The kubeconfig that counts; none where the pod's service account does, or nothing.
    fn kubeconfig(&self) -> Result<Option<Kubeconfig>, KubeError> {
        match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path).map(Some).map_err(|error| unusable(&error)),
            None if self.in_cluster && self.context.is_none() => Ok(None),
            None => match Kubeconfig::read() {
                Ok(kubeconfig) => Ok(Some(kubeconfig)),
                // There is none, so a context cannot be meant, and a pod may be.
                Err(KubeconfigError::FindPath) if self.context.is_none() => Ok(None),
                Err(KubeconfigError::ReadConfig(error, _))
                    if self.context.is_none() && error.kind() == std::io::ErrorKind::NotFound =>
                {
                    Ok(None)
                }
                Err(error) => Err(unusable(&error)),
            },
        }
    }

    /// The settings of a context, and the proxy that it names itself.
    async fn of_kubeconfig(&self, kubeconfig: Kubeconfig) -> Result<(Config, Option<Uri>), KubeError> {
        let proxy = named_proxy(&kubeconfig, self.context.as_deref()).map(str::parse).transpose();
        let proxy = proxy.map_err(|_| KubeError::Kubeconfig { problem: "its proxy-url is no URL".to_owned() })?;
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| unusable(&error))?;
        Ok((config, proxy))
    }
}

/// Without a scheme it is `http`, as for the Go client.
fn address(url: &str) -> Result<Uri, KubeError> {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let uri: Uri = url.parse().map_err(|_| KubeError::Address)?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    if known && uri.host().is_some_and(|host| !host.is_empty()) { Ok(uri) } else { Err(KubeError::Address) }
}

/// The proxy that the kubeconfig names for the API server of a context.
fn named_proxy<'a>(kubeconfig: &'a Kubeconfig, context: Option<&'a str>) -> Option<&'a str> {
    let context = context.or(kubeconfig.current_context.as_deref())?;
    let context = kubeconfig.contexts.iter().find(|c| c.name == context)?.context.as_ref()?;
    let cluster = kubeconfig.clusters.iter().find(|c| c.name == context.cluster)?.cluster.as_ref()?;
    cluster.proxy_url.as_deref().filter(|url| !url.is_empty())
}

/// kube takes `HTTPS_PROXY` for every kubeconfig, loopback included, and never for a pod, and looks for the proxy itself in
/// `NO_PROXY`. This is what the Go client does.
fn proxy_of_environment(url: &Uri) -> Option<Uri> {
    let host = url.host()?.trim_start_matches('[').trim_end_matches(']');
    let loopback = host.parse::<std::net::IpAddr>().map_or(host == "localhost", |ip| ip.is_loopback());
    if loopback { None } else { Matcher::from_env().intercept(url).map(|proxy| proxy.uri().clone()) }
}

fn unusable(error: &KubeconfigError) -> KubeError {
    let problem = match error {
        // The parser shows the lines around a fault, and they may be a token's.
        KubeconfigError::Parse(_) => "it is not YAML, or not a kubeconfig".to_owned(),
        error => error.to_string(),
    };
    KubeError::Kubeconfig { problem }
}

/// An error of kube's without what a credential plugin wrote or a file says.
pub(crate) fn in_safe_words(error: &kube::Error) -> String {
    match error {
        kube::Error::Auth(AuthError::AuthExecRun { .. }) => "the credential plugin failed".to_owned(),
        kube::Error::Auth(AuthError::AuthExecParse(_) | AuthError::AuthExec(_)) => {
            "the credential plugin's output cannot be read".to_owned()
        }
        kube::Error::Service(error) => in_depth(error.as_ref()),
        kube::Error::HyperError(error) => in_depth(error),
        error => error.to_string(),
    }
}

/// The words of an error and of what caused it: `client error (Connect): tcp connect error: Connection refused`.
fn in_depth(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some repeat what caused them.
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_http_url_with_a_host() {
        assert_eq!(address("https://10.0.0.1:6443").unwrap(), "https://10.0.0.1:6443");
        assert_eq!(address("localhost:8080").unwrap(), "http://localhost:8080");
        for url in ["", "https://", "ftp://host", "https:///path", "a b"] {
            assert!(matches!(address(url), Err(KubeError::Address)), "{url}");
        }
    }

    #[test]
    fn no_proxy_leads_to_this_machine() {
        for url in ["https://127.0.0.1:6443", "https://localhost", "https://[::1]:6443"] {
            assert_eq!(proxy_of_environment(&url.parse().unwrap()), None, "{url}");
        }
    }

    #[test]
    fn a_broken_kubeconfig_is_not_quoted() {
        let error = Kubeconfig::from_yaml("users: [{name: a, user: {token: [sEcReT]}}]").unwrap_err();
        let shown = format!("{0} {0:?}", unusable(&error));
        assert!(!shown.contains("sEcReT"), "{shown}");
    }
}
