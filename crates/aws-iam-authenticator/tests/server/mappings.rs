//! The vectors of the mapping engine, once more through the whole program: documents where it reads them, callers by their
//! tokens, answers as an API server gets them.

use crate::support::{HOST, PATIENCE, Program, Server};
use http::Method;
use k8s_aws_auth::mapping::tree::Tree;
use k8s_aws_fake::{Credential, FakeAws, Identity};
use kubernetes_fake::{FakeKubernetes, aws_auth};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../k8s-aws-mapping/tests/vectors");

/// A vector that the program can be asked about.
struct Vector {
    folder: PathBuf,
    spec: Value,
    /// Its backends in their order.
    modes: Vec<&'static str>,
}

impl Vector {
    /// None for those about what came before, about broken configuration files, about the backend-mode file, about backends that are
    /// not read, and about manifests of several kinds.
    fn load(folder: &Path) -> Option<Self> {
        let has = |name: &str| folder.join(name).exists();
        let spec: Value = serde_json::from_str(&fs::read_to_string(folder.join("case.json")).unwrap()).unwrap();
        if ["last.yaml", "last.json", "backend-mode.json", "aws-auth.yaml"].into_iter().any(has)
            || spec["callers"].is_null()
        {
            return None;
        }
        // Our own keys go into its section `server`, and the program does not start with what is no YAML.
        let config = has("config.yaml").then(|| fs::read_to_string(folder.join("config.yaml")).unwrap());
        if config.is_some_and(|text| !text.contains("server:\n") || Tree::from_yaml(&text).is_err()) {
            return None;
        }
        let map = !lists(folder).is_empty();
        let there = [
            ("MountedFile", has("config.yaml")),
            ("EKSConfigMap", map),
            ("CRD", has("mappings.yaml")),
            ("DynamicFile", has("dynamic.json")),
        ];
        let there: Vec<&str> = there.into_iter().filter_map(|(mode, there)| there.then_some(mode)).collect();
        let modes = match spec["backends"].as_array() {
            None => there,
            Some(wanted) => {
                let position = |mode: &&str| wanted.iter().position(|wanted| wanted == mode);
                let mut modes: Vec<&str> = there.into_iter().filter(|mode| position(mode).is_some()).collect();
                modes.sort_by_key(position);
                if modes.len() < wanted.len() {
                    return None;
                }
                modes
            }
        };
        Some(Self { folder: folder.to_owned(), spec, modes })
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap()
    }

