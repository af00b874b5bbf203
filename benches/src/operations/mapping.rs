//! The mapping engine: one caller among few and very many rules, and reading what a ConfigMap can hold.

use super::{Operation, operation};
use k8s_aws_auth::identity::{AccessKeyId, CallerIdentity};
use k8s_aws_auth::mapping::lint::{self, Format};
use k8s_aws_auth::mapping::template::{Template, Values};
use k8s_aws_auth::mapping::{Backend, BackendMode, Document, DynamicFile, LintOptions, Options, Resolution, Snapshot};
use std::hint::black_box;

const ACCOUNT: &str = "123456789012";
const MIB: usize = 1 << 20;

/// What the mapping engine does.
pub fn mapping() -> Vec<Operation> {
    [resolve(), render(), load(), check()].into_iter().flatten().collect()
}

fn caller(role: &str) -> CallerIdentity {
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/alice@example.com");
    let key = AccessKeyId::parse("ASIAIOSFODNN7EXAMPLE").unwrap();
    CallerIdentity::new(&arn, ACCOUNT, "AROAIOSFODNN7EXAMPLE:alice@example.com", key).unwrap()
}

/// One entry as people write them.
fn entry(i: usize) -> String {
    format!(
        "- rolearn: arn:aws:iam::{ACCOUNT}:role/team-{i}-developers\n  username: team-{i}:{{{{SessionName}}}}\n  groups:\n    - team-{i}\n    - developers\n"
    )
}

fn entries(count: usize) -> String {
    (0..count).map(entry).collect()
}

/// As many entries as fit into 1 MiB.
fn entries_of_1_mib() -> String {
    let mut roles = String::new();
    for next in (0..).map(entry) {
        if roles.len() + next.len() > MIB {
            break;
        }
        roles.push_str(&next);
    }
    roles
}

fn snapshot(roles: &str) -> Snapshot {
    let document = Document::from_aws_auth([("mapRoles", roles)]);
    assert!(document.findings().is_empty());
    let options = Options { sso_role_match: true, ..Options::default() };
    Snapshot::new([Backend::synced(BackendMode::EksConfigMap, document)], options)
}

fn resolve() -> Vec<Operation> {
    let resolving = |name: String, snapshot: &Snapshot, caller: CallerIdentity, found: bool| {
        let snapshot = snapshot.clone();
        assert_eq!(matches!(snapshot.resolve(&caller), Resolution::Mapped(_)), found, "{name}");
        operation(name, move || snapshot.resolve(black_box(&caller)))
    };
    let mut operations = Vec::new();
    for count in [10, 1_000, 10_000, 100_000] {
        let snapshot = snapshot(&entries(count));
        let known = caller(&format!("team-{}-developers", count / 2));
        operations.push(resolving(format!("resolve/known/{count}"), &snapshot, known, true));
        operations.push(resolving(format!("resolve/unknown/{count}"), &snapshot, caller("nobody"), false));
    }
    let sso = format!("- sso: {{permissionSetName: dev, accountID: \"{ACCOUNT}\"}}\n  username: dev\n");
    let sso = snapshot(&(entries(1_000) + &sso));
    operations.push(resolving("resolve/sso".into(), &sso, caller("AWSReservedSSO_dev_0123456789abcdef"), true));
    let pattern = |i: usize| format!("- arnPattern: \"arn:aws:iam::{ACCOUNT}:role/app-{i}-*\"\n  username: app-{i}\n");
    let patterns = snapshot(&(0..100).map(pattern).collect::<String>());
    operations.push(resolving("resolve/last of 100 patterns".into(), &patterns, caller("app-99-writer"), true));
    operations
}

fn render() -> Vec<Operation> {
    let caller = caller("deployer");
    let template = Template::parse("{{AccountID}}:team:{{SessionName}}:{{AccessKeyID}}").unwrap();
    vec![operation("render/three variables", move || template.render(&Values::of(black_box(&caller))))]
}

fn load() -> Vec<Operation> {
    let roles = entries_of_1_mib();
    // A slip in the middle: every entry is read for itself.
    let mut broken = roles.clone();
    broken.insert_str(roles.find("- rolearn: arn:aws:iam::123456789012:role/team-3000-").unwrap(), "- rolearn: [\n");
    let json_entry = |i: usize| {
        format!(
            "{{\"rolearn\": \"arn:aws:iam::{ACCOUNT}:role/team-{i}-developers\", \"username\": \"team-{i}:{{{{SessionName}}}}\", \"groups\": [\"team-{i}\", \"developers\"]}}"
        )
    };
    let count = roles.matches("- rolearn:").count();
    let json = format!("{{\"mapRoles\": [{}]}}", (0..count).map(json_entry).collect::<Vec<_>>().join(",\n"));
    let aws_auth = |text: String| move || Document::from_aws_auth(black_box([("mapRoles", text.as_str())]));
    vec![
        operation("load/aws-auth of 1 MiB", aws_auth(roles)),
        operation("load/aws-auth of 1 MiB with a broken entry", aws_auth(broken)),
        operation("load/dynamic file of about 1 MiB", move || DynamicFile::parse(black_box(&json), false)),
    ]
}

fn check() -> Vec<Operation> {
    let indented: String = entries(1_000).lines().map(|line| format!("    {line}\n")).collect();
    let manifest = format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  mapRoles: |\n{indented}");
    vec![operation("lint/1,000 roles", move || {
        lint::lint(black_box(&manifest), Format::AwsAuth, &LintOptions::default())
    })]
}
