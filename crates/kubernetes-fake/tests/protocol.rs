//! What clients can tell about an API server, over the wire.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_types, reason = "tests of a server")]

use kubernetes_fake::{FakeKubernetes, Fault, aws_auth, identity_mapping};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const MAPPINGS: &str = "/apis/iamauthenticator.k8s.aws/v1alpha1/iamidentitymappings";
const CONFIG_MAPS: &str = "/api/v1/namespaces/kube-system/configmaps";

fn open(fake: &FakeKubernetes, method: &str, path: &str, body: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(fake.url().strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
    let head =
        format!("{method} {path} HTTP/1.0\r\nhost: x\r\ncontent-type: {media}\r\ncontent-length: {}", body.len());
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
    BufReader::new(stream)
}

fn ask(fake: &FakeKubernetes, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut text = String::new();
    open(fake, method, path, body).read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
}

/// The lines of a watch.
fn watch(fake: &FakeKubernetes, path: &str) -> impl Iterator<Item = Value> + use<> {
    let lines = open(fake, "GET", path, "").lines().map(Result::unwrap);
    lines.skip_while(|line| !line.is_empty()).skip(1).map(|line| serde_json::from_str(&line).unwrap())
}

#[test]
fn a_config_map_is_created_read_updated_patched_and_deleted() {
    let fake = FakeKubernetes::start();
    let name = format!("{CONFIG_MAPS}/aws-auth");
    assert_eq!(ask(&fake, "GET", &name, "").0, 404);
    let (status, created) = ask(&fake, "POST", CONFIG_MAPS, &aws_auth([("mapRoles", "[]")]).to_string());
    assert_eq!((status, &created["metadata"]["resourceVersion"]), (201, &json!("1")));
    assert_eq!(ask(&fake, "POST", CONFIG_MAPS, &aws_auth([]).to_string()).1["reason"], "AlreadyExists");
    let mut next = created;
    next["data"]["mapRoles"] = "a".into();
    assert_eq!(ask(&fake, "PUT", &name, &next.to_string()).1["metadata"]["resourceVersion"], "2");
    next["data"]["mapRoles"] = "b".into();
    let (status, refused) = ask(&fake, "PUT", &name, &next.to_string());
    assert_eq!((status, &refused["kind"], &refused["reason"]), (409, &json!("Status"), &json!("Conflict")));
    let patched = ask(&fake, "PATCH", &name, r#"{"data": {"mapRoles": null, "mapUsers": "u"}}"#).1;
    assert_eq!(patched["data"], json!({"mapUsers": "u"}));
    assert_eq!(ask(&fake, "DELETE", &name, "").0, 200);
    assert_eq!(fake.object("ConfigMap", "kube-system", "aws-auth"), None);
    let verbs: Vec<&str> = fake.requests().iter().map(|r| r.verb).collect();
    assert_eq!(verbs, ["get", "create", "create", "update", "update", "patch", "delete"]);
}

#[test]
fn a_list_has_pages_and_selects_by_name() {
    let fake = FakeKubernetes::start();
    for name in ["a", "b", "c"] {
        fake.apply(identity_mapping(name, "arn", "user", &[]));
    }
    let names = |list: &Value| -> Vec<String> {
        list["items"].as_array().unwrap().iter().map(|i| i["metadata"]["name"].as_str().unwrap().into()).collect()
    };
    let first = ask(&fake, "GET", &format!("{MAPPINGS}?limit=2"), "").1;
    assert_eq!((names(&first), &first["metadata"]["resourceVersion"]), (vec!["a".into(), "b".into()], &json!("3")));
    let next = first["metadata"]["continue"].as_str().unwrap().replace('/', "%2F");
    let rest = ask(&fake, "GET", &format!("{MAPPINGS}?limit=2&continue={next}"), "").1;
    assert_eq!((names(&rest), &rest["metadata"]["continue"]), (vec!["c".into()], &Value::Null));
    let one = ask(&fake, "GET", &format!("{MAPPINGS}?fieldSelector=metadata.name%3Db"), "").1;
    assert_eq!(names(&one), ["b"]);
}

#[test]
fn a_watch_goes_on_where_it_left_off() {
    let fake = FakeKubernetes::start();
    fake.apply(identity_mapping("a", "arn", "user", &[]));
    fake.apply(identity_mapping("a", "arn", "other", &[]));
    fake.delete("IAMIdentityMapping", "", "a");
    let mut events = watch(&fake, &format!("{MAPPINGS}?watch=true&resourceVersion=1&allowWatchBookmarks=true"));
    let mut next = || {
        let event = events.next().unwrap();
        (event["type"].as_str().unwrap().to_owned(), event["object"]["metadata"]["resourceVersion"].clone())
    };
    assert_eq!(next(), ("MODIFIED".to_owned(), json!("2")));
    assert_eq!(next(), ("DELETED".to_owned(), json!("3")));
    fake.bookmark();
    assert_eq!(next(), ("BOOKMARK".to_owned(), json!("3")));
    fake.apply(identity_mapping("b", "arn", "user", &[]));
    assert_eq!(next(), ("ADDED".to_owned(), json!("4")));
    fake.end_watches();
    assert_eq!(events.next(), None);
}

#[test]
fn a_watch_can_bring_the_objects_and_mark_their_end() {
    let fake = FakeKubernetes::start();
    fake.apply(identity_mapping("a", "arn", "user", &[]));
    let path = format!("{MAPPINGS}?watch=true&resourceVersion=0&sendInitialEvents=true");
    let (status, refused) = ask(&fake, "GET", &path, "");
    assert_eq!((status, &refused["reason"]), (422, &json!("Invalid")));
    let path = format!("{path}&resourceVersionMatch=NotOlderThan");
    let mut events = watch(&fake, &format!("{path}&allowWatchBookmarks=true"));
    assert_eq!(events.next().unwrap()["type"], "ADDED");
    let end = events.next().unwrap();
    let meta = &end["object"]["metadata"];
    assert_eq!((&end["type"], &meta["resourceVersion"]), (&json!("BOOKMARK"), &json!("1")));
    assert_eq!(meta["annotations"], json!({"k8s.io/initial-events-end": "true"}));
    fake.apply(identity_mapping("b", "arn", "user", &[]));
    assert_eq!(events.next().unwrap()["object"]["metadata"]["name"], "b");
    let mut without_bookmarks = watch(&fake, &path);
    let types: Vec<Value> = without_bookmarks.by_ref().take(2).map(|event| event["type"].clone()).collect();
    assert_eq!(types, ["ADDED", "ADDED"]);
    fake.end_watches();
    assert_eq!(without_bookmarks.next(), None);
}

#[test]
fn a_watch_of_what_was_forgotten_is_gone() {
    let fake = FakeKubernetes::start();
    fake.apply(identity_mapping("a", "arn", "user", &[]));
    fake.apply(identity_mapping("b", "arn", "user", &[]));
    fake.compact();
    let mut events = watch(&fake, &format!("{MAPPINGS}?watch=true&resourceVersion=1"));
    let event = events.next().unwrap();
    assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(410)));
    assert_eq!(events.next(), None);
}

