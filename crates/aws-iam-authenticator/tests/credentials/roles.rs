//! Roles: by flag, by profile, with all that a trust policy may ask for.

use crate::home::{ACCOUNT, Home, session, user};
use k8s_aws_auth::identity::AmzDate;
use k8s_aws_fake::{Identity, Role, samples};
use std::time::Duration;

fn arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{role}")
}

#[test]
fn the_role_is_that_of_the_flag_then_of_the_environment_and_an_empty_one_is_none() {
    let home = Home::new();
    home.fake.add_role(Role::new(ACCOUNT, "flag").external_id("id-1"));
    home.fake.add_role(Role::new(ACCOUNT, "variable"));
    let alice = || home.token().variables(samples::user().credential.env()).argument("--session-name=me");
    let caller = alice().argument("--role").argument(&arn("flag")).argument("--external-id=id-1").caller();
    assert_eq!(caller, session("flag", "me"));
    assert_eq!(alice().variable("DEFAULT_ROLE", &arn("variable")).caller(), session("variable", "me"));
    let both = alice().variable("DEFAULT_ROLE", &arn("variable")).argument("-r").argument(&arn("flag"));
    assert_eq!(both.argument("-e").argument("id-1").caller(), session("flag", "me"));
    assert_eq!(alice().variable("DEFAULT_ROLE", "").caller(), user("alice"));
}

#[test]
fn a_role_is_assumed_in_the_region_of_the_token() {
    let home = Home::new();
    home.fake.add_role(Role::new(ACCOUNT, "r"));
    let assumed_at = |arguments: &[&str]| {
        let run = home.token().variables(samples::user().credential.env()).argument("-r").argument(&arn("r"));
        arguments.iter().fold(run, |run, argument| run.argument(argument)).caller();
        home.fake.take_calls().iter().find(|call| call.action == Some("AssumeRole")).unwrap().host.clone()
    };
    assert_eq!(assumed_at(&[]), "sts.eu-west-1.amazonaws.com");
    assert_eq!(assumed_at(&["--region=eu-central-1"]), "sts.eu-central-1.amazonaws.com");
    assert_eq!(assumed_at(&["--region=us-east-1", "--sts-endpoint=fips"]), "sts-fips.us-east-1.amazonaws.com");
    // Only tokens are for the global endpoint.
    assert_eq!(assumed_at(&["--sts-endpoint=global"]), "sts.eu-west-1.amazonaws.com");
}

#[test]
fn the_name_of_a_session_is_carried_on_where_there_is_one() {
    let home = Home::new();
    home.fake.add_role(Role::new(ACCOUNT, "next"));
    let with = |identity: Identity| {
        let credential = home.fake.issue(identity);
        let run = home.token().variables(credential.env()).argument("-r").argument(&arn("next"));
        run.argument("--forward-session-name").caller()
    };
    assert_eq!(with(Identity::assumed_role(ACCOUNT, "dev", "carol@example.com")), session("next", "carol@example.com"));
    let without = with(Identity::user(ACCOUNT, "/", "alice"));
    assert!(without.starts_with(&session("next", "k8s-aws-auth-")), "{without}");
    let instance = with(Identity::instance_identity(ACCOUNT, samples::INSTANCE_ID));
    assert!(instance.starts_with(&session("next", "k8s-aws-auth-")), "{instance}");
}

#[test]
fn profiles_chain_roles_and_the_flag_puts_one_on_top() {
    let home = Home::new();
    let (_, alice) = home.user("alice");
    home.fake.add_role(Role::new(ACCOUNT, "a").trusts(&user("alice")).external_id("x"));
    home.fake.add_role(Role::new(ACCOUNT, "b").trusts(&session("a", "sa")));
    home.fake.add_role(Role::new(ACCOUNT, "c").trusts(&session("b", "sb")));
    home.config(&format!(
        "[profile base]\n{alice}[profile a]\nrole_arn = {}\nsource_profile = base\nexternal_id = x\nrole_session_name = sa\n\
         [profile b]\nrole_arn = {}\nsource_profile = a\nrole_session_name = sb\n",
        arn("a"),
        arn("b")
    ));
    assert_eq!(home.token().profile("b").caller(), session("b", "sb"));
    let top = home.token().profile("b").argument("-r").argument(&arn("c")).argument("-s").argument("sc");
    assert_eq!(top.caller(), session("c", "sc"));
}

