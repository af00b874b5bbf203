//! `kubeconfig`

use super::{Desk, Ran};
use k8s_aws_auth::mapping::tree::Tree;
use std::fs;

const SERVER: [&str; 4] = ["-i", "prod", "--server", "https://api.example:6443"];
const CA: &str = include_str!("../data/go-init-test-only-cert.pem");
const KEY: &str = include_str!("../data/go-init-test-only-key.pem");
const OTHERS: &str = "# mine
apiVersion: v1
kind: Config
clusters:
- name: other # the old one
  cluster:
    server: https://other.example
    x-unknown: 1
users:
- name: other
  user:
    token: sEcReT
contexts: [] # none yet
current-context: other
";

fn run(desk: &Desk, more: &[&str]) -> Ran {
    desk.run(&[&["kubeconfig"], &SERVER[..], more].concat())
}

/// A value of the file, by its way from the root; items of lists by their name.
fn value(desk: &Desk, file: &str, way: &[&str]) -> Option<String> {
    let tree = Tree::from_yaml(&desk.read(file)).unwrap();
    let mut node = tree.root()?.clone();
    for key in way {
        let named = |item: &&k8s_aws_auth::mapping::tree::Node| item.get("name").and_then(|n| n.as_str()) == Some(key);
        let next = match (node.as_list(), key.parse::<usize>()) {
            (Some(items), Ok(index)) => items.get(index),
            (Some(items), Err(_)) => items.iter().find(named),
            (None, _) => node.get(key),
        };
        node = next?.clone();
    }
    node.as_str().map(str::to_owned)
}

#[test]
fn a_new_file_has_all_that_kubectl_needs_and_is_its_owners_alone() {
    let desk = Desk::new();
    let ca = desk.file("ca.pem", CA);
    run(
        &desk,
        &[
            "--certificate-authority",
            ca,
            "--role",
            "arn:aws:iam::111122223333:role/r",
            "--profile",
            "p",
            "--arg=--cache",
        ],
    )
    .ok();
    let file = ".kube/config";
    let value = |way: &[&str]| value(&desk, file, way).unwrap_or_default();
    assert_eq!(value(&["current-context"]), "prod");
    assert_eq!(value(&["clusters", "prod", "cluster", "server"]), "https://api.example:6443");
    assert!(!value(&["clusters", "prod", "cluster", "certificate-authority-data"]).is_empty());
    let exec = |key: &str| value(&["users", "prod", "user", "exec", key]);
    assert_eq!(
        (exec("apiVersion"), exec("command"), exec("interactiveMode")),
        ("client.authentication.k8s.io/v1".to_owned(), "aws-iam-authenticator".to_owned(), "IfAvailable".to_owned())
    );
    let args: Vec<String> = (0..6).map(|n| value(&["users", "prod", "user", "exec", "args", &n.to_string()])).collect();
    assert_eq!(args, ["token", "--cluster-id", "prod", "--role", "arn:aws:iam::111122223333:role/r", "--cache"]);
    assert_eq!(value(&["users", "prod", "user", "exec", "env", "AWS_PROFILE", "value"]), "p");
    assert_eq!(value(&["contexts", "prod", "context", "user"]), "prod");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path| fs::metadata(desk.path(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(file), 0o600);
    }
    assert!(!desk.path(".kube/config.lock").exists());
}

