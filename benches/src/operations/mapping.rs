//! The mapping engine: one caller among few and very many rules, and reading what a ConfigMap can hold.

use super::{Operation, operation, prepared};
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
    let resolving = |name: String, rules: fn(usize) -> String, count: usize, role: String, found: bool| {
        prepared(name, move || {
            let (snapshot, caller) = (snapshot(&rules(count)), caller(&role));
            assert_eq!(matches!(snapshot.resolve(&caller), Resolution::Mapped(_)), found);
            move || snapshot.resolve(black_box(&caller))
        })
    };
    let mut operations = Vec::new();
    for count in [10, 1_000, 10_000, 100_000] {
        let known = format!("team-{}-developers", count / 2);
        operations.push(resolving(format!("resolve/known/{count}"), entries, count, known, true));
        operations.push(resolving(format!("resolve/unknown/{count}"), entries, count, "nobody".into(), false));
    }
    let sso = |count| {
        entries(count) + &format!("- sso: {{permissionSetName: dev, accountID: \"{ACCOUNT}\"}}\n  username: dev\n")
    };
    let role = "AWSReservedSSO_dev_0123456789abcdef".to_owned();
    operations.push(resolving("resolve/sso".into(), sso, 1_000, role, true));
    let patterns = |count| {
        let pattern =
            |i: usize| format!("- arnPattern: \"arn:aws:iam::{ACCOUNT}:role/app-{i}-*\"\n  username: app-{i}\n");
        (0..count).map(pattern).collect()
    };
    operations.push(resolving("resolve/last of 100 patterns".into(), patterns, 100, "app-99-writer".into(), true));
    operations
}

fn render() -> Vec<Operation> {
    let caller = caller("deployer");
    let template = Template::parse("{{AccountID}}:team:{{SessionName}}:{{AccessKeyID}}").unwrap();
    vec![operation("render/three variables", move || template.render(&Values::of(black_box(&caller))))]
}

fn load() -> Vec<Operation> {
    let aws_auth = |name: &str, text: fn() -> String| {
        prepared(name, move || {
            let text = text();
            move || Document::from_aws_auth(black_box([("mapRoles", text.as_str())]))
        })
    };
    // A slip in the middle: every entry is read for itself.
    let broken = || {
        let mut roles = entries_of_1_mib();
        let middle = roles.find("- rolearn: arn:aws:iam::123456789012:role/team-3000-").unwrap();
        roles.insert_str(middle, "- rolearn: [\n");
        roles
    };
    let json = || {
        let entry = |i: usize| {
            format!(
                "{{\"rolearn\": \"arn:aws:iam::{ACCOUNT}:role/team-{i}-developers\", \"username\": \"team-{i}:{{{{SessionName}}}}\", \"groups\": [\"team-{i}\", \"developers\"]}}"
            )
        };
        let count = entries_of_1_mib().matches("- rolearn:").count();
        let json = format!("{{\"mapRoles\": [{}]}}", (0..count).map(entry).collect::<Vec<_>>().join(",\n"));
        move || DynamicFile::parse(black_box(&json), false)
    };
    vec![
        aws_auth("load/aws-auth of 1 MiB", entries_of_1_mib),
        aws_auth("load/aws-auth of 1 MiB with a broken entry", broken),
        prepared("load/dynamic file of about 1 MiB", json),
    ]
}

fn check() -> Vec<Operation> {
    vec![prepared("lint/1,000 roles", || {
        let indented: String = entries(1_000).lines().map(|line| format!("    {line}\n")).collect();
        let manifest = format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  mapRoles: |\n{indented}");
        move || lint::lint(black_box(&manifest), Format::AwsAuth, &LintOptions::default())
    })]
}
