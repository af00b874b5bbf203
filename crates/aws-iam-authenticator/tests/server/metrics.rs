//! The metrics: the Go program's names and labels, counted as things happen, and no label that a client makes up.

use crate::support::{HOST, Program, Server};
use http::Method;
use k8s_aws_fake::{FakeAws, Fault, samples};
use std::collections::BTreeMap;

const MAPPINGS: &str = "mapUsers:\n- userarn: arn:aws:iam::111122223333:user/alice\n  username: alice";

/// The samples by name and labels.
fn samples_of(server: &Server) -> BTreeMap<String, f64> {
    let answer = server.http.ask(Method::GET, "/metrics");
    assert_eq!(answer.status, 200);
    let samples = answer.text().lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

fn latency(result: &str) -> String {
    format!("aws_iam_authenticator_authenticate_latency_seconds_count{{result=\"{result}\"}}")
}

#[test]
fn what_happens_is_counted_under_the_go_programs_names() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).configured("sts: {retries: 0}").start(&fake);
    let (alice, carol) = (samples::user().credential, samples::assumed_role().credential);
    let log_in = |host: &str| server.review(&server.token(&alice, host));
    let faulty = |fault: Fault| {
        let injected = fake.inject(fault.times(1));
        drop(log_in(HOST));
        assert_eq!(injected.hits(), 1);
    };

    log_in(HOST).assert_granted("alice");
    log_in("sts.amazonaws.com").assert_granted("alice by the global endpoint");
    server.review(&server.token(&carol, HOST)).assert_denied("not_mapped", "carol");
    server.review("k8s-aws-v1.x").assert_denied("token_base64", "no token");
    server.http.post("{}");
    server.lines_until_decided();
    faulty(Fault::throttling());
    faulty(Fault::server_error(503));
    faulty(Fault::error(403, "AccessDenied", "no"));
    faulty(Fault::reset());

    let counted = samples_of(&server);
    let regional = "StsRegion=\"eu-central-1\"";
    let mut wanted: Vec<(String, f64)> = [
        ("success", 2.0),
        ("uknown_user", 1.0),
        ("invalid_token", 1.0),
        ("malformed_request", 1.0),
        ("sts_throttling", 1.0),
        ("sts_error", 3.0),
    ]
    .map(|(result, count)| (latency(result), count))
    .into();
    for (name, labels, count) in [
        ("sts_responses_total", format!("{{ResponseCode=\"200\",{regional}}}"), 2.0),
        ("sts_responses_total", "{ResponseCode=\"200\",StsRegion=\"global\"}".to_owned(), 1.0),
        ("sts_responses_total", format!("{{ResponseCode=\"400\",{regional}}}"), 1.0),
        ("sts_responses_total", format!("{{ResponseCode=\"403\",{regional}}}"), 1.0),
        ("sts_responses_total", format!("{{ResponseCode=\"503\",{regional}}}"), 1.0),
        ("sts_connection_failures_total", format!("{{{regional}}}"), 1.0),
        ("sts_throttling_total", format!("{{{regional}}}"), 1.0),
    ] {
        wanted.push((format!("aws_iam_authenticator_{name}{labels}"), count));
    }
    for (name, count) in wanted {
        assert_eq!(counted.get(&name), Some(&count), "{name} in {counted:#?}");
    }
}

#[test]
fn each_answer_of_sts_is_counted_also_where_the_call_is_made_again() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).start(&fake);
    let alice = samples::user().credential;
    let log_in = || server.review(&server.token(&alice, HOST));
    for fault in [Fault::throttling(), Fault::too_many_requests(), Fault::server_error(503)] {
        let injected = fake.inject(fault.times(1));
        log_in().assert_granted("the second time");
        assert_eq!(injected.hits(), 1);
    }
    let injected = fake.inject(Fault::throttling());
    log_in().assert_error("sts_throttled", "to the last");
    assert_eq!(injected.hits(), 3);

    let counted = samples_of(&server);
    let count = |name: &str, labels: &str| {
        let labels = format!("{labels}StsRegion=\"eu-central-1\"");
        counted.get(&format!("aws_iam_authenticator_{name}{{{labels}}}")).copied().unwrap_or_default()
    };
    let answers = |status: u16| count("sts_responses_total", &format!("ResponseCode=\"{status}\","));
    assert_eq!([200, 400, 429, 503].map(answers), [3.0, 4.0, 1.0, 1.0], "{counted:#?}");
    assert_eq!((count("sts_throttling_total", ""), count("sts_retries_total", "")), (5.0, 5.0), "{counted:#?}");
    assert_eq!(counted[&latency("sts_throttling")], 1.0, "one login came to nothing");
}

