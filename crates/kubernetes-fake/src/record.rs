//! What was asked.

use crate::resource::{Resource, Target};
use bytes::Bytes;
use http::{HeaderMap, Method, request::Parts};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A request, as it came.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The HTTP method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The query, as it is written.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The verb as RBAC rules name it: `get`, `list`, `watch`, `create`, `update`, `patch` or `delete`; empty for other paths.
    pub verb: &'static str,
    /// The resource as RBAC rules name it, such as `iamidentitymappings/status`; empty for other paths.
    pub resource: String,
}

impl Recorded {
    pub(crate) fn of(head: &Parts, body: Bytes, target: Option<&Target>, resources: &[Resource]) -> Self {
        let query = head.uri.query().unwrap_or_default().to_owned();
        let (verb, resource) = match target {
            None => ("", String::new()),
            Some(target) => {
                let plural = &resources[target.resource].plural;
                let resource = if target.status { format!("{plural}/status") } else { plural.clone() };
                (verb(&head.method, &query, target), resource)
            }
        };
        let (method, headers) = (head.method.clone(), head.headers.clone());
        Self { method, path: head.uri.path().to_owned(), query, headers, body, verb, resource }
    }

    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameter(&self.query, name)
    }
}

pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    let value = value.replace('+', " ");
    Some(percent_encoding::percent_decode_str(&value).decode_utf8_lossy().into_owned())
}

fn verb(method: &Method, query: &str, target: &Target) -> &'static str {
    let watches = || matches!(parameter(query, "watch").as_deref(), Some("true" | "1"));
    match (method.as_str(), &target.name) {
        ("GET", None) if watches() => "watch",
        ("GET", None) => "list",
        ("GET", Some(_)) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", _) => "delete",
        _ => "",
    }
}

/// Every request since the start.
#[derive(Default)]
pub(crate) struct Journal {
    requests: Mutex<Vec<Recorded>>,
    more: Condvar,
    changed: watch::Sender<()>,
}

impl Journal {
    pub(crate) fn add(&self, request: Recorded) {
        self.lock().push(request);
        self.more.notify_all();
        self.changed.send_replace(());
    }

    pub(crate) fn all(&self) -> Vec<Recorded> {
        self.lock().clone()
    }

    pub(crate) async fn wait(&self, done: impl Fn(&[Recorded]) -> bool) {
        let mut changed = self.changed.subscribe();
        while !done(&self.lock()) {
            // The sender lives as long as this.
            let _ = changed.changed().await;
        }
    }

    pub(crate) fn wait_blocking(&self, done: impl Fn(&[Recorded]) -> bool, at_most: Duration) -> bool {
        let end = Instant::now() + at_most;
        let mut requests = self.lock();
        while !done(&requests) {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return false };
            requests = self.more.wait_timeout(requests, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
