//! Names of EC2 instances in usernames: looked up in EC2, many by few calls, and never taken from anybody else's instance.

use crate::support::{HOST, PATIENCE, Program, Server, review};
use http::Method;
use k8s_aws_fake::{Credential, FakeAws, Fault, Identity, Instance, Role, samples};
use serde_json::Value;
use std::time::Instant;

const MAPPINGS: &str = "mapRoles:
- rolearn: arn:aws:iam::111122223333:role/worker-node
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:nodes]
- rolearn: arn:aws:iam::444455556666:role/worker-node
  username: system:node:{{EC2PrivateDNSName}}";

const ACTION: &str = "DescribeInstances";

/// A server with these credentials, in the region of the samples' instance.
fn start(fake: &FakeAws, credential: &Credential, change: impl FnOnce(Program) -> Program) -> Server {
    let mut program = change(Program::new().configured(MAPPINGS)).variable("AWS_REGION", samples::REGION);
    for (name, value) in credential.env() {
        program = program.variable(name, &value);
    }
    let server = program.start(fake);
    server.know(credential);
    server
}

/// Credentials of the server's own, in the account of the samples.
fn own(fake: &FakeAws) -> Credential {
    fake.issue(Identity::assumed_role(samples::ACCOUNT, "webhook", "server"))
}

/// A node of the account of the samples, known to EC2 by this name.
fn node(fake: &FakeAws, number: usize) -> Credential {
    let id = format!("i-{number:08x}");
    fake.add_instance(Instance::new(&id, samples::ACCOUNT, samples::REGION).named(&format!("ip-{number}.internal")));
    fake.issue(Identity::instance_profile(samples::ACCOUNT, "worker-node", &id))
}

fn described(fake: &FakeAws) -> u64 {
    fake.counts().calls_by_action.get(ACTION).copied().unwrap_or_default()
}

fn counted(server: &Server) -> String {
    let metrics = server.http.ask(Method::GET, "/metrics");
    let name = "aws_iam_authenticator_ec2_describe_instances_calls_total ";
    let line = metrics.text().lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
    line.unwrap_or_else(|| panic!("no {name}in {}", metrics.text()))
}

