//! Every flag, variable and configuration key of the Go program's `server` and `init`: each is taken, and each has its effect.

use crate::support::{Line, Program};
use k8s_aws_fake::FakeAws;
use serde_json::json;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a server does that is started in a directory with this configuration and these arguments, and nothing else.
struct Started {
    lines: Vec<Line>,
    directory: tempfile::TempDir,
}

/// `DIR` in configuration and arguments is the directory.
fn start(configuration: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Started {
    let directory = tempfile::tempdir().unwrap();
    let here = |text: &str| text.replace("DIR", directory.path().to_str().unwrap());
    fs::write(directory.path().join("config.yaml"), here(configuration)).unwrap();
    let fake = FakeAws::start().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_aws-iam-authenticator"));
    command.current_dir(directory.path()).env_clear().envs(fake.env()).envs(variables.iter().copied());
    command.args(["server", "-c", "config.yaml"]).args(arguments.iter().map(|argument| here(argument)));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
        let line = Line::parse(&line);
        let listens = line.is("listening", "path", "/authenticate");
        lines.push(line);
        if listens {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    Started { lines, directory }
}

impl Started {
    fn listens_at(&self, path: &str) -> String {
        let line = self.lines.iter().find(|line| line.is("listening", "path", path));
        line.unwrap_or_else(|| panic!("{:#?}", self.lines)).text("address").to_owned()
    }

    fn has(&self, path: &str) -> bool {
        self.directory.path().join(path).exists()
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.directory.path().join(path))
            .unwrap_or_else(|error| panic!("{path}: {error}: {:#?}", self.lines))
    }
}

/// A configuration of the Go program, keys in its letter case.
const CONFIGURATION: &str = "\
clusterID: of-the-file
server:
  port: 0
  address: 127.0.0.1
  hostname: of-the-file.example
  healthAddress: 127.0.0.1:0
  stateDir: DIR/state-of-the-file
  generateKubeconfig: DIR/etc/kubeconfig-of-the-file.yaml
";

#[test]
fn the_files_keys_have_their_effect_in_any_letter_case() {
    for configuration in [CONFIGURATION.to_owned(), CONFIGURATION.to_lowercase().replace("dir/", "DIR/")] {
        let started = start(&configuration, &[], &[]);
        assert!(started.listens_at("/authenticate").starts_with("127.0.0.1:"));
        assert!(started.has("state-of-the-file/cert.pem") && started.has("state-of-the-file/key.pem"));
        let url = "server: https://of-the-file.example:";
        assert!(started.text("etc/kubeconfig-of-the-file.yaml").contains(url));
    }
}

#[test]
fn a_flag_counts_before_the_file() {
    let flags = [
        "--address=127.0.0.2",
        "--state-dir=DIR/state-of-the-flag",
        "--generate-kubeconfig=DIR/kubeconfig-of-the-flag.yaml",
    ];
    let started = start(CONFIGURATION, &flags, &[]);
    assert!(started.listens_at("/authenticate").starts_with("127.0.0.2:"));
    assert!(started.has("state-of-the-flag/cert.pem") && !started.has("state-of-the-file"));
    assert!(started.has("kubeconfig-of-the-flag.yaml") && !started.has("etc"));

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port = format!("--port={free}");
    assert_eq!(start(CONFIGURATION, &[&port], &[]).listens_at("/authenticate"), format!("127.0.0.1:{free}"));
    let of_the_file = CONFIGURATION.replace("port: 0", &format!("port: \"{free}\""));
    assert_eq!(start(&of_the_file, &[], &[]).listens_at("/authenticate"), format!("127.0.0.1:{free}"));
}

#[test]
fn a_pregenerated_kubeconfig_is_left_to_others() {
    let file = format!("{CONFIGURATION}  kubeconfigPregenerated: true\n");
    assert!(!start(&file, &[], &[]).has("etc"));
    assert!(start(&file, &["--kubeconfig-pregenerated=false"], &[]).has("etc"));
    for flag in ["--kubeconfig-pregenerated", "--kubeconfig-pregenerated=true"] {
        assert!(!start(CONFIGURATION, &[flag], &[]).has("etc"), "{flag}");
    }
}

#[test]
fn log_and_gates_are_as_flags_and_environment_say() {
    let json = start(CONFIGURATION, &["--log-format=json"], &[]);
    assert!(json.lines.iter().all(|line| line.raw.starts_with('{')), "{:#?}", json.lines);
    // What is no format is text, as the Go program has it, and is told.
    let odd = start(CONFIGURATION, &["-l", "xml"], &[]);
    assert!(odd.lines.iter().any(|line| line.level() == "warning" && line.message().contains("--log-format")));
    let verbosity = ("AWS_IAM_AUTHENTICATOR_LOG_VERBOSITY", "info");
    assert!(!start(CONFIGURATION, &[], &[verbosity]).lines.iter().any(|line| line.level() == "debug"));
}

#[test]
fn the_start_says_whom_the_file_maps_in_the_go_programs_words() {
    let file = format!(
        "{CONFIGURATION}  mapRoles:
  - rolearn: arn:aws:iam::111122223333:role/dev
    username: dev:{{{{SessionName}}}}
    groups: [a, b]
  mapUsers:
  - userarn: arn:aws:iam::111122223333:user/alice
    username: alice
  - userarn: arn:aws:iam::999988887777:user/scrubbed
    username: nobody
  mapAccounts: ['444455556666', '999988887777']
  scrubbedAccounts: ['999988887777']
"
    );
    let started = start(&file, &["-ljson"], &[]);
    let line = |message: &str| {
        let mut lines = started.lines.iter().filter(|line| line.message() == message);
        let line = lines.next().unwrap_or_else(|| panic!("{message}: {:#?}", started.lines));
        assert!(lines.next().is_none(), "{message}");
        line.steady_fields()
    };
    assert_eq!(
        line("mapping IAM role"),
        json!({"level": "info", "msg": "mapping IAM role", "role": "arn:aws:iam::111122223333:role/dev",
               "username": "dev:{{SessionName}}", "groups": ["a", "b"]})
    );
    assert_eq!(line("mapping IAM user")["user"], "arn:aws:iam::111122223333:user/alice");
    assert_eq!(line("mapping IAM Account")["accountID"], "444455556666");
    assert!(!started.lines.iter().any(|line| line.raw.contains("999988887777")), "{:#?}", started.lines);
}

/// What a check says of a configuration with this line under `server`, and of these arguments; it refuses them.
fn refused(line: &str, arguments: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("config.yaml"), format!("clusterID: a\nserver:\n  {line}\n")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_aws-iam-authenticator"));
    command.current_dir(directory.path()).env_clear().args(["server", "--check-config", "-c", "config.yaml"]);
    let output = command.args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{line} {arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_value_that_does_not_fit_is_refused_with_file_line_key_and_remedy() {
    for (key, value, problem) in [
        ("partition", "moon", "partition"),
        ("port", "high", "not a port number"),
        ("port", "65536", "not a port number"),
        ("kubeconfigPregenerated", "perhaps", "neither true nor false"),
        ("dynamicfileUserIDStrict", "perhaps", "neither true nor false"),
        ("scrubbedAccounts", "[12]", "12 digits"),
        ("backendMode", "[Nowhere]", "backend mode"),
        ("backendMode", "MountedFile File", "MountedFile"),
        ("healthAddress", "here", "not an address and port"),
        ("identityCacheSeconds", "long", "not a whole number of seconds"),
        ("maxConnections", "0", "not a number of connections"),
        ("stsRegions", "[EU WEST]", "a region is"),
    ] {
        let error = refused(&format!("{key}: {value}"), &[]);
        assert!(error.contains(&format!("config.yaml:3: server.{key}: ")), "{key}: {error}");
        assert!(error.contains(problem), "{key}: {error}");
        assert!(error.trim_end().lines().last().unwrap().starts_with("  "), "{key} without a remedy: {error}");
    }
    // A list where a text belongs, and what is no text in a list: reading nothing of it would be silent.
    for key in [
        "partition",
        "port",
        "address",
        "hostname",
        "stateDir",
        "generateKubeconfig",
        "kubeconfigPregenerated",
        "kubeconfig",
        "master",
        "ec2DescribeInstancesRoleARN",
        "sourceARN",
        "ec2DescribeInstancesQps",
        "ec2DescribeInstancesBurst",
        "dynamicfilepath",
        "dynamicfileUserIDStrict",
        "dynamicBackendModePath",
        "healthAddress",
        "identityCacheSeconds",
        "maxConnections",
    ] {
        for value in ["[a, b]", "{a: b}"] {
            let error = refused(&format!("{key}: {value}"), &[]);
            assert!(error.contains(&format!("config.yaml:3: server.{key}: this has to be a text")), "{key}: {error}");
            assert!(error.contains("\n  replace "), "{key}: {error}");
        }
    }
    for key in ["backendMode", "scrubbedAccounts", "audiences", "stsRegions"] {
        let error = refused(&format!("{key}: [{{a: b}}]"), &[]);
        assert!(error.contains(&format!("config.yaml:3: server.{key}: this has to be a list of texts")), "{error}");
    }
}

#[test]
fn a_flag_that_does_not_fit_is_refused_with_its_name_and_a_remedy() {
    for (flag, name) in [
        ("--partition=moon", "--partition: "),
        ("--backend-mode=Nowhere", "--backend-mode: "),
        ("--backend-mode=MountedFile,File", "--backend-mode: "),
        ("--cluster-id=two  blanks", "--cluster-id: "),
        ("--log-verbosity=loud", "levels: "),
        ("--feature-gates=Nothing=true", "gates: "),
    ] {
        let error = refused("", &[flag]);
        assert!(error.contains(name), "{flag}: {error}");
        assert!(error.trim_end().lines().last().unwrap().starts_with("  "), "{flag} without a remedy: {error}");
    }
}

#[test]
fn a_single_text_is_a_list_of_what_blanks_or_commas_separate() {
    let fake = FakeAws::start().unwrap();
    for modes in ["MountedFile DynamicFile", "MountedFile, DynamicFile", "[MountedFile, DynamicFile]"] {
        let program = Program::new().configured(&format!("backendMode: {modes}\ndynamicfilepath: /nowhere"));
        let server = program.start(&fake);
        let ready = server.http.ask(http::Method::GET, "/readyz");
        assert!(ready.text().ends_with("backend MountedFile: synced\nbackend DynamicFile: not synced\n"), "{ready:?}");
    }
}

#[test]
fn an_old_name_of_a_backend_is_taken_with_a_warning() {
    let fake = FakeAws::start().unwrap();
    for program in [Program::new().argument("--backend-mode=File"), Program::new().configured("backendMode: [File]")] {
        let seen = program.start(&fake).seen();
        let warning = seen.iter().find(|line| line.level() == "warning").unwrap();
        assert_eq!(warning.message(), "backend mode File is an old name; use MountedFile instead");
    }
}

#[test]
fn what_init_writes_is_where_flags_and_file_say() {
    let directory = tempfile::tempdir().unwrap();
    let file = CONFIGURATION.replace("DIR", directory.path().to_str().unwrap()).replace("port: 0", "port: 1234");
    fs::write(directory.path().join("config.yaml"), file).unwrap();
    let init = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aws-iam-authenticator"));
        let output = command
            .current_dir(directory.path())
            .env_clear()
            .args(["init", "-c", "config.yaml"])
            .args(arguments)
            .output();
        assert!(output.as_ref().unwrap().status.success(), "{output:?}");
    };
    let read = |path: &Path| fs::read_to_string(directory.path().join(path)).unwrap();
    init(&["--hostname=of-the-flag.example", "--address=127.0.0.9", "-i", "first", "-i", "second"]);
    let written = read(&PathBuf::from("aws-iam-authenticator.kubeconfig"));
    assert!(written.contains("server: https://of-the-flag.example:1234/authenticate"), "{written}");
    let written = read(&PathBuf::from("aws-iam-authenticator-second.kubeconfig"));
    assert!(written.contains("server: https://of-the-flag.example:1234/clusters/second/authenticate"), "{written}");
    init(&["--feature-gates=ConfiguredInitDirectories=true"]);
    let written = read(&PathBuf::from("etc/kubeconfig-of-the-file.yaml"));
    assert!(written.contains("server: https://of-the-file.example:1234/authenticate"), "{written}");
    assert!(directory.path().join("state-of-the-file/key.pem").exists());
}
