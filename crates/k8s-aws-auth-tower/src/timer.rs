use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

/// A wait under way.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Lets time pass. A closure that makes such futures is one: `|time| tokio::time::sleep(time)`.
pub trait Timer: Send + Sync + 'static {
    /// A future that ends after `time`. Dropping it ends the wait.
    fn sleep(&self, time: Duration) -> Sleep;

    /// Now, on a clock that never goes back.
    fn now(&self) -> Instant {
        Instant::now()
    }
}

impl<F, S> Timer for F
where
    F: Fn(Duration) -> S + Send + Sync + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    fn sleep(&self, time: Duration) -> Sleep {
        Box::pin(self(time))
    }
}
