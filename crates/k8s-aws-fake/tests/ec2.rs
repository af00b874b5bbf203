//! EC2: instances by id, in pages, for those who may; asked by requests that botocore signed and by the project's own client.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests of a server, and their helpers"
)]

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use k8s_aws_ec2::{Ec2Endpoint, Ec2Error, EndpointKind, InstanceId, Instances, Partition, Progress, Query, Region};
use k8s_aws_fake::{Credential, FakeAws, FakeClock, Fault, Identity, Instance, Outcome, samples};
use support::{Answer, send, send_h2};

const HOST: &str = "ec2.eu-west-1.amazonaws.com";

fn id(text: &str) -> InstanceId {
    InstanceId::parse(text).unwrap()
}

fn region(name: &str) -> Ec2Endpoint {
    Ec2Endpoint::new(Partition::Aws, &Region::parse(name).unwrap(), EndpointKind::Regional).unwrap()
}

fn signed(query: &Query, credential: &Credential, endpoint: &Ec2Endpoint, now: SystemTime) -> Request<Full<Bytes>> {
    let session_token = credential.session_token().map(str::to_owned);
    let keys =
        Credentials::new(credential.access_key_id(), credential.secret_access_key(), session_token, None, "test");
    let request = query.request(&keys, endpoint, now).unwrap().into_http();
    let (mut parts, body) = request.into_parts();
    // The client of these tests wants the path alone, and the host in a header.
    parts.headers.insert("host", endpoint.host().parse().unwrap());
    parts.uri = "/".parse().unwrap();
    Request::from_parts(parts, Full::new(body.into()))
}

fn response(answer: &Answer) -> http::Response<Bytes> {
    let mut response = http::Response::new(answer.body.clone());
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers.clone();
    response
}

/// Asks page by page with the project's own client.
async fn ask(fake: &FakeAws, credential: &Credential, host: &Ec2Endpoint, ids: &[&str]) -> Result<Instances, Ec2Error> {
    let mut query = Query::new(ids.iter().map(|text| id(text))).unwrap();
    loop {
        let request = signed(&query, credential, host, fake.clock().now());
        let answer = send(fake, host.host(), request).await.unwrap();
        match query.read(&response(&answer))? {
            Progress::Done(instances) => return Ok(instances),
            Progress::NextPage(next) => query = next,
        }
    }
}

fn name(instances: &Instances, text: &str) -> Option<String> {
    instances.get(&id(text)).map(|instance| instance.private_dns_name().to_owned())
}

#[tokio::test]
async fn every_request_that_botocore_signed_is_answered_over_http_1_and_http_2() {
    let clock = FakeClock::fixed(UNIX_EPOCH);
    let fake = FakeAws::builder().clock(&clock).start().unwrap();
    let file: serde_json::Value =
        serde_json::from_str(include_str!("../../k8s-aws-ec2/tests/vectors/botocore.json")).unwrap();
    let rows = file["rows"].as_array().unwrap();
    assert!(rows.len() >= 40);
    for row in rows {
        let text = |name: &str| row[name].as_str().unwrap();
        let (key, secret) = (text("access_key_id"), text("secret_access_key"));
        let credential = match row["session_token"].as_str() {
            None => Credential::permanent(key, secret),
            Some(token) => Credential::temporary(key, secret, token),
        };
        let partition = Partition::of_region(text("region")).unwrap();
        fake.add(credential, Identity::root(samples::ACCOUNT).in_partition(partition.as_str()));
        clock.set(UNIX_EPOCH + Duration::from_secs(row["unix_time"].as_u64().unwrap()));
        fake.add_instance(Instance::new(samples::INSTANCE_ID, samples::ACCOUNT, text("region")).named("found"));
        let request = || {
            let request = Request::post("/")
                .header("host", text("host"))
                .header("content-type", text("content_type"))
                .header("x-amz-date", text("amz_date"))
                .header("authorization", text("authorization"));
            let token = row["session_token"].as_str().map(|token| ("x-amz-security-token", token));
            let request = token.into_iter().fold(request, |request, (name, value)| request.header(name, value));
            request.body(Full::new(Bytes::from(text("body").to_owned()))).unwrap()
        };
        let name = &row["name"];
        for answer in [send(&fake, text("host"), request()).await, send_h2(&fake, text("host"), request()).await] {
            let answer = answer.unwrap();
            if row["page_token"].is_string() {
                // The signature held, but no page of ours begins there.
                assert_eq!(answer.status, 400, "{name}");
                assert!(answer.text().contains("<Code>InvalidNextToken</Code>"), "{name}: {}", answer.text());
                continue;
            }
            assert_eq!(answer.status, 200, "{name}: {}", answer.text());
            assert_eq!(answer.headers["content-type"], "text/xml;charset=UTF-8");
            let asked = row["ids"].as_array().unwrap().iter().any(|id| id == samples::INSTANCE_ID);
            assert_eq!(answer.text().contains("<privateDnsName>found</privateDnsName>"), asked, "{name}");
        }
    }
    assert_eq!(fake.counts().calls_by_action["DescribeInstances"], 2 * rows.len() as u64);
}

