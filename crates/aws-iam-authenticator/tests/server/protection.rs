//! STS is asked about a token once by those who ask at the same time, and not again for a while; mappings are not remembered.
//! A flood, or a host that fails, keeps nobody out who is known.

use crate::support::{CLUSTER, HOST, Program, Server, mint, review};
use bytes::Bytes;
use http::{Method, Request, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use k8s_aws_fake::{Credential, FakeAws, Fault, Identity, Outcome, samples};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};
use tokio_rustls::TlsConnector;

const MAPPINGS: &str = "mapUsers:\n- userarn: arn:aws:iam::111122223333:user/alice\n  username: alice";
const MINUTE: Duration = Duration::from_secs(60);

fn post_all(server: &Server, body: &Value, times: usize, meanwhile: impl FnOnce()) -> Vec<Value> {
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..times).map(|_| scope.spawn(|| server.post(body))).collect();
        meanwhile();
        asking.into_iter().map(|thread| serde_json::from_slice(&thread.join().unwrap().body).unwrap()).collect()
    })
}

#[test]
fn those_who_ask_about_one_token_at_once_share_one_call_and_its_fate() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).start(&fake);
    let body = review("authentication.k8s.io/v1", &server.token(&samples::user().credential, HOST));
    let held = fake.inject(Fault::hold());
    // A held request is counted by the fake, and so is every connection that carries a review: all wait before it goes on.
    let answers = post_all(&server, &body, 20, || {
        assert!(fake.wait_for_calls_blocking(1, MINUTE));
        held.clear();
    });
    assert!(answers.iter().all(|answer| answer["status"]["user"]["username"] == "alice"), "{answers:?}");
    let calls = fake.counts().calls;
    assert!((1..=20).contains(&calls), "{calls}");
    (0..20).for_each(|_| drop(server.lines_until_decided()));
}

#[test]
fn a_verified_caller_is_remembered_and_a_refused_one_is_not() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).configured("sts: {retries: 0}").remembering().start(&fake);
    let alice = samples::user().credential;
    let token = server.token(&alice, HOST);
    // An error is not remembered.
    let fault = fake.inject(Fault::server_error(500).times(1));
    server.review(&token).assert_error("sts_unavailable", "first");
    assert_eq!(fault.hits(), 1);
    let first = server.review(&token);
    first.assert_granted("second");
    assert_eq!(fake.counts().calls, 2);
    // What is remembered is who the caller is; the answer and the lines of the log are the same.
    for api_version in ["authentication.k8s.io/v1", "authentication.k8s.io/v1beta1"] {
        let again = server.review_in(api_version, &token);
        again.assert_granted("again");
        assert_eq!(again.json["status"], first.json["status"]);
        assert_eq!(again.line("STS response").steady_fields(), first.line("STS response").steady_fields());
        assert_eq!(again.decision().steady_fields(), first.decision().steady_fields());
    }
    assert_eq!(fake.counts().calls, 2, "STS is not asked again");

    // Nor is a denial.
    let carol = samples::assumed_role().credential;
    let token = server.token(&carol, HOST);
    let fault = fake.inject(Fault::error(403, "AccessDenied", "no").times(1));
    server.review(&token).assert_denied("sts_access_denied", "carol");
    assert_eq!(fault.hits(), 1);
    server.review(&token).assert_denied("not_mapped", "carol");
    assert_eq!(fake.counts().calls, 4);
}

#[test]
fn a_time_to_live_beyond_all_time_is_the_tokens() {
    let fake = FakeAws::start().unwrap();
    let program = Program::new().configured(MAPPINGS).remembering();
    let server = program.configured("identityCacheSeconds: 18446744073709551615").start(&fake);
    let token = server.token(&samples::user().credential, HOST);
    server.review(&token).assert_granted("first");
    server.review(&token).assert_granted("second");
    assert_eq!(fake.counts().calls, 1);
}