#[test]
fn faults_and_outages_end_when_they_are_cleared() {
    let fake = FakeKubernetes::start();
    fake.inject_when(Fault::Status(503), |request| request.verb == "list");
    assert_eq!(ask(&fake, "GET", MAPPINGS, "").0, 503);
    assert_eq!(ask(&fake, "GET", &format!("{MAPPINGS}/a"), "").0, 404);
    fake.clear_faults();
    assert_eq!(ask(&fake, "GET", MAPPINGS, "").0, 200);
    fake.inject(Fault::Close);
    assert_eq!(open(&fake, "GET", MAPPINGS, "").read_to_string(&mut String::new()).unwrap_or(0), 0);
    fake.clear_faults();
    fake.go_down();
    assert_eq!(open(&fake, "GET", MAPPINGS, "").read_to_string(&mut String::new()).unwrap_or(0), 0);
    fake.come_up();
    assert_eq!(ask(&fake, "GET", MAPPINGS, "").0, 200);
}

#[test]
fn a_bearer_token_is_somebody_and_none_is_nobody() {
    let fake = FakeKubernetes::builder().token("secret").start();
    assert_eq!(ask(&fake, "GET", MAPPINGS, "").0, 401);
    fake.authenticate_by(|token| Some(json!({"username": token.unwrap_or("anonymous")})));
    let (status, review) = ask(&fake, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", "{}");
    assert_eq!((status, &review["status"]["userInfo"]["username"]), (201, &json!("anonymous")));
}