/// The names of those who logged in at once.
fn all_at_once(server: &Server, credentials: &[Credential]) -> Vec<Value> {
    let bodies: Vec<Value> = credentials
        .iter()
        .map(|credential| review("authentication.k8s.io/v1", &server.token(credential, HOST)))
        .collect();
    let answers = std::thread::scope(|scope| {
        let asking: Vec<_> = bodies.iter().map(|body| scope.spawn(|| server.post(body))).collect();
        asking.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    credentials.iter().for_each(|_| drop(server.lines_until_decided()));
    let json = |body| serde_json::from_slice::<Value>(body).unwrap();
    answers.iter().map(|answer| json(&answer.body)["status"]["user"]["username"].clone()).collect()
}

#[test]
fn a_node_gets_the_name_that_ec2_has_for_it_and_ec2_is_asked_once() {
    let fake = FakeAws::start().unwrap();
    let server = start(&fake, &own(&fake), |program| program);
    assert_eq!(counted(&server), "0");
    let token = server.token(&samples::instance_profile().credential, HOST);
    for time in ["first", "second"] {
        let reviewed = server.review(&token);
        reviewed.assert_granted(time);
        let user = &reviewed.json["status"]["user"];
        assert_eq!(user["username"], format!("system:node:{}", samples::PRIVATE_DNS_NAME));
        assert_eq!(user["groups"], serde_json::json!(["system:nodes"]));
    }
    assert_eq!((described(&fake), counted(&server).as_str()), (1, "1"));
    assert_eq!(fake.counts().calls_to("ec2.eu-west-1.amazonaws.com"), 1);
    let seen = server.seen();
    let line = seen.iter().find(|line| line.message() == "EC2 described instances").unwrap();
    assert_eq!(line.text("host"), "ec2.eu-west-1.amazonaws.com");
}

#[test]
fn a_session_by_the_id_of_another_accounts_instance_is_denied() {
    let fake = FakeAws::start().unwrap();
    let server = start(&fake, &own(&fake), |program| program);
    let thief = fake.issue(Identity::instance_profile("444455556666", "worker-node", samples::INSTANCE_ID));
    for time in ["asked", "remembered"] {
        server.review(&server.token(&thief, HOST)).assert_denied("instance_of_other_account", time);
    }
    assert_eq!(described(&fake), 1);
    let named = fake.issue(Identity::instance_profile(samples::ACCOUNT, "worker-node", "carol"));
    server.review(&server.token(&named, HOST)).assert_denied("session_not_an_instance", "no instance id");
}

#[test]
fn an_instance_that_is_not_there_yet_is_an_error_and_gets_in_once_it_is() {
    let fake = FakeAws::start().unwrap();
    assert!(fake.remove_instance(samples::INSTANCE_ID));
    let server = start(&fake, &own(&fake), |program| program);
    let token = server.token(&samples::instance_profile().credential, HOST);
    server.review(&token).assert_error("instance_unknown", "not there");
    server.review(&token).assert_error("instance_unknown", "remembered for a moment");
    assert_eq!(described(&fake), 1);
    // It appears, without a name; then it gets one. What was told is forgotten within two seconds.
    fake.add_instance(Instance::new(samples::INSTANCE_ID, samples::ACCOUNT, samples::REGION));
    let until = |reason: &str| {
        let began = Instant::now();
        loop {
            let reviewed = server.review(&token);
            if reviewed.reason() == reason || reviewed.decision().message() == reason {
                return reviewed;
            }
            assert!(began.elapsed() < PATIENCE, "{reviewed:#?}");
        }
    };
    until("dns_name_empty").assert_error("dns_name_empty", "without a name");
    fake.set_private_dns_name(samples::INSTANCE_ID, Some("ip-9.internal"));
    until("access granted").assert_granted("with a name");
    assert_eq!(described(&fake), 3, "and EC2 was not asked more often");
}

#[test]
fn a_hiccup_of_ec2_is_ridden_out_and_a_lasting_fault_is_no_denial() {
    let fake = FakeAws::start().unwrap();
    let own = own(&fake);
    let server = start(&fake, &own, |program| program);
    let throttled = fake.inject(Fault::request_limit_exceeded().on_action(ACTION).times(1));
    server.review(&server.token(&node(&fake, 1), HOST)).assert_granted("after one");
    assert_eq!((throttled.hits(), described(&fake)), (1, 2));
    for (fault, reason) in [
        (Fault::request_limit_exceeded(), "instance_lookup_throttled"),
        (Fault::server_error(503), "instance_lookup_failed"),
        (Fault::garbage(), "instance_lookup_failed"),
        (Fault::truncate(), "instance_lookup_failed"),
        (Fault::endless_body(), "instance_lookup_failed"),
        (Fault::reset_mid_body(), "instance_lookup_failed"),
    ] {
        let fault = fake.inject(fault.on_action(ACTION));
        server.review(&server.token(&node(&fake, 2), HOST)).assert_error(reason, reason);
        fault.clear();
    }
    fake.set_may_describe_instances(own.access_key_id(), false);
    let refused = server.review(&server.token(&node(&fake, 2), HOST));
    refused.assert_error("instance_lookup_unauthorized", "not allowed");
    assert_eq!(refused.line("EC2 did not describe instances").text("reason"), "ec2_unauthorized");
    // Nothing of all that is remembered.
    fake.set_may_describe_instances(own.access_key_id(), true);
    server.review(&server.token(&node(&fake, 2), HOST)).assert_granted("at last");
}

/// An answer of EC2 with this in the list of reservations, as the sample's node is asked about.
fn described_as(prolog: &str, namespace: &str, instances: &str) -> Fault {
    let body = format!(
        "{prolog}<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/{namespace}\"><requestId>r</requestId>\
         <reservationSet><item><ownerId>{}</ownerId><instancesSet>{instances}</instancesSet></item></reservationSet>\
         </DescribeInstancesResponse>",
        samples::ACCOUNT
    );
    let answer = http::Response::builder().header("content-type", "text/xml;charset=UTF-8").body(body);
    Fault::respond(answer.unwrap()).on_action(ACTION)
}

#[test]
fn what_ec2_says_beside_the_point_names_nobody_and_what_is_no_answer_is_an_error() {
    let fake = FakeAws::start().unwrap();
    let server = start(&fake, &own(&fake), |program| program.configured("ec2DescribeInstancesQps: 0"));
    let (xml, version) = ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "2016-11-15/");
    let item = |name: &str| format!("<item><instanceId>ID</instanceId><privateDnsName>{name}</privateDnsName></item>");
    let good = item("ip-1.internal");
    let bomb = "<!DOCTYPE a [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;\">]>";
    let external = "<!DOCTYPE a [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>";
    let deep = format!("<item>{}{}</item>", "<a>".repeat(10_000), "</a>".repeat(10_000));
    let failed = "instance_lookup_failed";
    for (number, (case, prolog, namespace, instances, wanted)) in [
        ("as it should be", xml, version, good.clone(), "granted"),
        ("unknown elements", xml, version, good.replace("<inst", "<new><item>x</item></new><inst"), "granted"),
        ("an entity bomb", bomb, version, item("&c;"), failed),
        ("an external entity", external, version, item("&f;"), failed),
        ("an entity of nobody's", xml, version, item("&nbsp;"), failed),
        ("deep nesting", xml, version, deep, failed),
        ("another namespace", xml, "1999-01-01/x", good.clone(), failed),
        ("JSON", "{}", version, good.clone(), failed),
        ("what is cut off", xml, version, "<item><instanceId>".to_owned(), failed),
        ("two names", xml, version, format!("{good}{}", item("ip-2.internal")), failed),
        ("a line break in the name", xml, version, item("ip-1&#10;x"), failed),
        ("nobody", xml, version, String::new(), "instance_unknown"),
        ("somebody else", xml, version, good.replace("ID", "i-0fffffff"), "instance_unknown"),
        ("an empty name", xml, version, item(""), "dns_name_empty"),
        ("no name", xml, version, "<item><instanceId>ID</instanceId></item>".to_owned(), "dns_name_empty"),
    ]
    .into_iter()
    .enumerate()
    {
        let node = node(&fake, 100 + number);
        let injected =
            fake.inject(described_as(prolog, namespace, &instances.replace("ID", &format!("i-{:08x}", 100 + number))));
        let reviewed = server.review(&server.token(&node, HOST));
        assert!(injected.hits() > 0, "{case}");
        match wanted {
            "granted" => reviewed.assert_granted(case),
            reason => reviewed.assert_error(reason, case),
        }
        injected.clear();
    }
    let huge = fake.inject(Fault::huge_body(64 << 20).on_action(ACTION));
    server.review(&server.token(&node(&fake, 200), HOST)).assert_error(failed, "64 MiB");
    huge.clear();
}

#[test]
fn a_storm_of_nodes_is_few_calls_within_the_limit() {
    let fake = FakeAws::start().unwrap();
    let nodes: Vec<Credential> = (0..200).map(|number| node(&fake, number)).collect();
    let limits = ["--ec2-describeInstances-qps=1", "--ec2-describeInstances-burst=2"];
    let server = start(&fake, &own(&fake), |program| limits.into_iter().fold(program, Program::argument));
    let began = Instant::now();
    let names = all_at_once(&server, &nodes);
    let most = 3 + began.elapsed().as_secs();
    let want: Vec<Value> = (0..200).map(|number| format!("system:node:ip-{number}.internal").into()).collect();
    assert_eq!(names, want);
    assert!((2..=most).contains(&described(&fake)), "{} calls, {most} allowed", described(&fake));
    assert_eq!(counted(&server), described(&fake).to_string());
}

#[test]
fn the_pages_of_an_answer_are_followed() {
    let fake = FakeAws::builder().page_size(5).start().unwrap();
    let nodes: Vec<Credential> = (0..40).map(|number| node(&fake, number)).collect();
    let configured = "ec2DescribeInstancesQps: 1000\nec2DescribeInstancesBurst: 1000";
    let server = start(&fake, &own(&fake), |program| program.configured(configured));
    let names = all_at_once(&server, &nodes);
    let want: Vec<Value> = (0..40).map(|number| format!("system:node:ip-{number}.internal").into()).collect();
    assert_eq!(names, want);
    assert!((8..=40).contains(&described(&fake)), "{} calls", described(&fake));
}

#[test]
fn a_role_is_assumed_on_behalf_of_a_resource_before_ec2_is_asked() {
    let fake = FakeAws::start().unwrap();
    let source = "arn:aws:eks:eu-west-1:444455556666:cluster/prod";
    let role = Role::new(samples::ACCOUNT, "describer").source_arn(source);
    let configured = format!("ec2DescribeInstancesRoleARN: {}\nsourceARN: {source}", role.arn());
    fake.add_role(role);
    let elsewhere = fake.issue(Identity::assumed_role("444455556666", "webhook", "server"));
    let server = start(&fake, &elsewhere, |program| program.configured(&configured));
    let reviewed = server.review(&server.token(&samples::instance_profile().credential, HOST));
    reviewed.assert_granted("by the role");
    assert_eq!(
        reviewed.line("Using assumed role for EC2 API").text("roleARN"),
        "arn:aws:iam::111122223333:role/describer"
    );
    let calls = fake.calls();
    let assumed: Vec<_> = calls.iter().filter(|call| call.action == Some("AssumeRole")).collect();
    assert_eq!(assumed.len(), 1);
    assert_eq!(assumed[0].host, "sts.eu-west-1.amazonaws.com");
    assert_eq!(assumed[0].headers["x-amz-source-arn"], source);
    assert_eq!(assumed[0].headers["x-amz-source-account"], "444455556666");
}

#[test]
fn without_credentials_or_a_mapping_that_asks_nobody_is_asked() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).start(&fake);
    let token = server.token(&samples::instance_profile().credential, HOST);
    let reviewed = server.review(&token);
    reviewed.assert_error("instance_lookup_unauthorized", "no credentials");
    assert_eq!(reviewed.line("no credentials to ask EC2 with").level(), "error");
    assert_eq!((described(&fake), counted(&server).as_str()), (0, "0"));
}

