//! Everything that can go wrong between the server and STS: each is answered as "ask again", asked once, and over with the
//! fault.

use crate::support::{HOST, Program, Reviewed, Server, can_mount};
use http::Response;
use k8s_aws_fake::{Credential, FakeAws, Fault, Identity};
use serde_json::json;
use std::time::Duration;

const MAPPINGS: &str = "mapRoles:\n- rolearn: arn:aws:iam::111122223333:role/developer\n  username: dev:{{SessionName}}\n\
    sts: {retries: 0}";

/// A caller that nobody saw before, so that nothing remembered from an earlier case helps it.
fn stranger(fake: &FakeAws, case: usize) -> Credential {
    fake.issue(Identity::assumed_role("111122223333", "developer", &format!("case-{case}")))
}

fn log_in(server: &Server, credential: &Credential) -> Reviewed {
    server.review(&server.token(credential, HOST))
}

/// How far a request gets before the fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reaches {
    Nobody,
    Proxy,
    Sts,
}

#[test]
fn a_fault_of_the_service_is_an_error_asked_once_and_over_with_the_fault() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).start(&fake);
    let redirect = |status| Fault::redirect(status, "https://sts.us-west-2.amazonaws.com/?Action=GetCallerIdentity");
    let page = |status: u16, content_type: &'static str, body: String| {
        Fault::respond(Response::builder().status(status).header("content-type", content_type).body(body).unwrap())
    };
    let result = |arn: &str, account: &str, user_id: &str| {
        let result = json!({"Arn": arn, "Account": account, "UserId": user_id});
        page(
            200,
            "application/json",
            json!({"GetCallerIdentityResponse": {"GetCallerIdentityResult": result}}).to_string(),
        )
    };
    let arn = "arn:aws:sts::111122223333:assumed-role/developer/x";
    let faults: Vec<(&str, Fault, &str)> = vec![
        ("throttling", Fault::throttling(), "sts_throttled"),
        ("throttling with 429", Fault::too_many_requests(), "sts_throttled"),
        ("429 without an error document", page(429, "text/plain", "slow".into()), "sts_throttled"),
        ("slow down", Fault::slow_down(), "sts_throttled"),
        ("throttling with 403", Fault::error(403, "RequestLimitExceeded", "no"), "sts_throttled"),
        ("throttling in words only", Fault::error(400, "ValidationError", "Throttling: Rate exceeded"), "sts_answer_malformed"),
        ("500", Fault::server_error(500), "sts_unavailable"),
        ("501", Fault::server_error(501), "sts_unavailable"),
        ("502", Fault::server_error(502), "sts_unavailable"),
        ("503", Fault::server_error(503), "sts_unavailable"),
        ("504", Fault::server_error(504), "sts_unavailable"),
        ("500 in the guise of 400", Fault::error(400, "InternalFailure", "oops"), "sts_unavailable"),
        // A rejection counts only with the status of one.
        ("a rejection with 500", Fault::error(500, "AccessDenied", "no"), "sts_unavailable"),
        ("an error code that this call does not get", Fault::error(400, "MalformedPolicyDocument", "?"), "sts_answer_malformed"),
        ("a rejection as a page", page(403, "text/html", "<h1>Forbidden</h1>".into()), "sts_answer_malformed"),
        ("a rejection that is XML", page(403, "application/xml", "<Error><Code>AccessDenied</Code></Error>".into()), "sts_answer_malformed"),
        ("301", redirect(301), "sts_answer_malformed"),
        ("302", redirect(302), "sts_answer_malformed"),
        ("303", redirect(303), "sts_answer_malformed"),
        ("307", redirect(307), "sts_answer_malformed"),
        ("308", redirect(308), "sts_answer_malformed"),
        ("a redirect to the metadata service", Fault::redirect(307, "http://169.254.169.254/"), "sts_answer_malformed"),
        ("a redirect to elsewhere", Fault::redirect(302, "https://evil.example/"), "sts_answer_malformed"),
        ("204", Fault::no_content(), "sts_answer_malformed"),
        ("200 with an error", Fault::ok_with_error(), "sts_answer_malformed"),
        ("garbage", Fault::garbage(), "sts_answer_malformed"),
        ("XML", Fault::xml(), "sts_answer_malformed"),
        ("no content type", Fault::content_type(None), "sts_answer_malformed"),
        ("text", Fault::content_type(Some("text/plain")), "sts_answer_malformed"),
        ("JSON called XML", Fault::content_type(Some("application/xml")), "sts_answer_malformed"),
        ("JSON lines", Fault::content_type(Some("application/jsonl")), "sts_answer_malformed"),
        ("JSON after JSON", Fault::json_after_json(), "sts_answer_malformed"),
        ("a byte after JSON", Fault::append("x"), "sts_answer_malformed"),
        ("duplicate keys", Fault::duplicate_keys(), "sts_answer_malformed"),
        ("truncated", Fault::truncate(), "sts_answer_malformed"),
        ("gzip", Fault::gzip(), "sts_answer_malformed"),
        ("a gzip bomb", Fault::gzip_bomb(1 << 16), "sts_answer_malformed"),
        ("a gzip bomb over the cap", Fault::gzip_bomb(12 << 20), "sts_answer_too_long"),
        ("a body of the cap", Fault::huge_body(64 << 10), "sts_answer_malformed"),
        ("a body over the cap", Fault::huge_body((64 << 10) + 1), "sts_answer_too_long"),
        ("10 MiB", Fault::huge_body(10 << 20), "sts_answer_too_long"),
        ("an endless body", Fault::endless_body(), "sts_answer_too_long"),
        ("an empty list", page(200, "application/json", "[]".into()), "sts_answer_malformed"),
        ("a list of nobody", page(200, "application/json", "[".repeat(200)), "sts_answer_malformed"),
        ("numbers for texts", page(200, "application/json", json!({"GetCallerIdentityResponse": {"GetCallerIdentityResult": {"Arn": arn, "Account": 111_122_223_333_u64, "UserId": "AROA:x"}}}).to_string()), "sts_answer_malformed"),
        ("null for texts", page(200, "application/json", json!({"GetCallerIdentityResponse": {"GetCallerIdentityResult": {"Arn": null, "Account": null, "UserId": null}}}).to_string()), "sts_answer_malformed"),
        ("other letter case", page(200, "application/json", json!({"getCallerIdentityResponse": {"getCallerIdentityResult": {"arn": arn}}}).to_string()), "sts_answer_malformed"),
        ("XML in a JSON text", page(200, "application/json", json!("<GetCallerIdentityResponse/>").to_string()), "sts_answer_malformed"),
        ("a field that is missing", page(200, "application/json", json!({"GetCallerIdentityResponse": {"GetCallerIdentityResult": {"Arn": arn, "Account": "111122223333"}}}).to_string()), "sts_answer_malformed"),
        ("a region in the ARN", result("arn:aws:sts:eu-central-1:111122223333:assumed-role/developer/x", "111122223333", "AROAEXAMPLEEXAMPLE000:x"), "sts_identity_malformed"),
        ("an account of 11 digits", result("arn:aws:iam::11112222333:user/x", "11112222333", "AIDAEXAMPLEEXAMPLE000"), "sts_identity_malformed"),
        ("an empty session", result("arn:aws:sts::111122223333:assumed-role/developer/", "111122223333", "AROAEXAMPLEEXAMPLE000:"), "sts_identity_malformed"),
        ("root with more", result("arn:aws:iam::111122223333:root/x", "111122223333", "111122223333"), "sts_identity_malformed"),
        ("another resource", result("arn:aws:iam::111122223333:group/x", "111122223333", "AIDAEXAMPLEEXAMPLE000"), "sts_identity_malformed"),
        ("another account than the ARN's", result(arn, "999988887777", "AROAEXAMPLEEXAMPLE000:x"), "sts_identity_malformed"),
        ("another session than the ARN's", result(arn, "111122223333", "AROAEXAMPLEEXAMPLE000:y"), "sts_identity_malformed"),
        ("a plain role", result("arn:aws:iam::111122223333:role/developer", "111122223333", "AROAEXAMPLEEXAMPLE000"), "sts_identity_malformed"),
        ("another service", result("arn:aws:s3::111122223333:bucket/x", "111122223333", "AIDAEXAMPLEEXAMPLE000"), "sts_identity_malformed"),
        ("another partition", result("arn:aws-cn:sts::111122223333:assumed-role/developer/x", "111122223333", "AROAEXAMPLEEXAMPLE000:x"), "sts_identity_other_partition"),
        ("a reset", Fault::reset(), "sts_unreachable"),
        ("a reset amid the body", Fault::reset_mid_body(), "sts_unreachable"),
        ("an end amid the body", Fault::close_mid_body(), "sts_unreachable"),
        ("what is not HTTP", Fault::raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"), "sts_unreachable"),
        ("headers without end", Fault::raw(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(64 << 10))), "sts_unreachable"),
    ];
    for (number, (case, fault, reason)) in faults.into_iter().enumerate() {
        fails_once_and_recovers(&fake, &server, (case, fault, reason), Reaches::Sts, number);
    }
}

