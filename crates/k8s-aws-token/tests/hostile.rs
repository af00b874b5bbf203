//! Every row of the tables under `tests/hostile/` is judged as it says, for the reason it says.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::rows::{CLUSTER, Row, SECRET, SESSION_TOKEN, signed, valid_url};
use common::{laws, rows, sigv4};
use k8s_aws_token::{EndpointTable, MAX_TOKEN_LEN, MAX_URL_LEN, TOKEN_PREFIX, Token, TokenError};
use std::collections::HashSet;

/// Judges a row; the complaint, if there is one.
fn judge(row: &Row, table: &EndpointTable) -> Result<(), String> {
    let result = match &row.url {
        Some(url) => laws::url(url, table),
        None => laws::text(&row.text, table),
    };
    match result {
        Ok(token) if row.is_accepted() => {
            // What is sent on carries the signature of the client, and it is still right.
            let mut sent = format!("https://{}", token.endpoint().host());
            token.write_path_and_query(&mut sent);
            assert!(sigv4::is_signed(row.url.as_deref().unwrap(), CLUSTER, SECRET), "{}", row.name);
            assert!(sigv4::is_signed(&sent, CLUSTER, SECRET), "{}", row.name);
            Ok(())
        }
        Ok(_) => Err(format!("{}: accepted, and is to be refused as {}", row.name, row.want)),
        Err(error) => {
            shows_nothing_of(&error, row);
            match error.reason() == row.want {
                true => Ok(()),
                false => Err(format!("{}: {}, and is to be {}", row.name, error.reason(), row.want)),
            }
        }
    }
}

/// Neither message nor `Debug` repeats eight bytes of anything secret: signature, session token, token text.
fn shows_nothing_of(error: &TokenError, row: &Row) {
    let printed = format!("{error} {error:?}");
    let shown: HashSet<&[u8]> = printed.as_bytes().windows(8).collect();
    let signature = row.url.as_deref().map(|url| sigv4::value(url, "X-Amz-Signature")).unwrap_or_default();
    let text = row.text.strip_prefix(TOKEN_PREFIX.as_bytes()).unwrap_or_default();
    for secret in [signature.as_bytes(), SESSION_TOKEN.as_bytes(), text] {
        assert!(!secret.windows(8).any(|piece| shown.contains(piece)), "{}: {printed}", row.name);
    }
}

#[test]
fn every_row_is_judged_as_it_says() {
    let table = EndpointTable::standard();
    let rows = rows::all();
    let refused = rows.iter().filter(|row| !row.is_accepted()).count();
    assert!(rows.len() >= 2000 && refused >= 1900, "the tables were cut down to {} rows", rows.len());
    let complaints: Vec<_> = rows.iter().filter_map(|row| judge(row, &table).err()).collect();
    assert!(complaints.is_empty(), "{} of {}:\n{}", complaints.len(), rows.len(), complaints.join("\n"));
}

/// Every refusal that a client can bring about by a token text has rows.
#[test]
fn every_reason_is_in_the_tables() {
    // Those two are about length, and are tested below.
    let elsewhere = ["token_too_long", "token_url_too_long"];
    let rows = rows::all();
    let source = include_str!("../src/error.rs");
    let reasons = source.split('"').filter(|text| text.starts_with("token_"));
    for reason in reasons.filter(|reason| !elsewhere.contains(reason)) {
        assert!(rows.iter().any(|row| row.want == reason), "no row is refused as {reason}");
    }
}

#[test]
fn a_url_of_sixteen_kib_is_accepted_and_one_byte_more_is_not() {
    let table = EndpointTable::standard();
    let of_length = |len: usize| {
        let padding = "a".repeat(len - valid_url().len());
        signed(&valid_url().replace(SESSION_TOKEN, &format!("{SESSION_TOKEN}{padding}")))
    };
    let longest = of_length(MAX_URL_LEN);
    assert_eq!(longest.len(), MAX_URL_LEN);
    let text = laws::text_of(&longest);
    assert_eq!(text.len(), MAX_TOKEN_LEN);
    laws::text(text.as_bytes(), &table).unwrap();
    laws::url(&longest, &table).unwrap();

    let over = of_length(MAX_URL_LEN + 1);
    let text = laws::text_of(&over);
    assert_eq!(text.len(), MAX_TOKEN_LEN + 1);
    let too_long = TokenError::TooLong { len: MAX_TOKEN_LEN + 1, limit: MAX_TOKEN_LEN };
    assert_eq!(Token::decode(&text, &table).unwrap_err(), too_long);
    let too_long = TokenError::UrlTooLong { len: MAX_URL_LEN + 1, limit: MAX_URL_LEN };
    assert_eq!(Token::from_url(&over, &table).unwrap_err(), too_long);
}

