//! Faults: what goes wrong, where, and how often.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::reply::{Refusal, Reply};

/// Something that goes wrong, on purpose. Put in force by [`FakeAws::inject`](crate::FakeAws::inject).
///
/// A fault applies everywhere and until it is cleared, unless [`on_host`](Self::on_host),
/// [`in_region`](Self::in_region), [`on_action`](Self::on_action) or [`times`](Self::times) narrow it. Of several that
/// apply, the one that was put in force first wins; when it is used up, the next one has its turn.
///
/// Requests are checked before a fault spoils the answer: [`Call::outcome`](crate::Call::outcome) tells what the answer
/// would have been.
///
/// ```
/// use k8s_aws_fake::{FakeAws, Fault};
///
/// let fake = FakeAws::start()?;
/// let throttled = fake.inject(Fault::throttling().in_region("eu-west-1").times(2));
/// assert_eq!(throttled.hits(), 0);
/// fake.clear_faults();
/// # Ok::<(), k8s_aws_fake::StartError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    pub(crate) what: What,
    pub(crate) name: &'static str,
    pub(crate) host: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) action: Option<String>,
    pub(crate) times: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Connect(ConnectFault),
    Tls(TlsFault),
    Answer(AnswerFault),
}

/// What the proxy does instead of opening a tunnel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ConnectFault {
    Refuse(StatusCode),
    Close,
    Reset,
    Hold,
}

/// What becomes of the TLS handshake.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TlsFault {
    Close,
    Reset,
    Hold,
    WrongName,
    Untrusted,
    Expired,
}

/// What becomes of an answer.
#[derive(Clone, Debug)]
pub(crate) enum AnswerFault {
    /// Another answer in its place.
    Instead(Arc<Reply>),
    /// An error in the service's format, with a status of its own.
    Error(StatusCode, Refusal),
    Xml,
    /// The answer with other bytes.
    Bytes(Spoil),
    Slow(Duration),
    Hold,
    Drip(usize, Duration),
    Reset,
    ResetMidBody,
    CloseMidBody,
    Huge(Option<u64>),
    GzipBomb(u64),
    Continue(Option<u64>),
    Raw(Bytes),
}

/// A change of the answer's bytes or headers.
#[derive(Clone, Debug)]
pub(crate) enum Spoil {
    ContentType(Option<HeaderValue>),
    Append(Bytes),
    DuplicateKeys,
    Truncate,
    Gzip,
}

impl Fault {
    fn new(name: &'static str, what: What) -> Self {
        Self { what, name, host: None, region: None, action: None, times: None }
    }

    fn answer(name: &'static str, fault: AnswerFault) -> Self {
        Self::new(name, What::Answer(fault))
    }

    /// Only requests to this host: by server name in a handshake, by `Host` in a request, by authority at the proxy.
    #[must_use]
    pub fn on_host(mut self, host: &str) -> Self {
        self.host = Some(host.to_ascii_lowercase());
        self
    }

    /// Only hosts of this region; `sts.amazonaws.com` counts as `us-east-1`.
    #[must_use]
    pub fn in_region(mut self, region: &str) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Only this action. Faults of the proxy and of the handshake come before any action is known and never match.
    #[must_use]
    pub fn on_action(mut self, action: &str) -> Self {
        self.action = Some(action.into());
        self
    }

    /// Only the next `n` times; otherwise until it is cleared.
    #[must_use]
    pub fn times(mut self, n: u64) -> Self {
        self.times = Some(n);
        self
    }

    /// A stable name, such as `throttling`; records have it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// An error as the service writes it, in JSON or XML as the request wants.
    ///
    /// `status` outside 100 to 999 counts as 500.
    pub fn error(status: u16, code: &'static str, message: &str) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::answer("error", AnswerFault::Error(status, Refusal::new(status.as_u16(), code, message)))
    }

    /// 400 `Throttling`, which is how STS throttles.
    pub fn throttling() -> Self {
        Self { name: "throttling", ..Self::error(400, "Throttling", "Rate exceeded") }
    }

    /// 503 `RequestLimitExceeded`, which is how EC2 throttles.
    pub fn request_limit_exceeded() -> Self {
        Self { name: "request_limit_exceeded", ..Self::error(503, "RequestLimitExceeded", "Request limit exceeded.") }
    }

