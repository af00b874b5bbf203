//! `--cache`: one session for many starts of the program.

use crate::home::{ACCOUNT, Home, Run, session, user};
use k8s_aws_fake::{Identity, Role, samples};
use std::time::Duration;

const FILE: &str = ".kube/cache/aws-iam-authenticator/credentials/credentials.json";

fn arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{role}")
}

fn cached<'a>(home: &'a Home, role: &str) -> Run<'a> {
    let run = home.token().variables(samples::user().credential.env()).argument("--cache");
    run.argument("-s").argument("s1").argument("-r").argument(&arn(role))
}

fn assumed(home: &Home) -> usize {
    home.actions().iter().filter(|action| **action == "AssumeRole").count()
}

#[test]
fn the_session_of_a_role_is_kept_under_all_that_led_to_it() {
    let home = Home::new();
    home.fake.add_role(Role::new(ACCOUNT, "a"));
    home.fake.add_role(Role::new(ACCOUNT, "b"));
    for _ in 0..3 {
        assert_eq!(cached(&home, "a").caller(), session("a", "s1"));
    }
    assert_eq!(assumed(&home), 1);
    assert_eq!(cached(&home, "b").caller(), session("b", "s1"));
    assert_eq!(cached(&home, "a").argument("-s").argument("t1").caller(), session("a", "t1"));
    let bob = home.fake.issue(Identity::user(ACCOUNT, "/", "bob"));
    cached(&home, "a").variables(bob.env()).caller();
    cached(&home, "a").argument("--region=eu-west-2").caller();
    home.config("[default]\nregion = eu-west-3\n");
    cached(&home, "a").caller();
    assert_eq!(assumed(&home), 5, "role, session name, key, region, configuration");
    cached(&home, "a").caller();
    assert_eq!(assumed(&home), 0);
    // Without the flag nothing is read or written.
    let before = std::fs::read(home.path(FILE)).unwrap();
    let run = home.token().variables(samples::user().credential.env()).argument("-s").argument("s1");
    run.argument("-r").argument(&arn("a")).caller();
    assert_eq!((assumed(&home), std::fs::read(home.path(FILE)).unwrap()), (1, before));
}

#[test]
fn keys_of_the_environment_without_a_role_are_not_kept() {
    let home = Home::new();
    assert_eq!(home.token().variables(samples::user().credential.env()).argument("--cache").caller(), user("alice"));
    assert!(!home.path(FILE).exists());
}

#[test]
fn credentials_of_this_machine_are_not_kept() {
    let home = Home::new();
    home.fake.add_role(Role::new(ACCOUNT, "r"));
    home.fake.set_instance_role(Some(Identity::instance_profile(ACCOUNT, "worker", samples::INSTANCE_ID)));
    for _ in 0..2 {
        let run = home.token().variables(home.fake.instance_env()).argument("--cache");
        assert_eq!(run.argument("-s").argument("s1").argument("-r").argument(&arn("r")).caller(), session("r", "s1"));
        assert_eq!(assumed(&home), 1);
    }
}

#[test]
fn what_is_about_to_end_is_assumed_anew() {
    let home = Home::new();
    home.fake.add_role(Role::new(ACCOUNT, "r"));
    home.fake.set_session_lifetime(Duration::from_secs(240));
    cached(&home, "r").caller();
    home.fake.set_session_lifetime(Duration::from_secs(3600));
    cached(&home, "r").caller();
    assert_eq!(assumed(&home), 2);
    cached(&home, "r").caller();
    assert_eq!(assumed(&home), 0);
}

#[test]
fn many_at_once_assume_a_role_once_and_none_spoils_the_file() {
    let home = Home::new();
    home.fake.add_role(Role::new(ACCOUNT, "r"));
    home.fake.add_role(Role::new(ACCOUNT, "q"));
    let roles = ["r", "q", "r", "q", "r", "q", "r", "q", "r", "q", "r", "q"];
    let running: Vec<_> = roles.iter().map(|role| (role, cached(&home, role).start())).collect();
    for (role, running) in running {
        let ran = running.wait();
        assert_eq!(ran.stderr(), "");
        assert_eq!(ran.caller(), session(role, "s1"));
    }
    assert_eq!(assumed(&home), 2);
    let text = std::fs::read_to_string(home.path(FILE)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["sessions"].as_object().unwrap().len(), 2);
}

#[test]
fn an_mfa_code_is_asked_for_once_a_session() {
    let home = Home::new();
    let (_, alice) = home.user("alice");
    home.fake.add_role(Role::new(ACCOUNT, "admin").mfa("device", "123456"));
    home.config(&format!(
        "[profile base]\n{alice}[profile admin]\nrole_arn = {}\nsource_profile = base\nmfa_serial = device\n",
        arn("admin")
    ));
    let ran = home.token().profile("admin").argument("--cache").input("123456\n").run();
    assert!(ran.output.status.success(), "{}", ran.stderr());
    let never =
        r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}"#;
    let again = home.token().profile("admin").argument("--cache").variable("KUBERNETES_EXEC_INFO", never);
    assert!(again.caller().starts_with(&session("admin", "")));
}

#[test]
fn a_damaged_cache_is_a_warning_and_is_mended() {
    let home = Home::new();
    home.fake.add_role(Role::new(ACCOUNT, "r"));
    cached(&home, "r").caller();
    std::fs::write(home.path(FILE), "{\"version\":1,\"sessions\":{\"").unwrap();
    let ran = cached(&home, "r").run();
    assert!(ran.stderr().starts_with("Warning: ") && ran.stderr().contains("is damaged"), "{}", ran.stderr());
    assert_eq!(ran.caller(), session("r", "s1"));
    assert_eq!(cached(&home, "r").caller(), session("r", "s1"));
    // No place for one is no reason to fail either.
    let blocked = home.file("blocked.d", "a file");
    let ran =
        cached(&home, "r").variable("AWS_IAM_AUTHENTICATOR_CACHE_FILE", blocked.strip_suffix(".d").unwrap()).run();
    assert!(ran.stderr().starts_with("Warning: cannot use the folder "), "{}", ran.stderr());
    assert_eq!(ran.caller(), session("r", "s1"));
    let nowhere = cached(&home, "r").without("HOME").without("USERPROFILE").run();
    assert!(nowhere.stderr().starts_with("Warning: there is no home folder"), "{}", nowhere.stderr());
    assert_eq!(nowhere.caller(), session("r", "s1"));
}

#[test]
fn the_file_of_the_go_program_is_left_alone() {
    let home = Home::new();
    home.fake.add_role(Role::new(ACCOUNT, "r"));
    let go = "clusters:\n  x:\n    default:\n      r:\n        credential:\n          accesskeyid: AKIA\n";
    let usual = home.file(".kube/cache/aws-iam-authenticator/credentials.yaml", go);
    let named = home.file("elsewhere/go.yaml", go);
    cached(&home, "r").caller();
    cached(&home, "r").variable("AWS_IAM_AUTHENTICATOR_CACHE_FILE", &named).caller();
    for file in [&usual, &named] {
        assert_eq!(std::fs::read_to_string(file).unwrap(), go);
    }
    assert!(home.path(FILE).exists());
    assert!(home.path("elsewhere/go.yaml.d/credentials.json").exists(), "beside the file that the variable names");
}
