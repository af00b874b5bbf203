//! The objects, their versions, and what happened to them.

use crate::resource::{Resource, Target};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an answer other than success says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: u16, message: impl Into<String>) -> Self {
        let reason = match code {
            400 => "BadRequest",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "NotFound",
            405 => "MethodNotAllowed",
            409 => "Conflict",
            410 => "Expired",
            415 => "UnsupportedMediaType",
            422 => "Invalid",
            429 => "TooManyRequests",
            503 => "ServiceUnavailable",
            _ => "InternalError",
        };
        Self { code, reason, message: message.into() }
    }

    pub(crate) fn to_status(&self) -> Value {
        json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        })
    }
}

/// Resource, namespace (empty where there is none) and name.
pub(crate) type Key = (usize, String, String);

/// Something that happened to an object.
pub(crate) struct Change {
    pub(crate) version: u64,
    pub(crate) what: &'static str,
    pub(crate) key: Key,
    pub(crate) object: Arc<Value>,
}

#[derive(Default)]
pub(crate) struct Store {
    pub(crate) resources: Vec<Resource>,
    pub(crate) version: u64,
    /// Changes up to this version are forgotten.
    pub(crate) compacted: u64,
    pub(crate) history: Vec<Change>,
    /// How often bookmarks were sent.
    pub(crate) bookmarks: u64,
    pub(crate) objects: BTreeMap<Key, Arc<Value>>,
}

/// Which objects of a resource are meant.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(crate) resource: usize,
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
}

impl Selection {
    pub(crate) fn holds(&self, (resource, namespace, name): &Key) -> bool {
        *resource == self.resource
            && self.namespace.as_ref().is_none_or(|wanted| wanted == namespace)
            && self.name.as_ref().is_none_or(|wanted| wanted == name)
    }
}

impl Store {
    pub(crate) fn get(&self, key: &Key) -> Result<Arc<Value>, Refusal> {
        self.objects.get(key).cloned().ok_or_else(|| self.not_found(key))
    }

    pub(crate) fn select(&self, selection: &Selection) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.objects.iter().filter(|(key, _)| selection.holds(key))
    }

    pub(crate) fn key(&self, target: &Target, object: &Value) -> Result<Key, Refusal> {
        let resource = &self.resources[target.resource];
        let says = |field: &str, wanted: &str| object[field].is_null() || object[field] == *wanted;
        if !says("apiVersion", &resource.api_version()) || !says("kind", &resource.kind) {
            return Err(Refusal::new(400, "the object is of another kind than the path"));
        }
        let name = target.name.as_deref().or(object["metadata"]["name"].as_str()).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Refusal::new(422, "metadata.name: Required value"))?;
        if object["metadata"]["name"].as_str().is_some_and(|own| own != name) {
            return Err(Refusal::new(400, "the name of the object does not match the name on the URL"));
        }
        let namespace = if resource.namespaced { target.namespace.clone().unwrap_or_default() } else { String::new() };
        if object["metadata"]["namespace"].as_str().is_some_and(|own| own != namespace) {
            return Err(Refusal::new(400, "the namespace of the object does not match the namespace on the request"));
        }
        Ok((target.resource, namespace, name.to_owned()))
    }

    pub(crate) fn create(&mut self, key: Key, mut object: Value) -> Result<Arc<Value>, Refusal> {
        let resource = &self.resources[key.0];
        if self.objects.contains_key(&key) {
            let message = format!("{} {:?} already exists", resource.plural, key.2);
            return Err(Refusal { code: 409, reason: "AlreadyExists", message });
        }
        if !object.is_object() {
            return Err(Refusal::new(400, "the body is no object"));
        }
        object["apiVersion"] = resource.api_version().into();
        object["kind"] = resource.kind.clone().into();
        if resource.status {
            remove(&mut object, "status");
        }
        let meta = metadata(&mut object);
        meta.insert("name".into(), key.2.clone().into());
        if resource.namespaced {
            meta.insert("namespace".into(), key.1.clone().into());
        }
        meta.insert("uid".into(), format!("00000000-0000-4000-8000-{:012x}", self.version + 1).into());
        meta.insert("creationTimestamp".into(), "2026-01-01T00:00:00Z".into());
        meta.insert("generation".into(), 1.into());
        Ok(self.put("ADDED", key, object))
    }

    /// Puts another version in an object's place: all of it but its status, or its status alone.
    pub(crate) fn replace(&mut self, key: Key, object: Value, status: bool) -> Result<Arc<Value>, Refusal> {
        let current = self.get(&key)?;
        let claimed = object["metadata"]["resourceVersion"].as_str().filter(|version| !version.is_empty());
        if claimed.is_some_and(|version| current["metadata"]["resourceVersion"] != *version) {
            let message = format!(
                "Operation cannot be fulfilled on {} {:?}: the object has been modified; please apply your changes to \
                 the latest version and try again",
                self.resources[key.0].plural, key.2
            );
            return Err(Refusal::new(409, message));
        }
        if object["metadata"]["uid"].as_str().is_some_and(|uid| current["metadata"]["uid"] != *uid) {
            return Err(Refusal::new(409, "Precondition failed: UID in precondition is of another object"));
        }
        let mut next = if status {
            let mut next = (*current).clone();
            next["status"] = object["status"].clone();
            next
        } else {
            let mut next = object;
            if self.resources[key.0].status {
                remove(&mut next, "status");
                if !current["status"].is_null() {
                    next["status"] = current["status"].clone();
                }
            }
            for field in ["apiVersion", "kind"] {
                next[field] = current[field].clone();
            }
            next
        };
        let respecified = next["spec"] != current["spec"];
        let old = current["metadata"].clone();
        let meta = metadata(&mut next);
        for field in ["name", "namespace", "uid", "creationTimestamp", "generation", "resourceVersion"] {
            match old[field].clone() {
                Value::Null => drop(meta.remove(field)),
                value => drop(meta.insert(field.into(), value)),
            }
        }
        // As in a real API server: what changes nothing is no new version, and no watch hears of it.
        if next == *current {
            return Ok(current);
        }
        if respecified {
            let generation = old["generation"].as_u64().unwrap_or_default() + 1;
            metadata(&mut next).insert("generation".into(), generation.into());
        }
        Ok(self.put("MODIFIED", key, next))
    }

    /// Merges a patch into an object as RFC 7386 says, or into its status alone.
    pub(crate) fn patch(&mut self, key: Key, patch: &Value, status: bool) -> Result<Arc<Value>, Refusal> {
        let current = self.get(&key)?;
        let mut next = (*current).clone();
        remove(&mut next["metadata"], "resourceVersion");
        merge(&mut next, patch);
        self.replace(key, next, status)
    }

    pub(crate) fn delete(&mut self, key: &Key) -> Result<Arc<Value>, Refusal> {
        let current = self.objects.remove(key).ok_or_else(|| self.not_found(key))?;
        let object = self.versioned((*current).clone());
        let change = Change { version: self.version, what: "DELETED", key: key.clone(), object: object.clone() };
        self.history.push(change);
        Ok(object)
    }

    pub(crate) fn compact(&mut self) {
        self.history.clear();
        self.compacted = self.version;
    }

    fn put(&mut self, what: &'static str, key: Key, object: Value) -> Arc<Value> {
        let object = self.versioned(object);
        self.history.push(Change { version: self.version, what, key: key.clone(), object: object.clone() });
        self.objects.insert(key, object.clone());
        object
    }

    fn versioned(&mut self, mut object: Value) -> Arc<Value> {
        self.version += 1;
        metadata(&mut object).insert("resourceVersion".into(), self.version.to_string().into());
        Arc::new(object)
    }

    fn not_found(&self, key: &Key) -> Refusal {
        Refusal::new(404, format!("{} {:?} not found", self.resources[key.0].plural, key.2))
    }
}

fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    let meta = &mut object["metadata"];
    if !meta.is_object() {
        *meta = json!({});
    }
    match meta {
        Value::Object(map) => map,
        _ => unreachable!("it was made an object"),
    }
}

fn remove(object: &mut Value, key: &str) {
    if let Value::Object(map) = object {
        map.remove(key);
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        match value {
            Value::Null => remove(target, key),
            value => merge(&mut target[key.as_str()], value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity_mapping;

    fn store() -> (Store, Key) {
        let mut store = Store { resources: Resource::standard(), ..Store::default() };
        let key = (2, String::new(), "a".to_owned());
        store.create(key.clone(), identity_mapping("a", "arn", "user", &[])).unwrap();
        (store, key)
    }

    #[test]
    fn a_stale_version_is_a_conflict_and_none_is_not() {
        let (mut store, key) = store();
        let stale = store.get(&key).unwrap();
        let mut next = identity_mapping("a", "arn", "other", &[]);
        let second = store.replace(key.clone(), next.clone(), false).unwrap();
        assert_eq!(
            (&second["metadata"]["resourceVersion"], &second["metadata"]["generation"]),
            (&json!("2"), &json!(2))
        );
        next["metadata"]["resourceVersion"] = stale["metadata"]["resourceVersion"].clone();
        next["spec"]["username"] = "third".into();
        assert_eq!(store.replace(key, next, false).unwrap_err().code, 409);
    }

    #[test]
    fn status_and_the_rest_are_written_apart() {
        let (mut store, key) = store();
        store.patch(key.clone(), &json!({"status": {"canonicalARN": "x"}, "spec": {"arn": "no"}}), true).unwrap();
        store.patch(key.clone(), &json!({"status": {"canonicalARN": "no"}, "spec": {"username": "b"}}), false).unwrap();
        let object = store.get(&key).unwrap();
        let got = (&object["status"]["canonicalARN"], &object["spec"]["arn"], &object["spec"]["username"]);
        assert_eq!(got, (&json!("x"), &json!("arn"), &json!("b")));
    }

    #[test]
    fn what_changes_nothing_is_no_new_version() {
        let (mut store, key) = store();
        store.replace(key.clone(), identity_mapping("a", "arn", "user", &[]), false).unwrap();
        store.patch(key, &json!({"metadata": {"name": "a"}}), false).unwrap();
        assert_eq!((store.version, store.history.len()), (1, 1));
    }
}