    /// 429 `TooManyRequestsException`.
    pub fn too_many_requests() -> Self {
        Self { name: "too_many_requests", ..Self::error(429, "TooManyRequestsException", "Too many requests") }
    }

    /// 503 `SlowDown`.
    pub fn slow_down() -> Self {
        Self { name: "slow_down", ..Self::error(503, "SlowDown", "Please reduce your request rate.") }
    }

    /// A 5xx: an error document of the service for 500 (`InternalFailure`) and 503 (`ServiceUnavailable`), a page of
    /// HTML, as load balancers send, for every other.
    pub fn server_error(status: u16) -> Self {
        let fault = match status {
            500 => Self::error(500, "InternalFailure", "The request processing has failed."),
            503 => Self::error(503, "ServiceUnavailable", "The server is unable to handle the request."),
            _ => {
                let page = format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>");
                Self::instead(Reply::new(status, "text/html", page))
            }
        };
        Self { name: "server_error", ..fault }
    }

    /// A redirect (301, 302, 307, 308, …) to `location`, or to nowhere if no header can have that value.
    pub fn redirect(status: u16, location: &str) -> Self {
        let mut reply = Reply::new(status, "text/html", "");
        if let Ok(location) = HeaderValue::from_str(location) {
            reply.headers.insert(header::LOCATION, location);
        }
        Self { name: "redirect", ..Self::instead(reply) }
    }

    /// 204, without a body.
    pub fn no_content() -> Self {
        let reply = Reply { status: StatusCode::NO_CONTENT, headers: HeaderMap::new(), body: Bytes::new() };
        Self { name: "no_content", ..Self::instead(reply) }
    }

    /// 200 with an error document (`AccessDenied`) for a body.
    pub fn ok_with_error() -> Self {
        let refusal = Refusal::new(403, "AccessDenied", "Access denied");
        Self::answer("ok_with_error", AnswerFault::Error(StatusCode::OK, refusal))
    }

    /// 200, called JSON, with bytes that are no text.
    pub fn garbage() -> Self {
        let bytes: Vec<u8> = (0..1024_u32).map(|i| u8::try_from(i * 151 % 256).unwrap_or(0)).collect();
        Self { name: "garbage", ..Self::instead(Reply::new(200, "application/json", bytes)) }
    }

    /// This response and nothing else. The HTTP library adds `date` and the framing, unless the response has a
    /// `content-length` of its own, which is sent even if it is not true.
    pub fn respond(response: http::Response<impl Into<Bytes>>) -> Self {
        let (parts, body) = response.into_parts();
        let reply = Reply { status: parts.status, headers: parts.headers, body: body.into() };
        Self { name: "respond", ..Self::instead(reply) }
    }

    /// XML, even for those who accept JSON (which EC2 never gives).
    pub fn xml() -> Self {
        Self::answer("xml", AnswerFault::Xml)
    }

    /// The answer with another `Content-Type`, or with none; a value that no header can have counts as none.
    pub fn content_type(value: Option<&str>) -> Self {
        let value = value.and_then(|v| HeaderValue::from_str(v).ok());
        Self::answer("content_type", AnswerFault::Bytes(Spoil::ContentType(value)))
    }

    /// The answer, and these bytes after it.
    pub fn append(bytes: impl Into<Bytes>) -> Self {
        Self::answer("append", AnswerFault::Bytes(Spoil::Append(bytes.into())))
    }

    /// JSON after JSON: the answer followed by `{}`.
    pub fn json_after_json() -> Self {
        Self { name: "json_after_json", ..Self::append("{}") }
    }

    /// The JSON answer with each of `Arn`, `UserId` and `Account` there twice: first that of the root user of account
    /// 000000000000, then the true one.
    pub fn duplicate_keys() -> Self {
        Self::answer("duplicate_keys", AnswerFault::Bytes(Spoil::DuplicateKeys))
    }

    /// The first half of the answer, framed as if it were all.
    pub fn truncate() -> Self {
        Self::answer("truncate", AnswerFault::Bytes(Spoil::Truncate))
    }

    /// The answer with `Content-Encoding: gzip`, though nobody asked for that.
    pub fn gzip() -> Self {
        Self::answer("gzip", AnswerFault::Bytes(Spoil::Gzip))
    }

    /// 200 with a gzip body of spaces that inflates to `bytes` bytes, about 150 times its size.
    pub fn gzip_bomb(bytes: u64) -> Self {
        Self::answer("gzip_bomb", AnswerFault::GzipBomb(bytes))
    }

