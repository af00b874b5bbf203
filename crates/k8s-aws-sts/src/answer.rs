//! STS's answer, read strictly.

use crate::{CallerIdentity, MAX_ANSWER_LEN, VerifyError, code, json::Json};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use k8s_aws_identity::AccessKeyId;

/// The identity in an answer, checked against itself.
pub(crate) fn read<B: AsRef<[u8]>>(
    answer: &http::Response<B>,
    access_key_id: &AccessKeyId,
) -> Result<CallerIdentity, VerifyError> {
    let status = answer.status().as_u16();
    let json = document(answer)?;
    if status != 200 {
        return Err(code::classify(status, json.as_ref().and_then(error_code)));
    }
    let malformed = |problem| VerifyError::MalformedAnswer { status, problem };
    let json = json.ok_or(malformed("not one JSON object of content type application/json"))?;
    if json.get("Error").is_some() {
        return Err(malformed("an identity and an error at once"));
    }
    let result = json.get("GetCallerIdentityResponse").and_then(|r| r.get("GetCallerIdentityResult"));
    let result = result.ok_or(malformed("no GetCallerIdentityResult"))?;
    let field = |name| result.get(name).and_then(Json::text);
    let (Some(arn), Some(account), Some(user_id)) = (field("Arn"), field("Account"), field("UserId")) else {
        return Err(malformed("Account, Arn and UserId are not all there as texts"));
    };
    CallerIdentity::new(arn, account, user_id, access_key_id.clone()).map_err(VerifyError::MalformedIdentity)
}

/// What an answer comes to that has another status than 200: enough to tell whether to ask again, for whoever sends requests
/// and holds no [`Call`](crate::Call). An answer of status 200 is `None`, whatever is in it.
pub fn answer_error<B: AsRef<[u8]>>(answer: &http::Response<B>) -> Option<VerifyError> {
    let status = answer.status().as_u16();
    let classify = |json: Option<Json>| code::classify(status, json.as_ref().and_then(error_code));
    (status != 200).then(|| document(answer).map_or_else(|error| error, classify))
}

/// The JSON of an answer, if it has any.
fn document<B: AsRef<[u8]>>(answer: &http::Response<B>) -> Result<Option<Json>, VerifyError> {
    let body = answer.body().as_ref();
    if body.len() > MAX_ANSWER_LEN {
        return Err(VerifyError::AnswerTooLong);
    }
    Ok(if is_plain_json(answer) { Json::parse(body) } else { None })
}

/// `application/json`, with parameters or without, and not compressed: nobody asked for that.
fn is_plain_json<B>(answer: &http::Response<B>) -> bool {
    let mut types = answer.headers().get_all(CONTENT_TYPE).iter();
    let (Some(content_type), None) = (types.next(), types.next()) else {
        return false;
    };
    let media_type = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json") && !answer.headers().contains_key(CONTENT_ENCODING)
}

/// `Code` of an error in STS's form.
fn error_code(json: &Json) -> Option<&str> {
    json.get("Error")?.get("Code")?.text()
}
