//! One connection: HTTP over whatever carries it, until it ends, has been idle for too long, or has to make room.

use super::connections::{Connection, Due, InFlight};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::graceful::GracefulConnection;
use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// How long the body of a request may take.
const BODY_LIMIT: Duration = Duration::from_secs(10);
/// The most that the head of an HTTP/1.1 request may have, and the most that is read at a time.
const MAX_HEAD: usize = 32 * 1024;
/// The most that the headers of an HTTP/2 request may have.
const MAX_HEADER_LIST: u32 = 16 * 1024;
/// How many requests an HTTP/2 connection may have under way; clients open another connection for more. Go's clients send as many
/// before they know the limit, and RFC 9113 recommends no fewer.
const MAX_STREAMS: u32 = 100;
/// How much a client may send ahead of what is read, for a stream and for all of a connection: the least that HTTP/2 has.
const WINDOW: u32 = 65_535;
/// How much of an answer waits in memory for a client that does not read.
const MAX_UNSENT: usize = 16 * 1024;
/// How many streams a client may reset before they are looked at, and make the server reset: beyond it the connection is closed
/// ("rapid reset", CVE-2023-44487, and its mirror image CVE-2025-8671).
const MAX_RESETS: usize = 50;

/// How long, and how much, is read of what nobody will answer any more before an HTTP/1.1 connection is closed. A connection that
/// is closed with something unread is reset, and a reset takes the answer away from a client that is still sending.
const LINGER: Duration = Duration::from_secs(1);
const MAX_DISCARDED: usize = 1024 * 1024;

/// Serves HTTP/2 where TLS agreed on it, and HTTP/1.1 otherwise.
pub(super) async fn serve<S, A, F>(stream: S, http2: bool, connection: &Arc<Connection>, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Received>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let from = connection.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (in_flight, answer, from) = (from.request(), answer.clone(), from.clone());
        async move {
            let body = in_flight.clone();
            // In a box of its own from the moment on in which it is its turn: in a storm very many requests have begun and wait for that.
            let mut response = Box::pin(answer(request.map(|incoming| Received::new(incoming, body)))).await;
            if from.stopping() && !http2 {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            drop(in_flight);
            Ok::<_, Infallible>(response)
        }
    });
    let stream =
        TokioIo::new(Heard { stream, connection: connection.clone(), closing: (!http2).then(Closing::default) });
    if http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.max_concurrent_streams(MAX_STREAMS).max_header_list_size(MAX_HEADER_LIST).max_send_buf_size(MAX_UNSENT);
        builder.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
        builder.max_pending_accept_reset_streams(MAX_RESETS).max_local_error_reset_streams(MAX_RESETS);
        drive(pin!(builder.serve_connection(stream, service)), connection, true).await;
    } else {
        let mut builder = http1::Builder::new();
        // Its own limit would count from the end of the last request.
        builder.header_read_timeout(None).max_buf_size(MAX_HEAD);
        drive(pin!(builder.serve_connection(stream, service)), connection, false).await;
    }
}

/// Moves a connection until it ends or has to. It comes pinned: a future keeps what it was given beside what it made of it.
async fn drive<C: GracefulConnection>(mut http: Pin<&mut C>, connection: &Connection, http2: bool) {
    let mut woken = pin!(connection.woken());
    let (mut timer, mut armed, mut leaving) = (pin!(sleep_until(Instant::now())), None, false);
    poll_fn(|cx| {
        loop {
            if http.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            if http2 && !leaving && connection.stopping() {
                // A client learns that the server stops, and what it sends before it has learnt is still answered.
                leaving = true;
                http.as_mut().graceful_shutdown();
                continue;
            }
            let woke = woken.as_mut().poll(cx).is_ready();
            if woke {
                woken.set(connection.woken());
            }
            let over = match connection.due(http2) {
                Due::Never => false,
                Due::Now => true,
                Due::At(at) => {
                    if armed.replace(at) != Some(at) {
                        timer.as_mut().reset(at);
                    }
                    timer.as_mut().poll(cx).is_ready()
                }
            };
            if over {
                // It is told so, in HTTP/2 and in TLS, and not waited for.
                http.as_mut().graceful_shutdown();
                let _ = http.as_mut().poll(cx);
                return Poll::Ready(());
            }
            if !woke {
                return Poll::Pending;
            }
        }
    })
    .await;
}

/// Tells of what is read, and closes without taking an answer back.
struct Heard<S> {
    stream: S,
    connection: Arc<Connection>,
    closing: Option<Closing>,
}

/// How far an HTTP/1.1 connection is with closing.
#[derive(Default)]
struct Closing {
    told: bool,
    discarded: usize,
    over: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        if buffer.filled().len() > before {
            self.connection.heard();
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, closing, .. } = &mut *self;
        let mut stream = Pin::new(stream);
        let Some(closing) = closing else { return stream.poll_shutdown(cx) };
        if !closing.told {
            ready!(stream.as_mut().poll_shutdown(cx))?;
            closing.told = true;
        }
        let over = closing.over.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        let mut unread = [0; 4096];
        loop {
            let mut unread = ReadBuf::new(&mut unread);
            match stream.as_mut().poll_read(cx, &mut unread) {
                Poll::Ready(Ok(())) if !unread.filled().is_empty() && closing.discarded < MAX_DISCARDED => {
                    closing.discarded += unread.filled().len();
                }
                Poll::Pending if over.as_mut().poll(cx).is_pending() => return Poll::Pending,
                _ => return Poll::Ready(Ok(())),
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// The body of a request, which has to be complete in time.
pub(super) struct Received {
    body: Incoming,
    in_flight: Arc<InFlight>,
    begun: Instant,
    /// Set once something has to be waited for.
    late: Option<Pin<Box<Sleep>>>,
}

impl Received {
    fn new(body: Incoming, in_flight: Arc<InFlight>) -> Self {
        Self { body, in_flight, begun: Instant::now(), late: None }
    }

    /// The connection that the request came by.
    pub(super) fn connection(&self) -> &Arc<Connection> {
        self.in_flight.connection()
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Pending => {
                let elapsed = this.begun.elapsed();
                let late = this.late.get_or_insert_with(|| Box::pin(sleep(BODY_LIMIT.saturating_sub(elapsed))));
                late.as_mut().poll(cx).map(|()| Some(Err("the body took too long".into())))
            }
            Poll::Ready(Some(Ok(frame))) => {
                this.in_flight.received(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => {
                this.in_flight.complete();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
