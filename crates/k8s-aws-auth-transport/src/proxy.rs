use crate::SetupError;
use http::Uri;
use std::{fmt, net::IpAddr, str::FromStr, sync::Arc};

/// A proxy for `CONNECT`, and whom not to reach through it. Cheap to clone; prints fixed text, for there may be a password in the
/// URL.
///
/// The list is that of the variable `NO_PROXY`: names, addresses and networks between commas. A name stands for itself and for all
/// that is under it, in any letter case, with a leading dot or without; `10.0.0.0/8` for the addresses of that network; `*` for
/// everybody. HTTP libraries differ in this, so the transports go by what is here.
#[derive(Clone)]
pub struct Proxy {
    url: Arc<str>,
    exceptions: Arc<[Exception]>,
}

enum Exception {
    Everybody,
    Network(IpAddr, u32),
    Name(String),
}

impl Proxy {
    /// Reads the URL of a proxy, `http://[user:password@]host:port` or `https://…`, and a list as in `NO_PROXY`.
    ///
    /// # Errors
    /// [`SetupError::Proxy`] for another kind of URL.
    pub fn parse(url: &str, no_proxy: &str) -> Result<Self, SetupError> {
        let uri: Uri = url.parse().map_err(|_| SetupError::Proxy)?;
        let named = uri.authority().is_some_and(|authority| {
            // With two of these, libraries do not agree where the password ends.
            !authority.host().is_empty() && authority.as_str().matches('@').count() < 2
        });
        if !named || !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(SetupError::Proxy);
        }
        let entries = no_proxy.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        Ok(Self { url: url.into(), exceptions: entries.map(Exception::parse).collect() })
    }

    /// The URL, with the password in it if there is one: for the HTTP library, and for nothing that is printed.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether a host, a name or an address as in a URL, is reached through the proxy.
    pub fn is_for(&self, host: &str) -> bool {
        !self.exceptions.iter().any(|exception| exception.contains(host))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxy")
    }
}

impl Exception {
    fn parse(entry: &str) -> Self {
        if entry == "*" {
            return Self::Everybody;
        }
        let (network, bits) = match entry.split_once('/') {
            Some((network, bits)) => (network, bits.parse().ok()),
            None => (entry, Some(128)),
        };
        match (address(network), bits) {
            (Some(network), Some(bits)) => Self::Network(network, bits),
            _ => Self::Name(entry.trim_start_matches('.').to_ascii_lowercase()),
        }
    }

    fn contains(&self, host: &str) -> bool {
        match (self, address(host)) {
            (Self::Everybody, _) => true,
            (Self::Network(network, bits), Some(host)) => common_bits(*network, host).is_some_and(|same| same >= *bits),
            (Self::Name(name), None) => host
                .to_ascii_lowercase()
                .strip_suffix(name)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.') && !name.is_empty()),
            _ => false,
        }
    }
}

/// With the brackets that IPv6 has in URLs, or without.
fn address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    IpAddr::from_str(bare).ok()
}

/// How many bits two addresses begin with alike; all that there are count as 128.
fn common_bits(one: IpAddr, other: IpAddr) -> Option<u32> {
    match (one, other) {
        _ if one == other => Some(128),
        (IpAddr::V4(one), IpAddr::V4(other)) => Some((u32::from(one) ^ u32::from(other)).leading_zeros()),
        (IpAddr::V6(one), IpAddr::V6(other)) => Some((u128::from(one) ^ u128::from(other)).leading_zeros()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_itself_and_what_is_under_it_and_a_network_for_its_addresses() {
        for (list, host, listed) in [
            ("", "sts.amazonaws.com", false),
            (" , ,", "sts.amazonaws.com", false),
            (".", "sts.amazonaws.com", false),
            (".", "sts.amazonaws.com.", false),
            ("*", "sts.amazonaws.com", true),
            ("*", "127.0.0.1", true),
            ("example.com, *", "sts.amazonaws.com", true),
            ("amazonaws.com", "sts.amazonaws.com", true),
            (".amazonaws.com", "sts.amazonaws.com", true),
            ("AmazonAWS.com", "STS.amazonaws.com", true),
            ("sts.amazonaws.com", "sts.amazonaws.com", true),
            ("aws.com", "sts.amazonaws.com", false),
            ("ts.amazonaws.com", "sts.amazonaws.com", false),
            ("eu.sts.amazonaws.com", "sts.amazonaws.com", false),
            ("amazonaws.com.example", "sts.amazonaws.com", false),
            ("*.amazonaws.com", "sts.amazonaws.com", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.1", "127.0.0.1", false),
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.1.2.3/31", "10.1.2.2", true),
            ("10.1.2.3/32", "10.1.2.3", true),
            ("10.1.2.3/32", "10.1.2.2", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "::1", false),
            ("0.0.0.0/0", "sts.amazonaws.com", false),
            ("10.0.0.0/x", "10.0.0.0", false),
            ("::1", "[::1]", true),
            ("[::1]", "[::1]", true),
            ("2001:db8::/32", "[2001:db8:1::2]", true),
            ("2001:db8::/32", "[2001:db9::]", false),
        ] {
            let proxy = Proxy::parse("http://proxy.example:3128", list).unwrap();
            assert_eq!(proxy.is_for(host), !listed, "{list:?} {host}");
        }
    }

    #[test]
    fn a_proxy_is_an_http_url_with_a_host() {
        for url in ["http://127.0.0.1:3128", "https://user:pass%40word@proxy.example", "http://proxy.example:3128/"] {
            assert_eq!(Proxy::parse(url, "").unwrap().url(), url);
        }
        for url in [
            "",
            "127.0.0.1:3128",
            "proxy.example",
            "socks5://127.0.0.1:1080",
            "ftp://127.0.0.1",
            "HTTP//x",
            "http://",
            "http://user:pass@",
            "http://user:pass@word@proxy.example",
            "http://a b/",
            "/",
        ] {
            assert!(matches!(Proxy::parse(url, ""), Err(SetupError::Proxy)), "{url}");
        }
    }

    #[test]
    fn the_password_is_not_printed() {
        let proxy = Proxy::parse("http://user:canary@proxy.example", "canary").unwrap();
        assert_eq!(format!("{proxy:?}"), "Proxy");
    }
}
