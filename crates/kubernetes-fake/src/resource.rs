//! The kinds of objects that there are, and which path means what.

use percent_encoding::percent_decode_str;

/// A kind of object and where its paths are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The API group; empty for the core group.
    pub group: String,
    /// Such as `v1`.
    pub version: String,
    /// Such as `ConfigMap`.
    pub kind: String,
    /// The last word of its paths, such as `configmaps`.
    pub plural: String,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
    /// Whether `status` is a subresource of its own, which updates of the object leave alone.
    pub status: bool,
}

impl Resource {
    /// A kind without a status subresource.
    pub fn new(api_version: &str, kind: &str, plural: &str, namespaced: bool) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let [group, version, kind, plural] = [group, version, kind, plural].map(str::to_owned);
        Self { group, version, kind, plural, namespaced, status: false }
    }

    /// The same with a status subresource.
    #[must_use]
    pub fn with_status(mut self) -> Self {
        self.status = true;
        self
    }

    /// `v1`, or `group/version`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    pub(crate) fn standard() -> Vec<Self> {
        vec![
            Self::new("v1", "ConfigMap", "configmaps", true),
            Self::new("v1", "Event", "events", true),
            Self::new("iamauthenticator.k8s.aws/v1alpha1", "IAMIdentityMapping", "iamidentitymappings", false)
                .with_status(),
        ]
    }
}

/// What a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Which of the resources.
    pub(crate) resource: usize,
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) status: bool,
}

impl Target {
    pub(crate) fn parse(path: &str, resources: &[Resource]) -> Option<Self> {
        let mut words = Vec::new();
        for word in path.strip_prefix('/')?.split('/') {
            words.push(percent_decode_str(word).decode_utf8().ok()?.into_owned());
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (group, version, rest) = match words.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
            rest => (None, rest),
        };
        let (plural, name, status) = match rest {
            [plural] => (plural, None, false),
            [plural, name] => (plural, Some((*name).to_owned()), false),
            [plural, name, "status"] => (plural, Some((*name).to_owned()), true),
            _ => return None,
        };
        let resource =
            resources.iter().position(|r| r.group == group && r.version == version && r.plural == *plural)?;
        let known = &resources[resource];
        // Objects of a namespace are listed across all of them, but named within one.
        let placed = if known.namespaced { namespace.is_some() || name.is_none() } else { namespace.is_none() };
        (placed && (!status || known.status)).then_some(Self { resource, namespace, name, status })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_kubernetes_api() {
        let resources = Resource::standard();
        let parse = |path: &str| Target::parse(path, &resources);
        let name = Some("aws-auth".to_owned());
        let namespace = Some("kube-system".to_owned());
        let config_map = Target { resource: 0, namespace, name, status: false };
        assert_eq!(parse("/api/v1/namespaces/kube-system/configmaps/aws-auth"), Some(config_map));
        let mappings = "/apis/iamauthenticator.k8s.aws/v1alpha1/iamidentitymappings";
        assert!(parse(mappings).is_some_and(|t| t.resource == 2 && t.name.is_none()));
        assert!(parse(&format!("{mappings}/a/status")).is_some_and(|t| t.status));
        assert!(parse("/api/v1/configmaps").is_some());
        for path in
            ["/api/v1/configmaps/a", "/api/v1/namespaces/a/configmaps/b/status", "/api/v1/pods", "/healthz", "x"]
        {
            assert_eq!(parse(path), None, "{path}");
        }
    }
}
