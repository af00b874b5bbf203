//! Replays the seeds of the fuzz target `review`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/laws.rs"]
mod laws;
#[path = "../../k8s-aws-identity/tests/common/seeds.rs"]
mod seeds;

use aws_credential_types::Credentials;
use k8s_aws_auth::presign::{EndpointKind, Region, StsEndpoint, presign};
use k8s_aws_auth::sts::ClusterId;
use laws::{CUT, Came, now};
use std::collections::BTreeMap;

fn token(kind: EndpointKind) -> String {
    let endpoint = StsEndpoint::in_region(&Region::parse("us-east-1").unwrap(), kind).unwrap();
    let session_token = Some("IQoJb3JpZ2luX2Vj+/==".to_owned());
    let keys = Credentials::new("ASIAIOSFODNN7EXAMPLE", "secret", session_token, None, "test");
    presign(&keys, &endpoint, &ClusterId::parse("production").unwrap(), now()).unwrap().text().expose().to_owned()
}

fn body(version: &str, token: &str) -> String {
    format!(r#"{{"apiVersion":"authentication.k8s.io/{version}","kind":"TokenReview","spec":{{"token":"{token}"}}}}"#)
}

fn identity(arn: &str, account: &str, user_id: &str) -> String {
    let result = format!(r#"{{"Account":"{account}","Arn":"{arn}","UserId":"{user_id}"}}"#);
    format!("200 application/json\n{{\"GetCallerIdentityResponse\":{{\"GetCallerIdentityResult\":{result}}}}}")
}

fn sts_error(status: u16, code: &str) -> String {
    format!("{status} application/json\n{{\"Error\":{{\"Code\":\"{code}\",\"Message\":\"m\"}}}}")
}

fn seeds() -> Vec<(String, Vec<u8>)> {
    let good = body("v1", &token(EndpointKind::Regional));
    let role = |name: &str, session: &str| {
        let arn = format!("arn:aws:sts::123456789012:assumed-role/{name}/{session}");
        identity(&arn, "123456789012", &format!("AROAIOSFODNN7EXAMPLE:{session}"))
    };
    let alice = identity("arn:aws:iam::123456789012:user/alice", "123456789012", "AIDAIOSFODNN7EXAMPLE");
    let answers = [
        ("user", alice.clone()),
        ("instance", role("node", "i-0123456789abcdef0")),
        ("instance-again", role("node", "i-0123456789abcdef0") + " "),
        ("instance-once-more", role("node", "i-0123456789abcdef0") + "  "),
        ("no-instance", role("node", "me")),
        ("session", role("dev", "alice@example.com")),
        ("unknown-role", role("ops", "a")),
        ("account", identity("arn:aws:iam::210987654321:user/x", "210987654321", "AIDAIOSFODNN7EXAMPLE")),
        ("root", identity("arn:aws:iam::123456789012:root", "123456789012", "123456789012")),
        ("mismatch", sts_error(403, "SignatureDoesNotMatch")),
        ("unknown-key", sts_error(403, "InvalidClientTokenId")),
        ("throttled", sts_error(400, "Throttling")),
        ("failure", sts_error(500, "InternalFailure")),
        ("redirect", "302 text/html\n".to_owned()),
        ("silence", String::new()),
    ];
    let mut seeds: Vec<_> = answers.iter().map(|(name, answer)| ((*name).to_owned(), good.clone(), answer)).collect();
    for (name, kind) in
        [("global", EndpointKind::Global), ("dual-stack", EndpointKind::DualStack), ("fips", EndpointKind::Fips)]
    {
        seeds.push((name.to_owned(), body("v1beta1", &token(kind)), &alice));
    }
    seeds.push(("bad-token".to_owned(), body("v1", "k8s-aws-v1.x"), &alice));
    seeds.push(("bad-version".to_owned(), body("v2", "k8s-aws-v1.x"), &alice));
    let file =
        |(name, body, answer): (String, String, &String)| (name, [body.as_bytes(), CUT, answer.as_bytes()].concat());
    seeds.into_iter().map(file).collect()
}

#[test]
fn the_seeds_of_review_obey_its_laws() {
    seeds::replay("review", &seeds(), |bytes| {
        laws::review(bytes);
    });
}

/// Laws that are kept because nothing happens would be worth nothing.
#[test]
fn the_seeds_come_to_every_end() {
    let came: BTreeMap<String, Came> = seeds().into_iter().map(|(name, bytes)| (name, laws::review(&bytes))).collect();
    for (name, end) in [
        ("user", Came::In),
        ("session", Came::In),
        ("account", Came::In),
        ("global", Came::In),
        ("dual-stack", Came::In),
        ("fips", Came::In),
        ("unknown-role", Came::Refused { asked: true }),
        ("unknown-key", Came::Refused { asked: true }),
        ("silence", Came::Refused { asked: true }),
        ("bad-token", Came::Refused { asked: false }),
        ("bad-version", Came::NoReview),
    ] {
        assert_eq!(came[name], end, "{name}");
    }
    let instances = ["instance", "instance-again", "instance-once-more"].map(|name| &came[name]);
    assert!(instances.contains(&&Came::In) && instances.contains(&&Came::Refused { asked: true }), "{instances:?}");
}
