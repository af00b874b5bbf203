//! Services and their actions: the one place where a new action is added.

use std::time::SystemTime;

use http::header;

use crate::canonical;
use crate::directory::Directory;
use crate::endpoint::Endpoint;
use crate::reply::{Answer, Refusal, Verdict};
use crate::sigv4::{self, Received};

/// STS takes a URL of 16 KiB; its front end turns away a longer one.
const MAX_URI_BYTES: usize = 16 * 1024;
const STS_VERSION: &str = "2011-06-15";

/// What a service made of a request.
#[derive(Debug)]
pub(crate) struct Decision {
    /// The action that was asked for, if it is one that the fake knows.
    pub(crate) action: Option<&'static str>,
    /// The ARN of the caller, if the signature held.
    pub(crate) caller: Option<String>,
    pub(crate) verdict: Verdict,
}

impl Decision {
    /// For a body or URL that the front end does not read to its end.
    pub(crate) fn too_large() -> Self {
        Self::front_end(413, None, "<RequestEntityTooLargeException/>")
    }

    fn front_end(status: u16, location: Option<&'static str>, body: &'static str) -> Self {
        Self { action: None, caller: None, verdict: Verdict::FrontEnd(status, location, body) }
    }

    fn refused(action: Option<&'static str>, refusal: Refusal) -> Self {
        Self { action, caller: None, verdict: Verdict::Refusal(refusal) }
    }
}

/// Sends a request to the service that its host names.
pub(crate) fn dispatch(request: &Received<'_>, directory: &Directory, now: SystemTime) -> Decision {
    if request.path.len() + request.query.len() + 1 > MAX_URI_BYTES {
        return Decision::too_large();
    }
    let host = request.host.to_ascii_lowercase();
    match Endpoint::of(host.strip_suffix(":443").unwrap_or(&host)) {
        Some(endpoint) if endpoint.service == "sts" => sts(request, &endpoint, directory, now),
        _ => unknown_operation(),
    }
}

fn sts(request: &Received<'_>, endpoint: &Endpoint<'_>, directory: &Directory, now: SystemTime) -> Decision {
    if request.path != "/" || !matches!(request.method, "GET" | "POST") {
        return unknown_operation();
    }
    let Some(parameters) = parameters(request) else {
        return Decision::refused(None, sigv4::malformed_query());
    };
    let one = |wanted: &[u8]| {
        let mut values = parameters.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.as_slice());
        match (values.next(), values.next()) {
            (value, None) => Ok(value.map(String::from_utf8_lossy)),
            _ => Err(sigv4::malformed_query()),
        }
    };
    let (action, version) = match (one(b"Action"), one(b"Version")) {
        (Ok(action), Ok(version)) => (action, version),
        (Err(refusal), _) | (_, Err(refusal)) => return Decision::refused(None, refusal),
    };
    let Some(action) = action else {
        if request.method == "GET" {
            return Decision::front_end(302, Some("https://aws.amazon.com/iam"), "");
        }
        return Decision::refused(None, Refusal::new(400, "MissingAction", "The request is missing an action."));
    };
    let version = version.as_deref().unwrap_or("NO_VERSION_SPECIFIED");
    match action.as_ref() {
        "GetCallerIdentity" if version == STS_VERSION => get_caller_identity(request, endpoint, directory, now),
        _ => {
            let message = format!("Could not find operation {action} for version {version}");
            Decision::refused(None, Refusal::new(400, "InvalidAction", message))
        }
    }
}

fn get_caller_identity(
    request: &Received<'_>,
    endpoint: &Endpoint<'_>,
    directory: &Directory,
    now: SystemTime,
) -> Decision {
    let action = "GetCallerIdentity";
    match sigv4::verify(request, endpoint, directory, now) {
        Err(refusal) => Decision::refused(Some(action), refusal),
        Ok(entry) => {
            let who = &entry.identity;
            let fields = vec![
                ("Arn", who.arn().to_owned()),
                ("UserId", who.user_id().to_owned()),
                ("Account", who.account().to_owned()),
            ];
            let verdict = Verdict::Answer(Answer { action, fields });
            Decision { action: Some(action), caller: Some(who.arn().to_owned()), verdict }
        }
    }
}

fn unknown_operation() -> Decision {
    Decision::front_end(404, None, "<UnknownOperationException/>")
}

/// Of the query string and of a form in the body.
fn parameters(request: &Received<'_>) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut parameters = canonical::parameters(request.query)?;
    let form = |v: &http::HeaderValue| v.as_bytes().starts_with(b"application/x-www-form-urlencoded");
    if request.headers.get(header::CONTENT_TYPE).is_some_and(form) {
        parameters.extend(canonical::parameters(std::str::from_utf8(request.body).ok()?)?);
    }
    Some(parameters)
}
