//! The sources against a fake API server.
#![cfg(feature = "sources")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests of an adapter")]

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use k8s_aws_auth_kube::{ApiServer, KubeError, Source, Update, WriteFailure};
use k8s_aws_mapping::{Code, Document, Severity};
use kubernetes_fake::{FakeKubernetes, Fault, Recorded, aws_auth, identity_mapping};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

/// Only a broken source makes a test wait that long.
const PATIENCE: Duration = Duration::from_secs(60);

struct Setting {
    fake: FakeKubernetes,
    directory: TempDir,
}

impl Setting {
    fn new(fake: FakeKubernetes) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let setting = Self { fake, directory: tempfile::tempdir().unwrap() };
        setting.write("kubeconfig", &setting.fake.kubeconfig());
        setting
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), text).unwrap();
    }

    fn server(&self) -> ApiServer {
        ApiServer { kubeconfig: Some(self.directory.path().join("kubeconfig")), ..ApiServer::default() }
    }

    fn aws_auth(&self) -> Updates {
        Updates::of(Source::aws_auth(self.server()))
    }

    /// The watches so far, and from which version each began.
    fn watches(&self) -> Vec<String> {
        let requests = self.fake.requests();
        requests.iter().filter(|r| r.verb == "watch").map(|r| r.parameter("resourceVersion").unwrap()).collect()
    }

    fn count(&self, verb: &str) -> usize {
        self.fake.requests().iter().filter(|r| r.verb == verb).count()
    }

    /// Waits for this many watches since the start.
    async fn watching(&self, watches: usize) {
        let seen = self.fake.wait_until(|r| r.iter().filter(|r| r.verb == "watch").count() >= watches);
        tokio::time::timeout(PATIENCE, seen).await.expect("a watch");
    }
}

/// A source that is driven all the time, and what it told.
struct Updates(UnboundedReceiver<Update>, JoinHandle<()>);

impl Updates {
    fn of(mut source: Source) -> Self {
        let (told, updates) = unbounded_channel();
        Self(updates, tokio::spawn(async move { while told.send(source.next().await).is_ok() {} }))
    }
}

impl Drop for Updates {
    fn drop(&mut self) {
        self.1.abort();
    }
}

async fn next(source: &mut Updates) -> Update {
    tokio::time::timeout(PATIENCE, source.0.recv()).await.expect("an update").expect("a source has no end")
}

async fn mappings(source: &mut Updates) -> Document {
    match next(source).await {
        Update::Mappings(document) => document,
        other => panic!("mappings were expected: {other:?}"),
    }
}

async fn failure(source: &mut Updates) -> KubeError {
    match next(source).await {
        Update::Failed { error, retry_in } => {
            assert!(retry_in >= Duration::from_millis(100) && retry_in <= Duration::from_secs(30), "{retry_in:?}");
            error
        }
        other => panic!("a failure was expected: {other:?}"),
    }
}

/// The mappings after failures, however many.
async fn mappings_after_failures(source: &mut Updates) -> Document {
    loop {
        match next(source).await {
            Update::Mappings(document) => return document,
            Update::Failed { .. } | Update::Recovered => {}
            other => panic!("mappings were expected: {other:?}"),
        }
    }
}

fn users(document: &Document) -> Vec<String> {
    let names: BTreeSet<String> =
        document.rules().filter_map(|rule| Some(rule.names.as_ref().ok()?.username.to_string())).collect();
    names.into_iter().collect()
}

fn config_map(users: &[&str]) -> Value {
    let entry = |user: &&str| format!("- userarn: arn:aws:iam::123456789012:user/{user}\n  username: {user}\n");
    aws_auth([("mapUsers", &users.iter().map(entry).collect::<String>())])
}

fn mapping(name: &str) -> Value {
    identity_mapping(name, &format!("arn:aws:iam::123456789012:user/{name}"), name, &[])
}

