//! Laws that hold for every value, not only for the vectors.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use k8s_aws_tokenreview::{
    AudienceMatch, Audiences, BearerToken, ExecCredential, ExecCredentialVersion, TokenReviewRequest,
    TokenReviewResponse, TokenReviewVersion, UserInfo,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};

mod law;

fn any_text() -> impl Strategy<Value = String> {
    // What JSON escapes, what Go folds, what looks like structure; and anything.
    prop_oneof![
        "[a-zA-Z0-9._-]{0,40}",
        r#"[\x00-\x1f"\\/{}\[\]:,\u{7f}\u{17f}\u{212a}\u{2028}\u{feff}\u{10ffff}a]{0,20}"#,
        any::<String>(),
    ]
}

fn token() -> impl Strategy<Value = String> {
    any_text().prop_filter("a token has a byte", |text| !text.is_empty())
}

fn version() -> impl Strategy<Value = TokenReviewVersion> {
    select(TokenReviewVersion::ALL)
}

fn user() -> impl Strategy<Value = UserInfo> {
    let extra = btree_map(any_text(), vec(any_text(), 0..3), 0..4);
    (token(), any_text(), vec(any_text(), 0..4), extra)
        .prop_map(|(username, uid, groups, extra): (_, _, _, BTreeMap<_, _>)| UserInfo { username, uid, groups, extra })
}

fn response() -> impl Strategy<Value = TokenReviewResponse> {
    let audiences = || vec(any_text(), 0..4);
    prop_oneof![
        (version(), user(), audiences()).prop_map(|(v, user, list)| TokenReviewResponse::authenticated(v, user, list)),
        version().prop_map(TokenReviewResponse::denied),
        (version(), any_text(), audiences())
            .prop_map(|(v, message, list)| TokenReviewResponse::error(v, message, list)),
    ]
}

fn request() -> impl Strategy<Value = TokenReviewRequest> {
    (version(), token(), vec(any_text(), 0..5)).prop_map(|(version, token, audiences)| {
        TokenReviewRequest::new(version, BearerToken::new(token).unwrap(), audiences)
    })
}

proptest! {
    #[test]
    fn a_request_reads_back_as_it_was_built(version in version(), token in token(), audiences in vec(any_text(), 0..5)) {
        let built = TokenReviewRequest::new(version, BearerToken::new(token.as_str()).unwrap(), audiences.clone());
        let read = TokenReviewRequest::from_slice(&built.to_json_exposing_token()).unwrap();
        prop_assert_eq!(read.version(), version);
        prop_assert_eq!(read.token().expose(), token.as_str());
        prop_assert_eq!(read.audiences(), audiences.as_slice());
        prop_assert!(read.into_token().expose() == token);
    }

    #[test]
    fn a_response_reads_back_as_it_was_built(response in response()) {
        let read = TokenReviewResponse::from_slice(&response.to_json()).unwrap();
        prop_assert_eq!(&read, &response);
        prop_assert_eq!(read.to_json(), response.to_json());
    }

    #[test]
    fn a_credential_reads_back_as_it_was_built(
        version in select(ExecCredentialVersion::ALL),
        token in token(),
        seconds in 0_u64..253_402_300_800,
        nanos in 0_u32..1_000_000_000,
    ) {
        let whole = UNIX_EPOCH + Duration::from_secs(seconds);
        let expiration = Some(whole + Duration::from_nanos(nanos.into()));
        let built = ExecCredential::new(version, BearerToken::new(token.as_str()).unwrap(), expiration).unwrap();
        let read = ExecCredential::from_slice(&built.to_json_exposing_token()).unwrap();
        prop_assert_eq!(read.version(), version);
        prop_assert_eq!(read.token().expose(), token.as_str());
        prop_assert_eq!(read.expiration(), Some(whole));
        prop_assert!(read.into_token().expose() == token);
    }

    #[test]
    fn debug_does_not_depend_on_the_token(version in version(), token in token(), other in token()) {
        let shown = |token: &str| {
            let bearer = || BearerToken::new(token).unwrap();
            let credential = ExecCredential::new(ExecCredentialVersion::V1, bearer(), None).unwrap();
            format!("{:?} {:#?}", TokenReviewRequest::new(version, bearer(), Vec::new()), credential)
        };
        prop_assert_eq!(shown(&token), shown(&other));
    }

    #[test]
    fn a_request_cut_short_is_refused(request in request(), cut in any::<Index>()) {
        let json = request.to_json_exposing_token();
        let part = json.get(..cut.index(json.len())).unwrap();
        prop_assert!(TokenReviewRequest::from_slice(part).is_err());
    }

    #[test]
    fn anything_but_white_space_after_a_request_is_refused(request in request(), more in any_text()) {
        let json = [request.to_json_exposing_token(), more.clone().into_bytes()].concat();
        let blank = more.chars().all(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
        match TokenReviewRequest::from_slice(&json) {
            Ok(_) => prop_assert!(blank),
            Err(error) => {
                prop_assert!(!blank);
                prop_assert_eq!(error.reason(), "body_trailing_data");
            }
        }
    }

    #[test]
    fn a_known_name_in_any_other_letter_case_is_refused(
        (name, object) in select(&[
            ("kind", ""), ("apiVersion", ""), ("metadata", ""), ("spec", ""), ("status", ""),
            ("token", "spec"), ("audiences", "spec"),
        ]),
        upper in any::<u16>(),
    ) {
        let mut variant: String = name.chars().enumerate().map(|(i, c)| {
            if upper >> i & 1 == 1 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
        }).collect();
        if variant == name {
            variant.get_mut(..1).unwrap().make_ascii_uppercase();
        }
        let (inside, beside) = if object == "spec" { (&*variant, "x") } else { ("x", &*variant) };
        let json = format!(
            r#"{{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","spec":{{"token":"t","{inside}":1}},"{beside}":1}}"#
        );
        prop_assert_eq!(TokenReviewRequest::from_slice(json.as_bytes()).unwrap_err().reason(), "field_letter_case");
    }

    #[test]
    fn audiences_are_the_intersection(ours in vec("[a-d]", 0..4), requested in vec("[a-d]", 0..4)) {
        let configured = Audiences::new(ours.clone());
        let common: Vec<_> = configured.as_slice().iter().filter(|name| requested.contains(name)).cloned().collect();
        let want = if ours.is_empty() || requested.is_empty() {
            AudienceMatch::Compatible(Vec::new())
        } else if common.is_empty() {
            AudienceMatch::Mismatch
        } else {
            AudienceMatch::Compatible(common)
        };
        prop_assert_eq!(configured.check(&requested), want);
    }

    #[test]
    fn the_laws_of_the_fuzz_target_hold_for_any_bytes(data in vec(any::<u8>(), 0..200)) {
        law::tokenreview(&data);
    }

    #[test]
    fn the_laws_of_the_fuzz_target_hold_for_damaged_documents(
        request in request(), response in response(), damage in vec((any::<Index>(), any::<u8>()), 0..3), which in 0..3,
    ) {
        let mut data = match which {
            0 => request.to_json_exposing_token(),
            1 => response.to_json(),
            _ => {
                let token = BearerToken::new(request.token().expose()).unwrap();
                let credential = ExecCredential::new(ExecCredentialVersion::V1Beta1, token, Some(UNIX_EPOCH)).unwrap();
                credential.to_json_exposing_token()
            }
        };
        for (at, byte) in damage {
            *at.get_mut(&mut data) = byte;
        }
        law::tokenreview(&data);
    }
}
