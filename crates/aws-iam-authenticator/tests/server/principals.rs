//! Every kind of principal, from its token to its user and its lines in the log.

use crate::support::{CLUSTER, HOST, Program, Reviewed, Server};
use k8s_aws_fake::samples::{self, Sample};
use k8s_aws_fake::{FakeAws, Identity};
use serde_json::{Value, json};

/// A rule for every principal of the samples.
const MAPPINGS: &str = r#"
mapUsers:
- userarn: arn:aws:iam::111122223333:user/alice
  username: alice
  groups: [developers, "on call"]
- userarn: arn:aws:iam::111122223333:user/team/ops/bob
  username: ops:bob
- userarn: arn:aws:iam::111122223333:root
  username: account-root
  groups: [system:masters]
- userarn: arn:aws:sts::111122223333:federated-user/erin
  username: federated:erin{{SessionName}}
mapRoles:
- rolearn: arn:aws:iam::111122223333:role/developer
  username: developer:{{SessionName}}
  groups: [developers, "account:{{AccountID}}", "key:{{AccessKeyID}}"]
- sso:
    permissionSetName: ClusterAdmin
    accountID: "111122223333"
  username: admin:{{SessionNameRaw}}
  groups: [system:masters]
- rolearn: arn:aws:iam::111122223333:role/aws:ec2-instance
  username: instance:{{SessionName}}
  groups: [instances]
- rolearn: arn:aws:iam::111122223333:role/worker-node
  username: node:{{SessionName}}
  groups: [system:bootstrappers, system:nodes]
"#;

/// What is expected for a principal; the rest follows from its sample.
struct Want {
    sample: Sample,
    username: &'static str,
    groups: Vec<String>,
    canonical_arn: String,
    session: &'static str,
}

fn wanted() -> Vec<Want> {
    let want = |sample: Sample, username, groups: &[&str], canonical: Option<&str>, session| Want {
        canonical_arn: canonical.unwrap_or(sample.identity.arn()).to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        sample,
        username,
        session,
    };
    let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
    let sso = samples::sso_role();
    let sso_role = sso.identity.arn().split('/').nth(1).unwrap().to_owned();
    let carol = samples::assumed_role();
    let key = format!("key:{}", carol.credential.access_key_id());
    let (developer, instance, node) = (role("developer"), role("aws:ec2-instance"), role("worker-node"));
    vec![
        want(samples::user(), "alice", &["developers", "on call"], None, ""),
        want(samples::user_with_path(), "ops:bob", &[], None, ""),
        want(samples::root(), "account-root", &["system:masters"], None, ""),
        want(
            carol,
            "developer:carol-example.com",
            &["developers", "account:111122223333", &key],
            Some(&developer),
            "carol@example.com",
        ),
        want(sso, "admin:dave@example.com", &["system:masters"], Some(&role(&sso_role)), "dave@example.com"),
        // As in the Go program: no session name, and the user id stays whole.
        want(samples::federated_user(), "federated:erin", &[], None, ""),
        want(
            samples::instance_identity(),
            "instance:i-0123456789abcdef0",
            &["instances"],
            Some(&instance),
            samples::INSTANCE_ID,
        ),
        want(
            samples::instance_profile(),
            "node:i-0123456789abcdef0",
            &["system:bootstrappers", "system:nodes"],
            Some(&node),
            samples::INSTANCE_ID,
        ),
    ]
}

impl Want {
    /// The principal's id: what is left of the user id without the session.
    fn user_id(&self) -> &str {
        let id = self.sample.identity.user_id();
        id.strip_suffix(&format!(":{}", self.session)).filter(|_| !self.session.is_empty()).unwrap_or(id)
    }

    fn answer(&self, api_version: &str) -> Value {
        let one = |text: &str| json!([text]);
        let mut user = json!({
            "username": self.username,
            "uid": format!("aws-iam-authenticator:111122223333:{}", self.user_id()),
            "extra": {
                "accessKeyId": one(self.sample.credential.access_key_id()),
                "arn": one(self.sample.identity.arn()),
                "canonicalArn": one(&self.canonical_arn),
                "principalId": one(self.user_id()),
                "sessionName": one(self.session),
                "sigs.k8s.io/aws-iam-authenticator/principalId": one(self.user_id()),
            },
        });
        if !self.groups.is_empty() {
            user["groups"] = json!(self.groups);
        }
        json!({"kind": "TokenReview", "apiVersion": api_version, "status": {"authenticated": true, "user": user}})
    }

    /// The fields of `STS response` and of `access granted`, as the Go program names them.
    fn lines(&self, text: bool) -> (Value, Value) {
        let sts = json!({
            "msg": "STS response", "level": "info", "path": "/authenticate", "method": "POST",
            "accesskeyid": self.sample.credential.access_key_id(),
            "accountid": "111122223333",
            "arn": self.sample.identity.arn(),
            "session": self.session,
            "stsendpoint": HOST,
            "userid": self.user_id(),
        });
        let groups = match text {
            true => json!(format!("[{}]", self.groups.join(" "))),
            false => json!(self.groups),
        };
        let granted = json!({
            "msg": "access granted", "level": "info", "path": "/authenticate", "method": "POST",
            "arn": self.canonical_arn,
            "groups": groups,
            "stsendpoint": HOST,
            "uid": format!("aws-iam-authenticator:111122223333:{}", self.user_id()),
            "username": self.username,
        });
        (sts, granted)
    }
}

