//! A connection that can be reset, and into whose answers bytes can be put that HTTP libraries would not send.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::record::Journal;
use crate::sync::lock;

/// What a request's handler can do to the connection that it came on.
#[derive(Default)]
pub(crate) struct Control {
    reset: AtomicBool,
    killed: Notify,
    injecting: AtomicBool,
    injection: Mutex<Option<Injection>>,
}

/// Bytes that go out before anything else does.
pub(crate) struct Injection {
    unit: Bytes,
    /// What is left of the unit that is being written.
    rest: Bytes,
    times: Option<u64>,
    close: bool,
}

impl Injection {
    /// `unit`, so many times, or for ever. Then the connection closes, or the answer follows.
    pub(crate) fn new(unit: Bytes, times: Option<u64>, close: bool) -> Self {
        Self { unit, rest: Bytes::new(), times, close }
    }
}

impl Control {
    /// Ends the connection: with a reset (RST), or with an orderly end of the TCP stream but none of TLS.
    pub(crate) fn kill(&self, reset: bool) {
        self.set_reset(reset);
        self.killed.notify_one();
    }

    /// Makes the end of the connection a reset, whenever it comes.
    pub(crate) fn set_reset(&self, reset: bool) {
        self.reset.store(reset, Ordering::Relaxed);
    }

    pub(crate) async fn killed(&self) {
        self.killed.notified().await;
    }

    pub(crate) fn inject(&self, injection: Injection) {
        *lock(&self.injection) = Some(injection);
        self.injecting.store(true, Ordering::Release);
    }
}

/// A client's TCP connection. Counts as closed when it is dropped.
pub(crate) struct Socket {
    pub(crate) tcp: TcpStream,
    /// What has been read already.
    pub(crate) prefix: Bytes,
    pub(crate) control: Arc<Control>,
    pub(crate) journal: Arc<Journal>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.control.reset.load(Ordering::Relaxed) {
            // Fails only for a socket that is gone already.
            let _ = self.tcp.set_zero_linger();
        }
        self.journal.count(|c| c.connections_closed += 1);
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            return Pin::new(&mut self.tcp).poll_read(cx, buf);
        }
        let len = self.prefix.len().min(buf.remaining());
        buf.put_slice(&self.prefix.split_to(len));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }
}

/// The stream between TLS and HTTP.
pub(crate) struct Tap<S> {
    pub(crate) inner: S,
    pub(crate) control: Arc<Control>,
}

impl<S: AsyncWrite + Unpin> Tap<S> {
    /// Writes what is to be injected. Ready when there is nothing left.
    fn poll_inject(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.control.injecting.load(Ordering::Acquire) {
            return Poll::Ready(Ok(()));
        }
        let mut slot = lock(&self.control.injection);
        while let Some(injection) = slot.as_mut() {
            if injection.rest.has_remaining() {
                let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &injection.rest))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                injection.rest.advance(written);
            } else if injection.times != Some(0) {
                injection.times = injection.times.map(|n| n - 1);
                injection.rest = injection.unit.clone();
            } else {
                ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
                if injection.close {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                }
                *slot = None;
            }
        }
        self.control.injecting.store(false, Ordering::Release);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_inject(cx))?;
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_inject(cx))?;
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
