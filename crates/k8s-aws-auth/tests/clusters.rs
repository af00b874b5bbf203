//! A token for one cluster is good for no other, whatever is remembered. `PROPTEST_CASES` raises the number of draws.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use aws_credential_types::Credentials;
use http::Response;
use k8s_aws_auth::presign::{EndpointKind, Region, StsEndpoint, presign};
use k8s_aws_auth::protect::IdentityCache;
use k8s_aws_auth::sts::{ClusterId, Partition, Policy, Verifier};
use k8s_aws_auth::{Authenticator, CallSts, Step, Verified};
use proptest::prelude::*;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const CLUSTERS: [&str; 3] = ["production", "production2", "staging"];
const TOKENS: usize = 6;

/// One login: which token, for which cluster, how many seconds after the first, and whether what is remembered under its
/// own key is used, or what is remembered of somebody else is forced on it.
#[derive(Clone, Debug)]
struct Login {
    token: usize,
    cluster: usize,
    after: u64,
    forced: Option<usize>,
}

fn login() -> impl Strategy<Value = Login> {
    (0..TOKENS, 0..CLUSTERS.len(), 0_u64..300, proptest::option::of(0..TOKENS * CLUSTERS.len()))
        .prop_map(|(token, cluster, after, forced)| Login { token, cluster, after, forced })
}

fn start() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_781_526_896)
}

fn cluster(number: usize) -> ClusterId {
    ClusterId::parse(CLUSTERS[number % CLUSTERS.len()]).unwrap()
}

/// The token of this number, which is signed for the cluster of the same number.
fn token(number: usize) -> String {
    let keys = Credentials::new(format!("AKIAIOSFODNN{number:08}"), "secret", None, None, "test");
    let endpoint = StsEndpoint::in_region(&Region::parse("eu-west-1").unwrap(), EndpointKind::Regional).unwrap();
    presign(&keys, &endpoint, &cluster(number), start()).unwrap().text().expose().to_owned()
}

/// STS, which knows for which cluster it was asked and for which the token is signed.
fn sts(call: &CallSts, number: usize) -> Response<String> {
    let asked = call.request().into_http();
    let (status, body) = match asked.headers()["x-k8s-aws-id"] == cluster(number).as_str() {
        true => (
            200,
            format!(
                r#"{{"GetCallerIdentityResponse":{{"GetCallerIdentityResult":{{"Account":"123456789012","Arn":"arn:aws:iam::123456789012:user/u{number}","UserId":"AIDAIOSFODNN7EXAMPLE"}}}}}}"#
            ),
        ),
        false => (403, r#"{"Error":{"Code":"SignatureDoesNotMatch"}}"#.to_owned()),
    };
    Response::builder().status(status).header("content-type", "application/json").body(body).unwrap()
}

proptest! {
    #[test]
    fn a_token_for_one_cluster_never_verifies_for_another_whatever_is_cached(logins in proptest::collection::vec(login(), 1..40)) {
        let authenticator = Authenticator::new(Verifier::new(Policy::new(Partition::Aws)));
        let mut cache = IdentityCache::new(Duration::from_secs(60), 4);
        let mut vouched = Vec::new();
        let mut now = start();
        for login in logins {
            now = now.max(start() + Duration::from_secs(login.after));
            let asked_for = cluster(login.cluster);
            let Step::CallSts(call) = authenticator.begin(token(login.token), &asked_for, now) else {
                return Err(TestCaseError::fail("a fresh token"));
            };
            let is_its_own = cluster(login.token) == asked_for;
            let forced = login.forced.and_then(|number| vouched.get(number));
            let foreign = forced.filter(|caller: &&k8s_aws_auth::sts::VerifiedCaller| caller.key() != call.key());
            let verified: Verified = match (foreign, cache.get(call.key(), now)) {
                (Some(caller), _) => {
                    let verified = call.resume(Ok(caller.clone()));
                    prop_assert!(verified.result().is_err(), "it took over what was said of another");
                    continue;
                }
                (None, Some(caller)) => call.resume(Ok(caller)),
                (None, None) => {
                    let answer = sts(&call, login.token);
                    call.answer(&answer)
                }
            };
            prop_assert_eq!(verified.result().is_ok(), is_its_own);
            if let Ok(caller) = verified.result() {
                prop_assert_eq!(caller.cluster(), &asked_for);
                prop_assert_eq!(caller.arn(), format!("arn:aws:iam::123456789012:user/u{}", login.token));
                cache.put(caller, now);
                vouched.push(caller.clone());
            }
        }
    }
}
