//! Services by host name. A new service is a line in [`dispatch`] and a module; a new action is a line in its module.

use std::borrow::Cow;
use std::time::SystemTime;

use http::header;

use crate::directory::Directory;
use crate::endpoint::Endpoint;
use crate::instances::Instances;
use crate::issuer::Issuer;
use crate::reply::{Format, Refusal, Verdict};
use crate::sigv4::Received;
use crate::{canonical, ec2, sigv4, sso, sts};

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
    /// The format of the service.
    pub(crate) format: Format,
}

impl Decision {
    /// A decision about a request whose caller is not known (yet).
    pub(crate) fn new(action: Option<&'static str>, verdict: Verdict) -> Self {
        Self { action, caller: None, verdict, format: Format::Xml }
    }

    /// For a body or URL that the front end does not read to its end.
    pub(crate) fn too_large() -> Self {
        Self::front_end(413, None, "<RequestEntityTooLargeException/>")
    }

    /// For a service, path or method that nobody serves.
    pub(crate) fn unknown_operation() -> Self {
        Self::front_end(404, None, "<UnknownOperationException/>")
    }

    pub(crate) fn front_end(status: u16, location: Option<&'static str>, body: &'static str) -> Self {
        Self::new(None, Verdict::FrontEnd(status, location, body))
    }

    pub(crate) fn refused(action: Option<&'static str>, refusal: Refusal) -> Self {
        Self::new(action, Verdict::Refusal(refusal))
    }
}

/// Sends a request to the service that its host names.
pub(crate) fn dispatch(
    request: &Received<'_>,
    directory: &Directory,
    instances: &Instances,
    issuer: &Issuer,
    now: SystemTime,
) -> Decision {
    if request.path.len() + request.query.len() + 1 > MAX_URI_BYTES {
        return Decision::too_large();
    }
    let host = request.host.to_ascii_lowercase();
    match Endpoint::of(host.strip_suffix(":443").unwrap_or(&host)) {
        Some(endpoint) if endpoint.service == "sts" => {
            let decision = sts::handle(request, &endpoint, directory, issuer, now);
            Decision { format: Format::wanted(request.headers), ..decision }
        }
        Some(endpoint) if endpoint.service == "ec2" => {
            let decision = ec2::handle(request, &endpoint, directory, instances, now);
            Decision { format: Format::Ec2, ..decision }
        }
        Some(endpoint) if endpoint.service == "portal.sso" => {
            Decision { format: Format::Rest, ..sso::portal(request, directory, issuer, now) }
        }
        Some(endpoint) if endpoint.service == "oidc" => Decision { format: Format::Rest, ..sso::oidc(request, issuer) },
        _ => Decision::unknown_operation(),
    }
}

/// The parameters of the query protocol: those of the query string, then those of a form in the body.
pub(crate) struct Parameters(Vec<(Vec<u8>, Vec<u8>)>);

impl Parameters {
    /// `None` for a broken escape.
    pub(crate) fn of(request: &Received<'_>) -> Option<Self> {
        let mut parameters = canonical::parameters(request.query)?;
        let form = |v: &http::HeaderValue| v.as_bytes().starts_with(b"application/x-www-form-urlencoded");
        if request.headers.get(header::CONTENT_TYPE).is_some_and(form) {
            parameters.extend(canonical::parameters(std::str::from_utf8(request.body).ok()?)?);
        }
        Some(Self(parameters))
    }

    /// The value of a parameter that may be there once.
    pub(crate) fn one(&self, wanted: &str) -> Result<Option<Cow<'_, str>>, Refusal> {
        let mut values = self.0.iter().filter(|(name, _)| name == wanted.as_bytes()).map(|(_, value)| value.as_slice());
        match (values.next(), values.next()) {
            (value, None) => Ok(value.map(String::from_utf8_lossy)),
            _ => Err(sigv4::malformed_query()),
        }
    }

    /// All names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.0.iter().map(|(name, value)| (String::from_utf8_lossy(name), String::from_utf8_lossy(value)))
    }
}
