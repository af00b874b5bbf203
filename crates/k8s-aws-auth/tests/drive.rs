//! The drivers, with functions in place of an HTTP stack and without a runtime.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aws_credential_types::Credentials;
use http::Response;
use k8s_aws_auth::ec2::{Ec2Endpoint, EndpointKind, InstanceId, Region};
use k8s_aws_auth::identity::AccountId;
use k8s_aws_auth::mapping::{Backend, BackendMode, Options, ServerConfig, Snapshot};
use k8s_aws_auth::sts::{ClusterId, Partition, Policy, StsRequest, TransportFailure, Verifier};
use k8s_aws_auth::{Authenticator, LookupFailure, Outcome, Step};
use std::cell::Cell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const CONFIG: &str = "server:
  mapRoles:
  - {rolearn: 'arn:aws:iam::123456789012:role/dev', username: 'dev:{{SessionName}}', groups: [devs]}
  - {rolearn: 'arn:aws:iam::123456789012:role/node', username: 'node:{{EC2PrivateDNSName}}', groups: [nodes]}
";
const NODE: &str = "i-0123456789abcdef0";
const NAME: &str = "ip-10-0-0-1.eu-west-1.compute.internal";

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_781_526_896)
}

fn keys() -> Credentials {
    Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "test")
}

fn cluster() -> ClusterId {
    ClusterId::parse("prod").unwrap()
}

fn token() -> String {
    k8s_aws_auth::mint(&keys(), "eu-west-1", "prod", now()).unwrap().text().expose().to_owned()
}

fn verifier() -> Verifier {
    Verifier::new(Policy::new(Partition::Aws))
}

fn begin() -> Step {
    Authenticator::new(verifier()).begin(token(), &cluster(), now())
}

fn mappings() -> Snapshot {
    let document = ServerConfig::parse(CONFIG).document;
    Snapshot::new([Backend::synced(BackendMode::MountedFile, document)], Options::default())
}

/// STS's answer for a session of a role.
fn session(role: &str, name: &str) -> Response<String> {
    let arn = format!("arn:aws:sts::123456789012:assumed-role/{role}/{name}");
    let result = format!(r#"{{"Account":"123456789012","Arn":"{arn}","UserId":"AROAIOSFODNN7EXAMPLE:{name}"}}"#);
    let body = format!(r#"{{"GetCallerIdentityResponse":{{"GetCallerIdentityResult":{result}}}}}"#);
    Response::builder().header("content-type", "application/json").body(body).unwrap()
}

/// Answers a little later, as a network does.
async fn later<T>(value: T) -> T {
    let mut asked = false;
    std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut asked, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    value
}

/// As little of a runtime as there can be.
fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}

fn username(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Authenticated(granted) => &granted.user().username,
        Outcome::Refused(refused) => refused.reason(),
    }
}

#[test]
fn whose_token_it_is_takes_one_question_and_none_for_what_is_no_token() {
    let asked = Cell::new(0);
    let answer = |request: StsRequest| {
        asked.set(asked.get() + 1);
        assert_eq!(request.into_http().headers()["x-k8s-aws-id"], "prod");
        Ok(session("dev", "alice"))
    };
    let caller = k8s_aws_auth::verify_blocking(&verifier(), token(), &cluster(), now(), answer).unwrap();
    assert_eq!(caller.canonical_arn(), "arn:aws:iam::123456789012:role/dev");
    let caller = run(k8s_aws_auth::verify(&verifier(), token(), &cluster(), now(), async |request: StsRequest| {
        later(answer(request)).await
    }));
    assert_eq!(caller.unwrap().session_name(), Some("alice"));
    assert_eq!(asked.get(), 2);

    let refused = k8s_aws_auth::verify_blocking(&verifier(), "k8s-aws-v2.x", &cluster(), now(), answer).unwrap_err();
    assert_eq!((refused.reason(), asked.get()), ("token_prefix", 2));
    let refused = run(k8s_aws_auth::verify(&verifier(), "", &cluster(), now(), async |request| answer(request)));
    assert!(refused.unwrap_err().class().is_definite());
    assert_eq!(asked.get(), 2);
}

#[test]
fn what_the_transport_tells_becomes_an_error_that_is_not_definite() {
    let fails = |_| Err::<Response<&[u8]>, _>(TransportFailure::Timeout);
    let refused = k8s_aws_auth::verify_blocking(&verifier(), token(), &cluster(), now(), fails).unwrap_err();
    assert_eq!((refused.reason(), refused.class().is_definite()), ("sts_timeout", false));
    let outcome = k8s_aws_auth::drive_blocking(begin(), mappings, fails, |_| Err(LookupFailure::NotConfigured));
    assert_eq!(username(&outcome), "sts_timeout");
    let outcome = run(k8s_aws_auth::drive(
        begin(),
        mappings,
        async |request| fails(request),
        async |_| Err(LookupFailure::NotConfigured),
    ));
    assert_eq!(username(&outcome), "sts_timeout");
}

#[test]
fn a_login_goes_from_its_first_step_to_a_user_asking_for_the_rules_once_and_late() {
    let asked = Cell::new("");
    let rules = || {
        assert_eq!(asked.replace("rules"), "sts");
        mappings()
    };
    let sts = |_: StsRequest| {
        asked.set("sts");
        Ok(session("dev", "alice"))
    };
    let outcome = k8s_aws_auth::drive_blocking(begin(), rules, sts, |_| Err(LookupFailure::NotConfigured));
    assert_eq!(username(&outcome), "dev:alice");
    let outcome = run(k8s_aws_auth::drive(
        begin(),
        rules,
        async |request| later(sts(request)).await,
        async |_| Err(LookupFailure::NotConfigured),
    ));
    assert_eq!(username(&outcome), "dev:alice");
}

