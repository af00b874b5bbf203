//! What `begin` refuses, and what a call is about.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::gate::{laws as gate, rows, sigv4};
use http::Response;
use k8s_aws_sts::{Call, ClusterId, ErrorClass, MAX_SKEW, Partition, Policy, Region, Verifier, VerifyError};
use k8s_aws_token::EndpointTable;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn verifier(partition: Partition) -> Verifier {
    Verifier::new(Policy::new(partition))
}

fn cluster(id: &str) -> ClusterId {
    ClusterId::parse(id).unwrap()
}

fn begin(text: impl AsRef<[u8]>, now: SystemTime) -> Result<Call, VerifyError> {
    verifier(Partition::Aws).begin(text, &cluster(rows::CLUSTER), now)
}

fn valid_text() -> String {
    gate::text_of(rows::valid_url())
}

fn answer() -> Response<String> {
    let body = r#"{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"123456789012",
        "Arn":"arn:aws:iam::123456789012:user/alice","UserId":"AIDAIOSFODNN7EXAMPLE"}}}"#;
    Response::builder().header("content-type", "application/json").body(body.to_owned()).unwrap()
}

/// The gate's every row, at the moment at which the token was signed. That a refused token makes no request needs no
/// test: a request comes from a `Call`, and an `Err` holds none.
#[test]
fn begin_judges_every_row_of_the_gate_as_the_gate_does() {
    let all = rows::all();
    assert!(all.len() >= 2000);
    for row in all {
        // Some rows are about another second of the same day.
        let date = row.url.as_deref().map(|url| sigv4::value(url, "X-Amz-Date")).unwrap_or_default();
        let now = k8s_aws_identity::AmzDate::parse(&date).map_or(rows::signed_at(), |date| date.time());
        match begin(&row.text, now) {
            Ok(call) => {
                assert!(row.is_accepted(), "{}", row.name);
                let request = call.request().into_http();
                assert_eq!(request.method(), http::Method::GET);
                assert_eq!(request.version(), http::Version::HTTP_11);
                let url = request.uri().to_string();
                assert!(sigv4::is_signed(&url, rows::CLUSTER, rows::SECRET), "{}", row.name);
                let headers: Vec<_> = request.headers().iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
                assert_eq!(headers, [("accept", &b"application/json"[..]), ("x-k8s-aws-id", rows::CLUSTER.as_bytes())]);
            }
            Err(error) => {
                assert_eq!((error.reason(), error.class()), (&*row.want, ErrorClass::Refused), "{}", row.name);
                assert!(error.class().is_definite());
                assert!(!format!("{error} {error:?}").contains(rows::SESSION_TOKEN.get(..8).unwrap()));
            }
        }
    }
}

#[test]
fn a_token_is_taken_from_fifteen_minutes_before_to_fifteen_minutes_after_its_date() {
    let (text, at) = (valid_text(), rows::signed_at());
    let (minutes, second, nano) = (Duration::from_secs(15 * 60), Duration::from_secs(1), Duration::from_nanos(1));
    for (now, reason) in [
        (at, "accepted"),
        (at + minutes, "accepted"),
        (at + minutes - nano, "accepted"),
        (at + minutes + nano, "token_expired"),
        (at + minutes + second, "token_expired"),
        (at + Duration::from_secs(86_400), "token_expired"),
        (at + Duration::from_secs(86_400 * 365 * 5000), "token_expired"),
        (at - second, "accepted"),
        (at - minutes, "accepted"),
        (at - minutes + nano, "accepted"),
        (at - minutes - nano, "token_not_yet_valid"),
        (at - minutes - second, "token_not_yet_valid"),
        (UNIX_EPOCH, "token_not_yet_valid"),
        (UNIX_EPOCH - Duration::from_secs(86_400 * 365 * 5000), "token_not_yet_valid"),
    ] {
        let judged = begin(&text, now).map_or_else(|error| error.reason(), |_| "accepted");
        assert_eq!(judged, reason, "{:?}", now.duration_since(at));
    }
    let late = begin(&text, at + minutes + second).unwrap_err();
    assert_eq!(late, VerifyError::TokenExpired { age: minutes + second });
    assert!(late.to_string().contains("901 s ago"));
    let early = begin(&text, at - minutes - second).unwrap_err();
    assert_eq!(early, VerifyError::TokenNotYetValid { ahead: minutes + second });
}

