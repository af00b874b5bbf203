//! The backends that an API server holds, with a fake API server behind the real program.

use crate::support::{HOST, Line, Program, Server, can_mount};
use http::Method;
use k8s_aws_fake::{FakeAws, samples};
use kubernetes_fake::{FakeKubernetes, Fault, aws_auth, identity_mapping};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
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
fn a_broken_object_costs_itself_and_log_and_readyz_say_which_and_why() {
    let setting = Setting::new();
    setting.object("alice");
    let mut broken = identity_mapping("of-a-wrong-type", "", "x", &[]);
    broken["spec"]["arn"] = json!([ALICE]);
    setting.kubernetes.apply(broken.clone());
    setting.kubernetes.apply(identity_mapping("of-nobody", "nonsense", "x", &[]));
    let server = setting.start("CRD");
    loaded(&server, "CRD", 1);
    alice_is(&server, "alice");
    let seen = server.seen();
    let line = seen.iter().find(|line| line.is(line.message(), "object", "of-a-wrong-type")).unwrap();
    assert_eq!(line.message(), "`spec.arn` is a list, and must be a text; the object is ignored");
    assert_eq!((line.level(), line.text("code"), line.text("file")), ("error", "wrong-shape", "iamidentitymappings"));
    assert!(!line.fields.contains_key("line"), "{line:?}");
    assert!(seen.iter().any(|line| line.is(line.message(), "object", "of-nobody")), "{seen:#?}");
    let (status, body) = readyz(&server);
    let findings: Vec<&str> = body.lines().filter(|line| line.starts_with("error ")).collect();
    let wanted = ["error CRD, object of-nobody: arn-malformed", "error CRD, object of-a-wrong-type: wrong-shape"];
    assert_eq!((status, &findings[..]), (200, &wanted[..]));
    let findings = |server: &Server| {
        let metrics = server.http.ask(Method::GET, "/metrics");
        metrics
            .text()
            .lines()
            .find(|line| line.starts_with("aws_iam_authenticator_mapping_findings "))
            .unwrap()
            .to_owned()
    };
    assert!(findings(&server).ends_with(" 2"), "{}", findings(&server));
    // What was said once is not said again, and what is mended is not said any more.
    broken["spec"]["arn"] = json!("arn:aws:iam::111122223333:user/mended");
    setting.kubernetes.apply(broken);
    loaded(&server, "CRD", 2);
    let count = |object: &str| server.seen().iter().filter(|line| line.is(line.message(), "object", object)).count();
    assert_eq!((count("of-a-wrong-type"), count("of-nobody")), (1, 1));
    assert!(findings(&server).ends_with(" 1") && !readyz(&server).1.contains("wrong-shape"));
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

/// The files that kubelet mounts, with this token: names are links into a folder that a link of another name leads to, which is
/// swapped when something changes.
fn mount(account: &Path, kubernetes: &FakeKubernetes, token: &str) {
    let data = account.join(format!("..{token}"));
    fs::create_dir(&data).unwrap();
    let files = [("token", token), ("ca.crt", kubernetes.ca_pem().unwrap()), ("namespace", "kube-system")];
    for (name, text) in files {
        fs::write(data.join(name), text).unwrap();
        if !account.join(name).is_symlink() {
            symlink(Path::new("..data").join(name), account.join(name)).unwrap();
        }
    }
    symlink(data.file_name().unwrap(), account.join("..draft")).unwrap();
    fs::rename(account.join("..draft"), account.join("..data")).unwrap();
}

#[test]
fn in_a_pod_the_service_account_counts_and_its_token_is_read_again() {
    if !can_mount() {
        println!("skipped: the service account of a pod takes a mount namespace, which takes root");
        return;
    }
    let setting = Setting::new();
    setting.config_map("first");
    let account = setting.file("account");
    fs::create_dir(&account).unwrap();
    let (host, port) = setting.kubernetes.url().strip_prefix("https://").unwrap().split_once(':').map(own).unwrap();
    let program = || {
        Program::new()
            .argument("--backend-mode=EKSConfigMap")
            .service_account(&account)
            .variable("KUBERNETES_SERVICE_HOST", &host)
            .variable("KUBERNETES_SERVICE_PORT", &port)
            // Neither a kubeconfig of the environment nor one of a home folder is a server's.
            .variable("KUBECONFIG", "/nowhere")
            .variable("HOME", "/nowhere")
    };
    let error = program().refuses_to_start(Some(&setting.aws));
    assert!(error.contains("backend mode EKSConfigMap: ") && error.contains("service account"), "{error}");
    mount(&account, &setting.kubernetes, "bearer-of-the-server");
    let server = program().start(&setting.aws);
    ["bearer-of-the-server", "another-bearer"].into_iter().for_each(|token| server.keep_secret(token));
    loaded(&server, "EKSConfigMap", 1);
    alice_is(&server, "first");
    // A token is for an hour or so, and is replaced before.
    mount(&account, &setting.kubernetes, "another-bearer");
    setting.kubernetes.set_tokens(&["another-bearer"]);
    setting.kubernetes.end_watches();
    setting.config_map("second");
    loaded(&server, "EKSConfigMap", 2);
    alice_is(&server, "second");
    drop(server);
    // An API server with another CA is not told the token.
    let impostor = FakeKubernetes::builder().tls().start();
    let (_, port) = impostor.url().strip_prefix("https://").unwrap().split_once(':').map(own).unwrap();
    let server = program().variable("KUBERNETES_SERVICE_PORT", &port).start(&setting.aws);
    told(&server, "the API server cannot be asked; its mappings are not known yet", "EKSConfigMap");
    assert_eq!(server.seen().last().unwrap().text("reason"), "api_server_unreachable");
    assert!(impostor.requests().is_empty());
}

/// A proxy for HTTPS, whose tunnels all lead here; and where they were to lead.
fn proxy_to(server: &str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, server) = (format!("http://{}", listener.local_addr().unwrap()), server.to_owned());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(client.try_clone().unwrap()).lines().map_while(Result::ok);
            seen.lock().unwrap().push(lines.next().unwrap_or_default());
            lines.find(String::is_empty);
            let server = TcpStream::connect(&server).unwrap();
            (&client).write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            for (mut from, mut to) in [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)] {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
        }
    });
    (url, asked)
}

