use http::header::{AUTHORIZATION, CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use k8s_aws_auth::tokenreview::UserInfo;
use std::fmt::Write;

/// The WebSocket protocol by which a client shows an API server a bearer token where it can set no header.
const TOKEN_PROTOCOL: &str = "base64url.bearer.authorization.k8s.io.";

/// The options of a connection that a client may name. `Connection` says which headers the next hop is to drop, and dropping
/// `Impersonate-User` would make a request the gateway's own.
const CONNECTION_OPTIONS: [&str; 3] = ["close", "keep-alive", "upgrade"];

/// Why a user cannot be written into headers. Nothing must be forwarded then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ImpersonationError {
    /// The username is empty, begins or ends with a blank, or has a control character.
    #[error("the username cannot be written into a header")]
    Username,
    /// The same of a group.
    #[error("a group cannot be written into a header")]
    Group,
    /// The same of the uid, but for an empty one, which is left out.
    #[error("the uid cannot be written into a header")]
    Uid,
    /// The key of an extra value is empty or too long.
    #[error("the key of an extra value cannot be written into a header")]
    ExtraKey,
    /// An extra value is empty, begins or ends with a blank, or has a control character.
    #[error("an extra value cannot be written into a header")]
    ExtraValue,
    /// There are more headers than a request can have.
    #[error("there are more headers than a request can have")]
    TooManyHeaders,
}

impl ImpersonationError {
    /// A stable code for logs, metrics and programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Username => "impersonation_username",
            Self::Group => "impersonation_group",
            Self::Uid => "impersonation_uid",
            Self::ExtraKey => "impersonation_extra_key",
            Self::ExtraValue => "impersonation_extra_value",
            Self::TooManyHeaders => "impersonation_too_many_headers",
        }
    }
}

/// Makes a request one of `user`, for an API server that lets the gateway impersonate others.
///
/// First everything goes by which the client could say who it is: see [`strip_credentials`]. Then `Impersonate-User`,
/// `-Group`, `-Uid` and `-Extra-<key>` are written ("User impersonation" in the Kubernetes documentation). The gateway's own
/// credentials are for the gateway to add.
///
/// Keys of extra values are percent-encoded as `client-go` does it, and their capital letters too: an API server puts a header's
/// name into lower case before it decodes it, so that `canonicalArn` would come out as another key.
///
/// A value that would not come out of a header as it went in is an error: a line break would begin another header, and blanks at
/// either end are dropped on the way, so that `"admin "` would become `admin`.
///
/// ```
/// # use http::HeaderMap;
/// # use k8s_aws_auth_tower::impersonate;
/// # use k8s_aws_auth::tokenreview::UserInfo;
/// let user = UserInfo { username: "alice".into(), groups: vec!["dev".into()], ..UserInfo::default() };
/// let mut headers = HeaderMap::new();
/// headers.insert("impersonate-user", "admin".parse()?);
/// impersonate(&mut headers, &user)?;
/// assert_eq!(headers["impersonate-user"], "alice");
/// assert_eq!(headers["impersonate-group"], "dev");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ImpersonationError`]. The headers then hold nothing of the client's identity, nor of the user's.
pub fn impersonate(headers: &mut HeaderMap, user: &UserInfo) -> Result<(), ImpersonationError> {
    strip_credentials(headers);
    // All of it is made before any of it is written.
    let mut made = vec![(name("impersonate-user"), value(&user.username).ok_or(ImpersonationError::Username)?)];
    for group in &user.groups {
        made.push((name("impersonate-group"), value(group).ok_or(ImpersonationError::Group)?));
    }
    if !user.uid.is_empty() {
        made.push((name("impersonate-uid"), value(&user.uid).ok_or(ImpersonationError::Uid)?));
    }
    for (key, values) in &user.extra {
        let name = extra_name(key).ok_or(ImpersonationError::ExtraKey)?;
        for extra in values {
            made.push((name.clone(), value(extra).ok_or(ImpersonationError::ExtraValue)?));
        }
    }
    for (name, value) in made {
        if headers.try_append(name, value).is_err() {
            strip_credentials(headers);
            return Err(ImpersonationError::TooManyHeaders);
        }
    }
    Ok(())
}

/// Removes everything by which a client could tell an API server, or a proxy in front of it, who it is: `Authorization`,
/// `Impersonate-*`, `X-Remote-*`, tokens in `Sec-WebSocket-Protocol`; and from `Connection` the names of headers, which the next
/// hop would drop.
pub fn strip_credentials(headers: &mut HeaderMap) {
    let speaks_of_identity = |name: &&HeaderName| {
        let name = name.as_str();
        name == AUTHORIZATION.as_str() || name.starts_with("impersonate-") || name.starts_with("x-remote-")
    };
    let names: Vec<HeaderName> = headers.keys().filter(speaks_of_identity).cloned().collect();
    for name in names {
        headers.remove(name);
    }
    let is_option = |item: &str| CONNECTION_OPTIONS.iter().any(|option| item.eq_ignore_ascii_case(option));
    keep_items(headers, &CONNECTION, is_option);
    keep_items(headers, &SEC_WEBSOCKET_PROTOCOL, |item| !starts_ignore_case(item, TOKEN_PROTOCOL));
}

fn starts_ignore_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Keeps of a header that is a list those items; a header without any goes, and so does one with other bytes than ASCII.
fn keep_items(headers: &mut HeaderMap, name: &HeaderName, keep: impl Fn(&str) -> bool) {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let items: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).filter(|item| keep(item)).collect();
    let kept = items.join(", ");
    headers.remove(name);
    if let (false, Ok(kept)) = (kept.is_empty(), HeaderValue::from_str(&kept)) {
        headers.insert(name.clone(), kept);
    }
}

fn name(text: &'static str) -> HeaderName {
    HeaderName::from_static(text)
}

/// A value that comes out of a header as it goes in. Bytes beyond ASCII do: Kubernetes takes them as UTF-8.
fn value(text: &str) -> Option<HeaderValue> {
    let blank = |c: char| c == ' ' || c == '\t';
    match text.is_empty() || text.starts_with(blank) || text.ends_with(blank) || text.contains(char::is_control) {
        true => None,
        false => HeaderValue::from_bytes(text.as_bytes()).ok(),
    }
}

/// `Impersonate-Extra-<key>`, the key percent-encoded where it is no lower-case letter, digit or mark of a token (RFC 9110,
/// section 5.6.2), or a per cent sign.
fn extra_name(key: &str) -> Option<HeaderName> {
    if key.is_empty() {
        return None;
    }
    let mut name = String::from("impersonate-extra-");
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => name.push(byte.into()),
            b'!' | b'#' | b'$' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~' => {
                name.push(byte.into());
            }
            // Writing to a string does not fail.
            _ => drop(write!(name, "%{byte:02x}")),
        }
    }
    HeaderName::try_from(name).ok()
}
