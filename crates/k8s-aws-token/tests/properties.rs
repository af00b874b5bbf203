//! Laws of the gate, on drawn tokens. `PROPTEST_CASES` raises the number of draws.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;
#[path = "common/near_valid.rs"]
mod near_valid;
#[path = "common/presigned.rs"]
mod presigned;

use arbitrary::{Arbitrary, Unstructured};
use aws_credential_types::Credentials;
use common::{laws, rows, sigv4};
use k8s_aws_identity::{ClusterId, EndpointTable, StsEndpoint};
use k8s_aws_presign::{ParameterOrder, presign_in_order};
use k8s_aws_token::near_valid::NearValidToken;
use k8s_aws_token::{TOKEN_PREFIX, Token};
use proptest::prelude::*;
use std::time::{Duration, UNIX_EPOCH};

/// What a client signs with.
#[derive(Clone, Debug)]
struct Client {
    access_key_id: String,
    secret: String,
    session_token: Option<String>,
    endpoint: StsEndpoint,
    cluster: String,
    seconds: u64,
    order: ParameterOrder,
}

impl Client {
    fn text(&self) -> String {
        let credentials = Credentials::new(&self.access_key_id, &self.secret, self.session_token.clone(), None, "test");
        let now = UNIX_EPOCH + Duration::from_secs(self.seconds);
        let cluster = ClusterId::parse(&self.cluster).unwrap();
        let token = presign_in_order(&credentials, &self.endpoint, &cluster, now, self.order).unwrap();
        token.text().expose().to_owned()
    }
}

fn client() -> impl Strategy<Value = Client> {
    let endpoints: Vec<_> = EndpointTable::standard().iter().cloned().collect();
    (
        "A[KS]IA[A-Z0-9]{16}|[A-Za-z0-9_]{16,128}",
        "[A-Za-z0-9/+]{1,60}",
        proptest::option::of("[!-~]{0,300}"),
        proptest::sample::select(endpoints),
        "[!-~]{1,100}|[a-z]{1,20} [a-z]{1,20}",
        0_u64..253_402_300_800,
        proptest::sample::select(vec![ParameterOrder::Go, ParameterOrder::Botocore]),
    )
        .prop_map(|(access_key_id, secret, session_token, endpoint, cluster, seconds, order)| Client {
            access_key_id,
            secret,
            session_token,
            endpoint,
            cluster,
            seconds,
            order,
        })
}

fn url_of(text: &str) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    String::from_utf8(URL_SAFE_NO_PAD.decode(&text[TOKEN_PREFIX.len()..]).unwrap()).unwrap()
}

fn rebuilt(token: &Token) -> String {
    let mut url = format!("https://{}", token.endpoint().host());
    token.write_path_and_query(&mut url);
    url
}

/// The URL with the hex digits of its escapes in upper case: the one difference that SigV4 does not see.
fn without_escape_case(url: &str) -> String {
    let mut pieces = url.split('%');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |url, piece| format!("{url}%{}{}", piece[..2].to_ascii_uppercase(), &piece[2..]))
}

/// What is signed, and the signature.
fn meaning(url: &str) -> (String, String) {
    (sigv4::canonical_request(url, rows::CLUSTER), sigv4::value(url, "X-Amz-Signature"))
}

/// Law: a byte that is changed, put in or taken out makes a URL that is refused, or one that its signature does not
/// fit, or one that differs in an escape's letter case only. And it never changes which region is asked.
///
/// Tells whether the edited URL is accepted and its signature fits it.
fn one_edit_is_seen(url: &str, edited: &[u8], table: &EndpointTable) -> bool {
    let Ok(token) = Token::decode(laws::text_of(edited), table) else { return false };
    let (text, before) = (std::str::from_utf8(edited).unwrap(), Token::from_url(url, table).unwrap());
    assert_eq!(token.endpoint().region(), before.endpoint().region());
    assert_eq!(meaning(&rebuilt(&token)), meaning(text), "rebuilding repaired a signature");
    let fits = meaning(text) == meaning(url);
    if fits {
        assert_eq!(without_escape_case(text), without_escape_case(url), "a forgery");
        assert_eq!(rebuilt(&token), rebuilt(&before));
    }
    fits
}

#[test]
fn no_edit_of_one_byte_anywhere_goes_unseen() {
    let table = EndpointTable::standard();
    let url = rows::valid_url();
    let judge = |edited: &[u8]| one_edit_is_seen(&url, edited, &table);
    let bytes = url.as_bytes();
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        // What else there is of bytes is in the tables.
        for byte in (b'!'..=b'~').chain([0, b'\t', b'\n', b'\r', b' ', 0x7f, 0x80, 0xff]) {
            judge(&[head, &[byte], tail].concat());
            if let Some((_, tail)) = tail.split_first() {
                judge(&[head, &[byte], tail].concat());
            }
        }
        if let Some((_, tail)) = tail.split_first() {
            judge(&[head, tail].concat());
        }
        judge(head);
        judge(tail);
    }
}

