//! `IAMIdentityMapping` objects.

use super::Objects;
use super::controller::{Pending, Queue};
use super::watch::Place;
use super::wire::{self, Object};
use crate::KubeError;
use k8s_aws_mapping::{Code, Document, Finding, IdentityMappingSpec, List};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const PATH: &str = "/apis/iamauthenticator.k8s.aws/v1alpha1/iamidentitymappings";

pub(crate) const PLACE: Place = Place { path: PATH, selector: "" };

pub(crate) struct IdentityMappings {
    specs: BTreeMap<String, Spec>,
    incoming: BTreeMap<String, Spec>,
    queue: Arc<Queue>,
}

/// What an object says, or what is wrong with it.
type Spec = Result<IdentityMappingSpec, Box<Finding>>;

#[derive(Deserialize)]
struct Specified {
    #[serde(default)]
    spec: Value,
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
    fn take(&self, object: &RawValue, changed: impl Fn(&str, &Spec) -> bool) -> Result<Taken, KubeError> {
        let json = object.get().as_bytes();
        let metadata = wire::read::<Object>(json, "it is no object")?.metadata;
        let spec = read(wire::read::<Specified>(json, "it is no object")?.spec, &metadata.name);
        let changed = changed(&metadata.name, &spec);
        if let Some(canonical_arn) = spec.as_ref().ok().and_then(|spec| spec.canonical_arn().ok()) {
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
    spec: Spec,
    changed: bool,
}

/// A spec by its parts, for a type of ours would be read from a list too. One that says nothing maps nobody, and the mapping
/// engine has a finding about it.
fn read(spec: Value, name: &str) -> Spec {
    parts(spec).map_err(|problem| {
        Box::new(Finding {
            severity: Code::WrongShape.severity(),
            code: Code::WrongShape,
            message: format!("{problem}; the object is ignored"),
            list: Some(List::Objects),
            index: None,
            object: Some(name.into()),
            span: None,
            fix: None,
        })
    })
}

fn parts(spec: Value) -> Result<IdentityMappingSpec, String> {
    let mut fields = match spec {
        Value::Null => return Ok(IdentityMappingSpec::default()),
        Value::Object(fields) => fields,
        other => return Err(misfit("`spec`", &other, "a map")),
    };
    let mut text = |key: &str| match fields.remove(key) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(misfit(&format!("`spec.{key}`"), &other, "a text")),
    };
    let (arn, username) = (text("arn")?, text("username")?);
    let groups = match fields.remove("groups") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(groups)) => groups,
        Some(other) => return Err(misfit("`spec.groups`", &other, "a list of texts")),
    };
    let group = |group| match group {
        Value::String(group) => Ok(group),
        other => Err(misfit("an item of `spec.groups`", &other, "a text")),
    };
    let groups = groups.into_iter().map(group).collect::<Result<_, _>>()?;
    Ok(IdentityMappingSpec { arn, username, groups })
}

fn misfit(what: &str, value: &Value, wanted: &str) -> String {
    let kind = match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    };
    format!("{what} is {kind}, and must be {wanted}")
}

impl Objects for IdentityMappings {
    fn begin(&mut self) {
        self.incoming.clear();
    }

    fn listed(&mut self, object: &RawValue) -> Result<(), KubeError> {
        // What was there before us was announced by whoever was there then; what came while we were away is news.
        let known = |name: &str, spec: &Spec| self.specs.get(name).is_some_and(|old| old != spec);
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
        let readable = self.specs.iter().filter_map(|(name, spec)| Some((name.as_str(), spec.clone().ok()?)));
        Document::from_identity_mappings(readable)
    }

    fn broken(&self) -> Vec<Finding> {
        self.specs.values().filter_map(|spec| spec.as_ref().err()).map(|finding| (**finding).clone()).collect()
    }
}