/// `X-Amz-Expires` moves nothing: STS ignores it.
#[test]
fn the_lifetime_of_a_token_is_that_of_sts_whatever_it_says() {
    for expires in ["0", "1", "60", "900"] {
        let url = rows::signed(&rows::valid_url().replace("X-Amz-Expires=60", &format!("X-Amz-Expires={expires}")));
        let text = gate::text_of(url);
        assert!(begin(&text, rows::signed_at() + Duration::from_secs(900)).is_ok());
        assert!(begin(&text, rows::signed_at() + Duration::from_secs(901)).is_err());
    }
}

#[test]
fn a_policy_narrows_the_skew_and_cannot_widen_it() {
    let at = rows::signed_at();
    for (skew, ahead, fits) in [
        (Duration::ZERO, Duration::ZERO, true),
        (Duration::ZERO, Duration::from_nanos(1), false),
        (Duration::from_secs(60), Duration::from_secs(60), true),
        (Duration::from_secs(60), Duration::from_secs(61), false),
        (Duration::MAX, MAX_SKEW, true),
        (Duration::MAX, MAX_SKEW + Duration::from_secs(1), false),
    ] {
        let verifier = Verifier::new(Policy::new(Partition::Aws).with_max_skew(skew));
        let judged = verifier.begin(valid_text(), &cluster("production"), at - ahead);
        assert_eq!(judged.is_ok(), fits, "{skew:?} {ahead:?}");
    }
}

#[test]
fn dates_at_the_ends_of_the_calendar_are_judged_without_a_panic() {
    for date in ["19700101T000000Z", "99991231T235959Z"] {
        let url = rows::valid_url().replace("20260615T123456Z", date).replace("20260615", &date[..8]);
        let text = gate::text_of(rows::signed(&url));
        for now in [
            UNIX_EPOCH - Duration::from_secs(1 << 38),
            UNIX_EPOCH,
            rows::signed_at(),
            UNIX_EPOCH + Duration::from_secs(1 << 38),
        ] {
            let judged = begin(&text, now).map(|call| call.token().signed_at());
            assert_eq!(judged.is_ok(), date.starts_with("1970") && now == UNIX_EPOCH, "{date}");
        }
    }
}

#[test]
fn only_hosts_of_the_configured_partition_are_asked() {
    for endpoint in EndpointTable::standard().iter() {
        let url = rows::valid_url().replace("sts.us-west-2.amazonaws.com", endpoint.host());
        let url = rows::signed(&url.replace("%2Fus-west-2%2F", &format!("%2F{}%2F", endpoint.region())));
        for partition in Partition::ALL {
            let begun = verifier(partition).begin(gate::text_of(&url), &cluster("production"), rows::signed_at());
            match begun {
                Ok(call) => {
                    assert_eq!(endpoint.partition(), partition);
                    assert_eq!(call.request().into_http().uri().host(), Some(endpoint.host()));
                    assert_eq!(call.request().endpoint(), endpoint);
                }
                Err(error) => {
                    assert_ne!(endpoint.partition(), partition);
                    let wrong = VerifyError::WrongPartition { actual: endpoint.partition(), expected: partition };
                    assert_eq!(error, wrong);
                    assert_eq!((error.reason(), error.class()), ("token_wrong_partition", ErrorClass::Refused));
                }
            }
        }
    }
}

#[test]
fn a_new_region_is_known_by_configuration_only() {
    let region = Region::parse("xx-new-1").unwrap();
    let text = gate::text_of(rows::signed(&rows::valid_url().replace("us-west-2", "xx-new-1")));
    let begin = |policy| Verifier::new(policy).begin(&text, &cluster("production"), rows::signed_at());
    let refused = begin(Policy::new(Partition::Aws)).unwrap_err();
    assert_eq!(refused.reason(), "token_host_unknown");
    let wider = Policy::new(Partition::Aws).with_region(&region).unwrap();
    assert!(wider.endpoints().find("sts.xx-new-1.amazonaws.com").is_some());
    let call = begin(wider).unwrap();
    assert_eq!(call.request().into_http().uri().host(), Some("sts.xx-new-1.amazonaws.com"));
    // The same name in another partition has another host.
    let refused = begin(Policy::new(Partition::AwsCn).with_region(&region).unwrap()).unwrap_err();
    assert_eq!(refused.reason(), "token_host_unknown");
    assert!(Policy::new(Partition::Aws).with_region(&Region::parse("cn-north-1").unwrap()).is_err());
}

