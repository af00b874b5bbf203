//! What must hold for any bytes at all. The fuzz target, the replay of its seeds and a property test share this.

use k8s_aws_tokenreview::{
    BearerToken, Document, ExecCredential, ExecInfo, MAX_AUDIENCES, MAX_DOCUMENT_BYTES, TokenReviewError,
    TokenReviewRequest, TokenReviewResponse,
};
use serde_json::Value;

/// A text that nothing of ours contains, to be found again where it leaks.
const SECRET: &str = "k8s-aws-v1.c3VycHJpc2U-bm90LWZvci1sb2dz";

/// Panics if a law is broken by `data`, read as each of the documents.
pub(crate) fn tokenreview(data: &[u8]) {
    read_as_everything(data);
    let errors = read_as_everything(&with_secret(data));
    for error in errors {
        let shown = format!("{error}\n{error:?}\n{}\n{}", error.reason(), error.remedy());
        let leak = SECRET.as_bytes().windows(8).find(|bytes| shown.contains(&*String::from_utf8_lossy(bytes)));
        assert!(leak.is_none(), "the input is in {shown}");
    }
}

/// The data with a secret somewhere in it; where, depends on the data.
fn with_secret(data: &[u8]) -> Vec<u8> {
    let sum = data.iter().fold(7_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    let (before, after) = data.split_at(sum % (data.len() + 1));
    [before, SECRET.as_bytes(), after].concat()
}

fn read_as_everything(data: &[u8]) -> Vec<TokenReviewError> {
    let info = std::str::from_utf8(data).ok().map(|text| exec_info(data, text));
    let read = [Some(request(data)), Some(response(data)), Some(credential(data)), info];
    read.into_iter().flatten().filter_map(Result::err).collect()
}

fn request(data: &[u8]) -> Result<(), TokenReviewError> {
    let request =
        TokenReviewRequest::from_slice(data).map_err(|error| refused(data, error, Document::TokenReviewRequest))?;
    let seen = same_document(data, Document::TokenReviewRequest);
    assert_eq!(seen["apiVersion"], request.version().api_version());
    assert_eq!(seen["spec"]["token"], request.token().expose());
    assert!(!request.token().expose().is_empty() && request.audiences().len() <= MAX_AUDIENCES);
    match &seen["spec"]["audiences"] {
        Value::Null => assert!(request.audiences().is_empty()),
        audiences => assert_eq!(*audiences, Value::from(request.audiences())),
    }

    let json = request.to_json_exposing_token();
    if json.len() <= MAX_DOCUMENT_BYTES {
        let again = TokenReviewRequest::from_slice(&json).expect("what is written can be read");
        assert_eq!(again.version(), request.version());
        assert_eq!(again.token().expose(), request.token().expose());
        assert_eq!(again.audiences(), request.audiences());
        assert_eq!(again.to_json_exposing_token(), json);
    }

    let other = BearerToken::new("x").expect("not empty");
    let other = TokenReviewRequest::new(request.version(), other, request.audiences().to_vec());
    assert_eq!(format!("{request:?}"), format!("{other:?}"), "Debug depends on the token");
    Ok(())
}

fn response(data: &[u8]) -> Result<(), TokenReviewError> {
    let response =
        TokenReviewResponse::from_slice(data).map_err(|error| refused(data, error, Document::TokenReviewResponse))?;
    let seen = same_document(data, Document::TokenReviewResponse);
    assert_eq!(seen["apiVersion"], response.version().api_version());
    assert_eq!(seen["status"]["authenticated"] == true, response.user().is_some());
    let json = response.to_json();
    if json.len() <= MAX_DOCUMENT_BYTES {
        assert_eq!(TokenReviewResponse::from_slice(&json).as_ref(), Ok(&response));
    }
    Ok(())
}

fn credential(data: &[u8]) -> Result<(), TokenReviewError> {
    let credential =
        ExecCredential::from_slice(data).map_err(|error| refused(data, error, Document::ExecCredential))?;
    let seen = same_document(data, Document::ExecCredential);
    assert_eq!(seen["apiVersion"], credential.version().api_version());
    assert_eq!(seen["status"]["token"], credential.token().expose());
    let json = credential.to_json_exposing_token();
    if json.len() <= MAX_DOCUMENT_BYTES {
        let again = ExecCredential::from_slice(&json).expect("what is written can be read");
        assert_eq!(again.version(), credential.version());
        assert_eq!(again.token().expose(), credential.token().expose());
        assert_eq!(again.expiration(), credential.expiration());
        assert_eq!(again.to_json_exposing_token(), json);
    }
    Ok(())
}

fn exec_info(data: &[u8], text: &str) -> Result<(), TokenReviewError> {
    let info = ExecInfo::from_json(text).map_err(|error| refused(data, error, Document::ExecInfo))?;
    let seen = same_document(data, Document::ExecInfo);
    assert_eq!(seen["apiVersion"], info.version().api_version());
    assert_eq!(seen["spec"]["interactive"].as_bool(), info.interactive());
    assert_eq!(seen["spec"]["cluster"]["server"].as_str(), info.server());
    Ok(())
}

/// What a reader without any rules of its own makes of an accepted document.
fn same_document(data: &[u8], document: Document) -> Value {
    assert!(data.len() <= MAX_DOCUMENT_BYTES);
    let seen: Value = serde_json::from_slice(data).expect("accepted, so JSON");
    assert_eq!(seen["kind"], document.kind());
    seen
}

fn refused(data: &[u8], error: TokenReviewError, document: Document) -> TokenReviewError {
    let too_large = data.len() > MAX_DOCUMENT_BYTES;
    assert_eq!(error.http_status(), if too_large { 413 } else { 400 });
    assert_eq!(error.reason() == "body_too_large", too_large);
    assert_eq!(error.document().unwrap_or(document), document);
    error
}
