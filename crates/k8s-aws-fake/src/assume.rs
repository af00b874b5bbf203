//! `AssumeRole` and `AssumeRoleWithWebIdentity`.

use std::time::{Duration, SystemTime};

use crate::date;
use crate::directory::{Directory, Identity};
use crate::endpoint::Endpoint;
use crate::issuer::{Issued, Issuer, Role};
use crate::reply::{Answer, Field, Refusal, Verdict};
use crate::service::{Decision, Parameters};
use crate::sigv4::{self, Received};

/// What STS takes for `DurationSeconds`.
const DURATIONS: std::ops::RangeInclusive<u64> = 900..=43_200;

pub(crate) fn role(
    request: &Received<'_>,
    parameters: &Parameters,
    endpoint: &Endpoint<'_>,
    directory: &Directory,
    issuer: &Issuer,
    now: SystemTime,
) -> Decision {
    let action = "AssumeRole";
    let entry = match sigv4::verify(request, endpoint, directory, now) {
        Ok(entry) => entry,
        Err(refusal) => return Decision::refused(Some(action), refusal),
    };
    let caller = entry.identity.arn().to_owned();
    let wanted = match Wanted::of(parameters, action) {
        Ok(wanted) => wanted,
        Err(refusal) => return Decision::refused(Some(action), refusal),
    };
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let trusted = |role: &Role| {
        let mfa = |(serial, code): &(String, String)| {
            wanted.one("SerialNumber") == Some(serial) && wanted.one("TokenCode") == Some(code)
        };
        let source = |arn: &str| {
            header("x-amz-source-arn") == Some(arn) && header("x-amz-source-account") == arn.split(':').nth(4)
        };
        role.trusted.as_ref().is_none_or(|arn| *arn == caller)
            && role.external_id.as_deref().is_none_or(|id| wanted.one("ExternalId") == Some(id))
            && role.mfa.as_ref().is_none_or(mfa)
            && role.source_arn.as_deref().is_none_or(source)
    };
    let Some(role) = issuer.role(&wanted.role_arn).filter(trusted) else {
        let message =
            format!("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {}", wanted.role_arn);
        return Decision::refused(Some(action), Refusal::new(403, "AccessDenied", message));
    };
    let issued = session(&role, &wanted, directory, issuer, now);
    Decision { caller: Some(caller), ..Decision::new(Some(action), answer(action, &issued, Vec::new())) }
}

/// This call is not signed: the token says who asks.
pub(crate) fn with_web_identity(
    parameters: &Parameters,
    directory: &Directory,
    issuer: &Issuer,
    now: SystemTime,
) -> Decision {
    let action = "AssumeRoleWithWebIdentity";
    let wanted = match Wanted::of(parameters, action) {
        Ok(wanted) => wanted,
        Err(refusal) => return Decision::refused(Some(action), refusal),
    };
    let Some(role) = issuer.role(&wanted.role_arn).filter(|role| role.web_identity.is_some()) else {
        let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        return Decision::refused(Some(action), Refusal::new(403, "AccessDenied", message));
    };
    if role.web_identity.as_deref() != wanted.one("WebIdentityToken") {
        let message = "Couldn't retrieve verification key from your identity provider";
        return Decision::refused(Some(action), Refusal::new(400, "InvalidIdentityToken", message));
    }
    let issued = session(&role, &wanted, directory, issuer, now);
    let subject = Field::Text("system:serviceaccount:default:default".to_owned());
    let verdict = answer(action, &issued, vec![("SubjectFromWebIdentityToken", subject)]);
    Decision { caller: Some(issued.identity.arn().to_owned()), ..Decision::new(Some(action), verdict) }
}

/// The parameters that both calls have.
struct Wanted {
    role_arn: String,
    session_name: String,
    duration: Option<Duration>,
    rest: Vec<(&'static str, String)>,
}

impl Wanted {
    fn of(parameters: &Parameters, action: &'static str) -> Result<Self, Refusal> {
        let need = |name: &str| {
            let missing = || invalid(&format!("{name} is missing in {action}"));
            Ok(parameters.one(name)?.ok_or_else(missing)?.into_owned())
        };
        let (role_arn, session_name) = (need("RoleArn")?, need("RoleSessionName")?);
        let named = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        if !(2..=64).contains(&session_name.len()) || !session_name.chars().all(named) {
            return Err(invalid("Value at 'roleSessionName' failed to satisfy constraint: [\\w+=,.@-]*"));
        }
        if !role_arn.starts_with("arn:") {
            return Err(invalid(&format!("{role_arn} is invalid")));
        }
        let duration = match parameters.one("DurationSeconds")? {
            None => None,
            Some(text) => {
                let seconds = text.parse().ok().filter(|seconds| DURATIONS.contains(seconds));
                let seconds =
                    seconds.ok_or_else(|| invalid("Value at 'durationSeconds' failed to satisfy constraint"))?;
                Some(Duration::from_secs(seconds))
            }
        };
        let mut rest = Vec::new();
        for name in ["ExternalId", "SerialNumber", "TokenCode", "WebIdentityToken"] {
            rest.extend(parameters.one(name)?.map(|value| (name, value.into_owned())));
        }
        Ok(Self { role_arn, session_name, duration, rest })
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.rest.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

fn session(role: &Role, wanted: &Wanted, directory: &Directory, issuer: &Issuer, now: SystemTime) -> Issued {
    let identity = Identity::assumed_role(&role.account, &role.name, &wanted.session_name);
    issuer.issue(directory, identity, wanted.duration, now)
}

fn answer(action: &'static str, issued: &Issued, more: Vec<(&'static str, Field)>) -> Verdict {
    let text = |text: &str| Field::Text(text.to_owned());
    let Issued { credential, identity, expires } = issued;
    let credentials = Field::Group(vec![
        ("AccessKeyId", text(credential.access_key_id())),
        ("SecretAccessKey", text(credential.secret_access_key())),
        ("SessionToken", text(credential.session_token().unwrap_or_default())),
        ("Expiration", Field::Text(date::rfc3339(*expires))),
    ]);
    let user = Field::Group(vec![("AssumedRoleId", text(identity.user_id())), ("Arn", text(identity.arn()))]);
    let mut fields = vec![("Credentials", credentials), ("AssumedRoleUser", user)];
    fields.extend(more);
    Verdict::Answer(Answer { action, fields })
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "ValidationError", message)
}
