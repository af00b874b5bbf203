use super::exchange::{Ec2Transport, Exchange};
use super::worker::{Order, Worker};
use super::{InstanceFuture, InstanceLookup, InstanceName};
use crate::{Clock, SystemClock, Timer};
use aws_credential_types::provider::SharedCredentialsProvider;
use futures_channel::mpsc::{UnboundedSender, unbounded};
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use k8s_aws_auth::ec2::{Ec2Endpoint, InstanceId, LookupLimits};
use k8s_aws_auth::{LookupFailure, Observer};
use std::sync::Arc;
use std::time::Duration;

/// Looks instances up in EC2, many by one call. Cheap to clone; clones share everything.
///
/// When a call is made, about which instances, how often, and what is remembered: see
/// [`Lookups`](k8s_aws_auth::ec2::Lookups). Those who wait for one instance share what comes of it, and whoever gives up fails
/// no other.
///
/// ```
/// # use aws_credential_types::provider::SharedCredentialsProvider;
/// # use k8s_aws_auth::ec2::{Ec2Endpoint, EndpointKind, Partition, Region};
/// # use k8s_aws_auth_tower::{Ec2Transport, Instances, Timer};
/// # fn example<S: Ec2Transport>(transport: S, credentials: SharedCredentialsProvider, timer: impl Timer)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// let endpoint = Ec2Endpoint::new(Partition::Aws, &Region::parse("eu-west-1")?, EndpointKind::Regional)?;
/// let (instances, worker) = Instances::builder(transport, endpoint, credentials, timer).build();
/// // The one makes the calls, and has to be polled for as long as the other is used: `tokio::spawn(worker)`.
/// # drop((instances, worker));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Instances {
    orders: UnboundedSender<Order>,
    timer: Arc<dyn Timer>,
}

impl Instances {
    /// Starts to set up look-ups in one region of EC2.
    ///
    /// `credentials` is asked before each call: it has to keep what it has, and to renew it in time. It decides about roles to
    /// assume, too.
    pub fn builder<S: Ec2Transport>(
        transport: S,
        endpoint: Ec2Endpoint,
        credentials: SharedCredentialsProvider,
        timer: impl Timer,
    ) -> InstancesBuilder<S> {
        let timer: Arc<dyn Timer> = Arc::new(timer);
        let exchange =
            Exchange { transport, endpoint, credentials, clock: Box::new(SystemClock), observer: Box::new(()), timer };
        InstancesBuilder { exchange, limits: LookupLimits::default() }
    }
}

impl InstanceLookup for Instances {
    fn look_up(&self, id: &InstanceId, within: Duration) -> InstanceFuture {
        let (answer, told) = oneshot::channel();
        // Where the worker is gone the answer is dropped with the order, and that is told.
        let _ = self.orders.unbounded_send(Order { id: id.clone(), answer });
        let end = self.timer.sleep(within);
        Box::pin(async move {
            match select(told, end).await {
                Either::Left((Ok(Ok(Some(instance))), _)) => Ok(InstanceName {
                    owner: instance.owner(),
                    private_dns_name: instance.private_dns_name().to_owned(),
                }),
                Either::Left((Ok(Ok(None)), _)) => Err(LookupFailure::UnknownInstance),
                Either::Left((Ok(Err(error)), _)) => Err(LookupFailure::from(&error)),
                Either::Left((Err(_), _)) | Either::Right(_) => Err(LookupFailure::Unavailable),
            }
        })
    }
}

/// Sets up [`Instances`].
#[must_use]
pub struct InstancesBuilder<S: Ec2Transport> {
    exchange: Exchange<S>,
    limits: LookupLimits,
}

impl<S: Ec2Transport> InstancesBuilder<S> {
    /// Other limits than the defaults.
    pub fn limits(mut self, limits: LookupLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Another clock than the system's; requests are signed by it.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.exchange.clock = Box::new(clock);
        self
    }

    /// Somebody who wants to know.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.exchange.observer = Box::new(observer);
        self
    }

    /// The look-ups, and the future that makes their calls. It ends when the last clone of the other is gone and nobody waits
    /// any more; while nobody waits it waits for nothing but that somebody does.
    pub fn build(self) -> (Instances, impl Future<Output = ()> + Send + 'static) {
        let (orders, received) = unbounded();
        let timer = self.exchange.timer.clone();
        let worker = Worker::new(received, self.exchange, self.limits);
        (Instances { orders, timer }, worker.run())
    }
}
