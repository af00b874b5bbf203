//! Several clusters in one process: each has a path and a webhook kubeconfig of its own, and a token is asked about for one of them
//! alone, the one whose path it came by.

use crate::Failure;
use k8s_aws_auth::identity::ClusterId;
use std::path::{Path, PathBuf};

/// The path of the first cluster, which is the Go program's.
pub(super) const FIRST_PATH: &str = "/authenticate";

/// The path of a cluster as it is in URLs: `/clusters/<id>/authenticate`, percent-encoded.
pub(super) fn url_path(position: usize, id: &ClusterId) -> String {
    match position {
        0 => FIRST_PATH.to_owned(),
        _ => format!("/clusters/{}/authenticate", encode(id.as_str())),
    }
}

/// The path of a cluster as it is looked up. The first has one like the others, too.
pub(super) fn decoded_path(id: &ClusterId) -> String {
    format!("/clusters/{}/authenticate", id.as_str())
}

/// A path of [`decoded_path`]'s kind, decoded. Clients decode and encode paths as they like (those of Kubernetes turn `%2F` into
/// `/`), and paths are compared with the known ones as a whole, so that none can mean another.
pub(super) fn decode(path: &str) -> Option<String> {
    path.strip_prefix("/clusters/")?;
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        bytes.push(match byte {
            b'%' => u8::try_from(digit()? * 16 + digit()?).ok()?,
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Where the webhook kubeconfig of a cluster is written: that of the first where the configuration says, those of the others
/// beside it, with `-<id>` before the extension.
pub(super) fn kubeconfig(first: &Path, position: usize, id: &ClusterId) -> PathBuf {
    let stem = first.file_stem().unwrap_or_default().to_string_lossy();
    let extension = first.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
    match position {
        0 => first.to_owned(),
        _ => first.with_file_name(format!("{stem}-{}{extension}", encode(id.as_str()))),
    }
}

/// An id that HTTP clients would take for a shorter path, and so maybe for another cluster's, can only be the first.
pub(super) fn check(ids: &[ClusterId]) -> Result<(), Failure> {
    let tidied = |id: &ClusterId| id.as_str().split('/').any(|part| matches!(part, "" | "." | ".."));
    match ids.iter().skip(1).find(|id| tidied(id)) {
        None => Ok(()),
        Some(_) => {
            Err(Failure::new("a cluster id with an empty part, `.` or `..` between slashes has no path of its own")
                .with_remedy("name that cluster first, so that it is served under /authenticate"))
        }
    }
}

fn encode(id: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    id.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ClusterId {
        ClusterId::parse(text).unwrap()
    }

    #[test]
    fn a_path_leads_back_to_its_cluster_however_a_client_encodes_it() {
        for text in ["prod", "arn:aws:eks:eu-west-1:111122223333:cluster/prod", "a b%2F?#&é".replace('é', "+").as_str()]
        {
            let id = id(text);
            assert_eq!(decode(&url_path(1, &id)).as_ref(), Some(&decoded_path(&id)), "{text}");
        }
        assert_eq!(decode("/clusters/%61%2fb/authenticate").as_deref(), Some("/clusters/a/b/authenticate"));
        for path in ["/authenticate", "/clusters/%", "/clusters/%4", "/clusters/%g0/authenticate", "/clusters/%ff/"] {
            assert_eq!(decode(path), None, "{path}");
        }
        assert_eq!(url_path(0, &id("prod")), "/authenticate");
    }

    #[test]
    fn every_cluster_has_a_kubeconfig_of_its_own() {
        let first = Path::new("/etc/kubernetes/aws/kubeconfig.yaml");
        assert_eq!(kubeconfig(first, 0, &id("a")), first);
        assert_eq!(kubeconfig(first, 1, &id("a/b")), Path::new("/etc/kubernetes/aws/kubeconfig-a%2Fb.yaml"));
        assert_eq!(kubeconfig(Path::new("webhook"), 2, &id("b")), Path::new("webhook-b"));
    }

    #[test]
    fn an_id_that_clients_would_tidy_up_has_no_path() {
        assert!(check(&[id("a/../b"), id("b")]).is_ok());
        for text in ["a/../b", "a//b", "/a", "a/", "..", "."] {
            assert!(check(&[id("b"), id(text)]).is_err(), "{text}");
        }
    }
}