#[test]
fn a_proxy_of_the_environment_counts_for_an_api_server_elsewhere_and_one_of_the_kubeconfig_always() {
    let setting = Setting::new();
    setting.config_map("alice");
    let address = setting.kubernetes.url().strip_prefix("https://").unwrap().to_owned();
    let port = address.rsplit_once(':').unwrap().1;
    let (proxy, asked) = proxy_to(&address);
    // This machine under a name that is none of loopback's.
    let elsewhere = format!("https://0.0.0.0:{port}");
    for (case, server, proxy_url, no_proxy, proxied) in [
        ("elsewhere", &elsewhere, None, "", true),
        ("elsewhere, and not in NO_PROXY", &elsewhere, None, "10.0.0.0/8,.example", true),
        ("elsewhere, in NO_PROXY", &elsewhere, None, "example,0.0.0.0", false),
        ("elsewhere, in a network of NO_PROXY", &elsewhere, None, "0.0.0.0/8", false),
        ("loopback", &setting.kubernetes.url(), None, "", false),
        ("loopback by the kubeconfig", &setting.kubernetes.url(), Some(&proxy), "127.0.0.1", true),
    ] {
        let mut kubeconfig: Value = serde_json::from_str(&setting.kubernetes.kubeconfig()).unwrap();
        let cluster = &mut kubeconfig["clusters"][0]["cluster"];
        cluster["server"] = json!(server);
        cluster["tls-server-name"] = json!("localhost");
        cluster["proxy-url"] = json!(proxy_url);
        fs::write(setting.file("kubeconfig"), kubeconfig.to_string()).unwrap();
        let variables =
            [("HTTPS_PROXY", &*proxy), ("https_proxy", &proxy), ("NO_PROXY", no_proxy), ("no_proxy", no_proxy)];
        let program = setting.program("EKSConfigMap");
        let program = variables.iter().fold(program, |program, (name, value)| program.variable(name, value));
        let server = program.start(&setting.aws);
        loaded(&server, "EKSConfigMap", 1);
        let asked = std::mem::take(&mut *asked.lock().unwrap());
        assert_eq!(!asked.is_empty(), proxied, "{case}: {asked:?}");
        assert!(asked.iter().all(|line| line.ends_with(&format!(":{port} HTTP/1.1"))), "{case}: {asked:?}");
    }
    let program = setting.program("EKSConfigMap").variable("NO_PROXY", "a,,b").variable("no_proxy", "a,,b");
    let error = program.refuses_to_start(Some(&setting.aws));
    assert!(error.contains("NO_PROXY"), "{error}");
}

fn own((host, port): (&str, &str)) -> (String, String) {
    (host.to_owned(), port.to_owned())
}
