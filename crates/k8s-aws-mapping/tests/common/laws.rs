//! What holds for every document, template and pattern; the fuzz targets and the tests share it.

#![allow(dead_code, reason = "each user takes its own part")]

use k8s_aws_identity::{AccessKeyId, AccountId, Arn, CallerIdentity};
use k8s_aws_mapping::lint::{self, Format};
use k8s_aws_mapping::pattern::ArnPattern;
use k8s_aws_mapping::template::{Template, Values};
use k8s_aws_mapping::tree::Tree;
use k8s_aws_mapping::{
    Backend, BackendMode, Document, DynamicFile, Finding, LintOptions, Options, Outcome, Resolution, ServerConfig,
    Snapshot, apply_fixes, encode_aws_auth,
};

/// A text in every format.
pub(crate) fn document(text: &str) {
    for (mode, document) in [
        (BackendMode::MountedFile, ServerConfig::parse(text).document),
        (BackendMode::EksConfigMap, Document::from_aws_auth([("mapRoles", text), ("mapUsers", text)])),
        (BackendMode::EksConfigMap, Document::from_aws_auth([("mapAccounts", text), ("maproles", text)])),
        (BackendMode::EksConfigMap, Document::from_aws_auth_manifest(text)),
        (BackendMode::Crd, Document::from_identity_mapping_manifests(text)),
        (BackendMode::DynamicFile, DynamicFile::parse(text, false).document),
        (BackendMode::DynamicFile, DynamicFile::parse(text, true).document),
    ] {
        findings(text, document.findings());
        encoding(&document);
        explaining(mode, &document);
    }
    for format in
        [Format::ServerConfig, Format::AwsAuth, Format::DynamicFile, Format::BackendMode, Format::IdentityMappings]
    {
        let found = lint::lint(text, format, &LintOptions::default());
        findings(text, &found);
        let _ = apply_fixes(text, &found);
    }
    json(text);
}

/// Findings point into their text and fit on a line.
fn findings(text: &str, findings: &[Finding]) {
    for finding in findings {
        assert!(!finding.to_string().contains(['\n', '\r']), "{finding:?}");
        for span in finding.span.into_iter().chain(finding.fix.as_ref().map(|f| f.span)) {
            let (start, end) = (span.start.byte as usize, span.end.byte as usize);
            assert!(start <= end && end <= text.len(), "{finding:?}");
            assert!(text.is_char_boundary(start) && text.is_char_boundary(end), "{finding:?}");
        }
    }
}

/// What is encoded is read again without loss, and encoded the same.
fn encoding(document: &Document) {
    let encoded = encode_aws_auth(document);
    let again = Document::from_aws_auth(&encoded);
    assert_eq!(again.lost_entries().count(), 0, "{encoded:?}");
    assert_eq!(again.accounts().count(), document.accounts().count());
    assert_eq!(encode_aws_auth(&again), encoded);
}

/// Explaining tells the outcome that resolving gives.
fn explaining(mode: BackendMode, document: &Document) {
    let options = Options { sso_role_match: true, ..Options::default() };
    let snapshot = Snapshot::new([Backend::synced(mode, document.clone())], options);
    for caller in callers() {
        let explanation = snapshot.explain(&caller);
        let same = match (snapshot.resolve(&caller), &explanation.outcome) {
            (Resolution::Mapped(user), Outcome::Mapped { username, groups, .. }) => {
                assert!(!user.username.is_empty() && !user.username.contains(char::is_control));
                user.username == *username && user.groups == *groups
            }
            (Resolution::Needs(_), Outcome::NeedsInstance { .. }) => true,
            (Resolution::NotMapped(r), Outcome::Refused { definite: true, reason, .. }) => r.reason == *reason,
            _ => false,
        };
        assert!(same, "{explanation}");
        assert!(!explanation.to_string().is_empty());
    }
}

fn callers() -> impl Iterator<Item = CallerIdentity> {
    let callers = [
        ("arn:aws:sts::123456789012:assumed-role/dev/alice@x", "AROAIOSFODNN7EXAMPLE:alice@x"),
        ("arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_dev_00ff00ff00ff00ff/a", "AROAIOSFODNN7EXAMPLE:a"),
        ("arn:aws:sts::123456789012:assumed-role/node/i-1234abcd", "AROAIOSFODNN7EXAMPLE:i-1234abcd"),
        ("arn:aws:iam::123456789012:user/eng/bob", "AIDAIOSFODNN7EXAMPLE"),
    ];
    callers.into_iter().filter_map(|(arn, user_id)| {
        let key = AccessKeyId::parse("ASIAIOSFODNN7EXAMPLE").ok()?;
        CallerIdentity::new(arn, "123456789012", user_id, key).ok()
    })
}

/// What `serde_json` reads is read here.
fn json(text: &str) {
    if text.trim().is_empty() || serde_json::from_str::<serde_json::Value>(text).is_err() {
        return;
    }
    if let Err(error) = Tree::from_json(text) {
        assert!(error.problem.contains("deeper"), "{error}: {text:?}");
    }
}

/// A text as a template: kept as it is, and no value is ever expanded.
pub(crate) fn template(text: &str) {
    let Ok(template) = Template::parse(text) else { return };
    assert_eq!(template.source(), text);
    let Ok(account) = AccountId::parse("123456789012") else { return };
    let render = |session_name: &str| {
        let values = Values { account, session_name, access_key_id: "KEY", private_dns_name: "dns" };
        template.render(&values)
    };
    let rendered = render("{{AccountID}}{{SessionName}}");
    assert!(rendered.starts_with(template.literal_prefix()));
    let chosen = template.variables().filter(|v| v.is_chosen_by_caller()).count();
    assert!(rendered.matches("{{AccountID}}{{SessionName}}").count() >= chosen);
    assert_eq!(template.is_literal(), template.variables().next().is_none());
    if template.is_literal() {
        assert_eq!(rendered, text);
    }
    assert!(!rendered.contains(char::is_control));
}

/// A pattern in the first line, a name in the second: matched as the definition says.
pub(crate) fn pattern(text: &str) {
    let (pattern, name) = text.split_once('\n').unwrap_or((text, "dev"));
    let _ = ArnPattern::parse(pattern);
    let Ok(parsed) = ArnPattern::parse(&format!("arn:aws:iam::123456789012:role/{pattern}")) else { return };
    assert_eq!(ArnPattern::parse(parsed.source()).as_ref(), Ok(&parsed));
    let Ok(arn) = Arn::parse(&format!("arn:aws:iam::123456789012:role/{name}")) else { return };
    let arn = arn.without_role_path();
    let role = arn.to_string();
    let role = role.rsplit('/').next().unwrap_or_default();
    assert_eq!(parsed.matches(&arn), definition(pattern.as_bytes(), role.as_bytes()), "{pattern:?} {role:?}");
}

/// `*` and `?`, by the table: `row[j]` tells whether the pattern so far matches the first `j` bytes.
fn definition(pattern: &[u8], text: &[u8]) -> bool {
    let mut row: Vec<bool> = (0..=text.len()).map(|j| j == 0).collect();
    for p in pattern {
        let before = row.clone();
        for j in 0..=text.len() {
            row[j] = match p {
                b'*' => before[j] || (j > 0 && row[j - 1]),
                p => j > 0 && before[j - 1] && (*p == b'?' || *p == text[j - 1]),
            };
        }
    }
    row[text.len()]
}
