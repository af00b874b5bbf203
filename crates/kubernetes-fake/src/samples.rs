use serde_json::{Map, Value, json};

/// The ConfigMap `aws-auth` with these keys and texts.
pub fn aws_auth<const N: usize>(data: [(&str, &str); N]) -> Value {
    let data: Map<String, Value> = data.into_iter().map(|(key, text)| (key.to_owned(), text.into())).collect();
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": data,
    })
}

/// An `IAMIdentityMapping`.
pub fn identity_mapping(name: &str, arn: &str, username: &str, groups: &[&str]) -> Value {
    json!({
        "apiVersion": "iamauthenticator.k8s.aws/v1alpha1",
        "kind": "IAMIdentityMapping",
        "metadata": {"name": name},
        "spec": {"arn": arn, "username": username, "groups": groups},
    })
}