#[tokio::test]
async fn the_config_map_is_told_as_it_is_edited_deleted_and_made_again() {
    let setting = Setting::new(FakeKubernetes::start());
    setting.fake.apply(config_map(&["alice", "bob"]));
    let mut source = setting.aws_auth();
    assert_eq!(users(&mappings(&mut source).await), ["alice", "bob"]);
    setting.fake.apply(config_map(&["alice"]));
    assert_eq!(users(&mappings(&mut source).await), ["alice"]);
    assert!(setting.fake.delete("ConfigMap", "kube-system", "aws-auth"));
    assert!(users(&mappings(&mut source).await).is_empty());
    setting.fake.apply(config_map(&["carol"]));
    assert_eq!(users(&mappings(&mut source).await), ["carol"]);
    assert_eq!((setting.count("list"), setting.count("watch")), (1, 1));
}

#[tokio::test]
async fn a_config_map_that_is_not_there_maps_nobody_and_the_source_is_synced() {
    let setting = Setting::new(FakeKubernetes::start());
    let mut source = setting.aws_auth();
    assert!(users(&mappings(&mut source).await).is_empty());
    setting.fake.apply(config_map(&["alice"]));
    assert_eq!(users(&mappings(&mut source).await), ["alice"]);
}

#[tokio::test]
async fn only_the_one_config_map_is_asked_for() {
    let setting = Setting::new(FakeKubernetes::start());
    let mut other = config_map(&["mallory"]);
    other["metadata"]["name"] = "other".into();
    setting.fake.apply(other);
    setting.fake.apply(config_map(&["alice"]));
    let mut source = setting.aws_auth();
    assert_eq!(users(&mappings(&mut source).await), ["alice"]);
    setting.watching(1).await;
    for request in setting.fake.requests() {
        assert_eq!(request.path, "/api/v1/namespaces/kube-system/configmaps");
        assert_eq!(request.parameter("fieldSelector").as_deref(), Some("metadata.name=aws-auth"));
    }
}

#[tokio::test]
async fn a_watch_that_ends_is_taken_up_where_it_ended() {
    let setting = Setting::new(FakeKubernetes::start());
    setting.fake.apply(config_map(&["alice"]));
    let mut source = setting.aws_auth();
    mappings(&mut source).await;
    setting.watching(1).await;
    setting.fake.apply(mapping("elsewhere"));
    setting.fake.apply(config_map(&["bob"]));
    mappings(&mut source).await;
    setting.fake.end_watches();
    setting.watching(2).await;
    setting.fake.apply(config_map(&["carol"]));
    assert_eq!(users(&mappings(&mut source).await), ["carol"]);
    assert_eq!((setting.watches(), setting.count("list")), (vec!["1".to_owned(), "3".to_owned()], 1));
}

#[tokio::test]
async fn a_bookmark_moves_the_place_from_which_a_watch_is_taken_up() {
    let setting = Setting::new(FakeKubernetes::start());
    setting.fake.apply(config_map(&["alice"]));
    let mut source = setting.aws_auth();
    mappings(&mut source).await;
    // A watch that is open tells what happens.
    setting.fake.apply(config_map(&["bob"]));
    mappings(&mut source).await;
    setting.fake.apply(mapping("elsewhere"));
    setting.fake.bookmark();
    setting.fake.end_watches();
    setting.watching(2).await;
    assert_eq!((setting.watches(), setting.count("list")), (vec!["1".to_owned(), "3".to_owned()], 1));
}

#[tokio::test]
async fn deleted_while_disconnected_is_deleted_even_if_the_api_server_forgot() {
    for forgets in [false, true] {
        let setting = Setting::new(FakeKubernetes::start());
        setting.fake.apply(config_map(&["alice"]));
        let mut source = setting.aws_auth();
        mappings(&mut source).await;
        setting.watching(1).await;
        setting.fake.go_down();
        failure(&mut source).await;
        setting.fake.delete("ConfigMap", "kube-system", "aws-auth");
        setting.fake.apply(mapping("elsewhere"));
        if forgets {
            setting.fake.compact();
        }
        setting.fake.come_up();
        let document = loop {
            match next(&mut source).await {
                Update::Mappings(document) => break document,
                Update::Failed { .. } => assert!(!forgets || setting.count("list") == 1),
                _ => {}
            }
        };
        assert!(users(&document).is_empty(), "forgets: {forgets}");
        assert_eq!(setting.count("list"), if forgets { 2 } else { 1 });
    }
}

