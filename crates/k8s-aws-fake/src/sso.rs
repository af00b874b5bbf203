//! IAM Identity Center: the portal that gives credentials for a login, and the renewal of logins.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::canonical;
use crate::date;
use crate::directory::{Directory, Identity};
use crate::issuer::Issuer;
use crate::reply::{Refusal, Verdict};
use crate::service::Decision;
use crate::sigv4::Received;

/// `GetRoleCredentials`, on `portal.sso.<region>.amazonaws.com`.
pub(crate) fn portal(request: &Received<'_>, directory: &Directory, issuer: &Issuer, now: SystemTime) -> Decision {
    if (request.method, request.path) != ("GET", "/federation/credentials") {
        return Decision::unknown_operation();
    }
    let action = "GetRoleCredentials";
    let parameters = canonical::parameters(request.query).unwrap_or_default();
    let one = |wanted: &str| {
        let found = parameters.iter().find(|(name, _)| name == wanted.as_bytes());
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    let (Some(account), Some(name)) = (one("account_id"), one("role_name")) else {
        return refused(action, 400, "InvalidRequestException", "account_id and role_name are required");
    };
    let token = request.headers.get("x-amz-sso_bearer_token").and_then(|value| value.to_str().ok());
    if !token.is_some_and(|token| issuer.is_logged_in(token)) {
        return refused(action, 401, "UnauthorizedException", "Session token not found or invalid");
    }
    if !issuer.is_assigned(&account, &name) {
        return refused(action, 403, "ForbiddenException", "No access");
    }
    let issued = issuer.issue(directory, Identity::sso_role(&account, &name, "fake-user"), None, now);
    let answer = json!({"roleCredentials": {
        "accessKeyId": issued.credential.access_key_id(),
        "secretAccessKey": issued.credential.secret_access_key(),
        "sessionToken": issued.credential.session_token(),
        "expiration": date::seconds(issued.expires) * 1000,
    }});
    let caller = Some(issued.identity.arn().to_owned());
    Decision { caller, ..Decision::new(Some(action), Verdict::Json(answer.to_string())) }
}

/// `CreateToken` with a refresh token, on `oidc.<region>.amazonaws.com`.
pub(crate) fn oidc(request: &Received<'_>, issuer: &Issuer) -> Decision {
    if (request.method, request.path) != ("POST", "/token") {
        return Decision::unknown_operation();
    }
    let action = "CreateToken";
    let body: Value = serde_json::from_slice(request.body).unwrap_or_default();
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    if text("grantType") != "refresh_token" {
        return refused(action, 400, "UnsupportedGrantTypeException", "only refresh_token is known here");
    }
    let Some(access_token) = issuer.renew(text("clientId"), text("clientSecret"), text("refreshToken")) else {
        return refused(action, 400, "InvalidGrantException", "the refresh token is not valid");
    };
    let answer = json!({
        "accessToken": access_token,
        "tokenType": "Bearer",
        "expiresIn": 3600,
        "refreshToken": text("refreshToken"),
    });
    Decision::new(Some(action), Verdict::Json(answer.to_string()))
}

fn refused(action: &'static str, status: u16, code: &'static str, message: &str) -> Decision {
    Decision::refused(Some(action), Refusal::new(status, code, message))
}
