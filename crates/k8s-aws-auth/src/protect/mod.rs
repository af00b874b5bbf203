//! What keeps STS, and everyone else's logins, from one client's flood: pure state, with `now` as an argument.
//!
//! Whoever drives logins owns the values, behind locks of its own where it has to, and asks them before and after a call.
//!
//! * [`IdentityCache`]: a token that STS vouched for a moment ago is not asked about again.
//! * [`Lane`]: rate limit, concurrency limit, bounded queue and breaker for each STS host. Callers go by one of two lanes
//!   that share nothing, so that nothing that strangers send can take anything from those who are known.
//! * [`KnownKeys`]: which access keys are known, because somebody was let in by them.
//! * [`Limits`]: all the numbers, with their defaults.
//!
//! ```
//! use k8s_aws_auth::identity::{AccessKeyId, EndpointTable, StsEndpoint};
//! use k8s_aws_auth::protect::{Asked, Health, Hosts, KnownKeys, Lane, LaneKind, Limits};
//! use std::time::Instant;
//!
//! # fn example(now: Instant, key: &AccessKeyId, endpoint: &StsEndpoint) {
//! let limits = Limits::default();
//! let hosts = Hosts::new(EndpointTable::standard().iter().cloned(), limits.home.as_ref());
//! let known_keys = KnownKeys::new(limits.known_keys, limits.known_for);
//! let mut lanes = LaneKind::ALL.map(|kind| Lane::new(&hosts, &limits, kind));
//!
//! let key = known_keys.id(key);
//! let kind = known_keys.lane(key, now);
//! let lane = &mut lanes[kind as usize];
//! if let Some(host) = hosts.find(endpoint)
//!     && let Asked::Admitted(place) = lane.ask(host, key, now)
//! {
//!     // … send the request, and then say how the host did:
//!     lane.report(&place, Health::Answered, now);
//!     lane.release(place, now);
//! }
//! # }
//! ```

mod breaker;
mod hosts;
mod identity_cache;
mod known_keys;
mod lane;
mod limits;
mod rate_limit;
mod share;

pub use breaker::{Breaker, Health, Pass, Turn};
pub use hosts::{HostId, Hosts};
pub use identity_cache::IdentityCache;
pub use known_keys::{KeyId, KnownKeys};
pub use lane::{Asked, Lane, Look, Place, Ticket, TurnedAway};
pub use limits::{BreakerLimits, LaneKind, LaneLimits, Limits, RetryLimits};
pub use rate_limit::RateLimit;
