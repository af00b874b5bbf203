use std::sync::Arc;

/// Whom not to reach through the proxy. ureq's own list takes a name for itself alone; everybody else's takes it for all that is
/// under it too.
#[derive(Clone)]
pub(crate) struct NoProxy(Arc<[String]>);

impl NoProxy {
    pub(crate) fn parse(list: &str) -> Self {
        let entries = list.split(',').map(|entry| entry.trim().trim_start_matches('.').to_ascii_lowercase());
        Self(entries.filter(|entry| !entry.is_empty()).collect())
    }

    pub(crate) fn contains(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.0.iter().any(|entry| {
            entry == "*" || host.strip_suffix(entry.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_itself_and_for_what_is_under_it() {
        for (list, host, listed) in [
            ("", "sts.amazonaws.com", false),
            (" , ,", "sts.amazonaws.com", false),
            ("*", "sts.amazonaws.com", true),
            ("example.com, *", "sts.amazonaws.com", true),
            ("amazonaws.com", "sts.amazonaws.com", true),
            (".amazonaws.com", "sts.amazonaws.com", true),
            ("AmazonAWS.com", "STS.amazonaws.com", true),
            ("sts.amazonaws.com", "sts.amazonaws.com", true),
            ("aws.com", "sts.amazonaws.com", false),
            ("ts.amazonaws.com", "sts.amazonaws.com", false),
            ("eu.sts.amazonaws.com", "sts.amazonaws.com", false),
            ("amazonaws.com.example", "sts.amazonaws.com", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("[::1]", "[::1]", true),
        ] {
            assert_eq!(NoProxy::parse(list).contains(host), listed, "{list:?} {host}");
        }
    }
}