#[test]
fn a_role_takes_its_credentials_from_each_named_source() {
    let home = Home::new();
    home.fake.add_role(Role::new(ACCOUNT, "r"));
    home.fake.set_container_role(Identity::assumed_role(ACCOUNT, "task", "t-1"), "pass");
    home.fake.set_instance_role(Some(Identity::instance_profile(ACCOUNT, "worker", samples::INSTANCE_ID)));
    for (source, action) in [("EcsContainer", "ContainerCredentials"), ("Ec2InstanceMetadata", "InstanceCredentials")] {
        home.config(&format!(
            "[profile p]\nrole_arn = {}\ncredential_source = {source}\nrole_session_name = s1\n",
            arn("r")
        ));
        let machine = || {
            let run = home.token().profile("p").variables(home.fake.instance_env());
            run.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", &home.fake.container_uri())
                .variable("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pass")
        };
        assert_eq!(machine().caller(), session("r", "s1"), "{source}");
        assert!(home.actions().contains(&action), "{source}");
        // Keys of the environment come before any profile.
        assert_eq!(machine().variables(samples::user().credential.env()).caller(), user("alice"));
        home.actions();
    }
}

const DEVICE: &str = "arn:aws:iam::111122223333:mfa/alice";

fn with_mfa(home: &Home) {
    let (_, alice) = home.user("alice");
    home.fake.add_role(Role::new(ACCOUNT, "admin").mfa(DEVICE, "123456"));
    home.config(&format!(
        "[profile base]\n{alice}[profile admin]\nrole_arn = {}\nsource_profile = base\nmfa_serial = {DEVICE}\n\
         role_session_name = s1\n",
        arn("admin")
    ));
}

fn exec_info(interactive: bool) -> String {
    format!(
        r#"{{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{{"interactive":{interactive}}}}}"#
    )
}

#[test]
fn an_mfa_code_is_asked_for_on_standard_error_and_may_come_through_a_pipe() {
    let home = Home::new();
    with_mfa(&home);
    for info in [String::new(), exec_info(true)] {
        let ran = home.token().profile("admin").variable("KUBERNETES_EXEC_INFO", &info).input("123456\n").run();
        assert_eq!(ran.stderr(), format!("MFA code for {DEVICE}: "));
        assert_eq!(ran.caller(), session("admin", "s1"));
    }
}

#[test]
fn nobody_is_asked_where_nobody_is() {
    let home = Home::new();
    with_mfa(&home);
    let admin = || home.token().profile("admin");
    let told = admin().variable("KUBERNETES_EXEC_INFO", &exec_info(false)).input("123456\n").fails(&[
        DEVICE,
        "not interactive",
        "interactiveMode",
        "--cache",
    ]);
    assert!(!told.contains("MFA code for"), "{told}");
    admin().fails(&["standard input has ended", "pipe it"]);
    let told = admin().input("654321\n").fails(&[&arn("admin"), "AccessDenied", "each one counts once"]);
    assert!(!told.contains("654321"), "{told}");
}

#[test]
fn the_token_ends_with_its_credentials() {
    let home = Home::new();
    home.fake.add_role(Role::new(ACCOUNT, "r"));
    home.fake.set_session_lifetime(Duration::from_secs(400));
    let run = home.token().variables(samples::user().credential.env()).argument("-r").argument(&arn("r")).run();
    let (expires, signed) = (run.credential().expiration().unwrap(), run.token().signed_at());
    let left = expires.duration_since(signed).unwrap();
    assert!(left <= Duration::from_secs(400) && left > Duration::from_secs(100), "{left:?}");
    // What the environment says of its keys counts too.
    let soon = AmzDate::from_time(std::time::SystemTime::now() + Duration::from_secs(300)).unwrap().to_string();
    let part = |range| soon.get(range).unwrap();
    let time =
        format!("{}-{}-{}T{}:{}:{}Z", part(0..4), part(4..6), part(6..8), part(9..11), part(11..13), part(13..15));
    let exported =
        home.token().variables(samples::user().credential.env()).variable("AWS_CREDENTIAL_EXPIRATION", &time);
    let json: serde_json::Value = serde_json::from_slice(&exported.run().output.stdout).unwrap();
    assert_eq!(json["status"]["expirationTimestamp"], time.as_str());
}

#[test]
fn flags_that_exclude_each_other_are_refused() {
    let home = Home::new();
    let run = home.token().argument("--forward-session-name").argument("--session-name=x").run();
    assert_eq!(run.output.status.code(), Some(2), "{}", run.stderr());
    assert!(run.stderr().contains("exclude each other"), "{}", run.stderr());
}
