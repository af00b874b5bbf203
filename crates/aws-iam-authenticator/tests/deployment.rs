//! What docs/deploy tells people to apply: every file parses, and this program takes what is meant for it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests of files and of a program")]

use serde::Deserialize;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[test]
fn every_file_parses_as_what_its_name_says() {
    let (mut yaml, mut json) = (0, 0);
    for path in files(&repository().join("docs/deploy")) {
        let text = fs::read_to_string(&path).unwrap();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml") => {
                let documents = documents(&text);
                assert!(documents.iter().all(|document| document["apiVersion"].is_string()), "{}", path.display());
                yaml += documents.len();
            }
            Some("json") => {
                let policy: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                assert_eq!(policy["Version"], "2012-10-17", "{}", path.display());
                json += 1;
            }
            _ => {}
        }
    }
    assert!(yaml >= 15 && json >= 5, "{yaml} documents of YAML, {json} policies");
}

#[test]
fn every_link_between_the_pages_leads_somewhere() {
    let mut links = 0;
    let pages = [files(&repository().join("docs")), vec![repository().join("README.md")]].concat();
    for page in pages.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split('#').next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            assert!(page.parent().unwrap().join(target).exists(), "{} links to {target}", page.display());
            links += 1;
        }
    }
    assert!(links > 40, "{links} links");
}

#[test]
fn the_server_takes_the_configuration_and_the_arguments_of_the_manifests() {
    let configuration = configuration();
    for manifest in ["daemonset.yaml", "static-pod.yaml"] {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("config.yaml");
        fs::write(&config, &configuration).unwrap();
        let text = fs::read_to_string(repository().join("docs/deploy/manifests").join(manifest)).unwrap();
        let object = &documents(&text)[0];
        let pod = if object["kind"] == "Pod" { &object["spec"] } else { &object["spec"]["template"]["spec"] };
        let arguments: Vec<String> = pod["containers"][0]["args"]
            .as_array()
            .unwrap()
            .iter()
            .map(|argument| in_directory(argument.as_str().unwrap(), directory.path()))
            .collect();
        if arguments.iter().any(|argument| argument == "--kubeconfig-pregenerated=true") {
            let made =
                run(directory.path(), &["init", "-c", "config.yaml", "--feature-gates=ConfiguredInitDirectories=true"]);
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(["--check-config"]).collect();
        let checked = run(directory.path(), &arguments);
        assert!(checked.status.success(), "{manifest}: {}", String::from_utf8_lossy(&checked.stderr));
    }
}

#[test]
fn the_memory_limit_and_the_probes_of_the_manifests_are_the_ones_documented() {
    for manifest in ["daemonset.yaml", "static-pod.yaml"] {
        let text = fs::read_to_string(repository().join("docs/deploy/manifests").join(manifest)).unwrap();
        let object = &documents(&text)[0];
        let pod = if object["kind"] == "Pod" { &object["spec"] } else { &object["spec"]["template"]["spec"] };
        let container = &pod["containers"][0];
        assert_eq!(container["resources"]["limits"]["memory"], "20Mi", "{manifest}");
        assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/livez", "{manifest}");
        assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz", "{manifest}");
        assert_eq!(container["readinessProbe"]["httpGet"]["port"], 21363, "{manifest}");
        assert_eq!(pod["hostNetwork"], true, "{manifest}");
    }
}

/// The configuration in manifests/config.yaml.
fn configuration() -> String {
    let text = fs::read_to_string(repository().join("docs/deploy/manifests/config.yaml")).unwrap();
    documents(&text)[0]["data"]["config.yaml"].as_str().unwrap().to_owned()
}

/// An argument of a container, its paths moved into `directory`.
fn in_directory(argument: &str, directory: &Path) -> String {
    let moved = |to: &str| directory.join(to).display().to_string();
    argument
        .replace("/etc/aws-iam-authenticator/config.yaml", &moved("config.yaml"))
        .replace("/var/aws-iam-authenticator", &directory.display().to_string())
        .replace("/etc/kubernetes/aws-iam-authenticator/kubeconfig.yaml", &moved("aws-iam-authenticator.kubeconfig"))
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aws-iam-authenticator"));
    command.current_dir(directory).env_clear().args(arguments).output().unwrap()
}

fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap()).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
