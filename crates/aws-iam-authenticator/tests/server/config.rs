//! The configuration file: what is odd about it, and checking it without starting.

use crate::support::{Program, Server};
use k8s_aws_fake::FakeAws;
use std::process::Output;

fn check(program: &Program, fake: &FakeAws) -> Output {
    let mut command = program.command(Some(fake));
    command.args(["--check-config", "--log-format=text"]).output().unwrap()
}

fn log(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

const GOOD: &str = "mapUsers:\n- userarn: arn:aws:iam::111122223333:user/alice\n  username: alice\n";

#[test]
fn a_key_that_means_nothing_is_a_warning_with_the_nearest_one_and_an_error_when_asked() {
    let fake = FakeAws::start().unwrap();
    let program = Program::new().configured("mapRole: []\n");
    let server: Server = program.start(&fake);
    let seen = server.seen();
    let warning = seen.iter().find(|line| line.level() == "warning").unwrap();
    assert!(warning.message().contains("did you mean `mapRoles`?"), "{warning:?}");
    assert_eq!(warning.text("code"), "unknown-key");
    drop(server);
    let strict = Program::new().configured("mapRole: []\n").argument("--strict-config");
    let error = strict.refuses_to_start(Some(&fake));
    assert!(error.contains("config.yaml:3: ") && error.contains("mapRoles"), "{error}");
}

#[test]
fn checking_says_what_a_start_would_and_makes_nothing() {
    let fake = FakeAws::start().unwrap();
    let good = Program::new().configured(GOOD);
    let output = check(&good, &fake);
    assert!(output.status.success(), "{}", log(&output));
    assert!(log(&output).contains("the configuration is good") && log(&output).contains("rules=1"), "{}", log(&output));
    assert!(!log(&output).contains("listening"), "{}", log(&output));
    assert!(!good.state().exists() && !good.kubeconfig().exists(), "no file is made");

    for (configuration, problem) in [
        ("mapUsers:\n- userarn: nonsense\n  username: x\n", "1 entries of the mappings are ignored"),
        ("mapUser: []\n", "did you mean `mapUsers`?"),
        ("kubeconfigPregenerated: perhaps\n", "config.yaml:3: server.kubeconfigPregenerated: neither true nor false"),
        ("scrubbedAccounts: [12]\n", "exactly 12 digits"),
        ("stsRegions: [EU WEST]\n", "server.stsRegions: a region is"),
        ("stsRegions: [us-gov-west-1]\n", "server.stsRegions: the region belongs to partition aws-us-gov"),
    ] {
        let program = Program::new().configured(configuration);
        let output = check(&program, &fake);
        assert_eq!(output.status.code(), Some(1), "{configuration}");
        assert!(log(&output).contains(problem), "{problem} in {}", log(&output));
    }
}

#[test]
fn checking_looks_at_the_certificate_that_is_there() {
    let fake = FakeAws::start().unwrap();
    let program = Program::new().configured(GOOD);
    drop(program.start(&fake));
    assert!(check(&program, &fake).status.success());
    std::fs::write(program.state().join("key.pem"), "not a key").unwrap();
    let output = check(&program, &fake);
    assert!(!output.status.success() && log(&output).contains("key.pem"), "{}", log(&output));
}

#[test]
fn checking_reads_the_dynamic_file_and_the_backend_mode_file_too() {
    let fake = FakeAws::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (dynamic, modes) = (directory.path().join("dynamic.json"), directory.path().join("modes.json"));
    let program = Program::new().argument("--backend-mode=DynamicFile").configured(&format!(
        "dynamicfilepath: {}\ndynamicBackendModePath: {}",
        dynamic.display(),
        modes.display()
    ));
    let write = |path, text: &str| std::fs::write(path, text).unwrap();
    write(&dynamic, r#"{"mapUsers": []}"#);
    write(&modes, r#"{"backendMode": "DynamicFile"}"#);
    let output = check(&program, &fake);
    assert!(output.status.success(), "{}", log(&output));
    write(&dynamic, r#"{"mapUsers": [{"userarn": "nonsense", "username": "x"}]}"#);
    let output = check(&program, &fake);
    assert!(
        !output.status.success() && log(&output).contains("1 entries of the mappings are ignored"),
        "{}",
        log(&output)
    );
    write(&dynamic, r#"{"mapUsers": []}"#);
    write(&modes, r#"{"backendMode": "Nowhere"}"#);
    let output = check(&program, &fake);
    assert!(!output.status.success() && log(&output).contains("modes.json"), "{}", log(&output));
}

#[test]
fn what_refuses_to_start_leaves_no_file_behind() {
    let program = Program::new().configured("stsRegions: [us-gov-west-1]\n");
    let error = program.refuses_to_start(None);
    assert!(error.contains("belongs to partition aws-us-gov"), "{error}");
    assert!(!program.state().exists() && !program.kubeconfig().exists());
}

#[test]
fn a_key_that_stands_twice_is_a_warning_with_the_line_that_counts_and_an_error_when_asked() {
    let fake = FakeAws::start().unwrap();
    let program = || Program::new().configured("hostname: first\nHostname: localhost");
    let server = program().start(&fake);
    let seen = server.seen();
    let warning = seen.iter().find(|line| line.level() == "warning").unwrap();
    assert_eq!((warning.text("code"), warning.fields["line"].as_u64()), ("duplicate-key", Some(3)));
    assert!(warning.message().contains("the one in line 4 is used"), "{warning:?}");
    assert!(server.http.url.starts_with("https://localhost:"));
    let error = program().argument("--strict-config").refuses_to_start(Some(&fake));
    assert!(error.contains("config.yaml:3: the key `Hostname` stands twice"), "{error}");
    let output = check(&program(), &fake);
    assert!(!output.status.success() && log(&output).contains("stands twice"), "{}", log(&output));
}
