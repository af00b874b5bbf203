//! One line of the log for each decision, with its reason code, in both forms of the log.

use crate::support::{DECIDED, HOST, Program};
use k8s_aws_fake::{FakeAws, Fault, samples};
use std::collections::BTreeMap;

const MAPPINGS: &str = "mapUsers:\n- userarn: arn:aws:iam::111122223333:user/alice\n  username: alice";

#[test]
fn every_decision_is_one_line_with_its_reason_in_text_and_json() {
    for text in [false, true] {
        let fake = FakeAws::start().unwrap();
        let program = Program::new().configured(MAPPINGS);
        let mut server = if text { program.text_log() } else { program }.start(&fake);
        let (alice, carol) = (samples::user().credential, samples::assumed_role().credential);
        server.review(&server.token(&alice, HOST)).assert_granted("alice");
        server.review(&server.token(&carol, HOST)).assert_denied("not_mapped", "carol");
        server.review("k8s-aws-v1.x").assert_denied("token_base64", "no token");
        let injected = fake.inject(Fault::error(403, "AccessDenied", "no").times(1));
        server.review(&server.token(&alice, HOST)).assert_denied("sts_access_denied", "refused by STS");
        let held = fake.inject(Fault::garbage().times(1));
        server.review(&server.token(&alice, HOST)).assert_error("sts_answer_malformed", "garbage");
        assert_eq!((injected.hits(), held.hits()), (1, 1));
        server.http.post("{}");
        server.lines_until_decided();
        server.terminate();
        assert_eq!(server.wait().code(), Some(0));

        let mut decisions = BTreeMap::new();
        for line in server.seen().iter().filter(|line| DECIDED.contains(&line.message())) {
            let reason = if line.message() == "access granted" { "" } else { line.text("reason") };
            *decisions.entry((line.message().to_owned(), reason.to_owned())).or_insert(0) += 1;
            for key in ["client", "method", "path", "time", "level"] {
                assert!(!line.text(key).is_empty(), "{key} in {line:?}");
            }
        }
        let expected = [
            ("access denied", "not_mapped"),
            ("access denied", "sts_access_denied"),
            ("access denied", "sts_answer_malformed"),
            ("access denied", "token_base64"),
            ("access granted", ""),
            ("could not parse request body", "field_missing"),
        ];
        let expected = expected.map(|(message, reason)| ((message.to_owned(), reason.to_owned()), 1));
        assert_eq!(decisions, BTreeMap::from(expected), "text: {text}");
    }
}
