//! What the fake has seen: counters, the last requests, and a way to wait for them.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Version};
use tokio::sync::Notify;

use crate::sync::lock;

/// A request that the TLS listener received.
///
/// `Debug` leaves out the query string, the body and the header values: signatures and tokens are in them.
#[derive(Clone)]
#[non_exhaustive]
pub struct Call {
    /// The server name of the TLS handshake.
    pub sni: Option<String>,
    /// The `Host` header, or `:authority` in HTTP/2, as it was sent.
    pub host: String,
    /// The method.
    pub method: Method,
    /// The path, as it was sent.
    pub path: String,
    /// The query string, as it was sent; empty if there was none.
    pub query: String,
    /// The headers. HTTP/2 sends the host as `:authority`, so `host` may be missing here.
    pub headers: HeaderMap,
    /// The body; empty if it was longer than a service reads.
    pub body: Bytes,
    /// The version of HTTP.
    pub version: Version,
    /// The action that was asked for, if the fake knows it.
    pub action: Option<&'static str>,
    /// What the service decided, before a fault spoilt the answer.
    pub outcome: Outcome,
    /// The [`Fault::name`](crate::Fault::name) of the fault that was applied.
    pub fault: Option<&'static str>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("sni", &self.sni)
            .field("host", &self.host)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("action", &self.action)
            .field("outcome", &self.outcome)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

/// What a service decided about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The signature held: the caller's ARN.
    Accepted {
        /// The ARN that the answer names.
        arn: String,
    },
    /// An error of the service.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The error code, such as `SignatureDoesNotMatch`.
        code: &'static str,
    },
    /// Turned away before any service looked at it.
    FrontEnd {
        /// The HTTP status.
        status: u16,
    },
}

/// How often things have happened since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections accepted by the proxy and the TLS listener together.
    pub connections: u64,
    /// Those that are closed again.
    pub connections_closed: u64,
    /// `CONNECT` requests that the proxy let through.
    pub connects: u64,
    /// Requests that the proxy refused: not `CONNECT`, not a host of AWS, not port 443, or a fault.
    pub connects_refused: u64,
    /// TLS handshakes that came to an end.
    pub handshakes: u64,
    /// TLS handshakes that failed, for a fault or because the client did not like the certificate.
    pub handshakes_failed: u64,
    /// Requests, once the service has decided about them and before a fault delays the answer.
    pub calls: u64,
    /// Requests by the `Host` they were sent to; at most 10,000 different ones are counted.
    pub calls_by_host: HashMap<String, u64>,
    /// Requests by action; those for no known action are not here.
    pub calls_by_action: HashMap<&'static str, u64>,
    /// Faults applied.
    pub faults: u64,
}

const MAX_HOSTS: usize = 10_000;

impl Counts {
    /// Requests that were sent to `host`.
    pub fn calls_to(&self, host: &str) -> u64 {
        self.calls_by_host.get(host).copied().unwrap_or(0)
    }

    /// Connections that are open now.
    pub fn connections_open(&self) -> u64 {
        self.connections - self.connections_closed
    }

    pub(crate) fn call(&mut self, host: &str, action: Option<&'static str>, faulty: bool) {
        self.calls += 1;
        self.faults += u64::from(faulty);
        if let Some(calls) = self.calls_by_host.get_mut(host) {
            *calls += 1;
        } else if self.calls_by_host.len() < MAX_HOSTS {
            self.calls_by_host.insert(host.to_owned(), 1);
        }
        if let Some(action) = action {
            *self.calls_by_action.entry(action).or_default() += 1;
        }
    }
}

/// Counters and records, and those who wait for them.
pub(crate) struct Journal {
    inner: Mutex<Inner>,
    limit: usize,
    blocking: Condvar,
    tasks: Notify,
}

#[derive(Default)]
struct Inner {
    counts: Counts,
    calls: VecDeque<Call>,
}

impl Journal {
    /// Keeps the last `limit` requests.
    pub(crate) fn new(limit: usize) -> Self {
        Self { inner: Mutex::default(), limit, blocking: Condvar::new(), tasks: Notify::new() }
    }

    pub(crate) fn keeps_calls(&self) -> bool {
        self.limit > 0
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut lock(&self.inner).counts);
        self.wake();
    }

    pub(crate) fn call(&self, call: Option<Call>, change: impl FnOnce(&mut Counts)) {
        {
            let mut inner = lock(&self.inner);
            change(&mut inner.counts);
            if let Some(call) = call {
                if inner.calls.len() >= self.limit {
                    inner.calls.pop_front();
                }
                inner.calls.push_back(call);
            }
        }
        self.wake();
    }

    pub(crate) fn counts(&self) -> Counts {
        lock(&self.inner).counts.clone()
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        lock(&self.inner).calls.iter().cloned().collect()
    }

    pub(crate) fn take_calls(&self) -> Vec<Call> {
        lock(&self.inner).calls.drain(..).collect()
    }

    pub(crate) async fn wait(&self, done: impl Fn(&Counts) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.tasks.notified());
            changed.as_mut().enable();
            if done(&lock(&self.inner).counts) {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn wait_blocking(&self, done: impl Fn(&Counts) -> bool, at_most: Duration) -> bool {
        let end = Instant::now() + at_most;
        let mut inner = lock(&self.inner);
        loop {
            if done(&inner.counts) {
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            inner = self.blocking.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn wake(&self) {
        self.blocking.notify_all();
        self.tasks.notify_waiters();
    }
}
