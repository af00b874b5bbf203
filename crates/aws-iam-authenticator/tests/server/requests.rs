//! What is no `TokenReview` is told so, and keeps nobody else from being served.

use crate::support::{Answer, HOST, Line, PATIENCE, Program, Server, review};
use bytes::Bytes;
use http::{Method, Request};
use k8s_aws_fake::{FakeAws, samples};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;

const MAPPINGS: &str = "mapUsers:\n- userarn: arn:aws:iam::111122223333:user/alice\n  username: alice";
/// The most that a body may have.
const CAP: usize = 128 * 1024;

fn start() -> (FakeAws, Server) {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).start(&fake);
    (fake, server)
}

/// A refusal as plain text that begins with its reason, and its line in the log.
#[track_caller]
fn assert_refused(server: &Server, answer: &Answer, status: u16, reason: &str, case: &str) -> Line {
    assert_eq!(answer.status, status, "{case}: {answer:?}");
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8", "{case}");
    assert!(answer.text().is_empty() || answer.text().starts_with(&format!("{reason}: ")), "{case}: {answer:?}");
    let line = server.lines_until_decided().pop().unwrap();
    assert_eq!(line.message(), "could not parse request body", "{case}: {line:?}");
    assert_eq!((line.text("reason"), line.level()), (reason, "error"), "{case}");
    assert_eq!(line.fields["status"], status, "{case}");
    line
}

