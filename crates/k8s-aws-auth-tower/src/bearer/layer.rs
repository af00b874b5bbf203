use super::Bearer;
use crate::{Driver, Transport};
use k8s_aws_auth::sts::ClusterId;
use tower_layer::Layer;

/// Lets nobody through to a service who does not bear a token of a known user.
///
/// It looks for one `Authorization: Bearer k8s-aws-v1.…` and answers, in place of the service behind it,
///
/// | status | when |
/// |---|---|
/// | 400 | several `Authorization` headers, or one that is none |
/// | 401 with `WWW-Authenticate` | no such header, another scheme, or a definite refusal: asking again gives the same |
/// | 503 with `Retry-After` | anything else that keeps the bearer from being known: STS is not reachable, a limit is in force |
///
/// The reason code of a refusal is the `error_description` of `WWW-Authenticate`, and more of it is in the extensions of the
/// answer: `Arc<Outcome>` where a token was decided about, [`Malformed`](crate::Malformed) for status 400. The body is the
/// default one of the service's type.
///
/// The service behind finds an [`AuthenticatedUser`](super::AuthenticatedUser) in the extensions of the request, and no
/// `Authorization`: a token is good for whoever sees it.
///
/// **Back-pressure** is that of the service behind: it is ready when that is, and what it was promised (a place under a limit,
/// say) is kept while the token is decided about, and given back where it is refused.
///
/// ```
/// # use http::{Request, Response};
/// # use k8s_aws_auth_tower::{AuthenticatedUser, BearerLayer, Driver, Transport};
/// # use k8s_aws_auth::sts::ClusterId;
/// # fn example<T: Transport>(driver: Driver<T>) -> Result<(), Box<dyn std::error::Error>> {
/// // With tower: `ServiceBuilder::new().layer(layer)`; with axum: `Router::layer(layer)`.
/// let layer = BearerLayer::new(driver, ClusterId::parse("prod")?);
///
/// async fn whoami(request: Request<String>) -> Response<String> {
///     let user = request.extensions().get::<AuthenticatedUser>();
///     Response::new(user.map(|user| user.user().username.clone()).unwrap_or_default())
/// }
/// # let _ = (layer, whoami);
/// # Ok(())
/// # }
/// ```
pub struct BearerLayer<T: Transport> {
    driver: Driver<T>,
    cluster: ClusterId,
}

impl<T: Transport> BearerLayer<T> {
    /// Lets users of this cluster through. A token is never tried for another one.
    pub fn new(driver: Driver<T>, cluster: ClusterId) -> Self {
        Self { driver, cluster }
    }
}

impl<S, T: Transport> Layer<S> for BearerLayer<T> {
    type Service = Bearer<S, T>;

    fn layer(&self, inner: S) -> Bearer<S, T> {
        Bearer::new(inner, self.driver.clone(), self.cluster.clone())
    }
}

impl<T: Transport> Clone for BearerLayer<T> {
    fn clone(&self) -> Self {
        Self { driver: self.driver.clone(), cluster: self.cluster.clone() }
    }
}