#[test]
fn a_fault_of_the_connection_is_an_error_asked_once_and_over_with_the_fault() {
    let fake = FakeAws::start().unwrap();
    let faults: Vec<(&str, Fault, Reaches)> = vec![
        ("the proxy refuses with 403", Fault::proxy_refuses(403), Reaches::Nobody),
        ("the proxy wants a password", Fault::proxy_refuses(407), Reaches::Nobody),
        ("the proxy cannot reach STS", Fault::proxy_refuses(502), Reaches::Nobody),
        ("the proxy closes", Fault::proxy_closes(), Reaches::Nobody),
        ("the proxy resets", Fault::proxy_resets(), Reaches::Nobody),
        ("TLS is closed", Fault::tls_closes(), Reaches::Proxy),
        ("TLS is reset", Fault::tls_resets(), Reaches::Proxy),
        ("the certificate is for another name", Fault::tls_wrong_name(), Reaches::Proxy),
        ("the certificate is nobody's", Fault::tls_untrusted(), Reaches::Proxy),
        ("the certificate has expired", Fault::tls_expired(), Reaches::Proxy),
    ];
    let server = Program::new().configured(MAPPINGS).start(&fake);
    for (number, (case, fault, reaches)) in faults.into_iter().enumerate() {
        // A connection that is open already would not see these faults: the credential is for a host of its own.
        fails_once_and_recovers(&fake, &server, (case, fault, "sts_unreachable"), reaches, number);
    }
}

