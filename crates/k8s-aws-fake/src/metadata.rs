//! What a machine tells the programs on it, over plain HTTP: the instance metadata service (version 2) and the credentials
//! endpoint of ECS and EKS pod identity.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;

use crate::date;
use crate::directory::Identity;
use crate::issuer::Issued;
use crate::record::{Call, Outcome};
use crate::samples::REGION;
use crate::server::Shared;
use crate::sync::lock;

/// The token of a metadata session; anything else in its place is refused.
const SESSION_TOKEN: &str = "fake-imds-session-token==";
const SESSION_HEADER: &str = "x-aws-ec2-metadata-token";
const LIFETIME_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";

pub(crate) const CONTAINER_PATH: &str = "/v1/credentials";

/// Serves one connection.
pub(crate) async fn serve(shared: Arc<Shared>, tcp: TcpStream) {
    let service = {
        let shared = shared.clone();
        service_fn(move |request: Request<Incoming>| {
            let answer = handle(&shared, &request);
            async move { Ok::<_, Infallible>(answer) }
        })
    };
    // How it ends is of no interest to anybody.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tcp), service).await;
    shared.journal.count(|counts| counts.connections_closed += 1);
}

/// What is answered: status, body, and who got credentials.
struct Told {
    action: Option<&'static str>,
    status: u16,
    body: String,
    caller: Option<String>,
}

fn handle(shared: &Shared, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let told = tell(shared, request.method(), request.uri().path(), request.headers());
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let outcome = match told.status {
        200 => Outcome::Accepted { arn: told.caller.unwrap_or_default() },
        status => Outcome::FrontEnd { status },
    };
    let call = shared.journal.keeps_calls().then(|| Call {
        sni: None,
        host: host.to_owned(),
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: request.headers().clone(),
        body: Bytes::new(),
        version: request.version(),
        action: told.action,
        outcome,
        fault: None,
    });
    shared.journal.call(call, |counts| counts.call(host, told.action, false));
    let mut response = Response::new(Full::new(Bytes::from(told.body)));
    *response.status_mut() = http::StatusCode::from_u16(told.status).unwrap_or_default();
    if request.headers().contains_key(LIFETIME_HEADER) {
        response.headers_mut().insert(LIFETIME_HEADER, header::HeaderValue::from_static("21600"));
    }
    response
}

fn tell(shared: &Shared, method: &Method, path: &str, headers: &HeaderMap) -> Told {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let now = shared.clock.now();
    if path == CONTAINER_PATH {
        let action = Some("ContainerCredentials");
        return match lock(&shared.issuer.container).clone() {
            Some((identity, token)) if text("authorization") == Some(token.as_str()) => {
                issue(shared, action, identity, now, container_document)
            }
            Some(_) => refused(action, 401),
            None => refused(action, 404),
        };
    }
    if path == "/latest/api/token" {
        let action = Some("InstanceMetadataToken");
        let asked = *method == Method::PUT && headers.contains_key(LIFETIME_HEADER);
        return match asked {
            true => Told { action, status: 200, body: SESSION_TOKEN.to_owned(), caller: None },
            false => refused(action, 400),
        };
    }
    // Version 1, without a session, is not served.
    if text(SESSION_HEADER) != Some(SESSION_TOKEN) {
        return refused(None, 401);
    }
    let role = lock(&shared.issuer.instance).clone();
    let name = role.as_ref().and_then(|role| role.arn().split('/').nth(1)).unwrap_or_default().to_owned();
    match (path.strip_prefix("/latest/meta-data/"), role) {
        (Some("placement/region"), _) => {
            Told { action: Some("InstanceRegion"), status: 200, body: REGION.to_owned(), caller: None }
        }
        (Some("iam/security-credentials/"), Some(_)) => {
            Told { action: Some("InstanceRole"), status: 200, body: name, caller: None }
        }
        (Some(path), Some(identity)) if path.strip_prefix("iam/security-credentials/") == Some(name.as_str()) => {
            issue(shared, Some("InstanceCredentials"), identity, now, instance_document)
        }
        _ => refused(None, 404),
    }
}

fn issue(
    shared: &Shared,
    action: Option<&'static str>,
    identity: Identity,
    now: SystemTime,
    document: impl Fn(&Issued) -> String,
) -> Told {
    let issued = shared.issuer.issue(&shared.directory, identity, None, now);
    Told { action, status: 200, body: document(&issued), caller: Some(issued.identity.arn().to_owned()) }
}

fn refused(action: Option<&'static str>, status: u16) -> Told {
    Told { action, status, body: String::new(), caller: None }
}

fn container_document(issued: &Issued) -> String {
    json!({
        "AccessKeyId": issued.credential.access_key_id(),
        "SecretAccessKey": issued.credential.secret_access_key(),
        "Token": issued.credential.session_token(),
        "Expiration": date::rfc3339(issued.expires),
    })
    .to_string()
}

fn instance_document(issued: &Issued) -> String {
    json!({
        "Code": "Success",
        "LastUpdated": date::rfc3339(issued.expires),
        "Type": "AWS-HMAC",
        "AccessKeyId": issued.credential.access_key_id(),
        "SecretAccessKey": issued.credential.secret_access_key(),
        "Token": issued.credential.session_token(),
        "Expiration": date::rfc3339(issued.expires),
    })
    .to_string()
}
