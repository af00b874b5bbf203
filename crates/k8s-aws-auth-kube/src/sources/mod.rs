//! The ConfigMap `aws-auth` and `IAMIdentityMapping` objects, listed and then watched.

mod aws_auth;
mod backoff;
mod connection;
mod controller;
mod identity_mappings;
mod watch;
mod wire;

pub use controller::{Controller, WriteFailure};

use crate::{ApiServer, KubeError};
use aws_auth::AwsAuth;
use backoff::Backoff;
use connection::Connection;
use futures_util::Stream;
use identity_mappings::IdentityMappings;
use k8s_aws_mapping::{Document, Finding};
use kube::Client;
use serde_json::value::RawValue;
use std::time::Duration;
use watch::{Place, Read, Watch};

/// By which client a source asks.
#[derive(Clone)]
pub enum Access {
    /// By this one, always.
    Client(Client),
    /// By one of its own. It is made anew, with the credentials and CA certificates that files have by then, after an answer
    /// 401 and after a connection that failed.
    Server(ApiServer),
}

impl From<Client> for Access {
    fn from(client: Client) -> Self {
        Self::Client(client)
    }
}

impl From<ApiServer> for Access {
    fn from(server: ApiServer) -> Self {
        Self::Server(server)
    }
}

/// What a [`Source`] has to tell.
#[derive(Debug)]
#[non_exhaustive]
pub enum Update {
    /// The mappings are these. The source is synced from the first of these on.
    Mappings(Document),
    /// The API server cannot be asked. What it last said stays in force, and the source tries again.
    Failed {
        /// Why.
        error: KubeError,
        /// When it tries again.
        retry_in: Duration,
    },
    /// After a failure, the API server can be asked again, and the mappings are still the ones that were told.
    Recovered,
}

/// Mappings that an API server holds, as they change.
///
/// A source lists the objects, watches them from there on, and takes the watch up again where it ended; only where the API
/// server has forgotten that place it lists again, so an object that was deleted meanwhile is gone then. It never tells of
/// an empty set of mappings because the API server cannot be reached.
///
/// Nothing is spawned: whoever awaits [`next`](Self::next) drives it.
pub struct Source {
    connection: Connection,
    place: Place,
    objects: Box<dyn Objects>,
    /// The version up to which the objects are known; none before they were listed.
    position: Option<String>,
    watch: Option<Watch>,
    backoff: Backoff,
    failing: bool,
}

impl Source {
    /// The ConfigMap `aws-auth` in `kube-system`. If there is none, or it is deleted, nobody is mapped.
    ///
    /// Needs the RBAC verbs `list` and `watch` on this one ConfigMap.
    pub fn aws_auth(access: impl Into<Access>) -> Self {
        Self::new(access.into(), aws_auth::PLACE, Box::new(AwsAuth::default()))
    }

    /// The `IAMIdentityMapping` objects (`iamauthenticator.k8s.aws/v1alpha1`). One that cannot be read costs itself only, see
    /// [`broken_objects`](Self::broken_objects).
    ///
    /// The [`Controller`] writes their status and events, if it is run; mappings do not wait for it.
    ///
    /// Needs the RBAC verbs `list` and `watch` on `iamidentitymappings`.
    pub fn identity_mappings(access: impl Into<Access>) -> (Self, Controller) {
        let access = access.into();
        let (controller, queue) = Controller::new(access.clone());
        (Self::new(access, identity_mappings::PLACE, Box::new(IdentityMappings::new(queue))), controller)
    }

    fn new(access: Access, place: Place, objects: Box<dyn Objects>) -> Self {
        let connection = Connection::new(access);
        Self { connection, place, objects, position: None, watch: None, backoff: Backoff::default(), failing: false }
    }

    /// Waits for what is to be told next. Comes back for ever.
    ///
    /// Cancel safe: what was not told yet is told by the next call, and waiting times go on.
    pub async fn next(&mut self) -> Update {
        loop {
            self.backoff.wait().await;
            let told = self.step().await;
            match told {
                Ok(Told::Nothing) => {}
                Ok(Told::Changed) => {
                    self.failing = false;
                    return Update::Mappings(self.objects.document());
                }
                Ok(Told::Watching) => {
                    if std::mem::take(&mut self.failing) {
                        return Update::Recovered;
                    }
                }
                Err(KubeError::Refused { status: 410, .. }) => {
                    self.stop_watching();
                    self.position = None;
                    self.backoff.gone();
                }
                Err(error) => {
                    self.stop_watching();
                    self.failing = true;
                    return Update::Failed { error, retry_in: self.backoff.failed() };
                }
            }
        }
    }

    /// What is wrong with the objects that cannot be read, as of the last [`Update::Mappings`]: their mappings are not in its
    /// document.
    pub fn broken_objects(&self) -> Vec<Finding> {
        self.objects.broken()
    }

    /// The same as a stream without end.
    pub fn into_stream(self) -> impl Stream<Item = Update> + Send {
        futures_util::stream::unfold(self, |mut source| async {
            let update = source.next().await;
            Some((update, source))
        })
    }

    async fn step(&mut self) -> Result<Told, KubeError> {
        let Some(position) = self.position.clone() else {
            let version = self.place.list(&mut self.connection, self.objects.as_mut()).await?;
            self.position = Some(version);
            return Ok(Told::Changed);
        };
        let Some(watch) = &mut self.watch else {
            self.watch = Some(self.place.watch(&mut self.connection, &position).await?);
            return Ok(Told::Watching);
        };
        match watch.read().await? {
            Read::Ended => {
                let lasted = watch.lasted();
                self.watch = None;
                self.backoff.ended(lasted);
                Ok(Told::Nothing)
            }
            Read::More => {
                // Until it is known what the events said, nothing is known up to any version.
                self.position = None;
                let applied = watch.apply(self.objects.as_mut())?;
                self.position = Some(applied.version.unwrap_or(position));
                Ok(if applied.changed { Told::Changed } else { Told::Nothing })
            }
        }
    }

    fn stop_watching(&mut self) {
        if let Some(watch) = self.watch.take() {
            self.backoff.lasted(watch.lasted());
        }
    }
}

enum Told {
    Nothing,
    Changed,
    Watching,
}

/// The objects of a kind, and what they say together.
trait Objects: Send {
    /// A list begins. What the next calls of [`listed`](Self::listed) bring takes the place of everything at its end.
    fn begin(&mut self);
    /// An object of the list.
    fn listed(&mut self, object: &RawValue) -> Result<(), KubeError>;
    /// The list ends.
    fn end(&mut self);
    /// An object that was added or changed; tells whether the mappings may be others now.
    fn put(&mut self, object: &RawValue) -> Result<bool, KubeError>;
    /// An object that was deleted.
    fn delete(&mut self, object: &RawValue) -> Result<bool, KubeError>;
    fn document(&self) -> Document;
    /// What is wrong with those that are not in the document.
    fn broken(&self) -> Vec<Finding> {
        Vec::new()
    }
}