#[test]
fn an_instance_is_looked_up_where_a_rule_asks_for_its_name() {
    let sts = |_: StsRequest| Ok(session("node", NODE));
    for (owner, name, username_or_reason) in [
        ("123456789012", NAME, format!("node:{NAME}")),
        ("999999999999", NAME, "instance_of_other_account".to_owned()),
        ("123456789012", "", "dns_name_empty".to_owned()),
    ] {
        let look_up = |id: InstanceId| {
            assert_eq!(id.as_str(), NODE);
            Ok((AccountId::parse(owner).unwrap(), name.to_owned()))
        };
        let outcome = k8s_aws_auth::drive_blocking(begin(), mappings, sts, look_up);
        assert_eq!(username(&outcome), username_or_reason);
        let outcome = run(k8s_aws_auth::drive(
            begin(),
            mappings,
            async |request| sts(request),
            async |id| later(look_up(id)).await,
        ));
        assert_eq!(username(&outcome), username_or_reason);
    }
    for failure in [LookupFailure::NotConfigured, LookupFailure::Throttled, LookupFailure::UnknownInstance] {
        let outcome = k8s_aws_auth::drive_blocking(begin(), mappings, sts, |_| Err(failure));
        let Outcome::Refused(refused) = *outcome else { panic!("let in") };
        assert!(!refused.is_definite(), "{failure}");
    }
}

fn described(items: &str, more: &str) -> Response<String> {
    let body = format!(
        "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><reservationSet>{items}\
         </reservationSet>{more}</DescribeInstancesResponse>"
    );
    Response::builder().header("content-type", "text/xml;charset=UTF-8").body(body).unwrap()
}

#[test]
fn looking_up_an_instance_follows_pages_and_tells_apart_what_may_be_done() {
    let endpoint =
        Ec2Endpoint::new(Partition::Aws, &Region::parse("eu-west-1").unwrap(), EndpointKind::Regional).unwrap();
    let id = || InstanceId::parse(NODE).unwrap();
    let item = format!(
        "<item><ownerId>123456789012</ownerId><instancesSet><item><instanceId>{NODE}</instanceId>\
         <privateDnsName>{NAME}</privateDnsName></item></instancesSet></item>"
    );
    let pages = Cell::new(0);
    let send = |request: k8s_aws_auth::ec2::Ec2Request| {
        let body = String::from_utf8(request.into_http().into_body()).unwrap();
        pages.set(pages.get() + 1);
        match body.contains("NextToken=second") {
            false => Ok(described("", "<nextToken>second</nextToken>")),
            true => Ok(described(&item, "")),
        }
    };
    let found = Ok((AccountId::parse("123456789012").unwrap(), NAME.to_owned()));
    assert_eq!(k8s_aws_auth::look_up_instance_blocking(&id(), &keys(), &endpoint, now(), send), found);
    let (id_of_node, keys_of_ours, send_later) = (id(), keys(), async |request| later(send(request)).await);
    let looked_up = k8s_aws_auth::look_up_instance(&id_of_node, &keys_of_ours, &endpoint, now(), send_later);
    assert_eq!((run(looked_up), pages.get()), (found, 4));

    let error = |status: u16, code: &str| {
        let body =
            format!("<Response><Errors><Error><Code>{code}</Code><Message>m</Message></Error></Errors></Response>");
        Ok(Response::builder().status(status).header("content-type", "text/xml").body(body).unwrap())
    };
    for (answer, failure) in [
        (Ok(described("", "")), LookupFailure::UnknownInstance),
        (error(503, "RequestLimitExceeded"), LookupFailure::Throttled),
        (error(403, "UnauthorizedOperation"), LookupFailure::Unauthorized),
        (error(500, "InternalError"), LookupFailure::Unavailable),
        (Err(k8s_aws_auth::ec2::TransportFailure::Timeout), LookupFailure::Unavailable),
    ] {
        let looked_up = k8s_aws_auth::look_up_instance_blocking(&id(), &keys(), &endpoint, now(), |_| answer.clone());
        assert_eq!(looked_up, Err(failure));
    }
    let no_key = Credentials::new("", "", None, None, "test");
    let looked_up = k8s_aws_auth::look_up_instance_blocking(&id(), &no_key, &endpoint, now(), send);
    assert_eq!((looked_up, pages.get()), (Err(LookupFailure::Unauthorized), 4));
}

#[test]
fn minting_tells_which_name_is_none() {
    let mint = |region, cluster| k8s_aws_auth::mint(&keys(), region, cluster, now()).map(drop).map_err(|e| e.reason());
    assert_eq!(mint("eu-west-1", "prod"), Ok(()));
    assert_eq!(mint("EU West", "prod"), Err("region_malformed"));
    assert_eq!(mint("eu-west-1", ""), Err("cluster_id_malformed"));
    let expired = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, Some(UNIX_EPOCH), "test");
    assert_eq!(k8s_aws_auth::mint(&expired, "eu-west-1", "prod", now()).unwrap_err().reason(), "credentials_expired");
}