    /// The program with the documents of the vector.
    fn program(&self, kubernetes: &FakeKubernetes) -> Program {
        let program = Program::new().argument("--backend-mode").argument(&self.modes.join(","));
        let file = |name: &str, text: &str| {
            let path = program.directory().join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let mut config = "server:\n".to_owned();
        if self.modes.contains(&"MountedFile") {
            config = self.read("config.yaml");
        }
        let mut ours = "server:\n  healthAddress: 127.0.0.1:0\n".to_owned();
        if self.modes.contains(&"DynamicFile") {
            ours.push_str(&format!("  dynamicfilepath: {}\n", file("dynamic.json", &self.read("dynamic.json"))));
            ours.push_str(&format!("  dynamicfileUserIDStrict: {}\n", self.spec["options"]["strict"] == true));
        }
        let config = file("vector.yaml", &config.replacen("server:\n", &ours, 1));
        let kubeconfig = file("kubeconfig", &kubernetes.kubeconfig());
        if self.modes.contains(&"EKSConfigMap") {
            let mut map = aws_auth([]);
            map["data"] = lists(&self.folder).into_iter().map(|(name, text)| (name, Value::from(text))).collect();
            kubernetes.apply(map);
        }
        if self.modes.contains(&"CRD") {
            for document in serde_yaml::Deserializer::from_str(&self.read("mappings.yaml")) {
                let document = Value::deserialize(document).unwrap();
                let objects = document["items"].as_array().cloned().unwrap_or_else(|| vec![document]);
                for mut object in objects.into_iter().filter(|object| object["kind"] == "IAMIdentityMapping") {
                    object["apiVersion"] = json!("iamauthenticator.k8s.aws/v1alpha1");
                    kubernetes.apply(object);
                }
            }
        }
        let sso = format!("--feature-gates=SSORoleMatch={}", self.spec["options"]["sso"] == true);
        let program = program.argument("--config").argument(&config).argument(&format!("--kubeconfig={kubeconfig}"));
        program.argument("--cluster-id=blackbox.example").argument(&sso)
    }

    fn wait_until_ready(&self, server: &Server) {
        let began = Instant::now();
        loop {
            let answer = server.http.ask(Method::GET, "/readyz");
            if answer.status == 200 {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{:?}: {}: {:#?}", self.folder, answer.text(), server.seen());
        }
    }

    /// Asks about every caller; gives how many there were, and what came out otherwise than it is written.
    fn run(&self) -> (usize, Vec<String>) {
        let (aws, kubernetes) = (FakeAws::start().unwrap(), FakeKubernetes::start());
        let program = self.program(&kubernetes);
        let server = program.start(&aws);
        self.wait_until_ready(&server);
        let mut problems = Vec::new();
        let callers = self.spec["callers"].as_array().unwrap().iter();
        // Names of instances are another test's, and another partition's callers are another server's.
        let here = |caller: &&Value| {
            let arn = caller["arn"].as_str().unwrap();
            caller["dns"].is_null() && caller["want"]["needs"].is_null() && arn.starts_with("arn:aws:")
        };
        let callers: Vec<&Value> = callers.filter(here).collect();
        for caller in &callers {
            let credential = aws.issue(identity(caller));
            let got = decided(&server, &credential);
            let want = caller["want"].to_string().replace("ASIAIOSFODNN7EXAMPLE", credential.access_key_id());
            let mut want: Value = serde_json::from_str(&want).unwrap();
            if want["user"].is_null() {
                want = json!({"refused": want["refused"], "unavailable": want["unavailable"]});
            }
            if got != want {
                problems.push(format!(
                    "{:?}, {}: want {want}, got {got}",
                    self.folder.file_name().unwrap(),
                    caller["arn"]
                ));
            }
        }
        (callers.len(), problems)
    }
}

/// `mapRoles.yaml` and the like: the names and texts of the data of `aws-auth`.
fn lists(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let lists = entries.filter_map(|path| {
        let name = path.file_name()?.to_str()?.strip_suffix(".yaml")?.to_owned();
        (name.to_lowercase().starts_with("map") && name != "mappings")
            .then(|| (name, fs::read_to_string(&path).unwrap()))
    });
    lists.collect()
}

/// Who has this ARN, as STS tells it.
fn identity(caller: &Value) -> Identity {
    let arn = caller["arn"].as_str().unwrap();
    let account = arn.split(':').nth(4).unwrap();
    let (kind, name) = arn.splitn(6, ':').nth(5).unwrap().split_once('/').unwrap_or(("root", ""));
    let id = |default| caller["userid"].as_str().unwrap_or(default).to_owned();
    let session = name.rsplit_once('/').map_or(name, |(_, session)| session);
    let user_id = match kind {
        "root" => account.to_owned(),
        "federated-user" => format!("{account}:{name}"),
        "assumed-role" if name.starts_with("aws:ec2-instance/") => format!("{account}:aws:ec2-instance:{session}"),
        "assumed-role" => format!("{}:{session}", id("AROAIOSFODNN7EXAMPLE")),
        _ => id("AIDAIOSFODNN7EXAMPLE"),
    };
    Identity::raw(account, arn, &user_id)
}

/// What an API server and the log are told, in the words of the vectors.
fn decided(server: &Server, credential: &Credential) -> Value {
    let reviewed = server.review(&server.token(credential, HOST));
    let status = &reviewed.json["status"];
    let reason = |kind: bool| if kind { json!(reviewed.reason()) } else { Value::Null };
    match status["authenticated"] == true {
        true => json!({
            "user": status["user"]["username"],
            "groups": status["user"].get("groups").cloned().unwrap_or(json!([])),
            "by": reviewed.decision().text("rule").split(',').next(),
        }),
        false => {
            json!({"refused": reason(status["error"].is_null()), "unavailable": reason(!status["error"].is_null())})
        }
    }
}

#[test]
fn every_vector_of_the_mapping_engine_comes_out_of_the_program_as_written() {
    let mut folders: Vec<PathBuf> = fs::read_dir(VECTORS).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let vectors: Vec<Vector> = folders.iter().filter_map(|folder| Vector::load(folder)).collect();
    assert!(vectors.len() >= 60, "{}", vectors.len());
    let some = vectors.len().div_ceil(4);
    let results: Vec<(usize, Vec<String>)> = std::thread::scope(|scope| {
        let running: Vec<_> =
            vectors.chunks(some).map(|some| scope.spawn(|| some.iter().map(Vector::run).collect::<Vec<_>>())).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let problems: Vec<String> = results.iter().flat_map(|(_, problems)| problems).cloned().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(results.iter().map(|(callers, _)| callers).sum::<usize>() >= 140, "every caller was asked about");
}
