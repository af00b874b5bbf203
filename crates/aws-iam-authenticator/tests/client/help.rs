//! What the program says of itself: help, completions, manual, version, names.

use super::Desk;
use serde_json::json;

const COMMANDS: [&str; 12] = [
    "token",
    "kubeconfig",
    "verify",
    "explain",
    "lint",
    "add",
    "remove",
    "server",
    "init",
    "version",
    "completions",
    "man",
];

#[test]
fn help_names_every_command_and_teaches_by_example() {
    let desk = Desk::new();
    let help = desk.run(&["--help"]).ok();
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command}")), "{command}: {help}");
        let of_command = desk.run(&[command, "--help"]).ok();
        assert!(of_command.contains(&format!("Usage: aws-iam-authenticator {command}")), "{of_command}");
    }
    for command in ["token", "kubeconfig", "verify", "explain", "lint", "add", "remove", "server", "completions", "man"]
    {
        let help = desk.run(&[command, "--help"]).ok();
        assert!(help.contains("Examples:\n"), "{help}");
    }
    assert!(help.contains("Exit codes:\n"), "{help}");
}

/// Every example of the help texts, apart from what a shell does with it, is one that the program understands.
#[test]
fn the_examples_are_understood() {
    let desk = Desk::new();
    let mut seen = 0;
    for command in COMMANDS {
        let help = desk.run(&[command, "--help"]).ok().replace("\\\n", " ").replace("|\n", "| ");
        let examples = help.split_once("Examples:\n").map_or("", |(_, examples)| examples);
        for line in examples.lines().filter(|line| line.starts_with("  ") && !line.trim_start().starts_with('#')) {
            for call in line.split(['|', '(', ')', '>', '<']).map(str::trim) {
                let Some(arguments) = call.strip_prefix("aws-iam-authenticator ") else { continue };
                let mut words: Vec<&str> = arguments.split_whitespace().map(|word| word.trim_matches('"')).collect();
                words.push("--help");
                let ran = desk.run(&words);
                assert!(ran.code == 0, "{call}: {ran:?}");
                seen += 1;
            }
        }
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn completions_and_manual_know_every_command() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = desk.run(&["completions", shell]).ok();
        assert!(COMMANDS.iter().all(|command| script.contains(command)), "{shell}");
        assert!(script.contains("sts-endpoint"), "{shell}");
    }
    desk.run(&["completions", "tcsh"]).fails(2, "powershell");
    let page = desk.run(&["man"]).ok();
    assert!(page.starts_with(".ie") && page.contains(".TH AWS-IAM-AUTHENTICATOR 1"), "{page}");
    assert!(COMMANDS.iter().all(|command| page.contains(command)));
    let page = desk.run(&["man", "add", "role"]).ok();
    assert!(page.contains("rolearn") && page.contains(".TH AWS-IAM-AUTHENTICATOR-ADD-ROLE 1"), "{page}");
    desk.run(&["man", "nonsense"]).fails(2, "there is no such command");
}

#[test]
fn the_version_is_told_as_the_go_program_tells_it() {
    let desk = Desk::new();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(desk.run(&["version", "-s"]).ok(), format!("{version}\n"));
    let json = desk.run(&["version"]);
    let keys = json.json();
    assert_eq!((json.stdout.lines().count(), &keys["Version"]), (1, &json!(version)));
    assert!(["Commit", "Date"].iter().all(|key| keys[key].as_str().is_some_and(|value| !value.is_empty())), "{keys}");
    let yaml = desk.run(&["version", "-o", "yaml"]).ok();
    assert!(yaml.starts_with(&format!("version: {version}\ncommit: ")), "{yaml}");
    desk.run(&["version", "-o", "xml"]).fails(2, "json, yaml");
}

#[test]
fn the_program_goes_by_its_older_names() {
    let old = Desk::new().called("heptio-authenticator-aws");
    assert!(old.run(&["token", "--help"]).ok().contains("Usage: heptio-authenticator-aws token"));
    assert!(old.run(&["completions", "bash"]).ok().contains("heptio-authenticator-aws\n"));
    let init = old.run(&["init", "-i", "c"]);
    assert_eq!(init.code, 0, "{init:?}");
    assert!(old.read("heptio-authenticator-aws.kubeconfig").contains("server: https://localhost:21362/authenticate"));
    for line in ["/var/heptio-authenticator-aws/cert.pem", "/etc/kubernetes/heptio-authenticator-aws/kubeconfig.yaml"] {
        assert!(init.stderr.contains(line), "{line}: {}", init.stderr);
    }
    old.run(&["kubeconfig", "-i", "c", "--server", "https://api.example"]).ok();
    assert!(old.read(".kube/config").contains("command: heptio-authenticator-aws\n"));

    let other = Desk::new().called("aws-iam-authenticator-aws");
    assert!(other.run(&["--help"]).ok().contains("Usage: aws-iam-authenticator-aws"));
    assert_eq!(other.run(&["init", "-i", "c"]).code, 0);
    assert!(other.path("aws-iam-authenticator.kubeconfig").exists());
}