/// Posts a body so many times at once over each of so many connections, as busy API servers do.
fn post_at_once(server: &Server, body: &Value, connections: usize, times: usize) -> Vec<Value> {
    let tls = TlsConnector::from(server.http.tls(&[b"h2"]));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut posting = Vec::new();
        for _ in 0..connections {
            let tcp = tokio::net::TcpStream::connect(server.address).await.unwrap();
            let stream = TokioIo::new(tls.connect("localhost".try_into().unwrap(), tcp).await.unwrap());
            let (sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
            tokio::spawn(connection);
            for _ in 0..times {
                let request = Request::post(&server.http.url).header(CONTENT_TYPE, "application/json");
                let request = request.body(Full::<Bytes>::from(body.to_string())).unwrap();
                let mut sender = sender.clone();
                posting.push(tokio::spawn(async move { sender.send_request(request).await.unwrap() }));
            }
        }
        let mut answers = Vec::new();
        for answer in posting {
            let body = answer.await.unwrap().into_body().collect().await.unwrap().to_bytes();
            answers.push(serde_json::from_slice(&body).unwrap());
        }
        answers
    })
}

#[test]
fn a_thousand_who_ask_about_one_token_are_one_call() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).remembering().start(&fake);
    let body = review("authentication.k8s.io/v1", &server.token(&samples::user().credential, HOST));
    let held = fake.inject(Fault::hold());
    let answers = std::thread::scope(|scope| {
        let asking = scope.spawn(|| post_at_once(&server, &body, 10, 100));
        assert!(fake.wait_for_calls_blocking(1, MINUTE));
        held.clear();
        asking.join().unwrap()
    });
    assert_eq!(answers.len(), 1000);
    assert!(answers.iter().all(|answer| answer["status"]["user"]["username"] == "alice"));
    // Whoever comes after the call is answered out of memory; there is no moment between the two.
    assert_eq!(fake.counts().calls, 1);
    (0..1000).for_each(|_| drop(server.lines_until_decided()));
}

/// The host of a region that has gone away.
const DEAD: &str = "sts.us-west-2.amazonaws.com";

/// Limits that are reached soon; what is not among the known shares 20 calls a second.
const TIGHT: &str = "sts:
  ownHost: sts.eu-central-1.amazonaws.com
  unknown: {perSecond: 20, burst: 12, concurrency: 4, queue: 4}
  breakerFailures: 1
  breakerSeconds: 3600
  budgetMilliseconds: 4000
  callMilliseconds: 3000
";

/// A well-formed token of a key that nobody has.
fn rubbish(number: usize, host: &str) -> Value {
    let credential = Credential::permanent(&format!("AKIARUBBISH{number:09}"), "no key has this secret");
    review("authentication.k8s.io/v1", &mint(&credential, host, CLUSTER, SystemTime::now()))
}

/// The reason code of an error; empty where the answer is none.
fn reason_of(answer: &Value) -> &str {
    answer["status"]["error"].as_str().and_then(|error| error.split(':').next()).unwrap_or_default()
}

