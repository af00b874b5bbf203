//! `token`: what is printed, where, and what becomes of inputs that do not do.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests of a program: files, sockets, processes"
)]

mod support;

use k8s_aws_auth::identity::{AmzDate, EndpointTable};
use k8s_aws_auth::token::Token;
use k8s_aws_auth::tokenreview::ExecCredential;
use k8s_aws_fake::samples::{self, Sample};
use k8s_aws_fake::{FakeAws, Outcome};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};
use support::{HOST, Program, Secrets};

/// The command `token` with an environment of nothing but these variables.
struct TokenCommand {
    sample: Sample,
    command: Command,
    directory: tempfile::TempDir,
}

impl TokenCommand {
    fn new(sample: Sample) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_aws-iam-authenticator"));
        command.current_dir(directory.path()).env_clear().args(["token", "-v", "trace"]);
        // Whether the machine of the test is an instance must not matter.
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        Self { sample, command, directory }
    }

    /// With the keys of the sample, and a cluster.
    fn ready(sample: Sample) -> Self {
        let mut token = Self::new(sample);
        token.command.envs(token.sample.credential.env()).args(["-i", support::CLUSTER]);
        token
    }

    fn argument(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// A configuration file of this content.
    fn configured(mut self, yaml: &str) -> Self {
        let path = self.directory.path().join("config.yaml");
        std::fs::write(&path, yaml).unwrap();
        self.command.arg("--config").arg(path);
        self
    }

    fn run(mut self) -> Ran {
        let before = SystemTime::now();
        let output = self.command.output().unwrap();
        Ran { output, sample: self.sample, before, after: SystemTime::now() }
    }
}

struct Ran {
    output: Output,
    sample: Sample,
    before: SystemTime,
    after: SystemTime,
}

impl Ran {
    fn stdout(&self) -> &str {
        std::str::from_utf8(&self.output.stdout).unwrap()
    }

    /// Standard error, which never has a secret.
    fn stderr(&self) -> &str {
        let mut secrets = Secrets::default();
        secrets.add(self.sample.credential.secret_access_key().as_bytes());
        secrets.add(self.sample.credential.session_token().unwrap_or_default().as_bytes());
        if let Ok(credential) = ExecCredential::from_slice(&self.output.stdout) {
            secrets.add_token(credential.token().expose());
        }
        secrets.assert_not_in(&self.output.stderr, "standard error");
        std::str::from_utf8(&self.output.stderr).unwrap()
    }

    #[track_caller]
    fn printed(&self) -> ExecCredential {
        assert!(self.output.status.success(), "{}", self.stderr());
        assert_eq!(self.stderr(), "", "nothing is said about a success");
        assert_eq!(self.stdout().lines().count(), 1, "the credential and nothing else");
        ExecCredential::from_slice(self.stdout().trim_end().as_bytes()).unwrap()
    }

    /// It failed with exit code 1, said nothing on standard output, and says this on standard error.
    #[track_caller]
    fn failed(&self, wants: &[&str]) {
        self.ended(1, wants);
    }

    /// The command line was not understood: exit code 2.
    #[track_caller]
    fn misunderstood(&self, wants: &[&str]) {
        self.ended(2, wants);
    }

    #[track_caller]
    fn ended(&self, code: i32, wants: &[&str]) {
        assert_eq!(self.output.status.code(), Some(code), "{wants:?}: {}", self.stderr());
        assert_eq!(self.stdout(), "", "{wants:?}");
        for want in wants {
            assert!(self.stderr().contains(want), "{want:?} in {}", self.stderr());
        }
    }

    #[track_caller]
    fn token(&self) -> Token {
        decode(self.printed().token().expose())
    }
}

fn decode(text: &str) -> Token {
    Token::decode(text.as_bytes(), &EndpointTable::standard()).unwrap()
}

#[test]
fn the_answer_is_in_the_version_that_the_client_names() {
    for (info, version) in [
        (None, "client.authentication.k8s.io/v1beta1"),
        (Some(String::new()), "client.authentication.k8s.io/v1beta1"),
        (Some(exec_info("v1")), "client.authentication.k8s.io/v1"),
        (Some(exec_info("v1beta1")), "client.authentication.k8s.io/v1beta1"),
        (Some(exec_info("v1alpha1")), "client.authentication.k8s.io/v1alpha1"),
    ] {
        let command = TokenCommand::ready(samples::user());
        let ran = match &info {
            Some(info) => command.variable("KUBERNETES_EXEC_INFO", info),
            None => command,
        }
        .run();
        assert_eq!(ran.printed().version().api_version(), version);
        let json: serde_json::Value = serde_json::from_str(ran.stdout()).unwrap();
        assert_eq!((&json["kind"], &json["apiVersion"]), (&"ExecCredential".into(), &version.into()));
    }
}