#[tokio::test]
async fn gone_as_an_http_status_is_the_same_as_gone_in_the_watch() {
    let setting = Setting::new(FakeKubernetes::start());
    setting.fake.apply(config_map(&["alice"]));
    let mut source = setting.aws_auth();
    mappings(&mut source).await;
    setting.fake.inject_when(Fault::Status(410), |request| {
        request.verb == "watch" && request.parameter("resourceVersion").as_deref() == Some("1")
    });
    setting.fake.apply(config_map(&["bob"]));
    assert_eq!(users(&mappings(&mut source).await), ["bob"]);
}

#[tokio::test]
async fn an_outage_at_the_start_ends_with_the_outage() {
    let setting = Setting::new(FakeKubernetes::start());
    setting.fake.go_down();
    let mut source = setting.aws_auth();
    assert_eq!(failure(&mut source).await.reason(), "api_server_unreachable");
    setting.fake.apply(config_map(&["alice"]));
    setting.fake.come_up();
    assert_eq!(users(&mappings_after_failures(&mut source).await), ["alice"]);
}

#[tokio::test]
async fn an_outage_tells_failures_and_never_fewer_mappings() {
    let faults =
        [Fault::Status(500), Fault::Status(403), Fault::Status(404), Fault::Body("<html>".into()), Fault::Close];
    let in_turn = faults.map(|fault| async move {
        let setting = Setting::new(FakeKubernetes::start());
        setting.fake.apply(config_map(&["alice"]));
        let mut source = setting.aws_auth();
        mappings(&mut source).await;
        // A watch that is open tells what happens.
        setting.fake.apply(config_map(&["alice", "bob"]));
        mappings(&mut source).await;
        setting.fake.inject(fault.clone());
        setting.fake.break_connections();
        assert_eq!(failure(&mut source).await.reason(), "api_server_unreachable", "{fault:?}");
        let mut failures = 0;
        while failures < 2 {
            match next(&mut source).await {
                Update::Failed { .. } => failures += 1,
                // An answer of success, which then makes no sense.
                Update::Recovered => assert!(matches!(fault, Fault::Body(_)), "{fault:?}"),
                other => panic!("{fault:?}: {other:?}"),
            }
        }
        setting.fake.clear_faults();
        setting.fake.apply(config_map(&["carol"]));
        assert_eq!(users(&mappings_after_failures(&mut source).await), ["carol"], "{fault:?}");
    });
    futures_util::future::join_all(in_turn).await;
}

