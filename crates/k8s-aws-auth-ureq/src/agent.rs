use k8s_aws_auth_transport::{Proxy, Settings, SetupError};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

/// The agent that a transport is a shell of, and one that goes through the proxy: ureq's own list of exceptions takes a name for
/// itself alone.
pub(crate) fn agents(settings: &Settings) -> Result<(Agent, Option<(Agent, Proxy)>), SetupError> {
    let provider = settings.crypto_provider()?;
    let roots = settings.root_certificates()?;
    let roots: Vec<_> = roots.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(RootCerts::new_with_certs(&roots))
        .build();
    let agent = |proxy| -> Agent {
        Agent::config_builder()
            .tls_config(tls.clone())
            // ureq looks for a proxy in the environment unless told; here `from_env` alone does.
            .proxy(proxy)
            .https_only(true)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent("")
            .accept("")
            .accept_encoding("")
            .no_delay(true)
            .timeout_resolve(Some(settings.connect_timeout))
            .timeout_connect(Some(settings.connect_timeout))
            .timeout_global(Some(settings.timeout))
            .max_idle_connections(64)
            .max_idle_connections_per_host(settings.idle_connections)
            .max_idle_age(settings.idle_for)
            .build()
            .into()
    };
    let proxied = match &settings.proxy {
        // The error would repeat the URL, which may have a password in it.
        Some(proxy) => {
            Some((agent(Some(ureq::Proxy::new(proxy.url()).map_err(|_| SetupError::Proxy)?)), proxy.clone()))
        }
        None => None,
    };
    Ok((agent(None), proxied))
}