/// The hosts of the connection faults: one each, so that every one of them has to connect.
const HOSTS: [&str; 10] = [
    "sts.eu-west-1.amazonaws.com",
    "sts.eu-west-2.amazonaws.com",
    "sts.eu-west-3.amazonaws.com",
    "sts.eu-north-1.amazonaws.com",
    "sts.us-east-1.amazonaws.com",
    "sts.us-east-2.amazonaws.com",
    "sts.us-west-1.amazonaws.com",
    "sts.us-west-2.amazonaws.com",
    "sts.ap-south-1.amazonaws.com",
    "sts.sa-east-1.amazonaws.com",
];

fn fails_once_and_recovers(
    fake: &FakeAws,
    server: &Server,
    (case, fault, reason): (&str, Fault, &str),
    reaches: Reaches,
    number: usize,
) {
    let host = if reaches == Reaches::Sts { HOST } else { HOSTS[number] };
    let credential = stranger(fake, number);
    let token = server.token(&credential, host);
    let (before, _) = (fake.counts(), fake.take_calls());
    let injected = fake.inject(fault);
    server.review(&token).assert_error(reason, case);
    let (after, calls) = (fake.counts(), fake.take_calls());
    assert_eq!(injected.hits(), 1, "{case}: the fault was met more than once");
    let refused = u64::from(reaches == Reaches::Nobody);
    assert_eq!(after.connects_refused - before.connects_refused, refused, "{case}: {after:?}");
    assert_eq!(calls.len(), usize::from(reaches == Reaches::Sts), "{case}: {calls:?}");
    assert!(calls.iter().all(|call| call.host == host), "{case}: {calls:?}");
    assert!(after.connects - before.connects <= 1, "{case}: connected more than once");

    injected.clear();
    let again = server.review(&token);
    again.assert_granted(&format!("after: {case}"));
    assert_eq!(fake.take_calls().len(), 1, "after: {case}");
}

