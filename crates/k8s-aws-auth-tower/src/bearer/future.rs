use http::Response;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The future of [`Bearer`](super::Bearer).
pub struct ResponseFuture<B, E>(pub(super) Pin<Box<dyn Future<Output = Result<Response<B>, E>> + Send>>);

impl<B, E> Future for ResponseFuture<B, E> {
    type Output = Result<Response<B>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}
