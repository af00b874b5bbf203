//! Bearer authentication for gateways: [`BearerLayer`], and [`impersonate`] for those that forward to an API server.

mod authorization;
mod future;
mod impersonate;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use impersonate::{ImpersonationError, impersonate, strip_credentials};
pub use layer::BearerLayer;
pub use service::{AuthenticatedUser, Bearer};