#[tokio::test]
async fn a_caller_sees_the_instances_of_its_account_in_the_region() {
    let fake = FakeAws::start().unwrap();
    let user = samples::user().credential;
    fake.add_instance(Instance::new("i-00000001", samples::ACCOUNT, "eu-west-1"));
    fake.add_instance(Instance::new("i-00000002", "444455556666", "eu-west-1").named("of-another-account"));
    fake.add_instance(Instance::new("i-00000003", samples::ACCOUNT, "us-east-1").named("of-another-region"));
    let ids = [samples::INSTANCE_ID, "i-00000001", "i-00000002", "i-00000003", "i-00000004"];
    let found = ask(&fake, &user, &region("eu-west-1"), &ids).await.unwrap();
    assert_eq!(name(&found, samples::INSTANCE_ID).as_deref(), Some(samples::PRIVATE_DNS_NAME));
    assert_eq!(found.get(&id(samples::INSTANCE_ID)).unwrap().owner().as_str(), samples::ACCOUNT);
    assert_eq!(name(&found, "i-00000001").as_deref(), Some(""));
    for unknown in ["i-00000002", "i-00000003", "i-00000004"] {
        assert_eq!(name(&found, unknown), None, "{unknown}");
    }
    let found = ask(&fake, &user, &region("us-east-1"), &ids).await.unwrap();
    assert_eq!(name(&found, "i-00000003").as_deref(), Some("of-another-region"));
    assert_eq!(name(&found, samples::INSTANCE_ID), None);
    let other = fake.issue(Identity::user("444455556666", "/", "other"));
    let found = ask(&fake, &other, &region("eu-west-1"), &ids).await.unwrap();
    assert_eq!(name(&found, "i-00000002").as_deref(), Some("of-another-account"));
    assert_eq!(found.get(&id("i-00000002")).unwrap().owner().as_str(), "444455556666");
}

#[tokio::test]
async fn instances_come_and_go_and_get_their_names_at_run_time() {
    let fake = FakeAws::builder().instance(Instance::new("i-00000001", samples::ACCOUNT, "eu-west-1")).start().unwrap();
    let told = async || {
        let found = ask(&fake, &samples::user().credential, &region("eu-west-1"), &["i-00000001"]).await;
        name(&found.unwrap(), "i-00000001")
    };
    assert_eq!(told().await.as_deref(), Some(""));
    assert!(fake.set_private_dns_name("i-00000001", Some("<a> & \"b\"")));
    assert_eq!(told().await.as_deref(), Some("<a> & \"b\""));
    assert!(fake.set_private_dns_name("i-00000001", None));
    assert_eq!(told().await.as_deref(), Some(""));
    assert!(fake.remove_instance("i-00000001"));
    assert_eq!(told().await, None);
    assert!(!fake.remove_instance("i-00000001") && !fake.set_private_dns_name("i-00000001", None));
}

