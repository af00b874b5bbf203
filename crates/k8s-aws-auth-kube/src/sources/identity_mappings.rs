//! `IAMIdentityMapping` objects.

use super::Objects;
use super::controller::{Pending, Queue};
use super::watch::Place;
use super::wire::{self, Object};
use crate::KubeError;
use k8s_aws_mapping::{Document, IdentityMappingSpec};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const PATH: &str = "/apis/iamauthenticator.k8s.aws/v1alpha1/iamidentitymappings";

pub(crate) const PLACE: Place = Place { path: PATH, selector: "" };

pub(crate) struct IdentityMappings {
    specs: BTreeMap<String, IdentityMappingSpec>,
    incoming: BTreeMap<String, IdentityMappingSpec>,
    queue: Arc<Queue>,
}

#[derive(Deserialize)]
struct Specified {
    spec: IdentityMappingSpec,
}

#[derive(Deserialize)]
struct WithStatus {
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default, rename = "canonicalARN")]
    canonical_arn: String,
    #[serde(default, rename = "userID")]
    user_id: Option<String>,
}

impl IdentityMappings {
    pub(crate) fn new(queue: Arc<Queue>) -> Self {
        Self { specs: BTreeMap::new(), incoming: BTreeMap::new(), queue }
    }

    /// Takes in an object; asks for its status to be written if that is not what it should be. `changed` says whether this is
    /// the first we hear of its spec.
    fn take(
        &self,
        object: &RawValue,
        changed: impl Fn(&str, &IdentityMappingSpec) -> bool,
    ) -> Result<Taken, KubeError> {
        let json = object.get().as_bytes();
        let metadata = wire::read::<Object>(json, "it is no object")?.metadata;
        // One that says nothing maps nobody, and the mapping engine has a finding about it.
        let spec = wire::read::<Specified>(json, "").map(|found| found.spec).unwrap_or_default();
        let changed = changed(&metadata.name, &spec);
        if let Ok(canonical_arn) = spec.canonical_arn() {
            let status = wire::read::<WithStatus>(json, "").ok().and_then(|found| found.status).unwrap_or_default();
            let stale = status.canonical_arn != canonical_arn;
            if stale || changed {
                let user_id = status.user_id.unwrap_or_default();
                let status = stale.then_some((canonical_arn, user_id));
                self.queue.push(
                    metadata.name.clone(),
                    Pending { uid: metadata.uid, version: metadata.resource_version, status },
                );
            }
        }
        Ok(Taken { name: metadata.name, spec, changed })
    }
}

struct Taken {
    name: String,
    spec: IdentityMappingSpec,
    changed: bool,
}

impl Objects for IdentityMappings {
    fn begin(&mut self) {
        self.incoming.clear();
    }

    fn listed(&mut self, object: &RawValue) -> Result<(), KubeError> {
        // What was there before us was announced by whoever was there then; what came while we were away is news.
        let known = |name: &str, spec: &IdentityMappingSpec| self.specs.get(name).is_some_and(|old| old != spec);
        let taken = self.take(object, known)?;
        self.incoming.insert(taken.name, taken.spec);
        Ok(())
    }

    fn end(&mut self) {
        self.specs = std::mem::take(&mut self.incoming);
    }

    fn put(&mut self, object: &RawValue) -> Result<bool, KubeError> {
        let taken = self.take(object, |name, spec| self.specs.get(name) != Some(spec))?;
        if taken.changed {
            self.specs.insert(taken.name, taken.spec);
        }
        Ok(taken.changed)
    }

    fn delete(&mut self, object: &RawValue) -> Result<bool, KubeError> {
        let name = wire::read::<Object>(object.get().as_bytes(), "it is no object")?.metadata.name;
        self.queue.forget(&name);
        Ok(self.specs.remove(&name).is_some())
    }

    fn document(&self) -> Document {
        Document::from_identity_mappings(self.specs.iter().map(|(name, spec)| (name.as_str(), spec.clone())))
    }
}