fn program() -> Program {
    Program::new().configured(MAPPINGS).argument("--feature-gates=SSORoleMatch=true")
}

fn log_in(server: &Server, sample: &Sample) -> Reviewed {
    server.review(&server.token(&sample.credential, HOST))
}

#[test]
fn every_kind_of_principal_gets_the_user_of_its_rule_and_its_lines_in_the_json_log() {
    let fake = FakeAws::start().unwrap();
    let server = program().start(&fake);
    for want in wanted() {
        for api_version in ["authentication.k8s.io/v1", "authentication.k8s.io/v1beta1"] {
            let name = want.sample.name;
            fake.take_calls();
            let reviewed = server.review_in(api_version, &server.token(&want.sample.credential, HOST));
            assert_eq!(reviewed.answer.status, 200, "{name}");
            assert_eq!(reviewed.answer.header("content-type"), "application/json", "{name}");
            assert_eq!(reviewed.json, want.answer(api_version), "{name}");
            check_lines(&want, &reviewed, false);
            let calls = fake.take_calls();
            let [call] = &calls[..] else { panic!("{name}: {calls:?}") };
            assert_eq!((call.host.as_str(), call.path.as_str(), call.method.as_str()), (HOST, "/", "GET"));
            assert_eq!(call.headers["x-k8s-aws-id"], CLUSTER, "{name}");
        }
    }
}

#[test]
fn the_text_log_has_the_same_lines() {
    let fake = FakeAws::start().unwrap();
    let server = program().text_log().start(&fake);
    for want in wanted() {
        check_lines(&want, &log_in(&server, &want.sample), true);
    }
}

fn check_lines(want: &Want, reviewed: &Reviewed, text: bool) {
    let (sts, granted) = want.lines(text);
    assert_eq!(reviewed.line("STS response").steady_fields(), sts);
    let line = reviewed.line("access granted");
    let mut fields = line.steady_fields();
    // More than the Go program says: which rule it was.
    let rule = fields.as_object_mut().unwrap().remove("rule").unwrap();
    assert!(rule.as_str().unwrap().starts_with("MountedFile map"), "{rule}");
    assert_eq!(fields, granted);
    let client: std::net::SocketAddr = line.text("client").parse().unwrap();
    assert!(client.ip().is_loopback());
    assert!(line.text("time").ends_with('Z'), "{}", line.raw);
}

#[test]
fn a_caller_without_a_rule_is_denied_for_good_and_named_in_the_log() {
    let fake = FakeAws::start().unwrap();
    let server = program().start(&fake);
    for identity in [
        Identity::assumed_role("111122223333", "intern", "frank"),
        Identity::assumed_role("999988887777", "developer", "carol@example.com"),
        // Its permission set is not the one of the rule, though it begins like it.
        Identity::sso_role("111122223333", "ClusterAdmin_dev", "dave"),
        Identity::user("111122223333", "/", "Alice2"),
        Identity::root("999988887777"),
    ] {
        let credential = fake.issue(identity.clone());
        let reviewed = server.review(&server.token(&credential, HOST));
        reviewed.assert_denied("not_mapped", identity.arn());
        assert_eq!(reviewed.json["apiVersion"], "authentication.k8s.io/v1");
        let sts = reviewed.line("STS response");
        assert_eq!((sts.text("arn"), sts.text("accountid")), (identity.arn(), identity.account()));
        assert_eq!((sts.text("accesskeyid"), sts.text("stsendpoint")), (credential.access_key_id(), HOST));
        let denied = reviewed.decision();
        let role = identity.arn().replace(":sts:", ":iam:").replace(":assumed-role/", ":role/");
        let canonical = if role == identity.arn() { role } else { role.rsplit_once('/').unwrap().0.to_owned() };
        assert_eq!(denied.text("arn"), canonical);
        assert_eq!((denied.text("path"), denied.text("method")), ("/authenticate", "POST"));
        assert!(denied.text("error").contains("no rule"), "{}", denied.raw);
    }
}

