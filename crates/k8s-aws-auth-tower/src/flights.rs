//! One call to STS for everybody who asks about the same token at the same time.

use bytes::Bytes;
use futures_util::future::{FutureExt, Shared, WeakShared};
use k8s_aws_auth::sts::{TokenKey, TransportFailure};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What came of a call; each who waited for it reads the answer for itself.
pub(crate) type Landed = Arc<Result<http::Response<Bytes>, TransportFailure>>;

/// A call under way.
pub(crate) type Flight = Pin<Box<dyn Future<Output = Landed> + Send>>;

/// The calls under way, by what they are about.
///
/// A call belongs to nobody: whoever waits for it drives it, so that one who gives up fails no other, and when the last one
/// has given up it ends.
#[derive(Default)]
pub(crate) struct Flights {
    by_key: Mutex<HashMap<TokenKey, WeakShared<Flight>>>,
}

impl Flights {
    /// Waits for the call under way about `key`, or for a new one if there is none and one is to be made.
    pub(crate) async fn board<'a>(
        &'a self,
        key: &'a TokenKey,
        start: impl FnOnce() -> Option<Flight>,
    ) -> Option<Boarded<'a>> {
        let flight = {
            let mut by_key = self.lock();
            match by_key.get(key).and_then(WeakShared::upgrade) {
                Some(flight) => flight,
                None => {
                    let flight = start()?.shared();
                    by_key.extend(flight.downgrade().map(|flight| (key.clone(), flight)));
                    flight
                }
            }
        };
        let passenger = Passenger { flights: self, key, flight: Some(flight.clone()) };
        Some(Boarded { landed: flight.await, _passenger: passenger })
    }

    /// How many calls are under way.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TokenKey, WeakShared<Flight>>> {
        // Nothing in here panics with the lock held; if it did, the map would still be whole.
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of a call. While somebody holds this, whoever asks gets the same without a new call: what is to be remembered of
/// it is remembered first, so that there is no moment in which it is neither.
pub(crate) struct Boarded<'a> {
    pub(crate) landed: Landed,
    _passenger: Passenger<'a>,
}

/// One who waits; the last to leave takes the entry along, however it left.
struct Passenger<'a> {
    flights: &'a Flights,
    key: &'a TokenKey,
    flight: Option<Shared<Flight>>,
}