#[test]
fn a_body_that_is_no_token_review_is_a_bad_request() {
    let (fake, server) = start();
    let token = server.token(&samples::user().credential, HOST);
    let good = review("authentication.k8s.io/v1", &token);
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut body = good.clone();
        change(&mut body);
        body.to_string()
    };
    let v1 = "authentication.k8s.io/v1";
    let head = format!(r#""kind":"TokenReview","apiVersion":"{v1}""#);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", vec![], "body_not_json"),
        ("a word", b"token".to_vec(), "body_not_json"),
        ("half of it", good.to_string().into_bytes()[..40].to_vec(), "body_not_json"),
        ("YAML", b"kind: TokenReview".to_vec(), "body_not_json"),
        ("a byte order mark", [b"\xEF\xBB\xBF".to_vec(), good.to_string().into_bytes()].concat(), "body_not_json"),
        ("not UTF-8", [&b"{\"kind\":\"\xFF\""[..], b"}"].concat(), "body_not_utf8"),
        ("JSON after JSON", format!("{good}{good}").into_bytes(), "body_trailing_data"),
        ("a list", format!("[{good}]").into_bytes(), "body_not_an_object"),
        ("another kind", with(&|b| b["kind"] = json!("SubjectAccessReview")).into_bytes(), "kind_unsupported"),
        (
            "another version",
            with(&|b| b["apiVersion"] = json!("authentication.k8s.io/v2")).into_bytes(),
            "api_version_unsupported",
        ),
        ("no version", with(&|b| drop(b.as_object_mut().unwrap().remove("apiVersion"))).into_bytes(), "field_missing"),
        ("no spec", format!("{{{head}}}").into_bytes(), "field_missing"),
        ("no token", with(&|b| b["spec"] = json!({})).into_bytes(), "field_missing"),
        ("an empty token", with(&|b| b["spec"]["token"] = json!("")).into_bytes(), "token_empty"),
        ("a number for a token", with(&|b| b["spec"]["token"] = json!(7)).into_bytes(), "field_wrong_type"),
        (
            "two tokens",
            format!(r#"{{{head},"spec":{{"token":"a","token":"{token}"}}}}"#).into_bytes(),
            "field_duplicate",
        ),
        (
            "a token in capitals",
            format!(r#"{{{head},"spec":{{"Token":"{token}"}}}}"#).into_bytes(),
            "field_letter_case",
        ),
        (
            "two specs",
            format!(r#"{{{head},"spec":{{"token":"{token}"}},"spec":{{}}}}"#).into_bytes(),
            "field_duplicate",
        ),
        (
            "deep",
            format!(r#"{{{head},"x":{}{}}}"#, "[".repeat(500), "]".repeat(500)).into_bytes(),
            "body_nested_too_deeply",
        ),
    ];
    for (case, body, reason) in cases {
        let answer = server.http.post(body);
        let line = assert_refused(&server, &answer, 400, reason, case);
        assert_eq!((line.text("path"), line.text("method")), ("/authenticate", "POST"), "{case}");
    }
    assert_eq!(fake.counts().connections, 0, "nobody was asked");
    server.review(&token).assert_granted("after all of them");
}

#[test]
fn a_body_may_have_as_many_bytes_as_it_may_and_not_one_more() {
    let (_fake, server) = start();
    let token = server.token(&samples::user().credential, HOST);
    let body = review("authentication.k8s.io/v1", &token).to_string();
    let padded = |bytes: usize| format!("{body}{}", " ".repeat(bytes - body.len()));

    let answer = server.http.post(padded(CAP));
    assert_eq!(answer.status, 200);
    assert_eq!(server.lines_until_decided().pop().unwrap().message(), "access granted");
    let answer = server.http.post(padded(CAP + 1));
    assert_refused(&server, &answer, 413, "body_too_large", "one byte more");

    // The same without a length that tells.
    let chunk = format!("{:x}\r\n{}\r\n", CAP, " ".repeat(CAP));
    let head = "POST /authenticate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    let answer = server.http.raw(server.address, format!("{head}{chunk}{chunk}0\r\n\r\n").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(server.lines_until_decided().pop().unwrap().text("reason"), "body_too_large");
}

#[test]
fn who_sends_too_large_a_body_to_its_end_is_not_cut_off_and_reads_the_refusal() {
    let (_fake, server) = start();
    let body = vec![b' '; 7 * CAP];
    let head = format!(
        "POST /authenticate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = server.http.open_without_room(server.address);
    // Nothing is read before all is written: a reset would end the writing.
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body).and_then(|()| stream.flush()).expect("the server takes what it refuses");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("\r\n\r\nbody_too_large: "), "{answer}");
    assert_eq!(server.lines_until_decided().pop().unwrap().text("reason"), "body_too_large");
}

#[test]
fn another_method_is_told_which_one_is_right() {
    let (_fake, server) = start();
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "BREW"] {
        let answer = server.http.ask(Method::from_bytes(method.as_bytes()).unwrap(), "/authenticate");
        assert_eq!(answer.header("allow"), "POST", "{method}");
        let line = assert_refused(&server, &answer, 405, "method_not_allowed", method);
        assert_eq!(line.text("method"), method);
    }
}

#[test]
fn another_content_type_is_refused_and_parameters_are_not() {
    let (_fake, server) = start();
    let token = server.token(&samples::user().credential, HOST);
    let body = review("authentication.k8s.io/v1", &token).to_string();
    let post = |content_type: Option<&str>| {
        let request = Request::post(&server.http.url);
        let request = content_type.into_iter().fold(request, |request, value| request.header("content-type", value));
        server.http.send(request.body(Bytes::from(body.clone())).unwrap())
    };
    for wrong in [None, Some(""), Some("text/plain"), Some("application/yaml"), Some("application/jsonx"), Some("json")]
    {
        assert_refused(&server, &post(wrong), 415, "content_type_unsupported", &format!("{wrong:?}"));
    }
    for right in ["application/json", "application/json; charset=UTF-8", "Application/JSON"] {
        assert_eq!(post(Some(right)).status, 200, "{right}");
        assert_eq!(server.lines_until_decided().pop().unwrap().message(), "access granted", "{right}");
    }
}

#[test]
fn audiences_count_where_some_are_configured_and_nowhere_else() {
    let fake = FakeAws::start().unwrap();
    for (configured, asked, granted) in [
        ("", &["anything"][..], Some(None)),
        ("audiences: [api, vault]", &[], Some(None)),
        ("audiences: [api, vault]", &["other", "vault"], Some(Some("vault"))),
        ("audiences: [api, vault]", &["other"], None),
        ("audiences: [api, vault]", &["API"], None),
    ] {
        let server = Program::new().configured(MAPPINGS).configured(configured).start(&fake);
        let mut body = review("authentication.k8s.io/v1", &server.token(&samples::user().credential, HOST));
        body["spec"]["audiences"] = json!(asked);
        fake.take_calls();
        let answer: serde_json::Value = serde_json::from_slice(&server.post(&body).body).unwrap();
        let decision = server.lines_until_decided().pop().unwrap();
        match granted {
            Some(audience) => {
                assert_eq!(answer["status"]["user"]["username"], "alice", "{configured} {asked:?}");
                let audiences = audience.map(|audience| json!([audience])).unwrap_or_default();
                assert_eq!(answer["status"]["audiences"], audiences, "{configured} {asked:?}");
            }
            None => {
                assert_eq!(answer["status"], json!({"authenticated": false}), "{configured} {asked:?}");
                assert_eq!((decision.message(), fake.take_calls().len()), ("access denied", 0), "{asked:?}");
            }
        }
    }
}

#[test]
fn a_query_is_ignored_and_kept_out_of_the_log() {
    let (_fake, server) = start();
    server.keep_secret("somebody-put-a-secret-here");
    let token = server.token(&samples::user().credential, HOST);
    let request = Request::post(format!("{}?timeout=30s&x=somebody-put-a-secret-here", server.http.url));
    let request = request.header("content-type", "application/json");
    let answer = server.http.send(request.body(review("authentication.k8s.io/v1", &token).to_string().into()).unwrap());
    assert_eq!(answer.status, 200);
    assert_eq!(server.lines_until_decided().pop().unwrap().text("path"), "/authenticate");
}

#[test]
fn other_paths_are_not_found() {
    let (_fake, server) = start();
    for path in
        ["/", "/authenticate/", "//authenticate", "/Authenticate", "/authenticate/x", "/%61uthenticate", "/healthz/"]
    {
        for method in [Method::GET, Method::POST] {
            assert_eq!(server.http.ask(method, path).status, 404, "{path}");
        }
    }
}

#[test]
fn both_ports_say_that_they_are_healthy() {
    let (_fake, server) = start();
    let answer = server.http.ask(Method::GET, "/healthz");
    assert_eq!((answer.status, answer.text()), (200, "ok"));
    assert_eq!(server.http.ask(Method::HEAD, "/healthz").status, 200);
    for method in [Method::POST, Method::DELETE] {
        let answer = server.http.ask(method, "/healthz");
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"));
    }
    assert_eq!(server.http.ask(Method::GET, "/livez").text(), "ok");
    let ready = server.http.ask(Method::GET, "/readyz");
    assert_eq!((ready.status, ready.text()), (200, "ok\nbackend MountedFile: synced\n"));
    let plain = |request: &str| {
        let mut stream = TcpStream::connect(server.health).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = plain("GET /healthz");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nok"), "{answer}");
    let answer = plain("POST /healthz");
    assert!(
        answer.starts_with("HTTP/1.1 405 ") && answer.to_lowercase().contains("\r\nallow: get, head\r\n"),
        "{answer}"
    );
    // The plain port is for probes alone.
    for path in ["/authenticate", "/metrics", "/"] {
        assert!(plain(&format!("GET {path}")).starts_with("HTTP/1.1 404 "), "{path}");
    }
}

#[test]
fn a_body_that_breaks_off_and_what_is_no_http_keep_nobody_from_being_served() {
    let (fake, server) = start();
    let token = server.token(&samples::user().credential, HOST);
    // TLS and then nothing, half a request, a request that is none, plain text on the TLS port.
    let half = "POST /authenticate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    let broken: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    for mut stream in &broken {
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    }
    for request in ["GET\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"] {
        let answer = server.http.raw(server.address, request.as_bytes());
        assert!(!answer.starts_with("HTTP/1.1 2"), "{request:?}: {answer}");
    }
    let stalled = server.http.open(server.address, half.as_bytes());
    server.review(&token).assert_granted("beside them");
    drop(stalled);
    assert_eq!(fake.counts().calls, 1);
}

#[test]
fn http2_is_spoken_as_api_servers_do() {
    let (_fake, server) = start();
    let token = server.token(&samples::user().credential, HOST);
    let body = review("authentication.k8s.io/v1", &token).to_string();
    let (version, status, answer) = server.http.post_over_http2(server.address, body);
    assert_eq!((version, status), (http::Version::HTTP_2, 200));
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&answer).unwrap()["status"]["user"]["username"], "alice");
}