fn exec_info(version: &str) -> String {
    let spec = r#"{"interactive":true,"cluster":{"server":"https://x.example","config":{"a":1}}}"#;
    format!(r#"{{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/{version}","spec":{spec}}}"#)
}

#[test]
fn the_credential_is_good_for_14_minutes_after_signing() {
    let ran = TokenCommand::ready(samples::assumed_role()).run();
    let credential = ran.printed();
    let expiration = credential.expiration().unwrap();
    let signed_at = decode(credential.token().expose()).signed_at();
    let (earliest, latest) = (ran.before - Duration::from_secs(1), ran.after);
    assert!(earliest <= signed_at && signed_at <= latest, "signed at {signed_at:?}");
    // Both are whole seconds; the moment of signing is not.
    assert_eq!(expiration, signed_at + Duration::from_secs(14 * 60));
    let date = AmzDate::from_time(expiration).unwrap().to_string();
    let json: serde_json::Value = serde_json::from_str(ran.stdout()).unwrap();
    let digits: String =
        json["status"]["expirationTimestamp"].as_str().unwrap().chars().filter(|c| !"-:".contains(*c)).collect();
    assert_eq!(digits, date);
}

#[test]
fn the_token_alone_is_one_line() {
    let ran = TokenCommand::ready(samples::user()).argument("--token-only").run();
    assert!(ran.output.status.success());
    assert_eq!(ran.stderr(), "");
    let token = ran.stdout().strip_suffix('\n').unwrap();
    assert!(!token.contains('\n'));
    decode(token);
}

#[test]
fn the_region_is_that_of_the_flag_then_of_the_environment_then_us_east_1() {
    for (flag, region, default_region, host) in [
        (None, None, None, "sts.us-east-1.amazonaws.com"),
        (None, None, Some("eu-west-3"), "sts.eu-west-3.amazonaws.com"),
        (None, Some("eu-west-2"), Some("eu-west-3"), "sts.eu-west-2.amazonaws.com"),
        (Some("eu-west-1"), Some("eu-west-2"), Some("eu-west-3"), "sts.eu-west-1.amazonaws.com"),
        (None, Some(""), Some("eu-west-3"), "sts.eu-west-3.amazonaws.com"),
        (Some("cn-north-1"), None, None, "sts.cn-north-1.amazonaws.com.cn"),
        (Some("us-gov-west-1"), None, None, "sts.us-gov-west-1.amazonaws.com"),
    ] {
        let mut command = TokenCommand::ready(samples::user());
        for (name, value) in [("AWS_REGION", region), ("AWS_DEFAULT_REGION", default_region)] {
            if let Some(value) = value {
                command = command.variable(name, value);
            }
        }
        if let Some(flag) = flag {
            command = command.argument("--region").argument(flag);
        }
        assert_eq!(command.run().token().endpoint().host(), host);
    }
}

#[test]
fn the_cluster_id_is_that_of_the_flag_then_of_the_environment_then_of_the_file() {
    const VARIABLE: &str = "KUBERNETES_AWS_AUTHENTICATOR_CLUSTER_ID";
    let fake = FakeAws::start().unwrap();
    let sample = samples::assumed_role();
    let rules = "mapRoles:\n- rolearn: arn:aws:iam::111122223333:role/developer\n  username: dev";
    for (flag, variable, file, cluster) in [
        (Some("flag.example"), Some("variable.example"), Some("file.example"), "flag.example"),
        (None, Some("variable.example"), Some("file.example"), "variable.example"),
        (None, None, Some("file.example"), "file.example"),
        (None, Some(""), Some("file.example"), "file.example"),
        (Some("odd: a+b \"c\" 100%~"), None, None, "odd: a+b \"c\" 100%~"),
    ] {
        let mut command = TokenCommand::new(sample.clone()).argument("--region=eu-central-1");
        command.command.envs(sample.credential.env());
        if let Some(flag) = flag {
            command = command.argument("--cluster-id").argument(flag);
        }
        if let Some(variable) = variable {
            command = command.variable(VARIABLE, variable);
        }
        if let Some(file) = file {
            // Keys are in any letter case.
            command = command.configured(&format!("CLUSTERID: {file}\n"));
        }
        let credential = command.run().printed();
        // The id is not in the token: only a server of that cluster takes it.
        let server = Program::new().cluster(cluster).configured(rules).start(&fake);
        server.know(&sample.credential);
        server.review(credential.token().expose()).assert_granted(cluster);
        let other = Program::new().cluster("other.example").configured(rules).start(&fake);
        other.review(credential.token().expose()).assert_denied("sts_signature_mismatch", cluster);
    }
}

#[test]
fn every_kind_of_credential_makes_a_token_that_sts_accepts() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().start(&fake);
    for sample in samples::all().into_iter().filter(|sample| sample.identity.partition() == "aws") {
        let ran = TokenCommand::ready(sample.clone()).argument("--region=eu-central-1").run();
        server.know(&sample.credential);
        fake.take_calls();
        server.review(ran.printed().token().expose()).assert_denied("not_mapped", sample.name);
        let calls = fake.take_calls();
        let arn = sample.identity.arn().to_owned();
        assert_eq!(calls[0].outcome, Outcome::Accepted { arn }, "{}", sample.name);
        assert_eq!(calls[0].host, HOST);
        // Servers of old take at most 60 seconds.
        assert!(calls[0].query.contains("X-Amz-Expires=60&"), "{}", sample.name);
    }
}

