//! A flood of hostile tokens, all distinct, leaves the server's memory and its metrics as they were, and those who belong
//! here still get in.
//!
//! `FLOOD_TOKENS` says how many tokens; `.ci/extended memory-flood` sends a million to the optimized program.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "drives a process and measures it"
)]
#![cfg(target_os = "linux")]

mod support;

use aws_credential_types::Credentials;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Method, Request, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use k8s_aws_auth::identity::{EndpointTable, Partition, StsEndpoint};
use k8s_aws_auth::presign::{ClusterId, presign};
use k8s_aws_fake::{Credential, FakeAws, samples};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};
use support::{CLUSTER, Http, Line, Program};
use tokio_rustls::TlsConnector;

const MAPPINGS: &str = "mapUsers:\n- userarn: arn:aws:iam::111122223333:user/alice\n  username: alice";
const TOKENS: u64 = 20_000;
/// From so many on, memory has to stay within 5%.
const MANY: u64 = 500_000;
/// The connections that the flood comes over.
const CONNECTIONS: u64 = 16;
/// Nothing of a token is in a metric: these are in every one of the flood's.
const MARKS: [&str; 4] = ["flood", "FLOOD", "evil", "AKIA"];

/// The server as a process. Its log is read and dropped, for it is longer than its memory.
struct Server {
    child: Child,
    http: Http,
}

impl Server {
    fn start(program: &Program, fake: &FakeAws) -> Self {
        let mut command = program.command(Some(fake));
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| Line::parse(&line).is("listening", "path", "/authenticate")), "the server starts");
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, http: Http::from_kubeconfig(&program.kubeconfig()) }
    }

    /// A figure out of `/proc/PID/status`, in KiB.
    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The names and labels of the metrics.
    fn series(&self) -> BTreeSet<String> {
        let answer = self.http.ask(Method::GET, "/metrics");
        let samples = answer.text().lines().filter(|line| !line.starts_with('#'));
        samples.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
    }

    fn lets_in(&self, token: &str) -> bool {
        let answer: Value = serde_json::from_slice(&self.http.post(review(token)).body).unwrap();
        answer["status"]["authenticated"] == true
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn review(token: &str) -> Bytes {
    json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}})
        .to_string()
        .into()
}

/// What the flood's tokens are made of.
struct Flood {
    hosts: Vec<StsEndpoint>,
    known: Credential,
    valid_url: String,
}

impl Flood {
    fn new(known: Credential) -> Self {
        let table = EndpointTable::standard();
        let hosts: Vec<_> = table.iter().filter(|host| host.partition() == Partition::Aws).cloned().collect();
        let text = sign(&known, &hosts[0], CLUSTER);
        let url = URL_SAFE_NO_PAD.decode(text.strip_prefix("k8s-aws-v1.").unwrap()).unwrap();
        Self { hosts, known, valid_url: String::from_utf8(url).unwrap() }
    }

    /// The token of this number: no two are alike, and none is good.
    fn token(&self, number: u64) -> String {
        let host = &self.hosts[usize::try_from(number / 8).unwrap() % self.hosts.len()];
        let url = |url: String| format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url));
        let nobody = |key: String| Credential::permanent(&key, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        match number % 8 {
            0 => format!("k8s-aws-v1.flood{number}"),
            1 => url(self.valid_url.replacen("https://sts", &format!("https://sts.flood-{number}"), 1)),
            2 => url(format!("{}&X-Flood-{number}=evil", self.valid_url)),
            3 => url(self.valid_url.replacen("X-Amz-Date=2", &format!("X-Amz-Date={number}-flood"), 1)),
            4 => "evil".repeat(6000) + &number.to_string(),
            // Well-formed: STS has to say that there is no such key.
            5 | 6 => sign(&nobody(format!("AKIAFLOOD{number:011}")), host, CLUSTER),
            // A good key, and another cluster, at every host: STS finds the signature wrong.
            _ => sign(&self.known, host, &format!("flood-{number}")),
        }
    }
}