#[test]
fn a_flood_of_rubbish_and_a_host_that_never_answers_keep_nobody_out_who_is_known() {
    const KNOWN: usize = 8;
    let fake = FakeAws::start().unwrap();
    let mappings = "mapRoles:\n- rolearn: arn:aws:iam::111122223333:role/developer\n  username: dev\n";
    let server = Program::new().configured(mappings).configured(TIGHT).start(&fake);
    let person = |name: &str| fake.issue(Identity::assumed_role("111122223333", "developer", name));
    let known: Vec<Credential> = (0..KNOWN).map(|number| person(&format!("known-{number}"))).collect();
    for credential in &known {
        server.review(&server.token(credential, HOST)).assert_granted("before the flood");
    }
    let first_time: Vec<Credential> = (0..KNOWN).map(|number| person(&format!("new-{number}"))).collect();
    drop(fake.take_calls());
    let dead = fake.inject(Fault::hold().on_host(DEAD));

    let post = |body: &Value| -> Value { serde_json::from_slice(&server.http.post(body.to_string()).body).unwrap() };
    let log_in = |credential: &Credential| post(&review("authentication.k8s.io/v1", &server.token(credential, HOST)));
    let (granted, flooded, newcomers) = std::thread::scope(|scope| {
        let (post, log_in) = (&post, &log_in);
        let rubbish_for_dead = move |thread: usize| -> Vec<Value> {
            let mut answers: Vec<Value> = Vec::new();
            // Until it is left alone, for which somebody has to wait in vain.
            while answers.last().is_none_or(|answer| reason_of(answer) != "sts_circuit_open") {
                answers.push(post(&rubbish(1_000_000 * thread + answers.len(), DEAD)));
            }
            answers
        };
        let rubbish_for_all =
            move |thread: usize| -> Vec<Value> { (0..40).map(|n| post(&rubbish(100 * thread + n, HOST))).collect() };
        let mut flood: Vec<_> = (1..3).map(|thread| scope.spawn(move || rubbish_for_dead(thread))).collect();
        flood.extend((0..8).map(|thread| scope.spawn(move || rubbish_for_all(thread))));
        let log_in_again = move |two: &[Credential]| -> Vec<Value> { (0..30).map(|n| log_in(&two[n % 2])).collect() };
        let logins: Vec<_> = known.chunks(2).map(|two| scope.spawn(move || log_in_again(two))).collect();
        let newcomers: Vec<Value> = first_time.iter().map(log_in).collect();
        let all = |threads: Vec<std::thread::ScopedJoinHandle<'_, Vec<Value>>>| -> Vec<Value> {
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        };
        (all(logins), all(flood), newcomers)
    });
    let posts = granted.len() + flooded.len() + newcomers.len();
    let (errors, denied): (Vec<_>, Vec<_>) = flooded.iter().partition(|answer| !reason_of(answer).is_empty());

    assert_eq!(granted.len(), 30 * KNOWN / 2);
    for answer in &granted {
        assert_eq!(answer["status"]["user"]["username"], "dev", "a known caller: {answer}");
    }
    for answer in errors.iter().chain(&denied) {
        assert_eq!(answer["status"]["authenticated"], false, "{answer}");
    }
    // Whoever is denied was rejected by STS; to everybody else it was said that they may come again.
    let calls = fake.calls();
    let rejected = calls.iter().filter(|call| call.host == HOST && matches!(call.outcome, Outcome::Refused { .. }));
    assert_eq!(denied.len(), rejected.count());
    for answer in &newcomers {
        let may_come_again = answer["status"]["error"].is_string();
        assert!(may_come_again || answer["status"]["user"]["username"] == "dev", "somebody new: {answer}");
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    errors.iter().for_each(|answer| *reasons.entry(reason_of(answer)).or_default() += 1);
    let told: Vec<&str> = reasons.keys().copied().collect();
    assert_eq!(told, ["sts_circuit_open", "sts_limit_reached", "sts_timeout"], "{reasons:?}");
    // One waited in vain; then the host was left alone.
    assert_eq!((reasons["sts_timeout"], dead.hits()), (1, 1));

    let lines: Vec<_> = (0..posts).flat_map(|_| server.lines_until_decided()).collect();
    let left_alone = lines.iter().filter(|line| line.is("STS fails and is left alone", "stsendpoint", DEAD));
    assert_eq!(left_alone.map(|line| line.text("lane").to_owned()).collect::<Vec<_>>(), ["unknown"]);
    let metrics = server.http.ask(Method::GET, "/metrics");
    for sample in [
        "sts_circuits_open{StsRegion=\"us-west-2\",lane=\"unknown\"} 1",
        "sts_turned_away_total{StsRegion=\"us-west-2\",lane=\"unknown\",reason=\"circuit_open\"} ",
        "sts_turned_away_total{StsRegion=\"eu-central-1\",lane=\"unknown\",reason=\"queue_full\"} ",
    ] {
        assert!(metrics.text().contains(&format!("\naws_iam_authenticator_{sample}")), "{sample}");
    }
    assert!(!metrics.text().contains("lane=\"known\""), "nothing happened in the lane of the known");
}

#[test]
fn what_may_be_over_in_a_moment_is_asked_again() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).start(&fake);
    let alice = samples::user().credential;
    for (case, fault) in [
        ("5xx", Fault::server_error(503)),
        ("throttling", Fault::throttling()),
        ("a reset", Fault::reset()),
        ("no tunnel", Fault::proxy_refuses(502).on_host("sts.eu-west-1.amazonaws.com")),
    ] {
        let host = if case == "no tunnel" { "sts.eu-west-1.amazonaws.com" } else { HOST };
        let fault = fake.inject(fault.times(1));
        let reviewed = server.review(&server.token(&alice, host));
        reviewed.assert_granted(case);
        assert_eq!((fault.hits(), reviewed.line("STS is asked again").text("stsendpoint")), (1, host), "{case}");
    }
    // No longer than it is worth it, and a rejection is an answer.
    let fault = fake.inject(Fault::throttling());
    server.review(&server.token(&alice, HOST)).assert_error("sts_throttled", "throttling without an end");
    assert_eq!(fault.hits(), 3);
    fault.clear();
    let fault = fake.inject(Fault::error(403, "AccessDenied", "no"));
    server.review(&server.token(&alice, HOST)).assert_denied("sts_access_denied", "a rejection");
    assert_eq!(fault.hits(), 1);
    let metrics = server.http.ask(Method::GET, "/metrics");
    assert!(metrics.text().contains("sts_retries_total{StsRegion=\"eu-central-1\"} 5"), "{}", metrics.text());
}

