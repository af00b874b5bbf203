//! The mapping engine: one caller among 10, 1,000 and 100,000 rules, and loading what a ConfigMap can hold.
#![allow(missing_docs, reason = "criterion's macros")]
#![allow(clippy::unwrap_used, reason = "a benchmark of a broken build should stop")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use k8s_aws_auth::identity::{AccessKeyId, CallerIdentity};
use k8s_aws_auth::mapping::{Backend, BackendMode, Document, DynamicFile, Options, Resolution, Snapshot};
use std::hint::black_box;

const ACCOUNT: &str = "123456789012";
const MIB: usize = 1 << 20;

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

fn snapshot(roles: &str) -> Snapshot {
    let document = Document::from_aws_auth([("mapRoles", roles)]);
    assert!(document.findings().is_empty());
    let options = Options { sso_role_match: true, ..Options::default() };
    Snapshot::new([Backend::synced(BackendMode::EksConfigMap, document)], options)
}

fn resolve(c: &mut Criterion) {
    let mut group = c.benchmark_group("resolve");
    for count in [10, 1_000, 10_000, 100_000] {
        let snapshot = snapshot(&entries(count));
        let known = caller(&format!("team-{}-developers", count / 2));
        assert!(matches!(snapshot.resolve(&known), Resolution::Mapped(_)));
        group.bench_function(BenchmarkId::new("known", count), |b| b.iter(|| snapshot.resolve(black_box(&known))));
        let unknown = caller("nobody");
        assert!(matches!(snapshot.resolve(&unknown), Resolution::NotMapped(_)));
        group.bench_function(BenchmarkId::new("unknown", count), |b| b.iter(|| snapshot.resolve(black_box(&unknown))));
    }
    let sso = format!("- sso: {{permissionSetName: dev, accountID: \"{ACCOUNT}\"}}\n  username: dev\n");
    let sso = snapshot(&(entries(1_000) + &sso));
    let role = caller("AWSReservedSSO_dev_0123456789abcdef");
    group.bench_function("sso/1000", |b| b.iter(|| sso.resolve(black_box(&role))));
    let pattern = |i: usize| format!("- arnPattern: \"arn:aws:iam::{ACCOUNT}:role/app-{i}-*\"\n  username: app-{i}\n");
    let patterns = snapshot(&(0..100).map(pattern).collect::<String>());
    let last = caller("app-99-writer");
    group.bench_function("last of 100 patterns", |b| b.iter(|| patterns.resolve(black_box(&last))));
    group.finish();
}

fn load(c: &mut Criterion) {
    let mut group = c.benchmark_group("load");
    group.sample_size(20);
    let mut roles = String::new();
    let mut json = String::from("{\"mapRoles\": [");
    for i in 0.. {
        let next = entry(i);
        if roles.len() + next.len() > MIB {
            break;
        }
        roles.push_str(&next);
        let separator = if i == 0 { "" } else { ",\n" };
        json.push_str(&format!(
            "{separator}{{\"rolearn\": \"arn:aws:iam::{ACCOUNT}:role/team-{i}-developers\", \"username\": \"team-{i}:{{{{SessionName}}}}\", \"groups\": [\"team-{i}\", \"developers\"]}}"
        ));
    }
    json.push_str("]}");
    group.throughput(Throughput::Bytes(roles.len() as u64));
    group.bench_function("aws-auth of 1 MiB", |b| {
        b.iter(|| Document::from_aws_auth(black_box([("mapRoles", roles.as_str())])));
    });
    // A slip in the middle: every entry is read for itself.
    let mut broken = roles.clone();
    broken.insert_str(roles.find("- rolearn: arn:aws:iam::123456789012:role/team-3000-").unwrap(), "- rolearn: [\n");
    group.bench_function("aws-auth of 1 MiB with a broken entry", |b| {
        b.iter(|| Document::from_aws_auth(black_box([("mapRoles", broken.as_str())])));
    });
    group.throughput(Throughput::Bytes(json.len() as u64));
    group.bench_function("dynamic file of 1 MiB", |b| b.iter(|| DynamicFile::parse(black_box(&json), false)));
    group.finish();
}

criterion_group!(benches, resolve, load);
criterion_main!(benches);