#[test]
fn what_others_wrote_stays_as_it_is() {
    let desk = Desk::new();
    let file = desk.file("kc", OTHERS);
    run(&desk, &["--kubeconfig", file]).ok();
    let after = desk.read(file);
    let want = OTHERS
        .replace(
            "    x-unknown: 1\n",
            "    x-unknown: 1\n- cluster:\n    server: https://api.example:6443\n  name: prod\n",
        )
        .replace(
            "contexts: [] # none yet\n",
            "contexts: # none yet\n- context:\n    cluster: prod\n    user: prod\n  name: prod\n",
        );
    let (head, tail) = want.split_once("    token: sEcReT\n").unwrap();
    assert!(after.starts_with(head) && after.ends_with(tail), "{after}");
    assert_eq!(value(&desk, file, &["current-context"]).as_deref(), Some("other"), "the current context stays");
    let again = run(&desk, &["--kubeconfig", file]).ok();
    assert!(again.contains("nothing to change") && desk.read(file) == after, "{again}");
    run(&desk, &["--kubeconfig", file, "--use-context"]).ok();
    assert_eq!(desk.read(file), after.replace("current-context: other", "current-context: prod"));

    // What cannot be edited line by line is written anew, and nothing of it is lost.
    let json =
        desk.file("kc.json", r#"{"kind": "Config", "users": [{"name": "other", "user": {"token": "t"}}], "x": [1]}"#);
    run(&desk, &["--kubeconfig", json]).ok();
    assert_eq!(value(&desk, json, &["users", "other", "user", "token"]).as_deref(), Some("t"));
    assert_eq!(value(&desk, json, &["x", "0"]).as_deref(), Some("1"));
}

#[test]
fn an_entry_of_another_kind_is_overwritten_by_force_alone() {
    let desk = Desk::new();
    let file = desk.file("kc", OTHERS);
    for (more, why) in [
        (&["--user", "other"][..], "has credentials of another kind"),
        (&["--name", "other"], "is another API server's"),
    ] {
        let ran = run(&desk, &[&["--kubeconfig", file], more].concat());
        ran.fails(3, why);
        assert!(!ran.stderr.contains("sEcReT") && desk.read(file) == OTHERS);
        assert!(!desk.path("kc.lock").exists());
    }
    run(&desk, &["--kubeconfig", file, "--name", "other", "--force"]).ok();
    assert!(!desk.read(file).contains("sEcReT"));
    assert_eq!(
        value(&desk, file, &["users", "other", "user", "exec", "command"]).as_deref(),
        Some("aws-iam-authenticator")
    );
    // Ours is ours to change.
    let more = [
        "--kubeconfig",
        file,
        "--name",
        "other",
        "--command",
        "/opt/aws-iam-authenticator",
        "--interactive-mode",
        "Never",
    ];
    run(&desk, &more).ok();
    assert_eq!(value(&desk, file, &["users", "other", "user", "exec", "interactiveMode"]).as_deref(), Some("Never"));
    let aws = desk.file("aws", "users:\n- name: prod\n  user: {exec: {command: aws, args: [eks, get-token]}}\n");
    run(&desk, &["--kubeconfig", aws]).fails(3, "from another program");
}

#[test]
fn a_dry_run_shows_the_entries_and_nothing_of_the_file() {
    let desk = Desk::new();
    let file = desk.file("kc", OTHERS);
    let shown = run(&desk, &["--kubeconfig", file, "--dry-run"]).ok();
    assert!(
        shown.contains("user prod: would be added\n") && shown.contains("command: aws-iam-authenticator"),
        "{shown}"
    );
    assert!(!shown.contains("sEcReT") && desk.read(file) == OTHERS, "{shown}");
}

#[test]
fn what_should_not_be_in_a_kubeconfig_does_not_get_in() {
    let desk = Desk::new();
    let (key, both, junk) =
        (desk.file("key.pem", KEY), desk.file("both.pem", &format!("{CA}{KEY}")), desk.file("x", "x"));
    for (file, why) in [
        (key, "private key"),
        (both, "private key"),
        (junk, "not a PEM text with certificates"),
        ("nowhere", "cannot read"),
    ] {
        run(&desk, &["--certificate-authority", file]).fails(1, why);
    }
    run(&desk, &["--certificate-authority-data", "!"]).fails(2, "not base64");
    run(&desk, &["--env", "AWS_SECRET_ACCESS_KEY=x"]).fails(2, "no place for secret keys");
    desk.run(&["kubeconfig", "-i", "prod", "--server", "http://api.example"]).fails(2, "https://");
    desk.run(&["kubeconfig", "--server", "https://api.example"]).fails(1, "no cluster id");
    assert!(!desk.path(".kube").exists());
}

#[test]
fn a_file_that_is_no_kubeconfig_or_is_being_written_is_left_alone() {
    let desk = Desk::new();
    for text in ["users: sEcReT\n", "- sEcReT\n", "users: [sEcReT\n", "kind: ConfigMap\n", "a: sEcReT\na: 1\n"] {
        let file = desk.file("kc", text);
        let ran = run(&desk, &["--kubeconfig", file]);
        ran.fails(1, "is not a kubeconfig");
        assert!(!ran.stderr.contains("sEcReT") && desk.read(file) == text, "{ran:?}");
    }
    desk.file("kc", OTHERS);
    desk.file("kc.lock", "");
    run(&desk, &["--kubeconfig", "kc"]).fails(1, "somebody else is writing");
    assert_eq!(desk.read("kc"), OTHERS);
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_stays_one() {
    let desk = Desk::new();
    desk.file("real", OTHERS);
    std::os::unix::fs::symlink(desk.path("real"), desk.path("link")).unwrap();
    run(&desk, &["--kubeconfig", "link"]).ok();
    assert!(fs::symlink_metadata(desk.path("link")).unwrap().is_symlink());
    assert!(desk.read("real").contains("name: prod"));
}
