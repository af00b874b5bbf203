//! What is definite: refused by STS by name, or refused before anybody is asked.

use crate::support::{CLUSTER, HOST, Program, mint};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use k8s_aws_fake::{Credential, FakeAws, Fault, Identity, samples};
use std::time::{Duration, SystemTime};

const MAPPINGS: &str = "mapUsers:\n- userarn: arn:aws:iam::111122223333:user/alice\n  username: alice";

#[test]
fn what_sts_refuses_by_name_is_denied_for_good() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).start(&fake);
    for (status, code, reason) in [
        (403, "SignatureDoesNotMatch", "sts_signature_mismatch"),
        (403, "InvalidClientTokenId", "sts_unknown_key"),
        (403, "UnrecognizedClientException", "sts_unknown_key"),
        (403, "ExpiredToken", "sts_credentials_expired"),
        (400, "ExpiredTokenException", "sts_credentials_expired"),
        (400, "RequestExpired", "sts_request_expired"),
        (403, "AccessDenied", "sts_access_denied"),
        (400, "AccessDeniedException", "sts_access_denied"),
        (403, "OptInRequired", "sts_region_disabled"),
        (403, "RegionDisabledException", "sts_region_disabled"),
        (400, "IncompleteSignature", "sts_incomplete_signature"),
        (403, "MissingAuthenticationToken", "sts_incomplete_signature"),
    ] {
        let secret = "canary/7f3a9c+ nobody's business";
        server.keep_secret(secret);
        let injected = fake.inject(Fault::error(status, code, secret).times(1));
        let token = server.token(&samples::user().credential, HOST);
        fake.take_calls();
        server.review(&token).assert_denied(reason, code);
        assert_eq!((injected.hits(), fake.take_calls().len()), (1, 1), "{code}: asked once");
        server.review(&token).assert_granted(&format!("after {code}"));
    }
}

#[test]
fn a_key_that_is_gone_expired_or_wrong_is_denied_for_good() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).start(&fake);
    let alice = || Identity::user("111122223333", "/", "alice");
    let log_in = |credential: &Credential| server.review(&server.token(credential, HOST));

    let removed = fake.issue(alice());
    log_in(&removed).assert_granted("before it is removed");
    assert!(fake.remove(removed.access_key_id()));
    log_in(&removed).assert_denied("sts_unknown_key", "removed");

    let expired = fake.issue(alice());
    fake.set_expiry(expired.access_key_id(), Some(SystemTime::now() - Duration::from_secs(1)));
    log_in(&expired).assert_denied("sts_credentials_expired", "expired");

    let good = fake.issue(alice());
    let wrong = Credential::permanent(good.access_key_id(), "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    log_in(&wrong).assert_denied("sts_signature_mismatch", "another secret key");
    let other = mint(&good, HOST, "another.example", SystemTime::now());
    server.review(&other).assert_denied("sts_signature_mismatch", "another cluster");

    let session = fake.issue(Identity::assumed_role("111122223333", "developer", "x"));
    let (key, secret) = (session.access_key_id(), session.secret_access_key());
    let swapped = Credential::temporary(key, secret, "IQoJb3JpZ2luX2VjAnotherSessionToken");
    log_in(&swapped).assert_denied("sts_unknown_key", "another session token");
    log_in(&Credential::permanent(key, secret)).assert_denied("sts_unknown_key", "no session token");
}

#[test]
fn a_token_that_breaks_a_rule_is_denied_and_nobody_is_asked() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).start(&fake);
    let alice = samples::user().credential;
    server.know(&alice);
    let now = SystemTime::now();
    let minutes = |n: u64| Duration::from_secs(n * 60);
    let good = mint(&alice, HOST, CLUSTER, now);
    let encoded = good.strip_prefix("k8s-aws-v1.").unwrap();
    let url = String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap();
    let changed = |from: &str, to: &str| {
        assert!(url.contains(from), "{from}");
        format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url.replacen(from, to, 1)))
    };
    let signature = url.rsplit_once('=').unwrap().1;
    for (case, token, reason) in [
        ("old", mint(&alice, HOST, CLUSTER, now - minutes(16)), "token_expired"),
        ("from the future", mint(&alice, HOST, CLUSTER, now + minutes(16)), "token_not_yet_valid"),
        ("no prefix", encoded.to_owned(), "token_prefix"),
        ("another version", format!("k8s-aws-v2.{encoded}"), "token_prefix"),
        ("a blank at its end", format!("{good} "), "token_base64"),
        ("padding", format!("{good}="), "token_base64"),
        ("too long", format!("{good}{}", "A".repeat(22_000)), "token_too_long"),
        ("http", changed("https://", "http://"), "token_scheme"),
        ("a user", changed("https://", "https://sts.amazonaws.com@"), "token_userinfo"),
        ("a port", changed("amazonaws.com/", "amazonaws.com:443/"), "token_port"),
        ("another host", changed("amazonaws.com/", "amazonaws.com.evil.example/"), "token_host_unknown"),
        ("the metadata service", changed(HOST, "169.254.169.254"), "token_host_unknown"),
        ("a path", changed("amazonaws.com/", "amazonaws.com/x"), "token_path"),
        ("another action", changed("GetCallerIdentity", "AssumeRole"), "token_action"),
        ("another API version", changed("2011-06-15", "2011-06-16"), "token_version"),
        ("a second action", changed("&Version", "&Action=AssumeRole&Version"), "token_parameter_duplicate"),
        ("one parameter more", changed("&Version", "&RoleArn=x&Version"), "token_parameter_unknown"),
        ("no cluster", changed("host%3Bx-k8s-aws-id", "host"), "token_cluster_unsigned"),
        ("1000 seconds", changed("Expires=60", "Expires=1000"), "token_expires"),
        ("half a signature", changed(signature, &signature[..32]), "token_signature"),
    ] {
        let reviewed = server.review(&token);
        reviewed.assert_denied(reason, case);
        assert!(!reviewed.decision().fields.contains_key("arn"), "{case}: nobody vouched for a caller");
    }
    assert_eq!((fake.counts().connections, fake.counts().calls), (0, 0), "nobody was asked");
    server.review(&good).assert_granted("the good one");
}
