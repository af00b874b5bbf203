//! Clients that ask without pause, each over a connection that it keeps for as long as the server does.

use super::{Http, PATIENCE, lock};
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How many connections of which kind, and what is asked over them.
pub(crate) struct Plan {
    pub(crate) http1: usize,
    pub(crate) http2: usize,
    /// Requests at a time over each connection with HTTP/2.
    pub(crate) streams: usize,
    /// Bodies, asked in turn, and from the first again after the last.
    pub(crate) bodies: Vec<Value>,
    /// The usernames that are right.
    pub(crate) usernames: Vec<String>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) answered: usize,
    /// Answers other than the right one.
    pub(crate) wrong: Vec<String>,
    /// Requests that were sent over an open connection, and got no answer.
    pub(crate) lost: Vec<String>,
    /// How many times no connection came about.
    pub(crate) refused: usize,
    /// How many came about.
    pub(crate) connected: usize,
}

/// The load while it lasts.
pub(crate) struct Load {
    plan: Plan,
    address: SocketAddr,
    tls: [Arc<ClientConfig>; 2],
    next: AtomicUsize,
    outcome: Mutex<Outcome>,
    progress: Condvar,
    over: AtomicBool,
}

/// Asks as planned while `meanwhile` runs, and then no more.
pub(crate) fn under_load<R>(
    http: &Http,
    address: SocketAddr,
    plan: Plan,
    meanwhile: impl FnOnce(&Load) -> R,
) -> (Outcome, R) {
    let load = Arc::new(Load {
        plan,
        address,
        tls: [http.tls(&[b"http/1.1"]), http.tls(&[b"h2"])],
        next: AtomicUsize::new(0),
        outcome: Mutex::default(),
        progress: Condvar::new(),
        over: AtomicBool::new(false),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut clients = Vec::new();
    for _ in 0..load.plan.http1 {
        clients.push(runtime.spawn(load.clone().ask_over_http1()));
    }
    for _ in 0..load.plan.http2 {
        clients.push(runtime.spawn(load.clone().ask_over_http2()));
    }
    let result = meanwhile(&load);
    load.over.store(true, Ordering::Relaxed);
    runtime.block_on(async {
        for client in clients {
            tokio::time::timeout(PATIENCE, client).await.expect("the clients end").unwrap();
        }
    });
    let outcome = std::mem::take(&mut *lock(&load.outcome));
    (outcome, result)
}

impl Load {
    /// Waits until so many more requests were answered.
    pub(crate) fn wait_for(&self, more: usize) {
        let outcome = lock(&self.outcome);
        let wanted = outcome.answered + more;
        let (outcome, timeout) = self
            .progress
            .wait_timeout_while(outcome, PATIENCE, |outcome| outcome.answered < wanted)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "{:?}", *outcome);
    }

    /// From now on nobody begins another request.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    async fn connect(&self, http2: bool) -> Option<TokioIo<TlsStream<TcpStream>>> {
        let tls = TlsConnector::from(self.tls[usize::from(http2)].clone());
        let connect =
            async { tls.connect("localhost".try_into().unwrap(), TcpStream::connect(self.address).await?).await };
        match connect.await {
            Ok(stream) => {
                lock(&self.outcome).connected += 1;
                Some(TokioIo::new(stream))
            }
            Err(_) => {
                lock(&self.outcome).refused += 1;
                // Not to keep the machine from starting the server that this waits for.
                tokio::time::sleep(Duration::from_millis(5)).await;
                None
            }
        }
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let body = self.plan.bodies[number % self.plan.bodies.len()].to_string();
        let request = Request::post("https://localhost/authenticate");
        let request = request.header(header::HOST, "localhost").header(header::CONTENT_TYPE, "application/json");
        request.body(Full::from(body)).unwrap()
    }

    async fn ask_over_http1(self: Arc<Self>) {
        while self.goes_on() {
            let Some(stream) = self.connect(false).await else { continue };
            let Ok((mut sender, connection)) = http1::handshake(stream).await else { continue };
            tokio::spawn(connection);
            while self.goes_on() && sender.ready().await.is_ok() {
                let answer = sender.send_request(self.request()).await;
                let last = answer.as_ref().is_ok_and(|answer| answer.headers().contains_key(header::CONNECTION));
                if !self.take(answer).await || last {
                    break;
                }
            }
        }
    }

    async fn ask_over_http2(self: Arc<Self>) {
        while self.goes_on() {
            let Some(stream) = self.connect(true).await else { continue };
            let Ok((sender, connection)) = http2::handshake(TokioExecutor::new(), stream).await else { continue };
            tokio::spawn(connection);
            let streams = (0..self.plan.streams).map(|_| {
                let (load, mut sender) = (self.clone(), sender.clone());
                tokio::spawn(async move {
                    while load.goes_on() && sender.ready().await.is_ok() {
                        if !load.take(sender.send_request(load.request()).await).await {
                            break;
                        }
                    }
                })
            });
            for stream in streams.collect::<Vec<_>>() {
                stream.await.unwrap();
            }
        }
    }

    /// Looks at an answer. Gives whether there was one.
    async fn take(&self, answer: hyper::Result<Response<Incoming>>) -> bool {
        let complete = async {
            let (head, body) = answer?.into_parts();
            hyper::Result::Ok((head.status, body.collect().await?.to_bytes()))
        };
        match complete.await {
            Ok((status, body)) => {
                let json: Value = serde_json::from_slice(&body).unwrap_or_default();
                let username = json["status"]["user"]["username"].as_str().unwrap_or_default();
                let mut outcome = lock(&self.outcome);
                outcome.answered += 1;
                if status != 200 || !self.plan.usernames.iter().any(|right| right == username) {
                    outcome.wrong.push(format!("{status} {}", String::from_utf8_lossy(&body)));
                }
                self.progress.notify_all();
                true
            }
            Err(error) => {
                // What was not sent was not lost, nor what comes after the last request that the server says it looks at (RFC 9113,
                // section 6.8): its client asks again over another connection.
                let told = format!("{error:?}");
                if !error.is_canceled() && !told.contains("GoAway(b\"\", NO_ERROR, Remote)") {
                    lock(&self.outcome).lost.push(told);
                }
                false
            }
        }
    }
}