/// The families of the Go program (v0.7.18): name, type, labels.
const GO: [(&str, &str, &[&str]); 10] = [
    ("authenticate_latency_seconds", "histogram", &["result"]),
    ("configmap_watch_failures_total", "counter", &[]),
    ("dynamic_e2e_latency_seconds", "histogram", &["type"]),
    ("dynamic_file_enabled", "gauge", &[]),
    ("dynamic_file_only", "gauge", &[]),
    ("dynamicfile_failures_total", "counter", &[]),
    ("ec2_describe_instances_calls_total", "counter", &[]),
    ("sts_connection_failures_total", "counter", &["StsRegion"]),
    ("sts_responses_total", "counter", &["ResponseCode", "StsRegion"]),
    ("sts_throttling_total", "counter", &["StsRegion"]),
];

#[test]
fn the_go_programs_metrics_are_there_with_its_types_and_labels_in_the_form_it_answers() {
    let fake = FakeAws::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dynamic.json");
    let dynamic = |version: u32| {
        let text = format!(r#"{{"LastUpdatedDateTime": "1781526896", "Version": "{version}", "mapUsers": []}}"#);
        std::fs::write(&file, text).unwrap();
    };
    dynamic(1);
    let program = Program::new().configured(MAPPINGS).argument("--backend-mode=MountedFile,DynamicFile");
    let server = program.configured(&format!("dynamicfilepath: {}", file.display())).start(&fake);
    // What it says at the start was written at any time: that is no latency.
    assert!(!server.http.ask(Method::GET, "/metrics").text().contains("dynamic_e2e_latency_seconds_count"));
    dynamic(2);
    let line = server.lines_until(|line| line.message() == "logging latency metric").pop().unwrap();
    assert_eq!((line.text("Type"), line.text("Version")), ("dynamic_file", "2"));
    let alice = samples::user().credential;
    for fault in [Fault::throttling(), Fault::reset()] {
        // For as long as the server tries.
        let injected = fake.inject(fault);
        server.review(&server.token(&alice, HOST));
        assert!(injected.hits() > 0);
        injected.clear();
    }

    let answer = server.http.ask(Method::GET, "/metrics");
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text();
    for (name, kind, labels) in GO {
        let name = format!("aws_iam_authenticator_{name}");
        assert!(text.contains(&format!("\n# TYPE {name} {kind}\n")), "{name} in {text}");
        assert!(text.contains(&format!("# HELP {name} ")), "{name} in {text}");
        let sample = if kind == "histogram" { format!("{name}_count") } else { name };
        let found = text.lines().filter(|line| !line.starts_with('#')).find_map(|line| line.strip_prefix(&sample));
        let found = found.unwrap_or_else(|| panic!("{sample} in {text}"));
        let names: Vec<&str> = found.split([',', '{']).filter_map(|label| Some(label.split_once('=')?.0)).collect();
        assert_eq!(names, labels, "{sample}{found}");
    }
    assert!(!text.contains("# EOF") && !text.contains("_total_total"), "{text}");
    // A scraper that asks for it gets OpenMetrics.
    let request = http::Request::get(server.http.url.replace("/authenticate", "/metrics"));
    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2";
    let answer = server.http.send(request.header("accept", accept).body(bytes::Bytes::new()).unwrap());
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(answer.text().ends_with("# EOF\n"), "{answer:?}");
}

#[test]
fn no_client_makes_up_a_label() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).start(&fake);
    let names = |server: &Server| -> Vec<String> { samples_of(server).into_keys().collect() };
    server.review("k8s-aws-v1.x").assert_denied("token_base64", "first");
    let before = names(&server);
    for number in 0..100 {
        server.review(&format!("k8s-aws-v1.!{number}!")).assert_denied("token_base64", "another");
    }
    assert_eq!(names(&server), before);
}

#[test]
fn metrics_are_read_and_not_written() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).start(&fake);
    let answer = server.http.ask(Method::POST, "/metrics");
    assert_eq!((answer.status, answer.header("allow")), (405, "GET"));
}
