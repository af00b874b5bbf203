//! What holds for every input of the gate. The property tests and the fuzz targets feed it.

use super::sigv4;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use k8s_aws_token::{EndpointTable, MAX_EXPIRES, MAX_TOKEN_LEN, MAX_URL_LEN, TOKEN_LIFETIME, TOKEN_PREFIX};
use k8s_aws_token::{Token, TokenError};
use percent_encoding::percent_decode_str;

/// A token text around any bytes.
pub(crate) fn text_of(url: impl AsRef<[u8]>) -> String {
    format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(url))
}

/// The laws of [`Token::decode`], for any bytes at all.
pub(crate) fn text(text: &[u8], table: &EndpointTable) -> Result<Token, TokenError> {
    let result = Token::decode(text, table);
    match &result {
        Ok(token) => {
            assert!(text.len() <= MAX_TOKEN_LEN);
            assert_eq!(token.to_text().expose().as_bytes(), text, "one text per token");
            let url = URL_SAFE_NO_PAD.decode(&text[TOKEN_PREFIX.len()..]).expect("accepted text is base64url");
            accepted(token, std::str::from_utf8(&url).expect("an accepted URL is ASCII"), table);
        }
        Err(error) => refused(error),
    }
    result
}

/// The laws of [`Token::from_url`], and that it and [`Token::decode`] are one gate.
pub(crate) fn url(url: &str, table: &EndpointTable) -> Result<Token, TokenError> {
    let result = Token::from_url(url, table);
    let decoded = Token::decode(text_of(url), table);
    match (&result, &decoded) {
        (Ok(token), Ok(again)) => {
            assert_eq!(token.to_text().expose(), again.to_text().expose());
            accepted(token, url, table);
        }
        (Err(error), Err(again)) => {
            refused(error);
            // A longer URL has a longer text; an empty one has the text of nothing.
            if url.len() <= MAX_URL_LEN && !url.is_empty() {
                assert_eq!(error, again, "the same refusal either way");
            }
        }
        _ => panic!("a URL and its text are not judged alike"),
    }
    result
}

/// A refusal says why, in the form that all have.
pub(crate) fn refused(error: &TokenError) {
    let (reason, message) = (error.reason(), error.to_string());
    assert!(
        reason.starts_with("token_") && reason.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')),
        "{reason}"
    );
    assert!(message.len() < 200 && message.bytes().all(|b| (0x20..0x7f).contains(&b)), "{message}");
}

/// What holds for every token that the gate let through.
pub(crate) fn accepted(token: &Token, url: &str, table: &EndpointTable) {
    // The host is the table's, and is all of the authority.
    let host = token.endpoint().host();
    assert_eq!(table.find(host), Some(token.endpoint()));
    assert!(url.len() <= MAX_URL_LEN && url.bytes().all(|b| b.is_ascii_graphic()));
    assert!(url.starts_with(&format!("https://{host}/?")));

    // What is sent on means to SigV4 what was signed, and is in one form.
    let mut rebuilt = format!("https://{host}");
    token.write_path_and_query(&mut rebuilt);
    assert_eq!(rebuilt.len(), url.len());
    assert_eq!(rebuilt.len(), "https://".len() + host.len() + token.path_and_query_len());
    assert_eq!(sigv4::canonical_request(&rebuilt, "c"), sigv4::canonical_request(url, "c"));
    let is_upper = |escape: &str| !escape[..2].contains(|c: char| c.is_ascii_lowercase());
    assert!(rebuilt.split('%').skip(1).all(is_upper), "escapes in the form that SigV4 gives them");
    let sorted = |url| {
        let mut pairs = sigv4::pairs(url);
        pairs.sort();
        pairs
    };
    assert_eq!(sorted(&rebuilt), sorted(url));
    let fixed =
        format!("https://{host}/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&");
    assert!(rebuilt.starts_with(&fixed));
    let again = Token::from_url(&rebuilt, table).expect("what is sent on is a token too");
    let mut twice = format!("https://{host}");
    again.write_path_and_query(&mut twice);
    assert_eq!(twice, rebuilt, "rebuilding what was rebuilt changes nothing");

    // What the token says of itself is what STS reads.
    let value = |name| sigv4::value(url, name);
    let (date, signed_at) = (value("X-Amz-Date"), token.signed_at());
    let scope = format!("{}/{}/{}/sts/aws4_request", token.access_key_id(), &date[..8], token.endpoint().region());
    assert_eq!(value("X-Amz-Credential"), scope);
    assert_eq!(value("X-Amz-SignedHeaders"), "host;x-k8s-aws-id");
    assert_eq!(value("X-Amz-Expires"), token.amz_expires().to_string());
    assert!(token.amz_expires() <= MAX_EXPIRES);
    assert_eq!(k8s_aws_identity::AmzDate::from_time(signed_at).expect("a date in range").as_str(), date);
    assert_eq!(token.expires_at(), signed_at + TOKEN_LIFETIME);

    // All that is ever printed.
    let shown = format!(
        "Token {{ host: {host:?}, access_key_id: {:?}, date: {date:?}, expires: {}, .. }} TokenText(redacted)",
        token.access_key_id().as_str(),
        token.amz_expires()
    );
    assert_eq!(format!("{token:?} {:?}", token.to_text()), shown);
    same_to_every_reader(url, host);
    same_to_every_reader(&rebuilt, host);
}

/// `url` and `http` read an accepted URL as the gate does.
pub(crate) fn same_to_every_reader(text: &str, host: &str) {
    let by_url = url::Url::parse(text).expect("`url` reads it");
    assert_eq!(by_url.as_str(), text, "`url` repairs nothing");
    assert_eq!((by_url.scheme(), by_url.host_str(), by_url.port()), ("https", Some(host), None));
    assert_eq!((by_url.username(), by_url.password(), by_url.fragment()), ("", None, None));
    let by_http: http::Uri = text.parse().expect("`http` reads it");
    assert_eq!(by_http.to_string(), text, "`http` repairs nothing");
    assert_eq!((by_http.scheme_str(), by_http.host(), by_http.port_u16()), (Some("https"), Some(host), None));
    assert_eq!(by_http.authority().map(http::uri::Authority::as_str), Some(host));
    assert_eq!((by_url.path(), by_http.path()), ("/", "/"));
    assert_eq!(by_url.query(), by_http.query());

    // Form decoding (`+` is a space) and plain decoding give the same pairs.
    let form: Vec<_> = by_url.query_pairs().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
    let lossy = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let plain: Vec<_> = by_http
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(n, v)| (lossy(n), lossy(v)))
        .collect();
    assert_eq!(form, plain);
}