    /// The answer, this much later.
    pub fn slow(delay: Duration) -> Self {
        Self::answer("slow", AnswerFault::Slow(delay))
    }

    /// No answer, while the fault is in force: clearing it lets those go on that wait. Without clearing: never.
    pub fn hold() -> Self {
        Self::answer("hold", AnswerFault::Hold)
    }

    /// The answer's headers at once and its body in pieces of `chunk` bytes (at least 1), with a pause `every` one.
    pub fn drip(chunk: usize, every: Duration) -> Self {
        Self::answer("drip", AnswerFault::Drip(chunk.max(1), every))
    }

    /// The connection is reset (TCP RST) before the answer.
    pub fn reset() -> Self {
        Self::answer("reset", AnswerFault::Reset)
    }

    /// The connection is reset (TCP RST) after half of the body.
    pub fn reset_mid_body() -> Self {
        Self::answer("reset_mid_body", AnswerFault::ResetMidBody)
    }

    /// The connection is closed (TCP FIN, no TLS `close_notify`) after half of the body.
    pub fn close_mid_body() -> Self {
        Self::answer("close_mid_body", AnswerFault::CloseMidBody)
    }

    /// 200 with a body of this many bytes, and a true `Content-Length`. It begins as JSON and is never closed.
    pub fn huge_body(bytes: u64) -> Self {
        Self::answer("huge_body", AnswerFault::Huge(Some(bytes)))
    }

    /// 200 with a body that begins as JSON and never ends.
    pub fn endless_body() -> Self {
        Self::answer("endless_body", AnswerFault::Huge(None))
    }

    /// So many `100 Continue` before the answer, or with `None` for ever. HTTP/1.1 only: HTTP/2 connections break.
    pub fn continue_flood(count: Option<u64>) -> Self {
        Self::answer("continue_flood", AnswerFault::Continue(count))
    }

    /// These bytes on the TLS stream in place of an answer, then the end of the connection: for answers that are not
    /// HTTP. HTTP/1.1 only: HTTP/2 connections break.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self::answer("raw", AnswerFault::Raw(bytes.into()))
    }

    /// The proxy answers `CONNECT` with this status (403, 407, 502, …) and closes.
    pub fn proxy_refuses(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        Self::new("proxy_refuses", What::Connect(ConnectFault::Refuse(status)))
    }

    /// The proxy closes the connection without an answer to `CONNECT`.
    pub fn proxy_closes() -> Self {
        Self::new("proxy_closes", What::Connect(ConnectFault::Close))
    }

    /// The proxy resets the connection (TCP RST) without an answer to `CONNECT`.
    pub fn proxy_resets() -> Self {
        Self::new("proxy_resets", What::Connect(ConnectFault::Reset))
    }

    /// The proxy does not answer `CONNECT` while the fault is in force; clearing it lets those go on that wait.
    pub fn proxy_holds() -> Self {
        Self::new("proxy_holds", What::Connect(ConnectFault::Hold))
    }

    /// The connection is closed when the `ClientHello` has arrived.
    pub fn tls_closes() -> Self {
        Self::new("tls_closes", What::Tls(TlsFault::Close))
    }

    /// The connection is reset (TCP RST) when the `ClientHello` has arrived.
    pub fn tls_resets() -> Self {
        Self::new("tls_resets", What::Tls(TlsFault::Reset))
    }

    /// The `ClientHello` is not answered while the fault is in force; clearing it lets those go on that wait.
    pub fn tls_holds() -> Self {
        Self::new("tls_holds", What::Tls(TlsFault::Hold))
    }

    /// A certificate of the right CA for another host.
    pub fn tls_wrong_name() -> Self {
        Self::new("tls_wrong_name", What::Tls(TlsFault::WrongName))
    }

    /// A certificate for the right host of a CA that nobody trusts.
    pub fn tls_untrusted() -> Self {
        Self::new("tls_untrusted", What::Tls(TlsFault::Untrusted))
    }

    /// A certificate of the right CA that expired in 2021.
    pub fn tls_expired() -> Self {
        Self::new("tls_expired", What::Tls(TlsFault::Expired))
    }

    fn instead(reply: Reply) -> Self {
        Self::answer("respond", AnswerFault::Instead(Arc::new(reply)))
    }
}
