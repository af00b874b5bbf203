//! The backends that an API server holds, with a fake API server behind the real program.

use crate::support::{HOST, Line, Program, Server};
use http::Method;
use k8s_aws_fake::{FakeAws, samples};
use kubernetes_fake::{FakeKubernetes, Fault, aws_auth, identity_mapping};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

const ALICE: &str = "arn:aws:iam::111122223333:user/alice";
const LOADED: &str = "loaded the mappings of the API server";

/// The server, and the two that it asks.
struct Setting {
    aws: FakeAws,
    kubernetes: FakeKubernetes,
    directory: tempfile::TempDir,
}

impl Setting {
    fn new() -> Self {
        let kubernetes = FakeKubernetes::builder().tls().token("bearer-of-the-server").start();
        let directory = tempfile::tempdir().unwrap();
        let setting = Self { aws: FakeAws::start().unwrap(), kubernetes, directory };
        fs::write(setting.file("kubeconfig"), setting.kubernetes.kubeconfig()).unwrap();
        setting
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn program(&self, modes: &str) -> Program {
        let kubeconfig = format!("--kubeconfig={}", self.file("kubeconfig").display());
        Program::new().argument("--backend-mode").argument(modes).argument(&kubeconfig)
    }

    fn start(&self, modes: &str) -> Server {
        let server = self.program(modes).start(&self.aws);
        server.keep_secret("bearer-of-the-server");
        server
    }

    /// In the ConfigMap alice is this user.
    fn config_map(&self, username: &str) {
        self.kubernetes.apply(config_map(&format!("- userarn: {ALICE}\n  username: {username}\n")));
    }

    /// In an object alice is this user.
    fn object(&self, username: &str) {
        self.kubernetes.apply(identity_mapping("alice", ALICE, username, &["humans"]));
    }
}

fn config_map(users: &str) -> Value {
    aws_auth([("mapUsers", users)])
}

/// Waits until a backend was loaded so many times since the start.
fn loaded(server: &Server, backend: &str, times: usize) {
    let is = |line: &Line| line.is(LOADED, "backend", backend);
    while server.seen().iter().filter(|line| is(line)).count() < times {
        server.lines_until(is);
    }
}

/// Waits for a line about a backend that comes from now on.
fn told(server: &Server, message: &str, backend: &str) {
    server.lines_until(|line| line.is(message, "backend", backend));
}

fn alice_is(server: &Server, username: &str) {
    let reviewed = server.review(&server.token(&samples::user().credential, HOST));
    reviewed.assert_granted(username);
    assert_eq!(reviewed.json["status"]["user"]["username"], username);
}

fn alice_is_nobody(server: &Server) {
    server.review(&server.token(&samples::user().credential, HOST)).assert_denied("not_mapped", "alice");
}

fn alice_cannot_be_told(server: &Server) {
    server.review(&server.token(&samples::user().credential, HOST)).assert_error("not_synced", "alice");
}

fn readyz(server: &Server) -> (u16, String) {
    let answer = server.http.ask(Method::GET, "/readyz");
    (answer.status, answer.text().to_owned())
}

#[test]
fn the_config_map_counts_as_it_is_edited_deleted_and_made_again() {
    let setting = Setting::new();
    setting.config_map("first");
    let server = setting.start("EKSConfigMap");
    loaded(&server, "EKSConfigMap", 1);
    assert_eq!(readyz(&server).0, 200);
    alice_is(&server, "first");
    setting.config_map("second");
    loaded(&server, "EKSConfigMap", 2);
    alice_is(&server, "second");
    setting.kubernetes.delete("ConfigMap", "kube-system", "aws-auth");
    loaded(&server, "EKSConfigMap", 3);
    alice_is_nobody(&server);
    setting.config_map("third");
    loaded(&server, "EKSConfigMap", 4);
    alice_is(&server, "third");
    // Deleted while the server cannot know, and forgotten by the API server.
    setting.kubernetes.go_down();
    told(&server, "the API server cannot be asked; its last mappings stay", "EKSConfigMap");
    alice_is(&server, "third");
    setting.kubernetes.delete("ConfigMap", "kube-system", "aws-auth");
    setting.kubernetes.compact();
    setting.kubernetes.come_up();
    loaded(&server, "EKSConfigMap", 5);
    alice_is_nobody(&server);
}

#[test]
fn objects_count_as_they_are_edited_deleted_and_made_again_and_their_status_is_written() {
    let setting = Setting::new();
    setting.object("first");
    let server = setting.start("CRD");
    loaded(&server, "CRD", 1);
    alice_is(&server, "first");
    let status = |requests: &[kubernetes_fake::Recorded]| requests.iter().any(|r| r.resource == "events");
    assert!(setting.kubernetes.wait_until_blocking(status, Duration::from_secs(60)));
    let object = setting.kubernetes.object("IAMIdentityMapping", "", "alice").unwrap();
    assert_eq!(object["status"], json!({"canonicalARN": ALICE, "userID": ""}));
    setting.object("second");
    loaded(&server, "CRD", 2);
    alice_is(&server, "second");
    setting.kubernetes.delete("IAMIdentityMapping", "", "alice");
    loaded(&server, "CRD", 3);
    alice_is_nobody(&server);
    setting.object("third");
    loaded(&server, "CRD", 4);
    alice_is(&server, "third");
    setting.kubernetes.go_down();
    told(&server, "the API server cannot be asked; its last mappings stay", "CRD");
    alice_is(&server, "third");
    setting.kubernetes.delete("IAMIdentityMapping", "", "alice");
    setting.kubernetes.come_up();
    loaded(&server, "CRD", 5);
    alice_is_nobody(&server);
}

#[test]
fn a_backend_that_is_not_synced_holds_up_no_other_and_no_refusal_is_for_good() {
    let setting = Setting::new();
    setting.kubernetes.go_down();
    let carol = "mapRoles:\n- rolearn: arn:aws:iam::111122223333:role/nobody-has-it\n  username: x";
    let server = setting.program("EKSConfigMap,CRD,MountedFile").configured(carol).start(&setting.aws);
    alice_cannot_be_told(&server);
    let (status, body) = readyz(&server);
    assert_eq!(status, 503);
    for line in ["backend EKSConfigMap: not synced", "backend CRD: not synced", "backend MountedFile: synced"] {
        assert!(body.contains(line), "{body}");
    }
    drop(server);
    let mounted = format!("mapUsers:\n- userarn: {ALICE}\n  username: break-glass");
    let server = setting.program("EKSConfigMap,CRD,MountedFile").configured(&mounted).start(&setting.aws);
    alice_is(&server, "break-glass");
    setting.config_map("first");
    setting.object("second");
    setting.kubernetes.inject_when(Fault::Status(503), |request| request.resource == "configmaps");
    setting.kubernetes.come_up();
    loaded(&server, "CRD", 1);
    alice_is(&server, "second");
    assert_eq!(readyz(&server).0, 503);
    setting.kubernetes.clear_faults();
    loaded(&server, "EKSConfigMap", 1);
    alice_is(&server, "first");
    assert_eq!(readyz(&server).0, 200);
}

#[test]
fn backends_are_asked_in_their_order() {
    let setting = Setting::new();
    setting.config_map("of-the-config-map");
    setting.object("of-the-object");
    let mounted = format!("mapUsers:\n- userarn: {ALICE}\n  username: of-the-file");
    for (modes, username) in [
        ("EKSConfigMap,CRD,MountedFile", "of-the-config-map"),
        ("CRD,MountedFile,ConfigMap", "of-the-object"),
        ("File,CRD,EKSConfigMap", "of-the-file"),
    ] {
        let server = setting.program(modes).configured(&mounted).start(&setting.aws);
        loaded(&server, "EKSConfigMap", 1);
        loaded(&server, "CRD", 1);
        alice_is(&server, username);
    }
}

#[test]
fn the_backend_mode_file_switches_backends_on_and_off() {
    let setting = Setting::new();
    setting.config_map("of-the-config-map");
    setting.object("of-the-object");
    let file = setting.file("modes.json");
    let yaml =
        format!("dynamicBackendModePath: {}\nmapUsers:\n- userarn: {ALICE}\n  username: of-the-file", file.display());
    let server = setting.program("MountedFile").configured(&yaml).start(&setting.aws);
    alice_is(&server, "of-the-file");
    assert!(setting.kubernetes.requests().is_empty());
    let switch = |modes: &str| fs::write(&file, json!({"backendMode": modes}).to_string()).unwrap();
    switch("EKSConfigMap");
    loaded(&server, "EKSConfigMap", 1);
    alice_is(&server, "of-the-config-map");
    switch("CRD MountedFile");
    loaded(&server, "CRD", 1);
    alice_is(&server, "of-the-object");
    // What happens while it is switched off counts when it is switched on again.
    setting.config_map("edited");
    switch("EKSConfigMap CRD");
    loaded(&server, "EKSConfigMap", 2);
    alice_is(&server, "edited");
    fs::remove_file(&file).unwrap();
    server.lines_until(|line| line.message() == "backend modes");
    alice_is(&server, "of-the-file");
}

#[test]
fn a_broken_entry_costs_itself_and_a_broken_config_map_leaves_the_break_glass_rule() {
    let setting = Setting::new();
    let good = format!("- userarn: {ALICE}\n  username: alice\n");
    setting.kubernetes.apply(config_map(&format!("- userarn: nonsense\n  username: x\n{good}- [\n")));
    let role = "mapRoles:\n- rolearn: arn:aws:iam::111122223333:role/Admin\n  username: break-glass";
    let server = setting.program("MountedFile,EKSConfigMap").configured(role).start(&setting.aws);
    loaded(&server, "EKSConfigMap", 1);
    alice_is(&server, "alice");
    let seen = server.seen();
    assert!(seen.iter().any(|line| line.is("loaded the mappings of the API server", "backend", "EKSConfigMap")));
    assert!(seen.iter().any(|line| line.text("file") == "configmap/aws-auth" && line.level() == "error"));
    let (status, body) = readyz(&server);
    assert!(status == 200 && body.contains("error EKSConfigMap, line 1: arn-malformed"), "{body}");
    // Nothing in it can be told apart: the last good list stays.
    setting.kubernetes.apply(config_map("no list at all"));
    loaded(&server, "EKSConfigMap", 2);
    alice_is(&server, "alice");
    setting.kubernetes.delete("ConfigMap", "kube-system", "aws-auth");
    loaded(&server, "EKSConfigMap", 3);
    setting.kubernetes.apply(config_map("no list at all"));
    loaded(&server, "EKSConfigMap", 4);
    alice_is_nobody(&server);
    drop(server);
    let mounted = format!("mapUsers:\n- userarn: {ALICE}\n  username: break-glass");
    let server = setting.program("EKSConfigMap,MountedFile").configured(&mounted).start(&setting.aws);
    loaded(&server, "EKSConfigMap", 1);
    alice_is(&server, "break-glass");
}

#[test]
fn failures_are_counted_and_the_token_of_the_kubeconfig_is_read_again() {
    let setting = Setting::new();
    let token = setting.file("token");
    fs::write(&token, "bearer-of-the-server").unwrap();
    let user = json!({"tokenFile": token.to_str().unwrap()});
    fs::write(setting.file("kubeconfig"), setting.kubernetes.kubeconfig_of(&user)).unwrap();
    setting.config_map("first");
    let server = setting.start("EKSConfigMap");
    loaded(&server, "EKSConfigMap", 1);
    // A watch that is open tells what happens.
    setting.config_map("second");
    loaded(&server, "EKSConfigMap", 2);
    setting.kubernetes.set_tokens(&["another-bearer"]);
    setting.kubernetes.end_watches();
    told(&server, "the API server cannot be asked; its last mappings stay", "EKSConfigMap");
    let failed = server.seen().into_iter().next_back().unwrap();
    assert_eq!(failed.text("reason"), "api_server_unauthorized");
    server.keep_secret("another-bearer");
    fs::write(&token, "another-bearer").unwrap();
    told(&server, "the API server answers again", "EKSConfigMap");
    setting.config_map("third");
    loaded(&server, "EKSConfigMap", 3);
    alice_is(&server, "third");
    let metrics = server.http.ask(Method::GET, "/metrics");
    let count =
        metrics.text().lines().find_map(|l| l.strip_prefix("aws_iam_authenticator_configmap_watch_failures_total "));
    assert!(count.is_some_and(|count| count != "0"), "{}", metrics.text());
}

#[test]
fn without_a_way_to_an_api_server_the_server_does_not_start() {
    let aws = FakeAws::start().unwrap();
    let program = Program::new().argument("--backend-mode=MountedFile,EKSConfigMap");
    let error = program.refuses_to_start(Some(&aws));
    assert!(error.contains("backend mode EKSConfigMap: ") && error.contains("use --kubeconfig"), "{error}");
    let error = program.argument("--kubeconfig=/nowhere/kubeconfig").refuses_to_start(Some(&aws));
    assert!(error.contains("/nowhere/kubeconfig"), "{error}");
}

#[test]
fn the_configuration_file_names_kubeconfig_and_master_too() {
    let setting = Setting::new();
    setting.config_map("alice");
    let kubeconfig = setting.file("kubeconfig");
    let yaml = format!("backendMode: [ConfigMap]\nkubeconfig: {}", kubeconfig.display());
    let server = Program::new().configured(&yaml).start(&setting.aws);
    loaded(&server, "EKSConfigMap", 1);
    alice_is(&server, "alice");
    drop(server);
    // The URL of the flag counts, the credentials stay those of the kubeconfig.
    let text = fs::read_to_string(&kubeconfig).unwrap();
    fs::write(&kubeconfig, text.replace(&setting.kubernetes.url(), "https://127.0.0.1:1")).unwrap();
    let server = Program::new().configured(&yaml).argument("--master").argument(&setting.kubernetes.url());
    let server = server.start(&setting.aws);
    loaded(&server, "EKSConfigMap", 1);
    alice_is(&server, "alice");
}