fn sign(credential: &Credential, host: &StsEndpoint, cluster: &str) -> String {
    let session_token = credential.session_token().map(str::to_owned);
    let keys =
        Credentials::new(credential.access_key_id(), credential.secret_access_key(), session_token, None, "test");
    let token = presign(&keys, host, &ClusterId::parse(cluster).unwrap(), SystemTime::now()).unwrap();
    token.text().expose().to_owned()
}

/// Sends the tokens up to this number over one connection, which takes the next that nobody took.
async fn pour(server: Arc<Server>, flood: Arc<Flood>, next: Arc<AtomicU64>, end: u64) {
    let address = server.http.url.trim_start_matches("https://").split('/').next().unwrap().to_owned();
    let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
    let connector = TlsConnector::from(server.http.tls(&[b"http/1.1"]));
    let stream = TokioIo::new(connector.connect("localhost".try_into().unwrap(), tcp).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= end {
            break;
        }
        let body = Full::new(review(&flood.token(number)));
        let request =
            Request::post("/authenticate").header("host", "localhost").header(CONTENT_TYPE, "application/json");
        sender.ready().await.unwrap();
        let answer = sender.send_request(request.body(body).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer: Value = serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap();
        assert_ne!(answer["status"]["authenticated"], true, "token {number} was let in");
    }
}

#[test]
fn a_flood_of_distinct_hostile_tokens_leaves_memory_and_metrics_as_they_were() {
    let tokens = std::env::var("FLOOD_TOKENS").map_or(TOKENS, |count| count.parse().unwrap());
    let fake = FakeAws::start().unwrap();
    let program = Program::new().configured(MAPPINGS);
    let server = Arc::new(Server::start(&program, &fake));
    let alice = samples::user().credential;
    let flood = Arc::new(Flood::new(alice.clone()));
    let good = sign(&alice, &flood.hosts[0], CLUSTER);
    assert!(server.lets_in(&good));

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let next = Arc::new(AtomicU64::new(0));
    let pour_until = |end: u64| {
        next.store(next.load(Ordering::Relaxed).min(end), Ordering::Relaxed);
        let begun = next.load(Ordering::Relaxed);
        runtime.block_on(async {
            let connections = (0..CONNECTIONS).map(|_| pour(server.clone(), flood.clone(), next.clone(), end));
            let connections: Vec<_> = connections.map(tokio::spawn).collect();
            for connection in connections {
                connection.await.unwrap();
            }
        });
        next.store(end, Ordering::Relaxed);
        end - begun
    };
    // Buffers, connections, caches and metrics are as large as they get before anything is compared; with few tokens, nearly.
    let (warm_up, percent) = if tokens >= MANY { (tokens / 5, 5) } else { (tokens / 2, 10) };
    pour_until(warm_up);
    let (memory, series) = (server.memory("VmRSS"), server.series());
    let begun = Instant::now();
    let poured = pour_until(tokens);
    let took = begun.elapsed();
    let (memory_after, peak) = (server.memory("VmRSS"), server.memory("VmHWM"));
    let series_after = server.series();
    println!(
        "{tokens} tokens, the last {poured} in {took:?}: from {memory} to {memory_after} KiB, {peak} KiB at most; from {} to {} series",
        series.len(),
        series_after.len()
    );

    assert!(memory_after * 100 <= memory * (100 + percent), "{memory} KiB before, {memory_after} KiB after");
    // Which outcomes came up is a matter of chance, what a client sends is not among their names.
    assert!(series_after.len() <= 600, "{} series", series_after.len());
    let told = series_after.iter().find(|name| MARKS.iter().any(|mark| name.contains(mark)));
    assert_eq!(told, None, "a client's text is a label");
    assert!(server.lets_in(&good), "who belongs here is locked out");
}
