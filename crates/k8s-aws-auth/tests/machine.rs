//! The state machine driven by hand, with canned answers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use aws_credential_types::Credentials;
use http::Response;
use k8s_aws_auth::mapping::{Backend, BackendMode, Options, ServerConfig, Snapshot};
use k8s_aws_auth::presign::{EndpointKind, Region, StsEndpoint, presign};
use k8s_aws_auth::sts::{ClusterId, Partition, Policy, TransportFailure, VerifiedCaller, Verifier, VerifyError};
use k8s_aws_auth::tokenreview::{Audiences, BearerToken, ReviewOutcome, TokenReviewRequest, TokenReviewVersion};
use k8s_aws_auth::{
    Authenticated, Authenticator, CallSts, LookUpInstance, LookupFailure, Outcome, Review, Step, Verified,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const CONFIG: &str = "server:
  mapUsers:
  - {userarn: 'arn:aws:iam::123456789012:user/alice', username: alice, groups: [dev]}
  mapRoles:
  - {rolearn: 'arn:aws:iam::123456789012:role/node', username: 'system:node:{{EC2PrivateDNSName}}', groups: [system:nodes]}
";
/// The account of all of them.
const OWNER: &str = "123456789012";
const ALICE: (&str, &str) = ("arn:aws:iam::123456789012:user/alice", "AIDAIOSFODNN7EXAMPLE");
const NODE: (&str, &str) =
    ("arn:aws:sts::123456789012:assumed-role/node/i-0123456789abcdef0", "AROAIOSFODNN7EXAMPLE:i-0123456789abcdef0");

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_781_526_896)
}

fn cluster(id: &str) -> ClusterId {
    ClusterId::parse(id).unwrap()
}

/// A token of key number `number`.
fn token(number: u8, cluster_id: &str) -> String {
    let session_token = Some("IQoJb3JpZ2luX2VjEXAMPLE+token/with=signs==".to_owned());
    let keys = Credentials::new(format!("ASIAIOSFODNN7EXAMP{number:02}"), "secret", session_token, None, "test");
    let endpoint = StsEndpoint::in_region(&Region::parse("eu-west-1").unwrap(), EndpointKind::Regional).unwrap();
    presign(&keys, &endpoint, &cluster(cluster_id), now()).unwrap().text().expose().to_owned()
}

fn authenticator() -> Authenticator {
    Authenticator::new(Verifier::new(Policy::new(Partition::Aws)))
}

fn mappings() -> Snapshot {
    let document = ServerConfig::parse(CONFIG).document;
    Snapshot::new([Backend::synced(BackendMode::MountedFile, document)], Options::default())
}

fn page(status: u16, body: &str) -> Response<String> {
    Response::builder().status(status).header("content-type", "application/json").body(body.to_owned()).unwrap()
}

