//! The lines about a login. Messages and field names are the Go program's, which people search for.

use super::protection;
use crate::{Field, Level, Log};
use http::{Request, Response};
use k8s_aws_auth::identity::StsEndpoint;
use k8s_aws_auth::sts::VerifiedCaller;
use k8s_aws_auth::{Authenticated, Event, Observer, Outcome, Refused};
use k8s_aws_auth_tower::Malformed;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Writes what STS did, at level debug.
pub(super) struct StsLog {
    log: Arc<Log>,
}

impl StsLog {
    pub(super) fn new(log: Arc<Log>) -> Self {
        Self { log }
    }

    fn write(&self, message: &str, endpoint: &StsEndpoint, took: Duration, result: Field<'_>) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let endpoint = ("stsendpoint", endpoint.host().into());
        self.log.write(Level::Debug, message, &[endpoint, ("duration_us", micros.into()), result]);
    }
}

impl Observer for StsLog {
    fn observe(&self, event: Event<'_>) {
        match event {
            Event::StsAnswered { endpoint, status, took } => {
                self.write("STS answered", endpoint, took, ("status", u64::from(status).into()));
            }
            Event::StsFailed { endpoint, failure, took } => {
                self.write("STS did not answer", endpoint, took, ("error", failure.to_string().into()));
            }
            other => protection::write(&self.log, &other),
        }
    }
}

/// What is known of a request before it is read.
pub(super) struct Context {
    client: String,
    method: String,
    path: String,
}

impl Context {
    pub(super) fn of<B>(request: &Request<B>, client: SocketAddr) -> Self {
        // The path alone: whatever somebody put into a query is nobody's business here.
        Self { client: client.to_string(), method: request.method().to_string(), path: request.uri().path().to_owned() }
    }

    fn fields(&self) -> Vec<Field<'_>> {
        vec![
            ("client", self.client.as_str().into()),
            ("method", self.method.as_str().into()),
            ("path", self.path.as_str().into()),
        ]
    }
}

/// Writes what came of a request.
pub(super) fn write<B>(log: &Log, context: &Context, answer: &Response<B>) {
    if let Some(outcome) = answer.extensions().get::<Arc<Outcome>>() {
        match &**outcome {
            Outcome::Authenticated(granted) => write_granted(log, context, granted),
            Outcome::Refused(refused) => write_refused(log, context, refused),
        }
    } else if let Some(malformed) = answer.extensions().get::<Malformed>() {
        let mut fields = context.fields();
        fields.extend([("reason", malformed.reason.into()), ("status", u64::from(answer.status().as_u16()).into())]);
        log.error("could not parse request body", &fields);
    }
}

/// Writes that a request was not answered in time.
pub(super) fn write_late(log: &Log, context: &Context) {
    let mut fields = context.fields();
    fields.extend([("reason", "request_timeout".into()), ("status", 408.into())]);
    log.error("the request took too long", &fields);
}

/// Whom STS told, whatever the mappings make of it. Callers of scrubbed accounts are left out by whoever calls this.
fn write_caller(log: &Log, context: &Context, caller: &VerifiedCaller) {
    let mut fields = context.fields();
    fields.extend([
        ("accesskeyid", caller.access_key_id().as_str().into()),
        ("accountid", caller.account().to_string().into()),
        ("arn", caller.arn().into()),
        ("session", caller.session_name().unwrap_or_default().into()),
        ("stsendpoint", caller.endpoint().host().into()),
        ("userid", caller.user_id().into()),
    ]);
    log.info("STS response", &fields);
}

fn write_granted(log: &Log, context: &Context, granted: &Authenticated) {
    let (caller, user, mut fields) = (granted.caller(), granted.user(), context.fields());
    if !granted.scrubbed() {
        write_caller(log, context, caller);
        fields.push(("arn", caller.canonical_arn().into()));
    }
    fields.extend([
        ("rule", granted.mapped().rule.to_string().into()),
        ("groups", user.groups.as_slice().into()),
        ("stsendpoint", caller.endpoint().host().into()),
        ("uid", user.uid.as_str().into()),
        ("username", user.username.as_str().into()),
    ]);
    log.info("access granted", &fields);
}

fn write_refused(log: &Log, context: &Context, refused: &Refused) {
    let mut fields = context.fields();
    if let Some(caller) = refused.caller().filter(|_| !refused.scrubbed()) {
        write_caller(log, context, caller);
        fields.push(("arn", caller.canonical_arn().into()));
        fields.push(("stsendpoint", caller.endpoint().host().into()));
    }
    fields.extend([("error", refused.to_string().into()), ("reason", refused.reason().into())]);
    // Whether the API server was told "no" or "ask again".
    let level = if refused.is_definite() { Level::Warning } else { Level::Error };
    log.write(level, "access denied", &fields);
}
