//! From a verdict and a fault to the response that goes out.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, header};

use crate::body::FakeBody;
use crate::fault::{AnswerFault, Spoil};
use crate::gzip;
use crate::reply::{Format, Reply, Verdict};
use crate::rules::Rule;
use crate::wire::{Control, Injection};

type Answered = Result<Response<FakeBody>, Infallible>;

/// The answer to a request, with the fault that applies to it.
pub(crate) async fn answer(
    verdict: Verdict,
    format: Format,
    request_id: &str,
    fault: Option<(Arc<Rule>, AnswerFault)>,
    control: &Arc<Control>,
) -> Answered {
    let reply = |format| verdict.render(format, request_id);
    let Some((rule, fault)) = fault else {
        return whole(reply(format));
    };
    match fault {
        AnswerFault::Instead(reply) => whole(Reply::clone(&reply)),
        AnswerFault::Error(status, refusal) => {
            let mut reply = Verdict::Refusal(refusal).render(format, request_id);
            reply.status = status;
            whole(reply)
        }
        AnswerFault::Xml if format == Format::Json => whole(reply(Format::Xml)),
        AnswerFault::Xml => whole(reply(format)),
        AnswerFault::Bytes(spoil) => whole(spoilt(reply(format), spoil)),
        AnswerFault::Slow(delay) => {
            tokio::time::sleep(delay).await;
            whole(reply(format))
        }
        AnswerFault::Hold => {
            rule.cleared().await;
            whole(reply(format))
        }
        AnswerFault::Drip(chunk, every) => with_body(reply(format), |body| FakeBody::drip(body, chunk, every)),
        AnswerFault::Reset => {
            control.kill(true);
            std::future::pending().await
        }
        AnswerFault::ResetMidBody => cut(reply(format), true, control),
        AnswerFault::CloseMidBody => cut(reply(format), false, control),
        AnswerFault::Huge(bytes) => with_body(Reply::new(200, "application/json", ""), |_| FakeBody::huge(bytes)),
        AnswerFault::GzipBomb(bytes) => {
            let mut reply = Reply::new(200, "application/json", gzip::bomb(bytes));
            reply.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            whole(reply)
        }
        AnswerFault::Continue(times) => {
            control.inject(Injection::new(Bytes::from_static(b"HTTP/1.1 100 Continue\r\n\r\n"), times, false));
            whole(reply(format))
        }
        AnswerFault::Raw(bytes) => {
            control.inject(Injection::new(bytes, Some(1), true));
            whole(reply(format))
        }
    }
}

fn whole(reply: Reply) -> Answered {
    with_body(reply, |body| FakeBody::Whole(Some(body)))
}

fn cut(mut reply: Reply, reset: bool, control: &Arc<Control>) -> Answered {
    let length = HeaderValue::from(reply.body.len());
    reply.headers.insert(header::CONTENT_LENGTH, length);
    let half = reply.body.slice(..reply.body.len() / 2);
    with_body(reply, |_| FakeBody::cut(half, reset, control.clone()))
}

fn with_body(reply: Reply, body: impl FnOnce(Bytes) -> FakeBody) -> Answered {
    let mut response = Response::new(body(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    Ok(response)
}

fn spoilt(mut reply: Reply, spoil: Spoil) -> Reply {
    match spoil {
        Spoil::ContentType(Some(value)) => drop(reply.headers.insert(header::CONTENT_TYPE, value)),
        Spoil::ContentType(None) => drop(reply.headers.remove(header::CONTENT_TYPE)),
        Spoil::Append(more) => reply.body = [reply.body, more].concat().into(),
        Spoil::Truncate => reply.body = reply.body.slice(..reply.body.len() / 2),
        Spoil::Gzip => {
            reply.body = gzip::compress(&reply.body).into();
            reply.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Spoil::DuplicateKeys => {
            let mut text = String::from_utf8_lossy(&reply.body).into_owned();
            for (key, lie) in
                [("Arn", "arn:aws:iam::000000000000:root"), ("UserId", "000000000000"), ("Account", "000000000000")]
            {
                text = text.replacen(&format!("\"{key}\":"), &format!("\"{key}\":\"{lie}\",\"{key}\":"), 1);
            }
            reply.body = text.into();
        }
    }
    reply
}