#[tokio::test]
async fn many_instances_come_in_pages() {
    let fake = FakeAws::builder().page_size(5).start().unwrap();
    let ids: Vec<String> = (0..17).map(|n| format!("i-{n:08x}")).collect();
    for id in &ids {
        fake.add_instance(Instance::new(id, samples::ACCOUNT, "eu-west-1").named(&format!("name-of-{id}")));
    }
    let asked: Vec<&str> = ids.iter().map(String::as_str).chain(["i-ffffffff"]).collect();
    for (page_size, calls) in [(5, 4), (1, 17), (16, 2), (17, 1), (1000, 1), (0, 17)] {
        fake.set_page_size(page_size);
        let before = fake.counts().calls;
        let found = ask(&fake, &samples::user().credential, &region("eu-west-1"), &asked).await.unwrap();
        assert!(ids.iter().all(|id| name(&found, id) == Some(format!("name-of-{id}"))), "{page_size}");
        assert_eq!(name(&found, "i-ffffffff"), None);
        assert_eq!(fake.counts().calls - before, calls, "{page_size}");
    }
}

#[tokio::test]
async fn a_caller_who_may_not_is_refused_in_ec2s_words() {
    let fake = FakeAws::start().unwrap();
    let role = fake.issue(Identity::assumed_role(samples::ACCOUNT, "server", "me"));
    let code = async |credential: &Credential| {
        let found = ask(&fake, credential, &region("eu-west-1"), &[samples::INSTANCE_ID]).await;
        found.map(|_| ()).map_err(|error| (error.reason(), error.code().unwrap_or_default()))
    };
    assert_eq!(code(&role).await, Ok(()));
    assert!(fake.set_may_describe_instances(role.access_key_id(), false));
    assert_eq!(code(&role).await, Err(("ec2_unauthorized", "UnauthorizedOperation")));
    assert_eq!(code(&samples::user().credential).await, Ok(()), "others may");
    assert!(fake.set_may_describe_instances(role.access_key_id(), true));
    assert_eq!(code(&role).await, Ok(()));
    let wrong = Credential::permanent(samples::user().credential.access_key_id(), "not the secret");
    assert_eq!(code(&wrong).await, Err(("ec2_unauthorized", "AuthFailure")));
    fake.set_expiry(role.access_key_id(), Some(fake.clock().now()));
    assert_eq!(code(&role).await, Err(("ec2_unauthorized", "RequestExpired")));
    assert!(fake.remove(role.access_key_id()));
    assert_eq!(code(&role).await, Err(("ec2_unauthorized", "AuthFailure")));
    assert!(!fake.set_may_describe_instances(role.access_key_id(), true));
    let outcomes: Vec<Outcome> = fake.take_calls().into_iter().map(|call| call.outcome).collect();
    assert_eq!(outcomes[1], Outcome::Refused { status: 403, code: "UnauthorizedOperation" });
    assert!(matches!(&outcomes[0], Outcome::Accepted { arn } if arn.ends_with(":assumed-role/server/me")));
}

#[tokio::test]
async fn one_changed_byte_breaks_the_signature() {
    let fake = FakeAws::start().unwrap();
    let query = Query::new([id(samples::INSTANCE_ID)]).unwrap();
    let credential = samples::assumed_role().credential;
    let request = || signed(&query, &credential, &region("eu-west-1"), fake.clock().now());
    assert_eq!(send(&fake, HOST, request()).await.unwrap().status, 200);
    let mut body = request();
    *body.body_mut() = Full::new(Bytes::from_static(
        b"Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=instance-id&Filter.1.Value.1=i-00000000",
    ));
    let mut kind = request();
    kind.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    let mut token = request();
    token.headers_mut().insert("x-amz-security-token", "other".parse().unwrap());
    let mut host = request();
    host.headers_mut().insert("host", "ec2.us-east-1.amazonaws.com".parse().unwrap());
    for changed in [body, kind, token, host] {
        let answer = send(&fake, HOST, changed).await.unwrap();
        assert_eq!(answer.status, 401);
        assert!(
            answer
                .text()
                .starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>AuthFailure")
        );
    }
}

