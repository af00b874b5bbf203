//! An STS transport on hyper and rustls: proxies, CA bundles, timeouts, no redirects.
