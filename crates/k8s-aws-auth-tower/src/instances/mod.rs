//! Private DNS names of EC2 instances, for mappings that ask for them.
//!
//! [`InstanceLookup`] is what a [`Driver`](crate::Driver) asks; anything may be behind it. `Instances` (feature `ec2`) asks
//! EC2: it collects those who wait into few calls, and remembers what they told.

#[cfg(feature = "ec2")]
mod ec2;
#[cfg(feature = "ec2")]
mod exchange;
#[cfg(feature = "ec2")]
mod worker;

#[cfg(feature = "ec2")]
pub use ec2::{Instances, InstancesBuilder};
#[cfg(feature = "ec2")]
pub use exchange::Ec2Transport;

use k8s_aws_auth::LookupFailure;
use k8s_aws_auth::identity::{AccountId, InstanceId};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// What is known of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstanceName {
    /// The account that it runs in.
    pub owner: AccountId,
    /// Its private DNS name; empty where it has none, yet.
    pub private_dns_name: String,
}

impl InstanceName {
    /// What a look-up found out.
    pub fn new(owner: AccountId, private_dns_name: impl Into<String>) -> Self {
        Self { owner, private_dns_name: private_dns_name.into() }
    }
}

/// A look-up under way. It owns all that it needs.
pub type InstanceFuture = Pin<Box<dyn Future<Output = Result<InstanceName, LookupFailure>> + Send>>;

/// Whoever can tell the private DNS name of an instance.
pub trait InstanceLookup: Send + Sync + 'static {
    /// Looks an instance up; the future ends `within` that time, and may be dropped sooner.
    ///
    /// Who may be called by this name is not asked here: the driver compares [`InstanceName::owner`] with the caller.
    fn look_up(&self, id: &InstanceId, within: Duration) -> InstanceFuture;
}

impl<T: InstanceLookup + ?Sized> InstanceLookup for std::sync::Arc<T> {
    fn look_up(&self, id: &InstanceId, within: Duration) -> InstanceFuture {
        (**self).look_up(id, within)
    }
}