impl Drop for Passenger<'_> {
    fn drop(&mut self) {
        self.flight = None;
        let mut by_key = self.flights.lock();
        if by_key.get(self.key).is_some_and(|flight| flight.upgrade().is_none()) {
            by_key.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_aws_auth::presign::{EndpointKind, Region, StsEndpoint, presign};
    use k8s_aws_auth::sts::{ClusterId, Partition, Policy, Verifier};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, UNIX_EPOCH};
    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    fn key(cluster: &str) -> TokenKey {
        let now = UNIX_EPOCH + Duration::from_secs(1_781_526_896);
        let keys = aws_credential_types::Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "test");
        let endpoint = StsEndpoint::in_region(&Region::parse("eu-west-1").unwrap(), EndpointKind::Regional).unwrap();
        let cluster = ClusterId::parse(cluster).unwrap();
        let token = presign(&keys, &endpoint, &cluster, now).unwrap();
        let verifier = Verifier::new(Policy::new(Partition::Aws));
        verifier.begin(token.text().expose(), &cluster, now).unwrap().key().clone()
    }

    fn landed(body: &'static str) -> Landed {
        Arc::new(Ok(http::Response::new(Bytes::from_static(body.as_bytes()))))
    }

    async fn board(flights: &Flights, key: &TokenKey, start: impl FnOnce() -> Option<Flight>) -> Landed {
        flights.board(key, start).await.unwrap().landed
    }

    /// A flight that lands when told to, and is counted.
    fn flight(started: &Arc<AtomicUsize>) -> (impl FnOnce() -> Option<Flight> + use<>, oneshot::Sender<()>) {
        let (land, told) = oneshot::channel();
        let started = started.clone();
        let start = move || -> Option<Flight> {
            started.fetch_add(1, Ordering::SeqCst);
            Some(Box::pin(async move {
                told.await.unwrap();
                landed("answer")
            }))
        };
        (start, land)
    }

    fn never() -> Option<Flight> {
        panic!("there is a call under way already")
    }

    #[tokio::test]
    async fn a_thousand_who_ask_about_one_token_share_one_call() {
        let (flights, started, key) = (Arc::new(Flights::default()), Arc::default(), key("a"));
        let (start, land) = flight(&started);
        let mut start = Some(start);
        let mut waiting = Vec::new();
        for _ in 0..1000 {
            let (flights, key, start) = (flights.clone(), key.clone(), start.take());
            waiting.push(tokio::spawn(async move {
                board(&flights, &key, || start.map_or_else(never, |start| start())).await
            }));
            yield_now().await;
        }
        assert_eq!(flights.len(), 1);
        land.send(()).unwrap();
        for waiter in waiting {
            assert_eq!(waiter.await.unwrap().as_ref().as_ref().unwrap().body(), "answer");
        }
        assert_eq!((started.load(Ordering::SeqCst), flights.len()), (1, 0));
    }

    #[tokio::test]
    async fn one_who_gives_up_fails_no_other() {
        let (flights, started, key) = (Arc::new(Flights::default()), Arc::default(), key("a"));
        let (start, land) = flight(&started);
        let (f, k) = (flights.clone(), key.clone());
        let leader = tokio::spawn(async move { board(&f, &k, start).await });
        yield_now().await;
        let (f, k) = (flights.clone(), key.clone());
        let follower = tokio::spawn(async move { board(&f, &k, never).await });
        yield_now().await;
        leader.abort();
        assert!(leader.await.unwrap_err().is_cancelled());
        land.send(()).unwrap();
        assert!(follower.await.unwrap().is_ok());
        assert_eq!((started.load(Ordering::SeqCst), flights.len()), (1, 0));
    }

    #[tokio::test]
    async fn a_call_that_nobody_waits_for_ends() {
        let (flights, started, key) = (Arc::new(Flights::default()), Arc::default(), key("a"));
        let (start, land) = flight(&started);
        let (f, k) = (flights.clone(), key.clone());
        let only = tokio::spawn(async move { board(&f, &k, start).await });
        yield_now().await;
        only.abort();
        assert!(only.await.unwrap_err().is_cancelled());
        assert!(land.is_closed(), "the call is dropped");
        assert_eq!(flights.len(), 0);
        let (start, land) = flight(&started);
        land.send(()).unwrap();
        assert!(board(&flights, &key, start).await.is_ok(), "and the next one makes a new call");
    }

    #[tokio::test]
    async fn a_call_that_has_landed_is_there_until_the_last_has_left() {
        let (flights, started, key) = (Flights::default(), Arc::default(), key("a"));
        let (start, told) = flight(&started);
        told.send(()).unwrap();
        let boarded = flights.board(&key, start).await.unwrap();
        assert!(board(&flights, &key, never).await.is_ok(), "no new call while the first is being remembered");
        drop(boarded);
        assert_eq!(flights.len(), 0);
        assert!(flights.board(&key, || None).await.is_none(), "no call is made that is not wanted any more");
        assert_eq!(flights.len(), 0);
    }

    #[tokio::test]
    async fn another_cluster_is_another_call() {
        let (flights, started) = (Flights::default(), Arc::default());
        let ((start_a, land_a), (start_b, land_b)) = (flight(&started), flight(&started));
        land_a.send(()).unwrap();
        land_b.send(()).unwrap();
        let (key_a, key_b) = (key("a"), key("b"));
        let (a, b) = tokio::join!(board(&flights, &key_a, start_a), board(&flights, &key_b, start_b));
        assert!(a.is_ok() && b.is_ok());
        assert_eq!(started.load(Ordering::SeqCst), 2);
    }
}