#[test]
fn a_scrubbed_accounts_callers_leave_no_trace_but_their_usernames() {
    let fake = FakeAws::start().unwrap();
    for text in [false, true] {
        let program = program().configured("scrubbedAccounts: ['111122223333', \"444455556666\"]");
        let server = if text { program.text_log() } else { program }.start(&fake);
        let mut traces = Vec::new();
        for want in wanted() {
            // The rule of the assumed role puts the account and the key into group names: the operator's own doing.
            if want.sample.name == "assumed-role" {
                continue;
            }
            let reviewed = log_in(&server, &want.sample);
            reviewed.assert_granted(want.sample.name);
            let user = &reviewed.json["status"]["user"];
            assert_eq!(user["username"], want.username);
            assert_eq!(user["uid"], format!("aws-iam-authenticator:administrative:{}", want.username));
            assert!(user.get("extra").is_none(), "{user}");
            assert!(!reviewed.lines.iter().any(|line| line.message() == "STS response"), "{:#?}", reviewed.lines);
            traces.push((want.sample.identity.clone(), want.sample.credential.clone()));
        }
        for identity in [
            Identity::assumed_role("111122223333", "intern", "frank"),
            Identity::user("444455556666", "/", "grace"),
            Identity::root("444455556666"),
        ] {
            let credential = fake.issue(identity.clone());
            server.review(&server.token(&credential, HOST)).assert_denied("not_mapped", identity.arn());
            traces.push((identity, credential));
        }
        for line in server.seen() {
            for (identity, credential) in &traces {
                let user_id = identity.user_id().split(':').next().unwrap();
                for trace in [identity.arn(), identity.account(), user_id, credential.access_key_id()] {
                    assert!(!line.raw.contains(trace), "{trace} in {}", line.raw);
                }
                let canonical = identity.arn().replace(":sts:", ":iam:").replace(":assumed-role/", ":role/");
                assert!(!line.raw.contains(&canonical), "{canonical} in {}", line.raw);
            }
        }
    }
}

#[test]
fn a_caller_of_a_mapped_account_is_its_canonical_arn_without_groups() {
    let fake = FakeAws::start().unwrap();
    let program = Program::new().configured(
        "mapAccounts: ['444455556666']\nmapUsers:\n- userarn: arn:aws:iam::444455556666:user/heidi\n  username: heidi",
    );
    let server = program.start(&fake);
    for (identity, username) in [
        (Identity::user("444455556666", "/x/", "ivan"), "arn:aws:iam::444455556666:user/x/ivan"),
        (Identity::assumed_role("444455556666", "ops", "judy"), "arn:aws:iam::444455556666:role/ops"),
        (Identity::root("444455556666"), "arn:aws:iam::444455556666:root"),
        (Identity::user("444455556666", "/", "heidi"), "heidi"),
    ] {
        let credential = fake.issue(identity.clone());
        let reviewed = server.review(&server.token(&credential, HOST));
        reviewed.assert_granted(identity.arn());
        let user = &reviewed.json["status"]["user"];
        assert_eq!(user["username"], username);
        assert!(user.get("groups").is_none(), "{user}");
        assert_eq!(reviewed.decision().text("username"), username);
    }
    let stranger = fake.issue(Identity::user("444455556667", "/", "ivan"));
    server.review(&server.token(&stranger, HOST)).assert_denied("not_mapped", "another account");
}

#[test]
fn a_server_of_another_partition_takes_its_tokens_and_refuses_those_of_aws_and_the_other_way_round() {
    let fake = FakeAws::start().unwrap();
    let aws = samples::user();
    let cases = [
        (samples::assumed_role_in_china(), "aws-cn", "sts.cn-north-1.amazonaws.com.cn"),
        (samples::assumed_role_in_china(), "aws-cn", "sts.cn-northwest-1.api.amazonwebservices.com.cn"),
        (samples::assumed_role_in_govcloud(), "aws-us-gov", "sts.us-gov-west-1.amazonaws.com"),
        (samples::assumed_role_in_govcloud(), "aws-us-gov", "sts-fips.us-gov-east-1.api.aws"),
    ];
    let plain = program().start(&fake);
    for (sample, partition, host) in cases {
        let rule = format!("mapRoles:\n- rolearn: arn:{partition}:iam::111122223333:role/developer\n  username: dev");
        let program = Program::new().configured(&rule);
        // By the flag, and by the file.
        let program = match host.contains("api") {
            true => program.configured(&format!("partition: {partition}")),
            false => program.argument(&format!("--partition={partition}")),
        };
        let server = program.start(&fake);
        let reviewed = server.review(&server.token(&sample.credential, host));
        reviewed.assert_granted(host);
        assert_eq!(reviewed.json["status"]["user"]["username"], "dev", "{host}");
        assert_eq!(reviewed.line("STS response").text("stsendpoint"), host);

        fake.take_calls();
        let foreign = server.review(&server.token(&aws.credential, HOST));
        foreign.assert_denied("token_wrong_partition", partition);
        let foreign = plain.review(&plain.token(&sample.credential, host));
        foreign.assert_denied("token_wrong_partition", host);
        assert!(fake.take_calls().is_empty(), "nobody is asked about a token of another partition");
    }
}

#[test]
fn the_role_path_that_sts_drops_keeps_no_rule_from_matching() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new()
        .configured("mapRoles:\n- rolearn: arn:aws:iam::111122223333:role/eng/platform/developer\n  username: dev")
        .start(&fake);
    log_in(&server, &samples::assumed_role()).assert_granted("a role with a path");
}
