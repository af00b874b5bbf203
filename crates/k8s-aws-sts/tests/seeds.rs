//! Replays the seeds of the fuzz target `sts_answer`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/laws.rs"]
mod laws;
#[path = "../../k8s-aws-identity/tests/common/seeds.rs"]
mod seeds;

fn seeds() -> Vec<(String, Vec<u8>)> {
    let identity = |arn: &str, user_id: &str| {
        format!(
            r#"{{"GetCallerIdentityResponse":{{"GetCallerIdentityResult":{{"Account":"123456789012","Arn":"{arn}","UserId":"{user_id}"}},"ResponseMetadata":{{"RequestId":"x"}}}}}}"#
        )
    };
    let error =
        |code: &str| format!(r#"{{"Error":{{"Code":"{code}","Message":"x","Type":"Sender"}},"RequestId":"x"}}"#);
    let (json, root) = ("application/json", identity("arn:aws:iam::123456789012:root", "123456789012"));
    let answers = [
        (200, json, root.clone()),
        (200, json, identity("arn:aws:iam::123456789012:user/alice", "AIDAIOSFODNN7EXAMPLE")),
        (200, json, identity("arn:aws:sts::123456789012:assumed-role/r/s", "AROAIOSFODNN7EXAMPLE:s")),
        (200, json, identity("arn:aws:sts::123456789012:federated-user/bob", "123456789012:bob")),
        (
            200,
            json,
            identity(
                "arn:aws:sts::123456789012:assumed-role/aws:ec2-instance/i-0123456789abcdef0",
                "123456789012:aws:ec2-instance:i-0123456789abcdef0",
            ),
        ),
        (200, json, identity("arn:aws-cn:iam::123456789012:root", "123456789012")),
        (200, json, root.replace("\"Arn\"", "\"arn\":null,\"Arn\"")),
        (200, json, root.replace('"', "\\\"")),
        (200, json, root.clone() + &root),
        (200, "application/json; charset=utf-8", root.clone()),
        (200, "text/xml", "<GetCallerIdentityResponse/>".to_owned()),
        (403, json, error("SignatureDoesNotMatch")),
        (403, json, error("InvalidClientTokenId")),
        (403, json, error("ExpiredToken")),
        (400, json, error("Throttling")),
        (503, json, error("SlowDown")),
        (429, "", String::new()),
        (500, json, error("InternalFailure")),
        (302, json, root),
    ];
    let file = |(status, kind, body): &(u16, &str, String)| format!("{status} {kind}\n{body}").into_bytes();
    answers.iter().enumerate().map(|(n, answer)| (format!("answer-{n:02}"), file(answer))).collect()
}

#[test]
fn the_seeds_of_sts_answer_obey_its_laws() {
    seeds::replay("sts_answer", &seeds(), |bytes| {
        if let Some(answer) = laws::response(bytes) {
            let _ = laws::finish(laws::call(), &answer);
        }
    });
    assert!(seeds().iter().all(|(_, bytes)| laws::response(bytes).is_some()));
}
