//! A call to STS from its place in the queue to its answer: waiting, calling, calling again, all within the time for it.

use crate::Transport;
use crate::flights::Landed;
use crate::guard::{Guard, Place};
use bytes::Bytes;
use futures_util::future::{Either, select};
use k8s_aws_auth::identity::AccessKeyId;
use k8s_aws_auth::protect::{Health, LaneKind};
use k8s_aws_auth::sts::{ErrorClass, StsRequest, TransportFailure, answer_error};
use k8s_aws_auth::{Event, Observer};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Instant;

/// All that a call needs: whoever began it may be gone before it ends.
pub(crate) struct StsCall<T: Transport> {
    pub(crate) transport: T,
    pub(crate) request: StsRequest,
    pub(crate) key: AccessKeyId,
    pub(crate) guard: Option<Arc<Guard>>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) classify: fn(&T::Error) -> TransportFailure,
}

type Answer = Result<http::Response<Bytes>, TransportFailure>;

impl<T: Transport> StsCall<T> {
    pub(crate) async fn make(mut self) -> Landed {
        let guard = self.guard.take();
        Arc::new(match guard {
            None => self.exchange(None).await,
            Some(guard) => self.make_guarded(&guard).await,
        })
    }

    async fn make_guarded(&mut self, guard: &Arc<Guard>) -> Answer {
        let begun = guard.timer.now();
        let mut place = match guard.admit(self.request.endpoint(), &self.key).await {
            Ok(place) => place,
            Err((lane, why)) => {
                self.observer.observe(Event::StsTurnedAway { endpoint: self.request.endpoint(), lane, why });
                return Err(why.into());
            }
        };
        let called = guard.timer.now();
        let left = guard.limits.budget.saturating_sub(called.saturating_duration_since(begun));
        let time_is_over = guard.timer.sleep(left);
        // In a box of its own: of those who wait for a place there may be very many more than of those who have one.
        let call = Box::pin(self.call_until_answered(guard, &mut place, called + left));
        let answer = match select(call, time_is_over).await {
            Either::Left((answer, _)) => Some(answer),
            Either::Right(_) => None,
        };
        answer.unwrap_or_else(|| {
            // No call begins that has not its least time left, so this is the host's failure.
            let (failure, took) = (TransportFailure::Timeout, guard.timer.now().saturating_duration_since(called));
            self.observer.observe(Event::StsFailed { endpoint: self.request.endpoint(), failure, took });
            self.report(&place, Health::Failed);
            Err(failure)
        })
    }

    async fn call_until_answered(&mut self, guard: &Guard, place: &mut Place, deadline: Instant) -> Answer {
        let mut retries = 0;
        loop {
            let answer = self.exchange(Some(place.lane)).await;
            let (health, worth_a_retry) = judge(&answer);
            self.report(place, health);
            if !worth_a_retry || !pause(guard, retries, deadline).await || !place.again() {
                return answer;
            }
            retries += 1;
            self.observer.observe(Event::StsRetried { endpoint: self.request.endpoint(), retry: retries });
        }
    }

    fn report(&self, place: &Place, health: Health) {
        if let Some(turn) = place.report(health) {
            self.observer.observe(Event::StsCircuit { endpoint: self.request.endpoint(), lane: place.lane, turn });
        }
    }

    /// Asks STS, once. The request tells the transport the lane that it comes from.
    async fn exchange(&mut self, lane: Option<LaneKind>) -> Answer {
        let asked = Instant::now();
        let transport = &mut self.transport;
        let mut request = self.request.clone().into_http().map(|()| Bytes::new());
        if let Some(lane) = lane {
            request.extensions_mut().insert(lane);
        }
        let answer = match poll_fn(|cx| transport.poll_ready(cx)).await {
            Ok(()) => transport.call(request).await,
            Err(error) => Err(error),
        };
        let (endpoint, took) = (self.request.endpoint(), asked.elapsed());
        match answer {
            Ok(answer) => {
                self.observer.observe(Event::StsAnswered { endpoint, status: answer.status().as_u16(), took });
                if answer_error(&answer).is_some_and(|error| error.class() == ErrorClass::Throttled) {
                    self.observer.observe(Event::StsThrottled { endpoint });
                }
                Ok(answer)
            }
            Err(error) => {
                let failure = (self.classify)(&error);
                self.observer.observe(Event::StsFailed { endpoint, failure, took });
                Err(failure)
            }
        }
    }
}

/// Waits before a call is made again; whether it is to be.
async fn pause(guard: &Guard, retries: u32, deadline: Instant) -> bool {
    let Some(pause) = guard.limits.retry.pause(retries, (guard.random)()) else { return false };
    let left = deadline.saturating_duration_since(guard.timer.now());
    if left < pause.saturating_add(guard.limits.call_time) {
        return false;
    }
    guard.timer.sleep(pause).await;
    true
}

/// How the host did, and whether the same question may have another answer in a moment.
///
/// A host that did not answer in time is not asked again: its time was a good part of the review's.
fn judge(answer: &Answer) -> (Health, bool) {
    match answer {
        Ok(answer) => match answer_error(answer).map(|error| error.class()) {
            Some(ErrorClass::Unavailable) => (Health::Failed, true),
            Some(ErrorClass::Throttled) => (Health::Answered, true),
            _ => (Health::Answered, false),
        },
        Err(TransportFailure::Unreachable) => (Health::Failed, true),
        Err(TransportFailure::Timeout) => (Health::Failed, false),
        Err(TransportFailure::AnswerTooLong) => (Health::Answered, false),
        Err(_) => (Health::Unknown, false),
    }
}
