use k8s_aws_auth_transport::{Proxy, Settings, SetupError};
use reqwest::{Client, Url, redirect, retry};

/// The client that a transport is a shell of.
pub(crate) fn client(settings: &Settings) -> Result<Client, SetupError> {
    // Each of these is said, though most are reqwest's defaults: its features are switched on by anybody in the program.
    let client = Client::builder()
        .tls_backend_preconfigured(settings.tls()?)
        .https_only(true)
        .http1_only()
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(retry::never())
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .no_hickory_dns()
        .connection_verbose(false)
        .tcp_nodelay(true)
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.timeout)
        .pool_idle_timeout(settings.idle_for)
        .pool_max_idle_per_host(settings.idle_connections)
        // The environment and the system's settings are looked at by `from_env` alone.
        .no_proxy();
    let client = match settings.proxy.clone() {
        Some(proxy) => client.proxy(as_reqwest_has_it(proxy)?),
        None => client,
    };
    client.build().map_err(|error| SetupError::Client(error.into()))
}

fn as_reqwest_has_it(proxy: Proxy) -> Result<reqwest::Proxy, SetupError> {
    // The error would repeat the URL, which may have a password in it.
    let url = Url::parse(proxy.url()).map_err(|_| SetupError::Proxy)?;
    let is_for = move |to: &Url| to.host_str().is_none_or(|host| proxy.is_for(host));
    Ok(reqwest::Proxy::custom(move |to| is_for(to).then(|| url.clone())))
}
