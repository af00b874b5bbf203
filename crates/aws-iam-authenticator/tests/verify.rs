//! `verify`: the real program, a real token, a fake STS.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests of a program: processes and pipes")]

use k8s_aws_fake::{FakeAws, Fault, samples};
use std::io::Write;
use std::process::{Command, Output, Stdio};

fn run(fake: &FakeAws, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_aws-iam-authenticator"))
        .env_clear()
        .envs(fake.env())
        .envs(samples::assumed_role().credential.env())
        .env("AWS_REGION", "eu-west-1")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that has no use for its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn token(fake: &FakeAws) -> String {
    let output = run(fake, &["token", "-i", "prod", "--token-only"], "");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn a_good_token_tells_its_caller_in_three_forms() {
    let fake = FakeAws::start().unwrap();
    let (token, sample) = (token(&fake), samples::assumed_role());
    let json = run(&fake, &["verify", "-i", "prod", "-t", &token, "-o", "json"], "");
    let key = sample.credential.access_key_id();
    let user_id = sample.identity.user_id().split(':').next().unwrap();
    assert_eq!(
        stdout(&json),
        format!(
            "{{\n    \"ARN\": \"{}\",\n    \"CanonicalARN\": \"arn:aws:iam::111122223333:role/developer\",\n    \
             \"AccountID\": \"111122223333\",\n    \"UserID\": \"{user_id}\",\n    \"SessionName\": \"carol@example.com\",\n    \
             \"AccessKeyID\": \"{key}\",\n    \"STSEndpoint\": \"sts.eu-west-1.amazonaws.com\"\n}}\n",
            sample.identity.arn()
        )
    );
    // From standard input, where no process list shows it.
    let yaml = run(&fake, &["verify", "-i", "prod", "-t", "-", "-o", "yaml"], &format!("{token}\n"));
    assert!(stdout(&yaml).contains("SessionName: carol@example.com\n"), "{}", stdout(&yaml));
    let text = run(&fake, &["verify", "-i", "prod", "-t", &token], "");
    assert!(stdout(&text).contains("CanonicalARN arn:aws:iam::111122223333:role/developer\n"), "{}", stdout(&text));
}

#[test]
fn a_bad_token_says_why_and_shows_nothing_of_itself() {
    let fake = FakeAws::start().unwrap();
    let token = token(&fake);
    let cases: [(&[&str], &str); 5] = [
        (&["-i", "staging", "-t", &token], "(sts_signature_mismatch)"),
        (&["-i", "prod", "-t", &token[..token.len() - 2]], "(token_"),
        (&["-i", "prod", "-t", "k8s-aws-v2.abc"], "(token_prefix)"),
        (&["-i", "prod", "-t", &token, "--partition", "aws-cn"], "(token_wrong_partition)"),
        (&["-i", "prod"], "no token was given"),
    ];
    for (arguments, reason) in cases {
        let output = run(&fake, &[&["verify"], arguments].concat(), "");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains(reason), "{reason} in {}", stderr(&output));
        assert!(output.stdout.is_empty());
        assert!(!stderr(&output).contains(&token[30..60]), "{}", stderr(&output));
    }
    fake.inject(Fault::throttling());
    let output = run(&fake, &["verify", "-i", "prod", "-t", &token], "");
    assert!(stderr(&output).contains("(sts_throttled)\n  try again"), "{}", stderr(&output));
}

#[test]
fn a_token_in_the_wrong_place_is_not_repeated() {
    let fake = FakeAws::start().unwrap();
    let token = token(&fake);
    for arguments in
        [&["verify", &token][..], &["verify", "-i", "prod", "--tokn", &token], &["verify", "-o", &token], &[&token]]
    {
        let output = run(&fake, arguments, "");
        assert_eq!(output.status.code(), Some(1));
        assert!(!stderr(&output).is_empty() && !stderr(&output).contains(&token[11..30]), "{}", stderr(&output));
    }
}
