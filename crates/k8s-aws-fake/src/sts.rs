//! The actions of STS.

use std::time::SystemTime;

use crate::assume;
use crate::directory::Directory;
use crate::endpoint::Endpoint;
use crate::issuer::Issuer;
use crate::reply::{Answer, Refusal, Verdict};
use crate::service::{Decision, Parameters};
use crate::sigv4::{self, Received};

/// The one API version that STS has.
const VERSION: &str = "2011-06-15";

pub(crate) fn handle(
    request: &Received<'_>,
    endpoint: &Endpoint<'_>,
    directory: &Directory,
    issuer: &Issuer,
    now: SystemTime,
) -> Decision {
    if request.path != "/" || !matches!(request.method, "GET" | "POST") {
        return Decision::unknown_operation();
    }
    let Some(parameters) = Parameters::of(request) else {
        return Decision::refused(None, sigv4::malformed_query());
    };
    let (action, version) = match (parameters.one("Action"), parameters.one("Version")) {
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
        "GetCallerIdentity" if version == VERSION => get_caller_identity(request, endpoint, directory, now),
        "AssumeRole" if version == VERSION => assume::role(request, &parameters, endpoint, directory, issuer, now),
        "AssumeRoleWithWebIdentity" if version == VERSION => {
            assume::with_web_identity(&parameters, directory, issuer, now)
        }
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
                ("Arn", who.arn().to_owned().into()),
                ("UserId", who.user_id().to_owned().into()),
                ("Account", who.account().to_owned().into()),
            ];
            let verdict = Verdict::Answer(Answer { action, fields });
            Decision { caller: Some(who.arn().to_owned()), ..Decision::new(Some(action), verdict) }
        }
    }
}
