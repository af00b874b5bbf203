//! Headers for an API server: what the client says of itself goes, and what is written comes out as it went in.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use http::{HeaderMap, HeaderName, HeaderValue};
use k8s_aws_auth::tokenreview::UserInfo;
use k8s_aws_auth_tower::{ImpersonationError, impersonate, strip_credentials};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn user(username: &str) -> UserInfo {
    UserInfo { username: username.to_owned(), ..UserInfo::default() }
}

fn headers(pairs: &[(&str, &[u8])]) -> HeaderMap {
    let pair = |(name, value): &(&str, &[u8])| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

fn all(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).iter().map(|value| String::from_utf8(value.as_bytes().to_vec()).unwrap()).collect()
}

#[test]
fn a_user_is_written_as_kubernetes_reads_it() {
    let extra =
        [("arn", vec!["arn:aws:iam::1:user/a"]), ("sigs.k8s.io/aws-iam-authenticator/principalId", vec!["x", "y"])];
    let extra =
        extra.into_iter().map(|(key, values)| (key.to_owned(), values.into_iter().map(str::to_owned).collect()));
    let user = UserInfo {
        username: "alice@example.com".to_owned(),
        uid: "aws-iam-authenticator:1:A".to_owned(),
        groups: vec!["dev".to_owned(), "system:masters".to_owned()],
        extra: extra.collect(),
    };
    let mut headers = HeaderMap::new();
    impersonate(&mut headers, &user).unwrap();
    let written: Vec<(String, String)> =
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let mut want = [
        ("impersonate-user", "alice@example.com"),
        ("impersonate-group", "dev"),
        ("impersonate-group", "system:masters"),
        ("impersonate-uid", "aws-iam-authenticator:1:A"),
        ("impersonate-extra-arn", "arn:aws:iam::1:user/a"),
        ("impersonate-extra-sigs.k8s.io%2faws-iam-authenticator%2fprincipal%49d", "x"),
        ("impersonate-extra-sigs.k8s.io%2faws-iam-authenticator%2fprincipal%49d", "y"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    want.sort();
    let mut sorted = written;
    sorted.sort();
    assert_eq!(sorted, want);
    assert_eq!(all(&headers, "impersonate-group"), ["dev", "system:masters"], "in their order");
}

#[test]
fn everything_that_a_client_says_of_itself_goes() {
    let hostile: &[(&str, &[u8])] = &[
        ("Authorization", b"Bearer a"),
        ("authorization", b"Basic b"),
        ("Impersonate-User", b"system:admin"),
        ("impersonate-user", b"another"),
        ("IMPERSONATE-GROUP", b"system:masters"),
        ("Impersonate-Uid", b"0"),
        ("Impersonate-Extra-Scopes", b"all"),
        ("Impersonate-Extra-a%2fb", b"all"),
        ("Impersonate-", b"x"),
        ("Impersonate-Whatever-Comes", b"x"),
        ("X-Remote-User", b"system:admin"),
        ("x-remote-group", b"system:masters"),
        ("X-Remote-Extra-Scopes", b"\xff"),
    ];
    let kept: &[(&str, &[u8])] = &[("accept", b"application/json"), ("impersonated", b"no"), ("x-remote", b"no")];
    let mut all_of_them = headers(&[hostile, kept].concat());
    strip_credentials(&mut all_of_them);
    assert_eq!(all_of_them, headers(kept));
    // And a user that is written after them is the only one.
    let mut all_of_them = headers(&[hostile, kept].concat());
    impersonate(&mut all_of_them, &user("alice")).unwrap();
    assert_eq!(all_of_them, headers(&[kept, &[("impersonate-user", b"alice")]].concat()));
}

#[test]
fn no_client_tells_the_next_hop_to_drop_what_is_written() {
    for (connection, want) in [
        ("Impersonate-User", vec![]),
        ("close, Impersonate-User, impersonate-group", vec!["close"]),
        ("Upgrade", vec!["Upgrade"]),
        ("keep-alive,upgrade ,authorization", vec!["keep-alive, upgrade"]),
    ] {
        let mut headers = headers(&[("connection", connection.as_bytes())]);
        strip_credentials(&mut headers);
        assert_eq!(all(&headers, "connection"), want, "{connection}");
    }
    let mut headers =
        headers(&[("connection", b"close"), ("connection", b"impersonate-user"), ("connection", b"\xff")]);
    strip_credentials(&mut headers);
    assert_eq!(all(&headers, "connection"), ["close"]);
}

#[test]
fn no_token_goes_along_as_a_websocket_protocol() {
    let offered =
        "v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.dG9rZW4, BASE64URL.bearer.authorization.k8s.io.x";
    let mut headers = headers(&[("sec-websocket-protocol", offered.as_bytes())]);
    strip_credentials(&mut headers);
    assert_eq!(all(&headers, "sec-websocket-protocol"), ["v4.channel.k8s.io"]);
}

#[test]
fn what_would_not_come_out_of_a_header_as_it_went_in_is_an_error_and_writes_nothing() {
    let bad = [
        "",
        " ",
        "a\r\nImpersonate-Group: system:masters",
        "a\nb",
        "a\rb",
        "a\0",
        "a\u{7f}",
        " admin",
        "admin ",
        "admin\t",
        "a\u{85}",
    ];
    let with = |change: &dyn Fn(&mut UserInfo)| {
        let mut user = user("alice");
        change(&mut user);
        let mut headers = headers(&[("impersonate-user", b"admin"), ("authorization", b"x"), ("accept", b"*/*")]);
        let result = impersonate(&mut headers, &user);
        if result.is_err() {
            assert_eq!(headers, self::headers(&[("accept", b"*/*")]));
        }
        result
    };
    for text in bad {
        assert_eq!(with(&|user| user.username = text.to_owned()), Err(ImpersonationError::Username), "{text:?}");
        assert_eq!(with(&|user| user.groups = vec!["dev".to_owned(), text.to_owned()]), Err(ImpersonationError::Group));
        let extra = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), vec![value.to_owned()])]);
        assert_eq!(with(&|user| user.extra = extra("arn", text)), Err(ImpersonationError::ExtraValue), "{text:?}");
        let want = if text.is_empty() { Ok(()) } else { Err(ImpersonationError::Uid) };
        assert_eq!(with(&|user| user.uid = text.to_owned()), want, "{text:?}");
    }
    let extra = |key: String| BTreeMap::from([(key, vec!["x".to_owned()])]);
    assert_eq!(with(&|user| user.extra = extra(String::new())), Err(ImpersonationError::ExtraKey));
    assert_eq!(with(&|user| user.extra = extra("k".repeat(100_000))), Err(ImpersonationError::ExtraKey));
    let many = with(&|user| user.groups = (0..40_000).map(|n| format!("g{n}")).collect());
    assert!(matches!(many, Ok(()) | Err(ImpersonationError::TooManyHeaders)), "{many:?}");
    assert_eq!(with(&|user| user.username = "münchen".to_owned()), Ok(()));
}

