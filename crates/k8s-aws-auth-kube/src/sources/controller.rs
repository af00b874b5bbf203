//! What is written to the API server about `IAMIdentityMapping` objects: their status, and an event.

use super::Access;
use super::backoff::Backoff;
use super::connection::Connection;
use super::identity_mappings::PATH;
use crate::KubeError;
use http::{Method, Request, header};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::sync::Notify;

/// The pause after each object: thousands of objects that are new at once are no burst for the API server.
const PAUSE: Duration = Duration::from_millis(50);
/// How many objects' events are remembered, to count them up rather than to write others.
const MAX_EVENTS: usize = 1024;
/// Where events about objects without a namespace are.
const EVENTS: &str = "/api/v1/namespaces/default/events";
const COMPONENT: &str = "aws-iam-authenticator";

/// Something that could not be written. Mappings do not depend on it.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteFailure {
    /// The status of an object; it is tried again.
    Status {
        /// The object.
        name: String,
        /// Why.
        error: KubeError,
    },
    /// An event about an object; it is dropped.
    Event {
        /// The object.
        name: String,
        /// Why.
        error: KubeError,
    },
}

/// Writes `status.canonicalARN` of `IAMIdentityMapping` objects, and the event `Synced` about each that is new or changed, as
/// the controller of the Go program does.
///
/// Needs the RBAC verbs `patch` on `iamidentitymappings/status`, `create` and `patch` on `events` in the namespace `default`.
pub struct Controller {
    connection: Connection,
    queue: Arc<Queue>,
    backoff: Backoff,
    /// The name of the last event about an object, and how often it happened.
    events: HashMap<String, (String, u32)>,
}

impl Controller {
    pub(crate) fn new(access: Access) -> (Self, Arc<Queue>) {
        let queue = Arc::new(Queue::default());
        let connection = Connection::new(access);
        let controller =
            Self { connection, queue: queue.clone(), backoff: Backoff::default(), events: HashMap::default() };
        (controller, queue)
    }

    /// Writes what there is to write, for ever.
    pub async fn run(mut self, failed: impl Fn(WriteFailure)) {
        loop {
            self.backoff.wait().await;
            let (name, pending) = self.queue.pop().await;
            match self.write_status(&name, &pending).await {
                Ok(true) => {
                    self.backoff.succeeded();
                    if let Err(error) = self.write_event(&name, &pending).await {
                        failed(WriteFailure::Event { name, error });
                    }
                }
                Ok(false) => {}
                Err(error) => {
                    self.backoff.failed();
                    self.queue.push_back(name.clone(), pending);
                    failed(WriteFailure::Status { name, error });
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// False if the object is another one by now: then the watch tells of it.
    async fn write_status(&mut self, name: &str, pending: &Pending) -> Result<bool, KubeError> {
        let Some((canonical_arn, user_id)) = &pending.status else { return Ok(true) };
        let patch = json!({
            "metadata": {"resourceVersion": pending.version},
            "status": {"canonicalARN": canonical_arn, "userID": user_id},
        });
        match self.connection.fetch(request(Method::PATCH, &format!("{PATH}/{name}/status"), &patch)?).await {
            Ok(_) => Ok(true),
            Err(KubeError::Refused { status: 404 | 409, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn write_event(&mut self, name: &str, pending: &Pending) -> Result<(), KubeError> {
        let now = SystemTime::now();
        let seconds = OffsetDateTime::from(now).replace_nanosecond(0).ok().and_then(|t| t.format(&Rfc3339).ok());
        let seconds = seconds.unwrap_or_default();
        if let Some((event, count)) = self.events.get_mut(name) {
            *count += 1;
            let patch = json!({"count": *count, "lastTimestamp": seconds});
            match self.connection.fetch(request(Method::PATCH, &format!("{EVENTS}/{event}"), &patch)?).await {
                // API servers forget events after an hour.
                Err(KubeError::Refused { status: 404, .. }) => {}
                answer => return answer.map(drop),
            }
        }
        if self.events.len() >= MAX_EVENTS {
            self.events.clear();
        }
        let nanoseconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let event = format!("{name}.{nanoseconds:x}");
        let body = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": event, "namespace": "default"},
            "involvedObject": {
                "apiVersion": "iamauthenticator.k8s.aws/v1alpha1",
                "kind": "IAMIdentityMapping",
                "name": name,
                "uid": pending.uid,
                "resourceVersion": pending.version,
            },
            "type": "Normal",
            "reason": "Synced",
            "message": "Identity synced successfully",
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "firstTimestamp": seconds,
            "lastTimestamp": seconds,
            "count": 1,
        });
        self.connection.fetch(request(Method::POST, EVENTS, &body)?).await?;
        self.events.insert(name.to_owned(), (event, 1));
        Ok(())
    }
}

fn request(method: Method, path: &str, body: &Value) -> Result<Request<Vec<u8>>, KubeError> {
    let media = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, media);
    let request = request.header(header::ACCEPT, "application/json");
    request
        .body(body.to_string().into_bytes())
        .map_err(|_| KubeError::Malformed { problem: "a name is no part of a path" })
}

/// What is to be written about an object.
pub(crate) struct Pending {
    pub(crate) uid: String,
    pub(crate) version: String,
    /// `canonicalARN` and `userID`, if they have to be written.
    pub(crate) status: Option<(String, String)>,
}

/// The objects that wait, each once.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<BTreeMap<String, Pending>>,
    more: Notify,
}

impl Queue {
    pub(crate) fn push(&self, name: String, pending: Pending) {
        self.lock().insert(name, pending);
        self.more.notify_one();
    }

    /// Puts one back, unless there is something newer about the object.
    fn push_back(&self, name: String, pending: Pending) {
        self.lock().entry(name).or_insert(pending);
        self.more.notify_one();
    }

    pub(crate) fn forget(&self, name: &str) {
        self.lock().remove(name);
    }

    async fn pop(&self) -> (String, Pending) {
        loop {
            if let Some(first) = self.lock().pop_first() {
                return first;
            }
            self.more.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Pending>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
