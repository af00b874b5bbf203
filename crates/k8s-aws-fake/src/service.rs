//! Services by host name. A new service is a line in [`dispatch`] and a module; a new action is a line in its module.

use std::time::SystemTime;

use http::header;

use crate::canonical;
use crate::directory::Directory;
use crate::endpoint::Endpoint;
use crate::reply::{Refusal, Verdict};
use crate::sigv4::Received;
use crate::sts;

/// STS takes a URL of 16 KiB; its front end turns away a longer one.
const MAX_URI_BYTES: usize = 16 * 1024;

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

    /// For a service, path or method that nobody serves.
    pub(crate) fn unknown_operation() -> Self {
        Self::front_end(404, None, "<UnknownOperationException/>")
    }

    pub(crate) fn front_end(status: u16, location: Option<&'static str>, body: &'static str) -> Self {
        Self { action: None, caller: None, verdict: Verdict::FrontEnd(status, location, body) }
    }

    pub(crate) fn refused(action: Option<&'static str>, refusal: Refusal) -> Self {
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
        Some(endpoint) if endpoint.service == "sts" => sts::handle(request, &endpoint, directory, now),
        _ => Decision::unknown_operation(),
    }
}

impl Received<'_> {
    /// The parameters of the query protocol: those of the query string, then those of a form in the body.
    pub(crate) fn parameters(&self) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut parameters = canonical::parameters(self.query)?;
        let form = |v: &http::HeaderValue| v.as_bytes().starts_with(b"application/x-www-form-urlencoded");
        if self.headers.get(header::CONTENT_TYPE).is_some_and(form) {
            parameters.extend(canonical::parameters(std::str::from_utf8(self.body).ok()?)?);
        }
        Some(parameters)
    }
}