/// How an API server reads the key of an extra value: in lower case, then percent-decoded.
fn decoded(name: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), name.to_ascii_lowercase().into_bytes().into_iter());
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}

proptest! {
    #[test]
    fn a_user_comes_out_as_it_went_in_or_not_at_all(
        username in "\\PC{0,12}|[ -~\\t\\r\\n]{0,12}",
        groups in prop::collection::vec("\\PC{0,8}|[ -~\\n]{0,8}", 0..4),
        extra in prop::collection::btree_map("\\PC{0,10}|[a-zA-Z/%.:\\r\\n]{0,10}", prop::collection::vec("[ -~]{0,6}", 1..3), 0..4),
        client in prop::collection::vec(("[Ii]mpersonate-[a-zA-Z%-]{0,9}|[Xx]-[Rr]emote-[a-z]{0,5}|[Aa]uthorization", "[ -~]{0,9}"), 0..6),
    ) {
        let client: Vec<(&str, &[u8])> =
            client.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let mut headers = headers(&client);
        let user = UserInfo { username, uid: String::new(), groups, extra };
        match impersonate(&mut headers, &user) {
            Err(_) => prop_assert!(headers.is_empty()),
            Ok(()) => {
                prop_assert_eq!(all(&headers, "impersonate-user"), [user.username.clone()]);
                prop_assert_eq!(all(&headers, "impersonate-group"), user.groups.clone());
                let names: BTreeSet<&str> = headers.keys().map(HeaderName::as_str).collect();
                let extra: BTreeMap<String, Vec<String>> = names
                    .iter()
                    .filter_map(|name| Some((decoded(name.strip_prefix("impersonate-extra-")?), all(&headers, name))))
                    .collect();
                prop_assert_eq!(extra, user.extra.clone());
                let others = names.iter().filter(|name| !name.starts_with("impersonate-extra-")).count();
                prop_assert_eq!(others, 1 + usize::from(!user.groups.is_empty()));
            }
        }
    }
}
