//! Response bodies, whole and broken.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::wire::Control;

/// The body of an answer.
pub(crate) enum FakeBody {
    Whole(Option<Bytes>),
    Drip {
        rest: Bytes,
        chunk: usize,
        every: Duration,
        pause: Option<Pin<Box<Sleep>>>,
    },
    /// A JSON string that goes on and on; so many bytes in all, or for ever.
    Huge {
        started: bool,
        left: Option<u64>,
    },
    /// Some bytes, a turn of the connection so that they go out, then the end of the connection.
    Cut {
        first: Option<Bytes>,
        turns: u8,
        reset: bool,
        control: Arc<Control>,
    },
}

const HUGE_START: &[u8] = b"{\"GetCallerIdentityResponse\":\"";
static PADDING: [u8; 16 * 1024] = [b'a'; 16 * 1024];
/// Turns of the connection's task in which it can write out what it has.
const FLUSH_TURNS: u8 = 4;

impl FakeBody {
    pub(crate) fn drip(body: Bytes, chunk: usize, every: Duration) -> Self {
        Self::Drip { rest: body, chunk, every, pause: None }
    }

    pub(crate) fn huge(bytes: Option<u64>) -> Self {
        Self::Huge { started: false, left: bytes }
    }

    pub(crate) fn cut(first: Bytes, reset: bool, control: Arc<Control>) -> Self {
        Self::Cut { first: Some(first), turns: FLUSH_TURNS, reset, control }
    }
}

impl Body for FakeBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let data = match &mut *self {
            Self::Whole(bytes) => bytes.take().filter(|b| !b.is_empty()),
            Self::Drip { rest, chunk, every, pause } => {
                if let Some(timer) = pause {
                    ready!(timer.as_mut().poll(cx));
                }
                *pause = Some(Box::pin(sleep(*every)));
                let len = rest.len().min(*chunk);
                (len > 0).then(|| rest.split_to(len))
            }
            Self::Huge { started, left } => {
                let piece = if *started { &PADDING[..] } else { HUGE_START };
                *started = true;
                let len = left.map_or(piece.len(), |left| piece.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
                *left = left.map(|left| left - len as u64);
                (len > 0).then(|| Bytes::from_static(&piece[..len]))
            }
            Self::Cut { first, turns, reset, control } => match first.take() {
                Some(bytes) => Some(bytes),
                None if *turns > 0 => {
                    *turns -= 1;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                None => {
                    control.kill(*reset);
                    return Poll::Pending;
                }
            },
        };
        Poll::Ready(data.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Drip { rest, .. } => SizeHint::with_exact(rest.len() as u64),
            Self::Huge { left: Some(left), .. } => SizeHint::with_exact(*left),
            Self::Huge { left: None, .. } | Self::Cut { .. } => SizeHint::default(),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.as_ref().is_none_or(Bytes::is_empty))
    }
}
