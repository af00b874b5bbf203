//! STS is asked about a token once by those who ask at the same time, and not again for a while; mappings are not remembered.

use crate::support::{HOST, Program, Server, review};
use k8s_aws_fake::{FakeAws, Fault, samples};
use serde_json::Value;
use std::time::Duration;

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
    let server = Program::new().configured(MAPPINGS).remembering().start(&fake);
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