#[tokio::test]
async fn faults_of_ec2_leave_sts_alone() {
    let fake = support::fake();
    fake.clock().follow_system();
    let user = samples::user().credential;
    let ask = async || {
        let found = ask(&fake, &user, &region("eu-west-1"), &[samples::INSTANCE_ID]).await;
        found.map(|_| ()).map_err(|error| (error.reason(), error.code()))
    };
    fake.inject(Fault::request_limit_exceeded().on_action("DescribeInstances").times(1));
    fake.inject(Fault::throttling().on_action("DescribeInstances").times(1));
    fake.inject(Fault::server_error(500).on_action("DescribeInstances").times(1));
    fake.inject(Fault::server_error(502).on_host(HOST).times(1));
    fake.inject(Fault::truncate().on_action("DescribeInstances").times(1));
    fake.inject(Fault::gzip().on_action("DescribeInstances").times(1));
    fake.inject(Fault::xml().on_action("DescribeInstances").times(1));
    assert_eq!(ask().await, Err(("ec2_throttled", Some("RequestLimitExceeded"))));
    assert_eq!(ask().await, Err(("ec2_throttled", Some("Throttling"))));
    assert_eq!(ask().await, Err(("ec2_unavailable", Some("InternalFailure"))));
    assert_eq!(ask().await, Err(("ec2_unavailable", None)));
    assert_eq!(ask().await, Err(("ec2_answer_malformed", None)));
    assert_eq!(ask().await, Err(("ec2_answer_malformed", None)));
    assert_eq!(ask().await, Ok(()));
    fake.inject(Fault::throttling().on_action("DescribeInstances"));
    fake.clock().set(UNIX_EPOCH + Duration::from_secs(support::SIGNED_AT));
    assert_eq!(support::ask(&fake).await.unwrap().status, 200);
}

#[tokio::test]
async fn what_was_asked_is_on_record() {
    let fake = FakeAws::start().unwrap();
    ask(&fake, &samples::user().credential, &region("eu-west-1"), &[samples::INSTANCE_ID]).await.unwrap();
    let call = fake.take_calls().remove(0);
    assert_eq!((call.action, call.host.as_str(), call.query.as_str()), (Some("DescribeInstances"), HOST, ""));
    let body = String::from_utf8(call.body.to_vec()).unwrap();
    assert!(body.contains(&format!("Filter.1.Value.1={}", samples::INSTANCE_ID)));
    assert!(!format!("{call:?}").contains(samples::INSTANCE_ID));
    assert_eq!(fake.counts().calls_by_action["DescribeInstances"], 1);
    assert_eq!(fake.counts().calls_to(HOST), 1);
}

#[tokio::test]
async fn other_actions_and_versions_are_refused() {
    let fake = FakeAws::start().unwrap();
    for (query, status, code) in [
        ("Action=RunInstances&Version=2016-11-15", 400, "InvalidAction"),
        ("Action=DescribeInstances&Version=2014-06-15", 400, "InvalidAction"),
        ("Action=GetCallerIdentity&Version=2011-06-15", 400, "InvalidAction"),
        ("Version=2016-11-15", 400, "MissingParameter"),
        ("Action=DescribeInstances&Version=2016-11-15", 403, "MissingAuthenticationToken"),
        ("Action=DescribeInstances&Action=DescribeInstances&Version=2016-11-15", 404, "MalformedQueryString"),
    ] {
        let request = Request::get(format!("/?{query}")).header("host", HOST).header("accept", "application/json");
        let answer = send(&fake, HOST, request.body(Full::default()).unwrap()).await.unwrap();
        assert_eq!(answer.status, status, "{query}");
        assert!(answer.text().contains(&format!("<Response><Errors><Error><Code>{code}</Code>")), "{query}");
    }
}
