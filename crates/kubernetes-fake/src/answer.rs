//! From a request to its answer.

use crate::record::{Recorded, parameter};
use crate::resource::Target;
use crate::server::{FakeBody, Shared};
use crate::store::{Refusal, Selection, Store};
use crate::watch::Watch;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many events of a watch wait for a client that does not read.
const WATCH_BUFFER: usize = 64;

pub(crate) fn answer(shared: &Arc<Shared>, request: &Recorded, target: Option<Target>) -> Response<FakeBody> {
    let bearer = request.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
    let user = match shared.authenticate(bearer) {
        Some(user) => user,
        None => return refuse(&Refusal::new(401, "Unauthorized")),
    };
    let answered = match target {
        Some(target) if request.verb == "watch" => return watch(shared, request, &target),
        Some(target) => about_objects(&mut shared.store(), request, &target),
        None => about_user(request, &user),
    };
    if !matches!(request.verb, "get" | "list") {
        shared.changed.send_replace(());
    }
    match answered {
        Ok((status, body)) => json_answer(status, &body),
        Err(refusal) => refuse(&refusal),
    }
}

pub(crate) fn refuse(refusal: &Refusal) -> Response<FakeBody> {
    json_answer(refusal.code, &refusal.to_status())
}

fn json_answer(status: u16, body: &Value) -> Response<FakeBody> {
    let mut answer = Response::new(FakeBody::Whole(Some(Bytes::from(body.to_string()))));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn watch(shared: &Arc<Shared>, request: &Recorded, target: &Target) -> Response<FakeBody> {
    let watch = selection(request, target).and_then(|s| Watch::of(s, &request.query, &shared.store()));
    match watch {
        Err(refusal) => refuse(&refusal),
        Ok(watch) => {
            let (lines, body) = mpsc::channel(WATCH_BUFFER);
            tokio::spawn(watch.tell(shared.clone(), lines));
            let mut answer = Response::new(FakeBody::Watch(body));
            answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            answer
        }
    }
}

type Answered = Result<(u16, Value), Refusal>;

fn about_objects(store: &mut Store, request: &Recorded, target: &Target) -> Answered {
    let body = || {
        let body: Value =
            serde_json::from_slice(&request.body).map_err(|error| Refusal::new(400, error.to_string()))?;
        if body.is_object() { Ok(body) } else { Err(Refusal::new(400, "the body is no object")) }
    };
    match request.verb {
        "list" => list(store, request, target).map(|list| (200, list)),
        "get" => Ok((200, (*store.get(&store.key(target, &Value::Null)?)?).clone())),
        "create" if target.name.is_none() => {
            let object = body()?;
            let key = store.key(target, &object)?;
            Ok((201, (*store.create(key, object)?).clone()))
        }
        "update" if target.name.is_some() => {
            let object = body()?;
            let key = store.key(target, &object)?;
            Ok((200, (*store.replace(key, object, target.status)?).clone()))
        }
        "patch" if target.name.is_some() => {
            let media = request.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
            if !matches!(media, "application/merge-patch+json" | "application/strategic-merge-patch+json") {
                return Err(Refusal::new(415, "the body of the request was in an unknown format"));
            }
            let key = store.key(target, &Value::Null)?;
            Ok((200, (*store.patch(key, &body()?, target.status)?).clone()))
        }
        "delete" if target.name.is_some() && !target.status => {
            let key = store.key(target, &Value::Null)?;
            store.delete(&key)?;
            Ok((200, json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})))
        }
        _ => Err(Refusal::new(405, "the server does not allow this method on the requested resource")),
    }
}

/// A page of the objects, by name. The token for the next page is the last name of this one.
fn list(store: &Store, request: &Recorded, target: &Target) -> Result<Value, Refusal> {
    let selection = selection(request, target)?;
    let after = parameter(&request.query, "continue");
    let limit = parameter(&request.query, "limit").and_then(|l| l.parse().ok()).filter(|l| *l > 0);
    let place = |(_, namespace, name): &(usize, String, String)| format!("{namespace}/{name}");
    let mut rest =
        store.select(&selection).filter(|(key, _)| after.as_ref().is_none_or(|a| place(key) > *a)).peekable();
    let (mut items, mut last) = (Vec::new(), String::new());
    while let Some((key, object)) = rest.next_if(|_| limit.is_none_or(|limit: usize| items.len() < limit)) {
        last = place(key);
        // The items of a list do not say what they are.
        let mut item = (**object).clone();
        if let Value::Object(fields) = &mut item {
            fields.remove("kind");
            fields.remove("apiVersion");
        }
        items.push(item);
    }
    let resource = &store.resources[target.resource];
    let mut meta = json!({"resourceVersion": store.version.to_string()});
    if rest.peek().is_some() {
        meta["continue"] = last.into();
    }
    let kind = format!("{}List", resource.kind);
    Ok(json!({"kind": kind, "apiVersion": resource.api_version(), "metadata": meta, "items": items}))
}

fn selection(request: &Recorded, target: &Target) -> Result<Selection, Refusal> {
    let mut selection =
        Selection { resource: target.resource, namespace: target.namespace.clone(), name: target.name.clone() };
    if parameter(&request.query, "labelSelector").is_some_and(|selector| !selector.is_empty()) {
        return Err(Refusal::new(400, "this API server has no label selectors"));
    }
    for term in parameter(&request.query, "fieldSelector").unwrap_or_default().split(',').filter(|t| !t.is_empty()) {
        match term.split_once('=').map(|(field, value)| (field, value.trim_start_matches('='))) {
            Some(("metadata.name", value)) => selection.name = Some(value.to_owned()),
            Some(("metadata.namespace", value)) => selection.namespace = Some(value.to_owned()),
            _ => return Err(Refusal::new(400, format!("field label not supported: {term}"))),
        }
    }
    Ok(selection)
}

/// `SelfSubjectReview`: who does the API server take the client for?
fn about_user(request: &Recorded, user: &Value) -> Answered {
    const PATH: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    if request.path != PATH || request.method != http::Method::POST {
        return Err(Refusal::new(404, "the server could not find the requested resource"));
    }
    let review = json!({
        "kind": "SelfSubjectReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"creationTimestamp": null},
        "status": {"userInfo": user},
    });
    Ok((201, review))
}