#[tokio::test]
async fn refusals_say_what_the_api_server_said() {
    let setting = Setting::new(FakeKubernetes::start());
    setting.fake.inject(Fault::Body(r#"{"kind": "List"}"#.into()));
    assert_eq!(failure(&mut setting.aws_auth()).await.reason(), "api_server_malformed");
    setting.fake.clear_faults();
    setting.fake.inject(Fault::Status(403));
    let error = failure(&mut setting.aws_auth()).await;
    assert_eq!(
        (error.reason(), error.to_string().as_str()),
        ("api_server_forbidden", "the API server answered 403: a fault of the fake")
    );
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_never_answers_is_a_timeout() {
    let setting = Setting::new(FakeKubernetes::start());
    setting.fake.inject(Fault::Hang);
    let mut source = setting.aws_auth();
    // Virtual time runs only while nothing else can happen.
    loop {
        match source.0.recv().await.unwrap() {
            Update::Failed { error: KubeError::Timeout { limit }, .. } => {
                assert_eq!(limit, Duration::from_secs(30));
                break;
            }
            // The time limit for the connection itself, where virtual time was faster than the kernel.
            Update::Failed { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    setting.fake.clear_faults();
}

#[tokio::test]
async fn a_rejected_token_is_read_again_from_its_file() {
    let setting = Setting::new(FakeKubernetes::builder().tls().token("first").start());
    setting.write("token", "first");
    let user = json!({"tokenFile": setting.directory.path().join("token").to_str().unwrap()});
    setting.write("kubeconfig", &setting.fake.kubeconfig_of(&user));
    setting.fake.apply(config_map(&["alice"]));
    let mut source = setting.aws_auth();
    mappings(&mut source).await;
    // A watch that is open tells what happens.
    setting.fake.apply(config_map(&["bob"]));
    mappings(&mut source).await;
    setting.write("token", "second");
    setting.fake.set_tokens(&["second"]);
    setting.fake.end_watches();
    // The refused watch, and the one with the new token.
    setting.watching(3).await;
    setting.fake.apply(config_map(&["carol"]));
    assert_eq!(users(&mappings(&mut source).await), ["carol"]);
    setting.fake.set_tokens(&["third"]);
    setting.fake.end_watches();
    assert_eq!(failure(&mut source).await.reason(), "api_server_unauthorized");
}

#[tokio::test]
async fn an_object_that_is_broken_is_told_by_name_with_what_is_wrong_and_maps_nobody() {
    let setting = Setting::new(FakeKubernetes::start());
    let arn = "arn:aws:iam::111122223333:user/a";
    let broken = |number: usize, spec: Value| {
        let mut object = mapping(&format!("object-{number}"));
        object["spec"] = spec;
        setting.fake.apply(object);
    };
    for (number, (spec, problem)) in [
        (json!({"arn": 7, "username": ["a"]}), "`spec.arn` is a number, and must be a text; the object is ignored"),
        (json!({"arn": [arn], "username": "a"}), "`spec.arn` is a list, and must be a text; the object is ignored"),
        (json!({"arn": arn, "username": {}}), "`spec.username` is a map, and must be a text; the object is ignored"),
        (
            json!({"arn": arn, "username": true}),
            "`spec.username` is true or false, and must be a text; the object is ignored",
        ),
        (
            json!({"arn": arn, "username": "a", "groups": "system:masters"}),
            "`spec.groups` is a text, and must be a list of texts; the object is ignored",
        ),
        (
            json!({"arn": arn, "username": "a", "groups": ["a", 5]}),
            "an item of `spec.groups` is a number, and must be a text; the object is ignored",
        ),
        (
            json!({"arn": arn, "username": "a", "groups": ["a", null]}),
            "an item of `spec.groups` is nothing, and must be a text; the object is ignored",
        ),
        (json!([arn]), "`spec` is a list, and must be a map; the object is ignored"),
        (json!("text"), "`spec` is a text, and must be a map; the object is ignored"),
    ]
    .into_iter()
    .enumerate()
    {
        broken(number, spec);
        let (mut source, _controller) = Source::identity_mappings(setting.server());
        let update = tokio::time::timeout(PATIENCE, source.next()).await.expect("an update");
        let Update::Mappings(document) = update else { panic!("{problem}: {update:?}") };
        assert_eq!((document.rules().count(), document.findings()), (0, &[][..]), "{problem}");
        let broken = source.broken_objects();
        let found = broken.iter().find(|finding| finding.object.as_deref() == Some(&format!("object-{number}")));
        let found = found.unwrap_or_else(|| panic!("{problem}: {broken:?}"));
        assert_eq!((found.code, found.severity), (Code::WrongShape, Severity::Error), "{problem}");
        assert!(found.message.ends_with(problem), "{}", found.message);
        assert_eq!(broken.len(), number + 1);
    }
    // What is not there, or null, is missing.
    let (mut source, _controller) = Source::identity_mappings(setting.server());
    source.next().await;
    for (spec, code) in [
        (json!({"arn": null, "username": "b"}), Code::ArnMissing),
        (json!({"username": "a", "groups": null}), Code::ArnMissing),
        (json!({"arn": arn, "username": null}), Code::UsernameMissing),
        (Value::Null, Code::ArnMissing),
    ] {
        broken(0, spec.clone());
        let update = tokio::time::timeout(PATIENCE, source.next()).await.expect("an update");
        let Update::Mappings(document) = update else { panic!("{spec}: {update:?}") };
        let codes: Vec<Code> = document.findings().iter().map(|finding| finding.code).collect();
        assert_eq!((codes, source.broken_objects().len()), (vec![code], 8), "{spec}");
    }
}

#[tokio::test]
async fn objects_are_told_as_they_come_change_and_go_and_a_broken_one_costs_itself() {
    let setting = Setting::new(FakeKubernetes::start());
    // More than a page.
    for n in 0..300 {
        setting.fake.apply(mapping(&format!("user-{n:03}")));
    }
    let mut broken = mapping("broken");
    broken["spec"] = json!({"arn": 7, "username": ["a"]});
    setting.fake.apply(broken);
    let (source, _controller) = Source::identity_mappings(setting.server());
    let mut source = Updates::of(source);
    let document = mappings(&mut source).await;
    assert_eq!(users(&document).len(), 300);
    assert_eq!(document.findings(), []);
    assert_eq!(setting.count("list"), 2);
    setting.watching(1).await;
    setting.fake.apply(mapping("broken"));
    assert_eq!(users(&mappings(&mut source).await).len(), 301);
    setting.fake.delete("IAMIdentityMapping", "", "user-000");
    assert_eq!(users(&mappings(&mut source).await).len(), 300);
    setting.fake.go_down();
    failure(&mut source).await;
    setting.fake.delete("IAMIdentityMapping", "", "user-001");
    setting.fake.compact();
    setting.fake.come_up();
    assert_eq!(users(&mappings_after_failures(&mut source).await).len(), 299);
}

#[tokio::test]
async fn the_controller_writes_status_and_event_with_the_verbs_of_the_example() {
    let setting = Setting::new(FakeKubernetes::start());
    let role = "arn:aws:sts::123456789012:assumed-role/Admin/session";
    setting.fake.apply(identity_mapping("admin", role, "admin", &["admins"]));
    let (source, controller) = Source::identity_mappings(setting.server());
    let mut source = Updates::of(source);
    let written =
        |requests: &[Recorded], events: usize| requests.iter().filter(|r| r.resource == "events").count() >= events;
    let drive = async { while !matches!(next(&mut source).await, Update::Failed { .. }) {} };
    let test = async {
        setting.fake.wait_until(|r| written(r, 1)).await;
        let canonical = "arn:aws:iam::123456789012:role/admin";
        let object = setting.fake.object("IAMIdentityMapping", "", "admin").unwrap();
        assert_eq!(object["status"], json!({"canonicalARN": canonical, "userID": ""}));
        let mut edited = identity_mapping("admin", role, "administrator", &["admins"]);
        edited["status"] = json!({"canonicalARN": "nonsense", "userID": "AROA"});
        setting.fake.apply(edited);
        setting.fake.wait_until(|r| r.iter().filter(|r| r.resource.ends_with("/status")).count() >= 2).await;
        setting.fake.wait_until(|r| written(r, 2)).await;
    };
    tokio::select! {
        () = drive => panic!("no failure was expected"),
        () = controller.run(|failure| panic!("{failure:?}")) => {}
        () = test => {}
        () = tokio::time::sleep(PATIENCE) => panic!("nothing was written"),
    }
    let verbs: BTreeSet<(String, &str)> =
        setting.fake.requests().iter().map(|r| (r.resource.clone(), r.verb)).collect();
    let allowed = [
        ("events", "create"),
        ("events", "patch"),
        ("iamidentitymappings", "list"),
        ("iamidentitymappings", "watch"),
        ("iamidentitymappings/status", "patch"),
    ];
    assert_eq!(verbs, allowed.map(|(resource, verb)| (resource.to_owned(), verb)).into());
    let events = setting.fake.objects("Event");
    assert_eq!(events.len(), 1, "the second time the event is counted up: {events:#?}");
    let event = &events[0];
    assert_eq!(event["metadata"]["namespace"], "default");
    assert_eq!((&event["type"], &event["reason"]), (&json!("Normal"), &json!("Synced")));
    assert_eq!(
        (&event["message"], &event["source"]["component"]),
        (&json!("Identity synced successfully"), &json!("aws-iam-authenticator"))
    );
    assert_eq!(
        (&event["involvedObject"]["kind"], &event["involvedObject"]["name"]),
        (&json!("IAMIdentityMapping"), &json!("admin"))
    );
}

#[tokio::test]
async fn what_cannot_be_written_does_not_hold_up_the_mappings() {
    let setting = Setting::new(FakeKubernetes::start());
    setting.fake.inject_when(Fault::Status(403), |request| !matches!(request.verb, "list" | "watch"));
    setting.fake.apply(mapping("alice"));
    let (source, controller) = Source::identity_mappings(setting.server());
    let mut source = Updates::of(source);
    let (failed, mut failures) = unbounded_channel();
    let running = tokio::spawn(controller.run(move |failure| drop(failed.send(failure))));
    assert_eq!(users(&mappings(&mut source).await), ["alice"]);
    let failure = tokio::time::timeout(PATIENCE, failures.recv()).await.unwrap().unwrap();
    assert!(
        matches!(failure, WriteFailure::Status { name, error: KubeError::Refused { status: 403, .. }, .. } if name == "alice")
    );
    setting.fake.clear_faults();
    setting.fake.wait_until(|r| r.iter().any(|r| r.resource == "events")).await;
    running.abort();
    assert!(setting.fake.object("IAMIdentityMapping", "", "alice").unwrap()["status"]["canonicalARN"].is_string());
}

/// A source of an API server that is a function, so that time can be made up.
fn scripted(watch: fn() -> BoxBody<Bytes, Infallible>) -> (Source, Arc<AtomicUsize>) {
    let watches = Arc::new(AtomicUsize::new(0));
    let counted = watches.clone();
    let service = tower::service_fn(move |request: Request<kube::client::Body>| {
        let body = match request.uri().query().unwrap().contains("watch=true") {
            true => {
                counted.fetch_add(1, SeqCst);
                watch()
            }
            false => Full::from(json!({"metadata": {"resourceVersion": "7"}, "items": []}).to_string()).boxed(),
        };
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    (Source::aws_auth(kube::Client::new(service, "default")), watches)
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_died_without_a_word_is_found_out() {
    let (mut source, watches) = scripted(|| BodyExt::boxed(StreamBody::new(futures_util::stream::pending())));
    assert!(matches!(source.next().await, Update::Mappings(_)));
    let begun = tokio::time::Instant::now();
    assert!(matches!(source.next().await, Update::Failed { error: KubeError::Timeout { .. }, .. }));
    assert!(begun.elapsed() > Duration::from_secs(120) && begun.elapsed() <= Duration::from_secs(165));
    assert!(matches!(source.next().await, Update::Recovered));
    assert_eq!(watches.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_ends_every_watch_at_once_is_not_asked_in_a_loop() {
    let (mut source, watches) = scripted(|| BodyExt::boxed(Full::default()));
    assert!(matches!(source.next().await, Update::Mappings(_)));
    let told = tokio::time::timeout(Duration::from_secs(600), source.next()).await;
    assert!(told.is_err(), "{told:?}");
    // At most every 15 s once the pauses have grown.
    let watches = watches.load(SeqCst);
    assert!((15..=60).contains(&watches), "{watches}");
}

#[tokio::test]
async fn a_source_is_a_stream_too() {
    let setting = Setting::new(FakeKubernetes::start());
    let stream = Source::aws_auth(setting.server()).into_stream();
    let mut stream = std::pin::pin!(stream);
    assert!(matches!(stream.next().await, Some(Update::Mappings(_))));
}

#[test]
fn the_manifest_says_what_our_types_say() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/manifests/iamidentitymapping.yaml")).unwrap();
    let crd: Value = serde_yaml::from_str(&text).unwrap();
    let (spec, version) = (&crd["spec"], &crd["spec"]["versions"][0]);
    assert_eq!((&crd["apiVersion"], &spec["scope"]), (&json!("apiextensions.k8s.io/v1"), &json!("Cluster")));
    let named = format!("{}.{}", spec["names"]["plural"].as_str().unwrap(), spec["group"].as_str().unwrap());
    assert_eq!(crd["metadata"]["name"], *named);
    let served = (&spec["names"]["kind"], &version["name"], &version["served"], &version["storage"]);
    assert_eq!(served, (&json!("IAMIdentityMapping"), &json!("v1alpha1"), &json!(true), &json!(true)));
    assert_eq!(version["subresources"], json!({"status": {}}));
    let schema = &version["schema"]["openAPIV3Schema"]["properties"];
    let object = identity_mapping("a", "b", "c", &["d"]);
    let ours: BTreeSet<&String> = object["spec"].as_object().unwrap().keys().collect();
    let theirs: BTreeSet<&String> = schema["spec"]["properties"].as_object().unwrap().keys().collect();
    assert_eq!(ours, theirs);
    let status: Vec<&String> = schema["status"]["properties"].as_object().unwrap().keys().collect();
    assert_eq!(status, ["canonicalARN", "userID"]);
    let read: k8s_aws_mapping::IdentityMappingSpec = serde_json::from_value(object["spec"].clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), object["spec"]);
}
