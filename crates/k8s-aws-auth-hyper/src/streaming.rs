use crate::{HttpsTransport, TransportError};
use bytes::Bytes;
use hyper::body::Incoming;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// The transport, with bodies that are read as they come: for answers too large to have in memory.
///
/// [`Builder::timeout`](crate::Builder::timeout) is for the head of an answer alone, and
/// [`Builder::max_body`](crate::Builder::max_body) does not count: **whoever reads a body limits its time and length.**
/// Everything else is as before, connections are shared with the transport that this was made of, and a body that is dropped
/// half-read ends its connection.
#[derive(Clone, Debug)]
pub struct StreamingTransport(HttpsTransport);

impl HttpsTransport {
    /// The same transport with bodies that are read as they come.
    pub fn streaming(&self) -> StreamingTransport {
        StreamingTransport(self.clone())
    }
}

impl tower_service::Service<http::Request<Bytes>> for StreamingTransport {
    type Response = http::Response<Incoming>;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Self::Future {
        let (head, limit) = (self.0.head(request), self.0.timeout);
        Box::pin(async move { tokio::time::timeout(limit, head).await.map_err(|_| TransportError::Timeout { limit })? })
    }
}