#[test]
fn what_never_comes_is_an_error_within_the_time_for_it() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).start(&fake);
    let cases = [
        ("no answer", Fault::hold()),
        ("an answer byte by byte", Fault::drip(1, Duration::from_millis(500))),
        ("100 Continue for ever", Fault::continue_flood(None)),
        ("no answer of the proxy", Fault::proxy_holds()),
        ("no TLS", Fault::tls_holds()),
    ];
    let tokens: Vec<String> =
        (0..cases.len()).map(|number| server.token(&stranger(&fake, number), HOSTS[number])).collect();
    let injected: Vec<_> =
        cases.iter().zip(HOSTS).map(|((_, fault), host)| fake.inject(fault.clone().on_host(host))).collect();
    let bodies: Vec<_> = tokens.iter().map(|token| crate::support::review("authentication.k8s.io/v1", token)).collect();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let waiting: Vec<_> = bodies.iter().map(|body| scope.spawn(|| server.post(body))).collect();
        waiting.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for ((case, _), answer) in cases.iter().zip(&answers) {
        assert_eq!(answer.status, 200, "{case}");
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_ne!(json["status"]["authenticated"], true, "{case}");
        assert!(json["status"]["error"].as_str().unwrap().starts_with("sts_timeout: "), "{case}: {json}");
        let lines = server.lines_until_decided();
        assert_eq!(lines.last().unwrap().text("reason"), "sts_timeout");
    }
    for fault in &injected {
        assert_eq!(fault.hits(), 1, "{fault:?}");
    }
    fake.clear_faults();
    for ((case, _), token) in cases.iter().zip(&tokens) {
        server.review(token).assert_granted(&format!("after: {case}"));
    }
}

#[test]
fn what_only_looks_odd_is_no_fault() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).start(&fake);
    for (number, (case, fault)) in [
        ("a charset", Fault::content_type(Some("application/json; charset=utf-8"))),
        ("upper case", Fault::content_type(Some("Application/JSON"))),
        ("white space after the JSON", Fault::append("\r\n  \n")),
        ("a few 100 Continue", Fault::continue_flood(Some(5))),
        ("a moment's silence", Fault::slow(Duration::from_millis(20))),
        ("in pieces", Fault::drip(32, Duration::from_millis(1))),
    ]
    .into_iter()
    .enumerate()
    {
        let injected = fake.inject(fault);
        log_in(&server, &stranger(&fake, number)).assert_granted(case);
        assert_eq!(injected.hits(), 1, "{case}");
        injected.clear();
    }
}

#[test]
fn a_proxy_that_is_not_there_is_an_error() {
    let fake = FakeAws::start().unwrap();
    // A port that is taken, so that nobody else gets it, and that nobody listens on.
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = taken.local_addr().unwrap();
    let server = Program::new()
        .configured(MAPPINGS)
        .variable("HTTPS_PROXY", &format!("http://{gone}"))
        .variable("https_proxy", &format!("http://{gone}"))
        .start(&fake);
    log_in(&server, &stranger(&fake, 0)).assert_error("sts_unreachable", "no proxy");
    assert_eq!(fake.counts().connections, 0);
}

#[test]
fn a_name_that_cannot_be_resolved_is_an_error() {
    let names = "/etc/nsswitch.conf";
    if !std::path::Path::new(names).exists() || !can_mount() {
        println!("skipped: a machine without names takes glibc, and a mount namespace, which takes root");
        return;
    }
    let fake = FakeAws::start().unwrap();
    let program = Program::new().configured(MAPPINGS).variable("HTTPS_PROXY", "").variable("https_proxy", "");
    let here = program.directory().join("nsswitch.conf");
    // No server is asked for a name.
    std::fs::write(&here, "hosts: files\n").unwrap();
    let server = program.file_instead(names, &here).start(&fake);
    let reviewed = log_in(&server, &stranger(&fake, 0));
    reviewed.assert_error("sts_unreachable", "no name");
    assert_eq!(fake.counts().connections, 0);
}