#[test]
fn limits_that_cannot_be_are_refused_with_file_line_and_key() {
    for (configuration, problem) in [
        ("sts: 5", "config.yaml:3: server.sts: this has to be a map of limits"),
        ("sts:\n  known: [1]", "config.yaml:4: server.sts.known: this has to be a map of limits"),
        ("sts:\n  retries: 11", "config.yaml:4: server.sts.retries: not a whole number from 0 to 10"),
        ("sts:\n  unknown:\n    queue: -1", "config.yaml:5: server.sts.unknown.queue: not a whole number from 0"),
        ("sts:\n  known: {concurrency: 3}", "config.yaml:4: server.sts.known.concurrency: not a whole number from 4"),
        ("sts:\n  ownHost: sts.example.com", "config.yaml:4: server.sts.ownHost: not an STS host"),
        ("sts:\n  ownHost: sts.cn-north-1.amazonaws.com.cn", "config.yaml:4: server.sts.ownHost: not an STS host"),
        ("sts:\n  budgetMilliseconds: 3000", "server.sts.callMilliseconds: a call cannot have more time than"),
    ] {
        let error = Program::new().configured(configuration).refuses_to_start(None);
        assert!(error.contains(problem), "{problem} in {error}");
    }
    let strict = Program::new().configured("sts:\n  unknown: {perSecnd: 1}").argument("--strict-config");
    let error = strict.refuses_to_start(None);
    assert!(error.contains("config.yaml:4: ") && error.contains("did you mean `perSecond`?"), "{error}");
}

/// More calls under way than a pool keeps connections for by default.
#[test]
fn a_busy_server_keeps_its_connections_to_sts() {
    const CALLS: u64 = 40;
    let fake = FakeAws::builder().http1_only().start().unwrap();
    let server = Program::new().configured(MAPPINGS).configured(&format!("sts: {{ownHost: {HOST}}}")).start(&fake);
    let alice = samples::user().credential;
    server.review(&server.token(&alice, HOST)).assert_granted("from here on the key is known");
    let mut before = SystemTime::now();
    let mut token = || {
        before -= Duration::from_secs(1);
        mint(&alice, HOST, CLUSTER, before)
    };
    // Gives how many connections were made for as many calls at a time.
    let mut connects = || {
        let counts = fake.counts();
        let bodies: Vec<Value> = (0..CALLS).map(|_| review("authentication.k8s.io/v1", &token())).collect();
        let held = fake.inject(Fault::hold());
        std::thread::scope(|scope| {
            let asking: Vec<_> = bodies.iter().map(|body| scope.spawn(|| server.post(body))).collect();
            assert!(fake.wait_for_calls_blocking(counts.calls + CALLS, MINUTE));
            held.clear();
            for answer in asking.into_iter().map(|thread| thread.join().unwrap()) {
                assert!(answer.text().contains("\"username\":\"alice\""), "{answer:?}");
            }
        });
        fake.counts().connects - counts.connects
    };
    assert!(connects() >= CALLS - 1);
    // A connection is there for the next call a moment after its answer was read, so that the first time may come too early.
    assert!((0..10).any(|_| connects() == 0));
}

#[test]
fn no_connection_to_sts_is_kept_for_keys_that_nobody_knows() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured("mapRoles: []").start(&fake);
    for (n, region) in ["eu-west-1", "us-east-1", "ap-south-1"].into_iter().enumerate() {
        let answer = server.http.post(rubbish(n, &format!("sts.{region}.amazonaws.com")).to_string());
        assert_eq!(answer.status, 200);
    }
    assert_eq!(fake.counts().calls, 3);
    // Those that are kept are so for a minute.
    let all_closed = |counts: &k8s_aws_fake::Counts| counts.connections > 0 && counts.connections_open() == 0;
    assert!(fake.wait_until_blocking(all_closed, Duration::from_secs(20)), "{:?}", fake.counts());
}
