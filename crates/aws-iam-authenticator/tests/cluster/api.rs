//! A client of the API server with a bearer token, and what it does as an administrator.

use crate::support::{Http, PATIENCE};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use kubernetes_fake::RealKubernetes;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub(crate) struct Api {
    http: Http,
}

impl Api {
    pub(crate) fn new(kubernetes: &RealKubernetes) -> Self {
        Self { http: Http::new(kubernetes.ca_pem().as_bytes(), &kubernetes.url()) }
    }

    /// None where it cannot be reached.
    fn try_ask(&self, token: &str, method: Method, path: &str, body: &Value) -> Option<(u16, Value)> {
        let media = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let request = Request::builder().method(method).uri(format!("{}{path}", self.http.url));
        let request = request.header(AUTHORIZATION, format!("Bearer {token}")).header(CONTENT_TYPE, media);
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let answer = self.http.try_send(request.body(body).unwrap())?;
        Some((answer.status, serde_json::from_slice(&answer.body).unwrap_or_default()))
    }

    pub(crate) fn ask(&self, token: &str, method: Method, path: &str, body: &Value) -> (u16, Value) {
        self.try_ask(token, method, path, body).expect("an answer of the API server")
    }

    pub(crate) fn get(&self, token: &str, path: &str) -> (u16, Value) {
        self.ask(token, Method::GET, path, &Value::Null)
    }

    /// Asks until the answer is as wanted: an API server that starts, or that has just heard of a new kind of object, needs a moment.
    pub(crate) fn ask_until(
        &self,
        token: &str,
        (method, path, body): (Method, &str, &Value),
        wanted: impl Fn(u16, &Value) -> bool,
    ) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = self.try_ask(token, method.clone(), path, body);
            match answer {
                Some((status, body)) if wanted(status, &body) => return body,
                answer => assert!(Instant::now() < end, "{method} {path}: {answer:?}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Until it has started all that it starts.
    pub(crate) fn ready(&self, token: &str) {
        self.ask_until(token, (Method::GET, "/readyz", &Value::Null), |status, _| status == 200);
    }

    /// Creates an object that has no field which the API server does not know.
    pub(crate) fn create(&self, token: &str, object: &Value) -> Value {
        self.create_with(token, object, "?fieldValidation=Strict")
    }

    /// Looks whether the API server would create an object.
    pub(crate) fn check(&self, token: &str, object: &Value) -> Value {
        self.create_with(token, object, "?fieldValidation=Strict&dryRun=All")
    }

    fn create_with(&self, token: &str, object: &Value, query: &str) -> Value {
        let path = format!("{}{query}", folder(object));
        self.ask_until(token, (Method::POST, &path, object), |status, answer| {
            // The path is not there before the definition of the kind is taken in.
            assert!([201, 404].contains(&status), "{path}: {answer}");
            status == 201
        })
    }

    /// What `kubectl auth whoami` asks.
    pub(crate) fn whoami(&self, token: &str) -> (u16, Value) {
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        self.ask(token, Method::POST, "/apis/authentication.k8s.io/v1/selfsubjectreviews", &review)
    }

    /// What `kubectl auth can-i` asks.
    pub(crate) fn may(&self, token: &str, verb: &str, group: &str, resource: &str, namespace: &str) -> bool {
        let what = json!({"verb": verb, "group": group, "resource": resource, "namespace": namespace});
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": what},
        });
        let (status, answer) =
            self.ask(token, Method::POST, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &review);
        assert_eq!(status, 201, "{answer}");
        answer["status"]["allowed"].as_bool().unwrap()
    }
}

/// Where objects of this kind, in the namespace of this one, are.
pub(crate) fn folder(object: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let version = word(&object["apiVersion"]);
    let root = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    let namespace = object["metadata"]["namespace"].as_str().map(|name| format!("/namespaces/{name}"));
    format!("{root}{}/{}s", namespace.unwrap_or_default(), word(&object["kind"]).to_lowercase())
}
