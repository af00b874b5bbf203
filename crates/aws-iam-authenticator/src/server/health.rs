//! What probes ask: is the process there, and can it decide about logins?

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use k8s_aws_auth::mapping::{BackendMode, Finding, Snapshot};
use std::fmt::Write;

/// The most findings that `/readyz` lists; the log has all of them.
const MOST_FINDINGS: usize = 1000;

/// Answers `/healthz`, `/livez` and `/readyz`; nothing for any other path.
///
/// `/healthz` says `ok` as the Go program's does, whatever the state, and `/livez` says the same: a process that answers is
/// alive. `/readyz` is 200 once every backend has told its mappings, and lists what is odd about them: findings alone make
/// nobody unready, for restarting a server mends no document.
pub(super) fn answer(
    method: &Method,
    path: &str,
    mappings: &Snapshot,
    broken: &[(BackendMode, Finding)],
) -> Option<Response<Bytes>> {
    if !matches!(path, "/healthz" | "/livez" | "/readyz") {
        return None;
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n".to_owned());
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Some(answer);
    }
    Some(if path == "/readyz" { readyz(mappings, broken) } else { plain(StatusCode::OK, "ok".to_owned()) })
}

pub(super) fn plain(status: StatusCode, body: String) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

fn readyz(mappings: &Snapshot, broken: &[(BackendMode, Finding)]) -> Response<Bytes> {
    let ready = mappings.not_synced().next().is_none();
    let mut body = if ready { "ok\n" } else { "not ready\n" }.to_owned();
    for backend in mappings.backends() {
        let state = if backend.document().is_some() { "synced" } else { "not synced" };
        // Writing to a String does not fail.
        let _ = writeln!(body, "backend {}: {state}", backend.mode());
    }
    let mut findings = mappings.findings().chain(broken.iter().map(|(mode, finding)| (*mode, finding)));
    for (mode, finding) in findings.by_ref().take(MOST_FINDINGS) {
        let line = finding.span.map(|span| format!(", line {}", span.start.line));
        let object = || finding.object.as_ref().map(|object| format!(", object {object}"));
        let place = line.or_else(object).unwrap_or_default();
        let _ = writeln!(body, "{} {mode}{place}: {}", finding.severity.as_str(), finding.code.as_str());
    }
    match findings.count() {
        0 => {}
        more => drop(writeln!(body, "and {more} more")),
    }
    plain(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_aws_auth::mapping::{Backend, BackendMode, Options, ServerConfig};

    fn get(path: &str, mappings: &Snapshot) -> (u16, String) {
        let answer = answer(&Method::GET, path, mappings, &[]).unwrap();
        let status = answer.status().as_u16();
        (status, String::from_utf8(answer.into_body().to_vec()).unwrap())
    }

    fn snapshot(backends: Vec<Backend>) -> Snapshot {
        Snapshot::new(backends, Options::default())
    }

    #[test]
    fn ready_is_who_has_read_every_backend() {
        let document = ServerConfig::parse("server: {}").document;
        let file = Backend::synced(BackendMode::MountedFile, document);
        let ready = snapshot(vec![file.clone()]);
        assert_eq!(get("/readyz", &ready), (200, "ok\nbackend MountedFile: synced\n".to_owned()));
        let waiting = snapshot(vec![file, Backend::not_synced(BackendMode::EksConfigMap)]);
        let (status, body) = get("/readyz", &waiting);
        assert_eq!((status, body.lines().next()), (503, Some("not ready")));
        assert!(body.contains("backend EKSConfigMap: not synced"), "{body}");
        for path in ["/healthz", "/livez"] {
            assert_eq!(get(path, &waiting), (200, "ok".to_owned()), "{path}");
        }
    }

    #[test]
    fn findings_are_listed_and_make_nobody_unready() {
        let document = ServerConfig::parse("server:\n  mapRoles:\n  - rolearn: nonsense\n    username: a\n").document;
        let (status, body) = get("/readyz", &snapshot(vec![Backend::synced(BackendMode::MountedFile, document)]));
        assert_eq!(status, 200);
        assert!(body.lines().any(|line| line.starts_with("error MountedFile, line 3: ")), "{body}");
    }

    #[test]
    fn a_page_of_findings_has_an_end() {
        let entries: String =
            (0..MOST_FINDINGS + 7).map(|n| format!("  - {{rolearn: nonsense{n}, username: a}}\n")).collect();
        let document = ServerConfig::parse(&format!("server:\n  mapRoles:\n{entries}")).document;
        let (_, body) = get("/readyz", &snapshot(vec![Backend::synced(BackendMode::MountedFile, document)]));
        assert_eq!(body.lines().filter(|line| line.starts_with("error MountedFile")).count(), MOST_FINDINGS);
        assert_eq!(body.lines().last(), Some("and 7 more"));
    }

    #[test]
    fn probes_only_read() {
        let refused = answer(&Method::POST, "/readyz", &snapshot(Vec::new()), &[]).unwrap();
        assert_eq!((refused.status().as_u16(), refused.headers()["allow"].to_str().unwrap()), (405, "GET, HEAD"));
        assert!(answer(&Method::GET, "/health", &snapshot(Vec::new()), &[]).is_none());
    }
}
