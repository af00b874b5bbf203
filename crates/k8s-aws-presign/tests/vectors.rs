//! Tokens equal those of the programs that other people use.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aws_credential_types::Credentials;
use k8s_aws_identity::{AmzDate, EndpointTable};
use k8s_aws_presign::{ClusterId, ParameterOrder, PresignError, StsEndpoint, presign, presign_in_order};
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn rows(file: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(file).unwrap();
    file["rows"].as_array().unwrap().clone()
}

fn botocore() -> Vec<Value> {
    rows(include_str!("vectors/botocore.json"))
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_else(|| panic!("{name} in {}", row["name"]))
}

struct Inputs {
    credentials: Credentials,
    endpoint: StsEndpoint,
    cluster: ClusterId,
    now: SystemTime,
}

fn inputs(row: &Value) -> Inputs {
    let session_token = row["session_token"].as_str().map(str::to_owned);
    Inputs {
        credentials: Credentials::new(
            text(row, "access_key_id"),
            text(row, "secret_access_key"),
            session_token,
            None,
            "vector",
        ),
        endpoint: EndpointTable::standard().find(text(row, "host")).unwrap().clone(),
        cluster: ClusterId::parse(text(row, "cluster_id")).unwrap(),
        now: UNIX_EPOCH + Duration::from_secs(row["unix_time"].as_u64().unwrap()),
    }
}

#[test]
fn tokens_equal_botocores() {
    let rows = botocore();
    assert!(rows.len() >= 40, "{} rows", rows.len());
    for row in rows {
        let Inputs { credentials, endpoint, cluster, now } = inputs(&row);
        let token = presign_in_order(&credentials, &endpoint, &cluster, now, ParameterOrder::Botocore).unwrap();
        assert_eq!(token.text().expose(), text(&row, "token"), "{}", row["name"]);
    }
}

#[test]
fn tokens_equal_those_of_the_go_sdk() {
    let (botocore, go) = (botocore(), rows(include_str!("vectors/go.json")));
    assert_eq!(botocore.len(), go.len());
    for (row, go) in botocore.iter().zip(go) {
        assert_eq!(row["name"], go["name"]);
        let Inputs { credentials, endpoint, cluster, now } = inputs(row);
        let token = presign(&credentials, &endpoint, &cluster, now).unwrap();
        assert_eq!(token.text().expose(), text(&go, "token"), "{}", row["name"]);
    }
}

/// The signer of `aws-sigv4` itself, which shares nothing with the canonical request of this crate.
#[test]
fn signatures_equal_those_of_the_rust_sdk() {
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
    for row in botocore() {
        let Inputs { credentials, endpoint, cluster, now } = inputs(&row);
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(60));
        let identity = credentials.clone().into();
        let params = aws_sigv4::sign::v4::SigningParams::builder()
            .identity(&identity)
            .region(endpoint.region().as_str())
            .name("sts")
            .time(now)
            .settings(settings)
            .build()
            .unwrap();
        let url = format!("https://{}/?Action=GetCallerIdentity&Version=2011-06-15", endpoint.host());
        let headers = [("x-k8s-aws-id", cluster.as_str())];
        let request = SignableRequest::new("GET", &url, headers.into_iter(), SignableBody::Bytes(&[])).unwrap();
        let (_, signature) = sign(request, &params.into()).unwrap().into_parts();
        assert_eq!(signature, text(&row, "signature"), "{}", row["name"]);
    }
}

#[test]
fn a_token_ends_with_its_credentials_or_after_fourteen_minutes() {
    let row = botocore().remove(0);
    let Inputs { credentials, endpoint, cluster, now } = inputs(&row);
    let minutes = |n: u64| now + Duration::from_secs(60 * n);
    for (credentials_end, token_ends) in [
        (None, minutes(14)),
        (Some(minutes(60)), minutes(14)),
        (Some(minutes(14)), minutes(14)),
        (Some(minutes(5)), minutes(5)),
    ] {
        let mut credentials = credentials.clone();
        *credentials.expiry_mut() = credentials_end;
        assert_eq!(presign(&credentials, &endpoint, &cluster, now).unwrap().expires_at(), token_ends);
    }
}

#[test]
fn inputs_that_make_no_valid_token_are_refused_with_a_reason() {
    let row = botocore().remove(0);
    let Inputs { endpoint, cluster, now, .. } = inputs(&row);
    let mint = |key: &str, secret: &str, session: Option<&str>, expiry, now| {
        let credentials = Credentials::new(key, secret, session.map(str::to_owned), expiry, "test");
        presign(&credentials, &endpoint, &cluster, now).map(|_| ()).map_err(|e| e.reason())
    };
    const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
    assert_eq!(mint(KEY, "s", None, None, now), Ok(()));
    assert_eq!(mint("AKIA", "s", None, None, now), Err("access_key_id_malformed"));
    assert_eq!(mint("AKIAIOSFODNN7/EXAMPLE", "s", None, None, now), Err("access_key_id_malformed"));
    assert_eq!(mint(KEY, "", None, None, now), Err("secret_access_key_missing"));
    assert_eq!(mint(KEY, "s", None, Some(now), now), Err("credentials_expired"));
    assert_eq!(mint(KEY, "s", None, Some(now - Duration::from_secs(1)), now), Err("credentials_expired"));
    assert_eq!(mint(KEY, "s", Some("line\nbreak"), None, now), Err("token_security_token"));
    assert_eq!(mint(KEY, "s", Some("tökén"), None, now), Err("token_security_token"));
    assert_eq!(mint(KEY, "s", Some(&"/".repeat(6000)), None, now), Err("token_url_too_long"));
    assert_eq!(mint(KEY, "s", None, None, UNIX_EPOCH - Duration::from_secs(1)), Err("clock_out_of_range"));
    let expired = PresignError::CredentialsExpired { ago: Duration::from_secs(90) };
    assert_eq!(expired.to_string(), "the credentials expired 90 s ago; refresh them");
}

#[test]
fn nothing_printed_shows_the_token() {
    let row = botocore().into_iter().find(|row| row["session_token"].as_str().is_some_and(|t| !t.is_empty())).unwrap();
    let Inputs { credentials, endpoint, cluster, now } = inputs(&row);
    let token = presign(&credentials, &endpoint, &cluster, now).unwrap();
    let printed = format!("{token:?} {:?}", token.text());
    assert!(!printed.contains("k8s-aws-v1") && !printed.contains("aHR0cHM6"), "{printed}");
}

#[test]
fn the_date_of_a_token_is_the_whole_second_of_now() {
    let row = botocore().remove(0);
    let Inputs { credentials, endpoint, cluster, now } = inputs(&row);
    let later = now + Duration::from_millis(999);
    let token = presign(&credentials, &endpoint, &cluster, later).unwrap();
    let read = k8s_aws_token::Token::decode(token.text().expose(), &EndpointTable::standard()).unwrap();
    assert_eq!(read.signed_at(), AmzDate::from_time(now).unwrap().time());
}