#[test]
fn an_empty_session_token_is_none() {
    let ran = TokenCommand::ready(samples::user()).variable("AWS_SESSION_TOKEN", "").run();
    assert!(ran.output.status.success(), "{}", ran.stderr());
}

#[test]
fn what_is_missing_or_wrong_is_said_with_a_remedy_and_nothing_is_printed() {
    let alice = samples::user;
    let ready = || TokenCommand::ready(alice());
    let without = |name: &str| {
        let mut command = ready();
        command.command.env_remove(name);
        command
    };
    TokenCommand::new(alice()).argument("-i=x").run().failed(&["no AWS credentials", "AWS_ACCESS_KEY_ID"]);
    without("AWS_SECRET_ACCESS_KEY").run().failed(&["AWS_SECRET_ACCESS_KEY is not set", "set AWS_ACCESS_KEY_ID and"]);
    ready().variable("AWS_ACCESS_KEY_ID", "").run().failed(&["AWS_ACCESS_KEY_ID is not set"]);
    ready().variable("AWS_ACCESS_KEY_ID", "not a key").run().failed(&["check AWS_ACCESS_KEY_ID"]);
    ready().variable("AWS_SESSION_TOKEN", "with a\nline break").run().failed(&["check AWS_SESSION_TOKEN"]);
    ready().variable("AWS_SESSION_TOKEN", &"x".repeat(17_000)).run().failed(&["check AWS_SESSION_TOKEN"]);

    let mut no_cluster = TokenCommand::new(alice());
    no_cluster.command.envs(alice().credential.env());
    no_cluster.run().failed(&["no cluster id", "--cluster-id", "KUBERNETES_AWS_AUTHENTICATOR_CLUSTER_ID", "clusterID"]);
    // Of a flag that stands twice the last one counts.
    ready().argument("-i=two  blanks").run().failed(&["Error: "]);
    ready().argument(&format!("-i={}", "x".repeat(257))).run().failed(&["Error: "]);

    for (info, want) in [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        (r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v2"}"#, "v1, v1beta1 or v1alpha1"),
        (r#"{"kind":"Pod","apiVersion":"v1"}"#, "kind"),
        (r#"{"kind":"ExecCredential"}"#, "apiVersion"),
    ] {
        let ran = ready().variable("KUBERNETES_EXEC_INFO", info).run();
        ran.failed(&["KUBERNETES_EXEC_INFO", want]);
        assert!(ran.stderr().lines().count() >= 2, "what, and what to do: {}", ran.stderr());
    }

    ready().argument("--region=moon").run().failed(&["Error: "]);
    ready().argument("--sts-endpoint=nearby").run().misunderstood(&["dual-stack"]);
    ready().argument("--region=eu-west-1.amazonaws.com.evil.example/").run().failed(&["Error: "]);
    ready().variable("AWS_REGION", "moon west 1").run().failed(&["environment: ", "check --region, AWS_REGION"]);

    ready().argument("--no-such-flag").run().misunderstood(&["--no-such-flag"]);
    ready().argument("stray").run().misunderstood(&["stray"]);
    ready().argument("--feature-gates=X=true").run().failed(&["no feature gate", "SSORoleMatch"]);
    ready().argument("--config=/nonexistent/config.yaml").run().failed(&["/nonexistent/config.yaml"]);
    ready().configured("clusterID: [\n").run().failed(&["config.yaml:"]);
}

#[test]
fn flags_are_written_as_the_go_program_takes_them() {
    let is_bare = |arguments: &[&str]| {
        let command = arguments.iter().fold(TokenCommand::ready(samples::user()), |c, argument| c.argument(argument));
        let ran = command.run();
        assert!(ran.output.status.success(), "{arguments:?}: {}", ran.stderr());
        ran.stdout().starts_with("k8s-aws-v1.")
    };
    for bare in
        [&["--token-only"][..], &["--token-only=true"], &["--token-only=1"], &["--token-only=false", "--token-only=T"]]
    {
        assert!(is_bare(bare), "{bare:?}");
    }
    for whole in [&["--token-only=false"][..], &["--token-only=0"], &["--token-only", "--token-only=F"]] {
        assert!(!is_bare(whole), "{whole:?}");
    }
    TokenCommand::ready(samples::user())
        .argument("--token-only=perhaps")
        .run()
        .misunderstood(&["neither true nor false"]);
    let twice =
        TokenCommand::ready(samples::user()).argument("--region=eu-west-1").argument("--region=eu-west-2").run();
    assert_eq!(twice.token().endpoint().host(), "sts.eu-west-2.amazonaws.com");
}

#[test]
fn a_closed_standard_output_is_a_failure() {
    let mut command = TokenCommand::ready(samples::user());
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let Ok(full) = full else {
        println!("skipped: there is no /dev/full");
        return;
    };
    let output = command.command.stdout(full).stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("standard output"));
}