proptest! {
    #[test]
    fn what_a_client_signs_is_accepted_and_sent_on_with_its_signature(client in client()) {
        let table = EndpointTable::standard();
        let text = client.text();
        let token = laws::text(text.as_bytes(), &table).unwrap();
        prop_assert_eq!(token.endpoint(), &client.endpoint);
        prop_assert_eq!(token.access_key_id().as_str(), &client.access_key_id);
        prop_assert_eq!(token.signed_at(), UNIX_EPOCH + Duration::from_secs(client.seconds));
        let url = url_of(&text);
        prop_assert!(sigv4::is_signed(&url, &client.cluster, &client.secret));
        prop_assert!(sigv4::is_signed(&rebuilt(&token), &client.cluster, &client.secret));
        // The cluster is in the signature and nowhere else.
        let other = client.cluster.clone() + "x";
        prop_assert!(!sigv4::is_signed(&rebuilt(&token), &other, &client.secret));
    }

    #[test]
    fn a_signed_url_means_the_same_in_any_order_and_escape_case(client in client(), seed in any::<u64>(), lower in any::<u64>()) {
        let table = EndpointTable::standard();
        let url = url_of(&client.text());
        let (origin, query) = url.split_once('?').unwrap();
        let mut pairs: Vec<&str> = query.split('&').collect();
        pairs.sort_by_key(|pair| pair.bytes().fold(seed, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)));
        let mut piece_no = 0;
        let shuffled: String = format!("{origin}?{}", pairs.join("&"))
            .split_inclusive('%')
            .map(|piece| {
                piece_no = (piece_no + 1) % 64;
                match piece.split_at_checked(2) {
                    // The first piece is what stands before the first escape.
                    Some((hex, rest)) if piece_no > 1 && lower >> piece_no & 1 == 1 => hex.to_ascii_lowercase() + rest,
                    _ => piece.to_owned(),
                }
            })
            .collect();
        let token = laws::url(&shuffled, &table).unwrap();
        prop_assert_eq!(rebuilt(&token), rebuilt(&Token::from_url(&url, &table).unwrap()));
        prop_assert!(sigv4::is_signed(&rebuilt(&token), &client.cluster, &client.secret));
    }

    #[test]
    fn an_edit_of_one_byte_is_seen(client in client(), at in any::<prop::sample::Index>(), byte in any::<u8>(), kind in 0..3) {
        let table = EndpointTable::standard();
        let url = url_of(&client.text());
        let mut edited = url.clone().into_bytes();
        let at = at.index(edited.len());
        match kind {
            0 => edited[at] = byte,
            1 => edited.insert(at, byte),
            _ => drop(edited.remove(at)),
        }
        let _ = laws::text(laws::text_of(&edited).as_bytes(), &table);
        if one_edit_is_seen(&url, &edited, &table) {
            let edited = std::str::from_utf8(&edited).unwrap();
            prop_assert!(sigv4::is_signed(edited, &client.cluster, &client.secret));
        } else if let Ok(edited) = std::str::from_utf8(&edited) {
            let is_forged = sigv4::is_signed(edited, &client.cluster, &client.secret);
            prop_assert!(!is_forged || Token::from_url(edited, &table).is_err());
        }
    }

    #[test]
    fn any_bytes_are_judged_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), prefixed in any::<bool>()) {
        let table = EndpointTable::standard();
        let text = if prefixed { [TOKEN_PREFIX.as_bytes(), &bytes].concat() } else { bytes.clone() };
        let _ = laws::text(&text, &table);
        let _ = laws::text(laws::text_of(&bytes).as_bytes(), &table);
        let _ = laws::url(&String::from_utf8_lossy(&bytes), &table);
    }

    #[test]
    fn any_query_is_judged_without_a_panic(query in "([A-Za-z%=&+;-]{0,12}[=&%]?){0,12}\\PC{0,3}") {
        let _ = laws::url(&format!("https://sts.amazonaws.com/?{query}"), &EndpointTable::standard());
    }

    #[test]
    fn near_valid_tokens_obey_the_laws(bytes in proptest::collection::vec(any::<u8>(), 0..900)) {
        near_valid::url_or_near_valid(&bytes, &EndpointTable::standard());
    }

    #[test]
    fn what_is_minted_of_any_inputs_is_accepted_and_signed(bytes in proptest::collection::vec(any::<u8>(), 60..500)) {
        presigned::presigned(&bytes, &EndpointTable::standard());
    }

    #[test]
    fn two_readers_that_differ_mean_a_refusal(bytes in proptest::collection::vec(any::<u8>(), 0..900)) {
        let drawn = NearValidToken::arbitrary(&mut Unstructured::new(&bytes)).unwrap();
        let Ok(text) = std::str::from_utf8(drawn.url()) else { return Ok(()) };
        let by_url = url::Url::parse(text).ok().and_then(|u| Some((u.host_str()?.to_owned(), u.path().to_owned())));
        let by_http: Option<http::Uri> = text.parse().ok();
        let by_http = by_http.and_then(|u| Some((u.host()?.to_owned(), u.path().to_owned())));
        if by_url != by_http || by_url.is_none() {
            prop_assert!(Token::from_url(text, &EndpointTable::standard()).is_err(), "{}", text);
        }
    }
}

/// The generator is worth nothing where it draws one side of the gate only.
#[test]
fn near_valid_tokens_lie_on_both_sides_of_every_rule() {
    let table = EndpointTable::standard();
    let mut reasons = std::collections::BTreeMap::new();
    let mut state = 1_u64;
    for _ in 0..4000 {
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .take(900)
        .collect();
        let drawn = NearValidToken::arbitrary(&mut Unstructured::new(&bytes)).unwrap();
        let reason = Token::decode(drawn.text(), &table).map_or_else(|error| error.reason(), |_| "accepted");
        *reasons.entry(reason).or_insert(0) += 1;
    }
    assert!(reasons["accepted"] > 400, "{reasons:?}");
    let source = include_str!("../src/error.rs");
    for reason in source.split('"').filter(|text| text.starts_with("token_")) {
        // Made-up tokens are short.
        if !reason.ends_with("too_long") {
            assert!(reasons.contains_key(reason), "{reason} never came up in {reasons:?}");
        }
    }
}