fn identity((arn, user_id): (&str, &str)) -> Response<String> {
    let result = format!(r#"{{"Account":"123456789012","Arn":"{arn}","UserId":"{user_id}"}}"#);
    page(200, &format!(r#"{{"GetCallerIdentityResponse":{{"GetCallerIdentityResult":{result}}}}}"#))
}

fn sts_error(status: u16, code: &str) -> Response<String> {
    page(status, &format!(r#"{{"Error":{{"Code":"{code}","Message":"m"}}}}"#))
}

#[track_caller]
fn call_for(token: &str, cluster_id: &str) -> CallSts {
    match authenticator().begin(token, &cluster(cluster_id), now()) {
        Step::CallSts(call) => *call,
        step => panic!("{step:?}"),
    }
}

fn call() -> CallSts {
    call_for(&token(0, "prod"), "prod")
}

#[track_caller]
fn done(step: Step) -> Outcome {
    match step {
        Step::Done(outcome) => *outcome,
        step => panic!("{step:?}"),
    }
}

#[track_caller]
fn granted(step: Step) -> Authenticated {
    match done(step) {
        Outcome::Authenticated(granted) => granted,
        outcome => panic!("{outcome:?}"),
    }
}

/// The reason of a refusal and whether it is definite.
#[track_caller]
fn refused(step: Step) -> (&'static str, bool) {
    match done(step) {
        Outcome::Refused(refused) => (refused.reason(), refused.is_definite()),
        outcome => panic!("{outcome:?}"),
    }
}

#[track_caller]
fn lookup() -> LookUpInstance {
    match call().answer(&identity(NODE)).map(&mappings()) {
        Step::LookUpInstance(lookup) => *lookup,
        step => panic!("{step:?}"),
    }
}

#[track_caller]
fn caller_of(verified: &Verified) -> VerifiedCaller {
    verified.result().as_ref().unwrap().clone()
}

#[test]
fn an_answer_and_a_rule_make_a_user() {
    let granted = granted(call().answer(&identity(ALICE)).map(&mappings()));
    let user = granted.user();
    assert_eq!((user.username.as_str(), user.groups.as_slice()), ("alice", &["dev".to_owned()][..]));
    assert_eq!(user.uid, "aws-iam-authenticator:123456789012:AIDAIOSFODNN7EXAMPLE");
    let extra: Vec<(&str, &str)> = user.extra.iter().map(|(key, values)| (key.as_str(), values[0].as_str())).collect();
    assert_eq!(
        extra,
        [
            ("accessKeyId", "ASIAIOSFODNN7EXAMP00"),
            ("arn", ALICE.0),
            ("canonicalArn", ALICE.0),
            ("principalId", ALICE.1),
            ("sessionName", ""),
            ("sigs.k8s.io/aws-iam-authenticator/principalId", ALICE.1),
        ]
    );
    assert!(user.extra.values().all(|values| values.len() == 1));
    assert_eq!((granted.caller().arn(), granted.scrubbed()), (ALICE.0, false));
}

#[test]
fn what_the_gate_refuses_is_done_at_once_for_good_and_without_a_caller() {
    for (text, at, reason) in [
        ("something else".to_owned(), now(), "token_prefix"),
        (token(0, "prod"), now() + Duration::from_secs(901), "token_expired"),
        (token(0, "prod"), now() - Duration::from_secs(901), "token_not_yet_valid"),
    ] {
        let outcome = done(authenticator().begin(&text, &cluster("prod"), at));
        assert!(outcome.caller().is_none());
        assert_eq!(refused(Step::Done(Box::new(outcome))), (reason, true));
    }
    let elsewhere = Authenticator::new(Verifier::new(Policy::new(Partition::AwsCn)));
    assert_eq!(refused(elsewhere.begin(token(0, "x"), &cluster("x"), now())), ("token_wrong_partition", true));
}

#[test]
fn the_request_carries_the_cluster_that_is_asked_for_and_the_key_tells_tokens_and_clusters_apart() {
    let token = token(0, "prod");
    // The id is not in the token: whose cluster it is, the caller of `begin` says.
    let (ours, same, other) = (call_for(&token, "prod"), call_for(&token, "prod"), call_for(&token, "other"));
    let header = |call: &CallSts| call.request().into_http().headers()["x-k8s-aws-id"].to_str().unwrap().to_owned();
    assert_eq!((header(&ours), header(&other)), ("prod".to_owned(), "other".to_owned()));
    assert!(ours.key() == same.key() && ours.key() != other.key());
    assert!(ours.key() != call_for(&self::token(1, "prod"), "prod").key());
}

#[test]
fn an_answer_of_each_kind_is_definite_or_not() {
    let answer = |answer: &Response<String>| refused(call().answer(answer).map(&mappings()));
    for (status, code, reason) in [
        (403, "SignatureDoesNotMatch", "sts_signature_mismatch"),
        (403, "InvalidClientTokenId", "sts_unknown_key"),
        (400, "ExpiredTokenException", "sts_credentials_expired"),
        (403, "AccessDenied", "sts_access_denied"),
    ] {
        assert_eq!(answer(&sts_error(status, code)), (reason, true));
    }
    assert_eq!(answer(&sts_error(400, "Throttling")), ("sts_throttled", false));
    assert_eq!(answer(&sts_error(500, "InternalFailure")), ("sts_unavailable", false));
    assert_eq!(answer(&sts_error(400, "Whatever")), ("sts_answer_malformed", false));
    assert_eq!(answer(&page(302, "")), ("sts_answer_malformed", false));
    assert_eq!(answer(&page(200, &" ".repeat(65 * 1024))), ("sts_answer_too_long", false));
    let (other_account, other_partition) =
        (ALICE.0.replace("123456789012", "000000000000"), ALICE.0.replace("aws:", "aws-cn:"));
    assert_eq!(answer(&identity((&other_account, ALICE.1))), ("sts_identity_malformed", false));
    assert_eq!(answer(&identity((&other_partition, ALICE.1))), ("sts_identity_other_partition", false));
}

#[test]
fn no_answer_is_not_definite() {
    for (failure, reason) in [
        (TransportFailure::Unreachable, "sts_unreachable"),
        (TransportFailure::Timeout, "sts_timeout"),
        (TransportFailure::AnswerTooLong, "sts_answer_too_long"),
        (TransportFailure::NotAsked, "sts_not_asked"),
    ] {
        assert_eq!(refused(call().fail(failure).map(&mappings())), (reason, false));
    }
}

#[test]
fn a_caller_is_taken_over_by_a_call_about_the_same_token_and_cluster_alone() {
    let token = token(0, "prod");
    let alice = caller_of(&call_for(&token, "prod").answer(&identity(ALICE)));
    let resumed = call_for(&token, "prod").resume(Ok(alice.clone()));
    assert_eq!(caller_of(&resumed).arn(), ALICE.0);
    assert_eq!(granted(resumed.map(&mappings())).user().username, "alice");
    for (other_token, other_cluster) in
        [(token.clone(), "other"), (self::token(1, "prod"), "prod"), (self::token(1, "prod"), "other")]
    {
        let call = call_for(&other_token, other_cluster);
        assert_eq!(refused(call.resume(Ok(alice.clone())).map(&mappings())), ("answer_of_other_call", false));
    }
    // What another call failed with is this one's failure too.
    for (error, expected) in [
        (VerifyError::Throttled { status: 400 }, ("sts_throttled", false)),
        (VerifyError::Transport { failure: TransportFailure::Timeout }, ("sts_timeout", false)),
    ] {
        assert_eq!(refused(call().resume(Err(error)).map(&mappings())), expected);
    }
}

#[test]
fn the_mappings_are_those_of_the_moment_and_those_not_read_yet_are_not_definite() {
    let verified = || call().answer(&identity(ALICE));
    assert_eq!(granted(verified().map(&mappings())).user().username, "alice");
    let nobody = Snapshot::new(
        [Backend::synced(BackendMode::MountedFile, ServerConfig::parse("").document)],
        Options::default(),
    );
    assert_eq!(refused(verified().map(&nobody)), ("not_mapped", true));
    let unread = Snapshot::new([Backend::not_synced(BackendMode::Crd)], Options::default());
    let outcome = done(verified().map(&unread));
    assert_eq!(outcome.caller().unwrap().arn(), ALICE.0, "STS vouched for a caller, even if nobody knows it");
    assert_eq!(refused(Step::Done(Box::new(outcome))), ("not_synced", false));
}

#[test]
fn an_instance_is_looked_up_by_its_id_in_its_account_and_named_after_its_dns_name() {
    let lookup = lookup();
    assert_eq!(lookup.lookup().instance_id().as_str(), "i-0123456789abcdef0");
    assert_eq!(lookup.lookup().account().as_str(), "123456789012");
    let granted = granted(lookup.answer(OWNER.parse().unwrap(), "ip-10-0-0-1.eu-west-1.compute.internal"));
    assert_eq!(granted.user().username, "system:node:ip-10-0-0-1.eu-west-1.compute.internal");
    assert_eq!(granted.user().groups, ["system:nodes"]);
    assert_eq!(granted.user().extra["sessionName"], ["i-0123456789abcdef0"]);
}

#[test]
fn an_instance_without_a_name_is_not_definite() {
    assert_eq!(refused(lookup().answer(OWNER.parse().unwrap(), "")), ("dns_name_empty", false));
    for malformed in ["two words", "a\nb", "{{SessionName}}", "a:b", "é", &"x".repeat(300)] {
        assert_eq!(
            refused(lookup().answer(OWNER.parse().unwrap(), malformed)),
            ("dns_name_malformed", false),
            "{malformed:?}"
        );
    }
    for (failure, reason) in [
        (LookupFailure::NotConfigured, "instance_lookup_not_configured"),
        (LookupFailure::Unavailable, "instance_lookup_failed"),
        (LookupFailure::Throttled, "instance_lookup_throttled"),
        (LookupFailure::Unauthorized, "instance_lookup_unauthorized"),
        (LookupFailure::UnknownInstance, "instance_unknown"),
    ] {
        let outcome = done(lookup().fail(failure));
        assert_eq!(outcome.caller().unwrap().arn(), NODE.0);
        assert_eq!(refused(Step::Done(Box::new(outcome))), (reason, false));
    }
    // Whoever may assume a role can call the session by the id of somebody else's instance.
    let elsewhere = lookup().answer("210987654321".parse().unwrap(), "ip-10-0-0-1.eu-west-1.compute.internal");
    assert_eq!(refused(elsewhere), ("instance_of_other_account", true));
    let person = ("arn:aws:sts::123456789012:assumed-role/node/bob", "AROAIOSFODNN7EXAMPLE:bob");
    assert_eq!(refused(call().answer(&identity(person)).map(&mappings())), ("session_not_an_instance", true));
}

#[test]
fn a_scrubbed_accounts_caller_has_an_administrative_uid_and_no_extra_also_after_a_lookup() {
    let scrubbing = authenticator().with_scrubbed_accounts(["123456789012".parse().unwrap()]);
    let begin = || match scrubbing.begin(token(0, "prod"), &cluster("prod"), now()) {
        Step::CallSts(call) => *call,
        step => panic!("{step:?}"),
    };
    let alice = granted(begin().answer(&identity(ALICE)).map(&mappings()));
    let node = match begin().answer(&identity(NODE)).map(&mappings()) {
        Step::LookUpInstance(lookup) => granted(lookup.answer(OWNER.parse().unwrap(), "ip-10-0-0-1.ec2.internal")),
        step => panic!("{step:?}"),
    };
    for (granted, username) in [(alice, "alice"), (node, "system:node:ip-10-0-0-1.ec2.internal")] {
        assert!(granted.scrubbed() && granted.user().extra.is_empty());
        assert_eq!(granted.user().uid, format!("aws-iam-authenticator:administrative:{username}"));
    }
    let bob = ("arn:aws:iam::123456789012:user/bob", ALICE.1);
    match done(begin().answer(&identity(bob)).map(&mappings())) {
        Outcome::Refused(refused) => assert!(refused.scrubbed() && !refused.to_string().contains("bob")),
        outcome => panic!("{outcome:?}"),
    }
    // Callers of other accounts, and those that nobody vouched for, are not.
    let other = authenticator().with_scrubbed_accounts(["000000000000".parse().unwrap()]);
    match other.begin(token(0, "prod"), &cluster("prod"), now()) {
        Step::CallSts(call) => assert!(!granted(call.answer(&identity(ALICE)).map(&mappings())).scrubbed()),
        step => panic!("{step:?}"),
    }
}

fn body(version: TokenReviewVersion, token: &str, audiences: &[&str]) -> Vec<u8> {
    let audiences = audiences.iter().map(|audience| (*audience).to_owned()).collect();
    TokenReviewRequest::new(version, BearerToken::new(token).unwrap(), audiences).to_json_exposing_token()
}

fn review(body: &[u8], audiences: &Audiences) -> Review {
    Review::begin(&authenticator(), audiences, body, &cluster("prod"), now()).unwrap()
}

#[test]
fn a_reply_is_in_the_version_of_the_review_whatever_the_outcome() {
    let call = |step: Step| match step {
        Step::CallSts(call) => call,
        step => panic!("{step:?}"),
    };
    for version in TokenReviewVersion::ALL.iter().copied() {
        let good = body(version, &token(0, "prod"), &[]);
        let begin = || {
            let review = review(&good, &Audiences::unaware());
            (call(review.step), review.reply)
        };
        let (step, reply) = begin();
        let response = reply.answer(&done(step.answer(&identity(ALICE)).map(&mappings())));
        assert_eq!(response.version(), version);
        assert_eq!(response.user().unwrap().username, "alice");

        let (step, reply) = begin();
        let response = reply.answer(&done(step.answer(&sts_error(403, "AccessDenied")).map(&mappings())));
        assert_eq!((response.version(), response.outcome()), (version, &ReviewOutcome::Denied));

        let (step, reply) = begin();
        let response = reply.answer(&done(step.fail(TransportFailure::Timeout).map(&mappings())));
        match response.outcome() {
            ReviewOutcome::Error { message, audiences } => {
                assert!(message.starts_with("sts_timeout: "), "{message}");
                assert!(audiences.is_empty());
            }
            outcome => panic!("{outcome:?}"),
        }
        assert_eq!(response.version(), version);

        let review = review(&body(version, "something else", &[]), &Audiences::unaware());
        let response = review.reply.answer(&done(review.step));
        assert_eq!((response.version(), response.outcome()), (version, &ReviewOutcome::Denied));
    }
}

#[test]
fn audiences_that_do_not_fit_are_done_before_anybody_is_asked() {
    let ours = Audiences::new(["api", "vault"]);
    let ask = |audiences: &[&str]| review(&body(TokenReviewVersion::V1, &token(0, "prod"), audiences), &ours);
    let other = ask(&["other"]);
    assert_eq!(*other.reply.answer(&done(other.step)).outcome(), ReviewOutcome::Denied);
    assert_eq!(refused(ask(&["other"]).step), ("audience_mismatch", true));
    for (asked_for, answered) in
        [(&["vault"][..], &["vault"][..]), (&["vault", "x", "api"], &["api", "vault"]), (&[], &[])]
    {
        let review = ask(asked_for);
        let Step::CallSts(call) = review.step else { panic!("{asked_for:?}") };
        match review.reply.answer(&done(call.answer(&identity(ALICE)).map(&mappings()))).outcome() {
            ReviewOutcome::Authenticated { audiences, .. } => assert_eq!(audiences, answered),
            outcome => panic!("{outcome:?}"),
        }
    }
}

#[test]
fn what_is_no_token_review_begins_nothing() {
    for (body, status) in [(&b""[..], 400), (b"{}", 400), (&[b' '; 200_000], 413)] {
        let error = Review::begin(&authenticator(), &Audiences::unaware(), body, &cluster("prod"), now())
            .map(drop)
            .unwrap_err();
        assert_eq!(error.http_status(), status);
    }
}

#[test]
fn no_state_shows_a_token_in_its_debug() {
    let token = token(0, "prod");
    let review = review(&body(TokenReviewVersion::V1, &token, &["x"]), &Audiences::unaware());
    let mut shown = format!("{review:?} {:?} {:?}", call(), call().request());
    let verified = call().answer(&identity(ALICE));
    shown.push_str(&format!("{verified:?} {:?}", lookup()));
    shown.push_str(&format!("{:?}", done(verified.map(&mappings()))));
    shown.push_str(&format!("{:?}", done(call().fail(TransportFailure::Timeout).map(&mappings()))));
    let text = token.strip_prefix("k8s-aws-v1.").unwrap();
    for piece in text.as_bytes().windows(12).chain("IQoJb3JpZ2luX2VjEXAMPLE".as_bytes().windows(12)) {
        assert!(!shown.contains(std::str::from_utf8(piece).unwrap()), "{shown}");
    }
    assert!(!shown.contains("X-Amz-Signature"), "{shown}");
}