#[test]
fn length_is_judged_before_anything_else() {
    let table = EndpointTable::standard();
    for junk in ["x", "=", "\0", "\u{e9}", "k8s-aws-v1."] {
        let text = junk.repeat(MAX_TOKEN_LEN + 1);
        assert_eq!(Token::decode(text, &table).unwrap_err().reason(), "token_too_long", "{junk:?}");
    }
    let at_the_limit = "k".repeat(MAX_TOKEN_LEN);
    assert_eq!(Token::decode(at_the_limit, &table).unwrap_err().reason(), "token_prefix");
}

#[test]
fn a_session_token_of_twelve_kib_is_accepted() {
    let session_token = "IQoJ".repeat(3 * 1024);
    let url = signed(&valid_url().replace(SESSION_TOKEN, &session_token));
    laws::text(laws::text_of(&url).as_bytes(), &EndpointTable::standard()).unwrap();
}

/// Of the characters that base64url has, the last one of a text can hold bits that decode to nothing: they are zero.
#[test]
fn of_all_last_characters_one_decodes_to_the_url() {
    let table = EndpointTable::standard();
    let alphabet = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_', '+', '/', '=', '.', ' ', '\n']);
    for padding in ["", "a", "aa"] {
        let url = signed(&valid_url().replace(SESSION_TOKEN, &format!("{SESSION_TOKEN}{padding}")));
        let text = laws::text_of(&url);
        let stem = &text[..text.len() - 1];
        let accepted: Vec<_> =
            alphabet.clone().filter(|last| laws::text(format!("{stem}{last}").as_bytes(), &table).is_ok()).collect();
        // Where no bit is left over, another last character is another last digit of the signature.
        match url.len() % 3 {
            0 => assert!(accepted.iter().all(|last| laws::text(format!("{stem}{last}").as_bytes(), &table).is_ok())),
            _ => assert!(accepted.len() <= 16 && accepted.contains(&text.chars().last().unwrap())),
        }
        let same_url = accepted.iter().filter(|last| {
            let token = Token::decode(format!("{stem}{last}"), &table).unwrap();
            token.to_text().expose() == text
        });
        assert_eq!(same_url.count(), 1);
    }
}

/// `+` and `/` are the digits of the other alphabet for what `-` and `_` are here.
#[test]
fn the_other_base64_alphabet_is_refused() {
    let table = EndpointTable::standard();
    let seed = include_str!("vectors/seed.json");
    let seed: serde_json::Value = serde_json::from_str(seed).unwrap();
    let with_underscore = seed["rows"][0]["token"].as_str().unwrap();
    let with_hyphen = laws::text_of(valid_url());
    for (text, ours, other) in [(with_underscore, '_', "/"), (&with_hyphen, '-', "+")] {
        laws::text(text.as_bytes(), &table).unwrap();
        let body = &text[TOKEN_PREFIX.len()..];
        assert!(body.contains(ours));
        let text = format!("{TOKEN_PREFIX}{}", body.replace(ours, other));
        assert_eq!(laws::text(text.as_bytes(), &table).unwrap_err(), TokenError::Base64);
    }
}

#[test]
fn every_endpoint_of_the_table_makes_tokens_and_only_for_its_own_region() {
    let table = EndpointTable::standard();
    let region = k8s_aws_identity::Region::parse("us-west-2").unwrap();
    for endpoint in table.iter() {
        let url = valid_url().replace("sts.us-west-2.amazonaws.com", endpoint.host());
        let own = signed(&url.replace("%2Fus-west-2%2F", &format!("%2F{}%2F", endpoint.region())));
        let token = laws::url(&own, &table).unwrap();
        assert_eq!(token.endpoint(), endpoint);
        if endpoint.region() != &region {
            let refused = laws::url(&signed(&url), &table).unwrap_err();
            assert_eq!(refused, TokenError::ScopeRegion { expected: endpoint.region().clone() });
        }
        // A table that lacks the host refuses the same token.
        let other = table.iter().find(|other| other.host() != endpoint.host()).unwrap();
        let refused = Token::from_url(&own, &EndpointTable::only(other.clone())).unwrap_err();
        assert_eq!(refused, TokenError::UnknownHost);
    }
}

#[test]
fn a_query_that_is_not_sigv4s_is_told_its_fault() {
    for (query, problem) in [
        ("", "an empty pair"),
        ("&Action=GetCallerIdentity", "an empty pair"),
        ("Action", "a parameter without `=`"),
        ("=x", "a parameter without a name"),
        ("%41ction=x", "an escape in a parameter's name"),
        ("Action=%4z", "an escape that is not hexadecimal"),
        ("Action=%4", "an escape that is cut off"),
        ("Action=%41", "an escape of a character that is written bare"),
        ("Action=a/b", "a bare character that is written as an escape"),
    ] {
        let refused = Token::from_url(&format!("https://sts.amazonaws.com/?{query}"), &EndpointTable::standard());
        assert_eq!(refused.err(), Some(TokenError::QuerySyntax { problem }), "{query}");
    }
}