#[test]
fn the_region_is_that_of_variables_then_of_the_profile_then_of_the_instance_whatever_the_credentials() {
    let fake = FakeAws::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let profile = directory.path().join("config");
    std::fs::write(&profile, "[default]\nregion = eu-west-2\n").unwrap();
    let profile = profile.to_str().unwrap();
    let disabled = ("AWS_EC2_METADATA_DISABLED", "true");
    for (variables, host, asked) in [
        (&[][..], "ec2.eu-west-1.amazonaws.com", true),
        (&[("AWS_REGION", "eu-central-1"), ("AWS_CONFIG_FILE", profile)], "ec2.eu-central-1.amazonaws.com", false),
        (&[("AWS_DEFAULT_REGION", "eu-north-1")], "ec2.eu-north-1.amazonaws.com", false),
        (&[("AWS_CONFIG_FILE", profile)], "ec2.eu-west-2.amazonaws.com", false),
        (&[disabled], "ec2.us-east-1.amazonaws.com", false),
    ] {
        let own = own(&fake);
        let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let variables = fake.instance_env().into_iter().chain(own.env()).chain(variables);
        let program = Program::new().configured(MAPPINGS);
        let server = variables.fold(program, |program, (name, value)| program.variable(name, &value)).start(&fake);
        server.know(&own);
        fake.take_calls();
        let reviewed = server.review(&server.token(&samples::instance_profile().credential, HOST));
        assert_eq!(reviewed.line("names of instances are looked up").text("host"), host);
        let calls = fake.take_calls();
        assert_eq!(calls.iter().any(|call| call.action == Some("InstanceRegion")), asked, "{host}");
        assert!(calls.iter().any(|call| call.action == Some(ACTION) && call.host == host), "{host}");
    }
}

#[test]
fn settings_that_fit_nothing_are_refused_with_their_line() {
    for (configured, problem) in [
        ("ec2DescribeInstancesQps: many", "server.ec2DescribeInstancesQps: not a number of calls"),
        ("ec2DescribeInstancesBurst: -1", "server.ec2DescribeInstancesBurst: not a number of calls"),
        ("ec2DescribeInstancesRoleARN: describer", "server.ec2DescribeInstancesRoleARN: not the ARN of a role"),
        ("sourceARN: arn:aws:s3:::bucket", "server.sourceARN: not an ARN with an account"),
    ] {
        let error = Program::new().configured(configured).refuses_to_start(None);
        assert!(error.contains(&format!("config.yaml:3: {problem}")), "{error}");
    }
}
