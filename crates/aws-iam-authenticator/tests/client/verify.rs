//! `verify`

use super::{Desk, token};
use k8s_aws_fake::{FakeAws, Fault, samples};

#[test]
fn a_good_token_tells_its_caller_in_three_forms() {
    let fake = FakeAws::start().unwrap();
    let (desk, sample) = (Desk::with_aws(&fake), samples::assumed_role());
    let token = token(&sample, "prod");
    let json = desk.run(&["verify", "-i", "prod", "-t", &token, "-o", "json"]).ok();
    let key = sample.credential.access_key_id();
    let user_id = sample.identity.user_id().split(':').next().unwrap();
    assert_eq!(
        json,
        format!(
            "{{\n    \"ARN\": \"{}\",\n    \"CanonicalARN\": \"arn:aws:iam::111122223333:role/developer\",\n    \
             \"AccountID\": \"111122223333\",\n    \"UserID\": \"{user_id}\",\n    \"SessionName\": \"carol@example.com\",\n    \
             \"AccessKeyID\": \"{key}\",\n    \"STSEndpoint\": \"sts.eu-west-1.amazonaws.com\"\n}}\n",
            sample.identity.arn()
        )
    );
    // From standard input, where no process list shows it.
    let yaml = desk.run_with(&["verify", "-i", "prod", "-t", "-", "-o", "yaml"], &format!("{token}\n")).ok();
    assert!(yaml.contains("SessionName: carol@example.com\n"), "{yaml}");
    let text = desk.run(&["verify", "-i", "prod", "-t", &token]).ok();
    assert!(text.contains("CanonicalARN arn:aws:iam::111122223333:role/developer\n"), "{text}");
}

#[test]
fn a_bad_token_says_why_and_what_to_do_and_shows_nothing_of_itself() {
    let fake = FakeAws::start().unwrap();
    let desk = Desk::with_aws(&fake);
    let token = token(&samples::assumed_role(), "prod");
    let cases: [(&[&str], &str, &str); 5] = [
        (&["-i", "staging", "-t", &token], "(sts_signature_mismatch)", "compare the cluster id"),
        (&["-i", "prod", "-t", &token[..token.len() - 2]], "(token_", "get a new token"),
        (&["-i", "prod", "-t", "k8s-aws-v2.abc"], "(token_prefix)", "not of a service account"),
        (&["-i", "prod", "-t", &token, "--partition", "aws-cn"], "(token_wrong_partition)", "--partition"),
        (&["-i", "prod"], "no token was given", "--token -"),
    ];
    for (arguments, reason, remedy) in cases {
        let ran = desk.run(&[&["verify"], arguments].concat());
        ran.fails(1, reason);
        ran.fails(1, remedy);
        assert!(ran.stdout.is_empty() && !ran.stderr.contains(&token[30..60]), "{ran:?}");
    }
    fake.inject(Fault::throttling());
    desk.run(&["verify", "-i", "prod", "-t", &token]).fails(1, "(sts_throttled)\n  try again");
}

#[test]
fn a_token_in_the_wrong_place_is_not_repeated() {
    let desk = Desk::new();
    let token = token(&samples::user(), "prod");
    for arguments in
        [&["verify", &token][..], &["verify", "-i", "prod", "--tokn", &token], &["verify", "-o", &token], &[&token]]
    {
        let ran = desk.run(arguments);
        ran.fails(2, "error:");
        assert!(!ran.stderr.contains(&token[11..30]), "{ran:?}");
    }
}