#[test]
fn another_cluster_is_another_key_and_another_request() {
    let text = valid_text();
    let begin = |id: &str| verifier(Partition::Aws).begin(&text, &cluster(id), rows::signed_at()).unwrap();
    let ids = ["production", "Production", "productio", "production2", "staging", "prod uction"];
    for one in ids {
        for other in ids {
            let (a, b) = (begin(one), begin(other));
            assert_eq!(a.key() == b.key(), one == other);
            let (a, b) = (a.request().into_http(), b.request().into_http());
            assert_eq!(a.headers()["x-k8s-aws-id"] == b.headers()["x-k8s-aws-id"], one == other);
            assert_eq!(a.uri(), b.uri(), "the cluster is in no URL");
            // STS would take the one that was signed for and no other.
            let accepted = sigv4::is_signed(&a.uri().to_string(), one, rows::SECRET);
            assert_eq!(accepted, one == rows::CLUSTER);
        }
    }
}

#[test]
fn a_call_is_resumed_by_the_answer_to_its_own_question_only() {
    let other_url = rows::signed(&rows::valid_url().replace("X-Amz-Expires=60", "X-Amz-Expires=61"));
    let texts = [valid_text(), gate::text_of(other_url)];
    let begin = |text: &str, id: &str| verifier(Partition::Aws).begin(text, &cluster(id), rows::signed_at()).unwrap();
    let questions: Vec<_> = texts.iter().flat_map(|text| [(text, "production"), (text, "staging")]).collect();
    for asked in &questions {
        for waiting in &questions {
            let verified = begin(asked.0, asked.1).finish(&answer()).unwrap();
            assert_eq!(verified.cluster().as_str(), asked.1);
            let resumed = begin(waiting.0, waiting.1).resume(verified);
            if asked == waiting {
                assert_eq!(resumed.unwrap().arn(), "arn:aws:iam::123456789012:user/alice");
            } else {
                let error = resumed.unwrap_err();
                assert_eq!((&error, error.reason()), (&VerifyError::OtherCall, "answer_of_other_call"));
                assert!(!error.class().is_definite());
            }
        }
    }
}

#[test]
fn the_many_texts_of_one_signed_request_share_one_question() {
    let url = rows::valid_url();
    let (origin, query) = url.split_once('?').unwrap();
    let turned: Vec<&str> = query.split('&').rev().collect();
    let texts = [url.replace("%2B", "%2b").replace("%2F", "%2f"), format!("{origin}?{}", turned.join("&"))];
    let question = begin(valid_text(), rows::signed_at()).unwrap();
    for other in texts {
        assert_ne!(other, url);
        let waiting = begin(gate::text_of(other), rows::signed_at()).unwrap();
        assert_eq!(waiting.key(), question.key());
        let verified = begin(valid_text(), rows::signed_at()).unwrap().finish(&answer()).unwrap();
        assert!(waiting.resume(verified).is_ok());
    }
}

#[test]
fn nothing_printed_shows_the_token() {
    let call = begin(valid_text(), rows::signed_at()).unwrap();
    let url = call.request().into_http().uri().to_string();
    let printed = format!("{call:?} {:?} {:?}", call.request(), call.key());
    let signature = sigv4::value(&url, "X-Amz-Signature");
    for secret in [signature.as_str(), rows::SESSION_TOKEN, &valid_text()[11..]] {
        for piece in secret.as_bytes().windows(8) {
            assert!(!printed.as_bytes().windows(8).any(|shown| shown == piece), "{printed}");
        }
    }
    // What is shown tells one call from another.
    assert_eq!(
        format!("{:?} {:?}", call.request(), call.key()),
        r#"StsRequest { host: "sts.us-west-2.amazonaws.com", cluster: "production", .. } TokenKey(aws, production)"#
    );
    let verified = call.finish(&answer()).unwrap();
    assert!(!format!("{verified:?}").contains(&signature[..8]));
}

#[test]
fn asking_again_gives_the_same_request() {
    let call = begin(valid_text(), rows::signed_at()).unwrap();
    let (first, second) = (call.request().into_http(), call.request().into_http());
    assert_eq!((first.uri(), first.headers()), (second.uri(), second.headers()));
}
