//! What holds for every document, template and pattern; the fuzz targets and the tests share it.

#![allow(dead_code, reason = "each user takes its own part")]

use k8s_aws_identity::{AccessKeyId, AccountId, Arn, CallerIdentity};
use k8s_aws_mapping::lint::{self, Format};
use k8s_aws_mapping::pattern::ArnPattern;
use k8s_aws_mapping::rule::Subject;
use k8s_aws_mapping::template::{Template, Values};
use k8s_aws_mapping::tree::Tree;
use k8s_aws_mapping::{
    Backend, BackendMode, BackendModeFile, Document, DynamicFile, Finding, LintOptions, List, NewEntry, NewSubject,
    Options, Outcome, Resolution, ServerConfig, Snapshot, add_to_aws_auth, apply_fixes, encode_aws_auth, parse_modes,
    remove_from_aws_auth,
};
use std::collections::{BTreeMap, BTreeSet};

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
    configuration(text);
    configuration(&format!("server:\n  mapRoles:\n{text}"));
}

/// A configuration file says the same with a tree of all of it and without.
fn configuration(text: &str) {
    let Ok(tree) = Tree::from_yaml(text) else { return };
    let (_, read) = ServerConfig::read(text).expect("it is YAML");
    let whole = ServerConfig::from_tree(&tree);
    assert!(read.document.rules().eq(whole.document.rules()));
    assert!(read.document.accounts().eq(whole.document.accounts()));
    assert!(read.document.lost_entries().eq(whole.document.lost_entries()));
    assert!(read.document.unreadable_lists().eq(whole.document.unreadable_lists()));
    assert_eq!(read.document.findings(), whole.document.findings());
    assert_eq!((read.reserved, read.findings), (whole.reserved, whole.findings));
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

/// An edit in the first line, fields apart by tabs, and behind it the text to be edited: `role`, `user` or `sso` with what
/// they take, username and groups, or `remove` and an index. What is read afterwards is what was read before, but for the
/// entry that was asked for.
pub(crate) fn edit(text: &str) {
    let (line, text) = text.split_once('\n').unwrap_or((text, ""));
    let fields: Vec<&str> = line.split('\t').collect();
    let names = |rest: &[&str]| {
        let mut names = rest.iter().map(|name| (*name).to_owned());
        (names.next().unwrap_or_default(), names.collect::<Vec<_>>())
    };
    let (subject, (username, groups)) = match fields[..] {
        ["role", arn, ref rest @ ..] => (NewSubject::Role(arn.to_owned()), names(rest)),
        ["user", arn, ref rest @ ..] => (NewSubject::User(arn.to_owned()), names(rest)),
        ["sso", permission_set, account, partition, ref rest @ ..] => {
            let (permission_set, account) = (permission_set.to_owned(), account.to_owned());
            let partition = Some(partition.to_owned()).filter(|partition| !partition.is_empty());
            (NewSubject::Sso { permission_set, account, partition }, names(rest))
        }
        ["remove", index] => return removed(text, List::Roles, index.parse().unwrap_or(0)),
        ["remove", index, "users"] => return removed(text, List::Users, index.parse().unwrap_or(0)),
        _ => return,
    };
    added(text, &NewEntry { subject, username, groups });
}

fn added(text: &str, entry: &NewEntry) {
    let list = if matches!(entry.subject, NewSubject::User(_)) { List::Users } else { List::Roles };
    let data = with_others(list, text);
    let Ok(edited) = add_to_aws_auth(&data, entry) else { return };
    only_changed(&data, &edited, list);
    assert!(Tree::from_yaml(&edited[list.as_str()]).is_ok(), "it is YAML");
    let (before, after) = (read(&data, list), read(&edited, list));
    let count = before.len();
    assert_eq!(after.get(..count), Some(&*before), "what was there");
    assert_eq!(after.len(), count + 1);
    let document = Document::from_aws_auth([(list.as_str(), edited[list.as_str()].as_str())]);
    let rule = document.rules().last().expect("the new rule");
    let names = rule.names.as_ref().expect("a new rule has names");
    assert_eq!(names.username.source(), entry.username);
    assert!(names.groups.iter().map(Template::source).eq(entry.groups.iter().map(String::as_str)));
    match (&rule.subject, &entry.subject) {
        (Subject::Arn(arn), NewSubject::Role(text) | NewSubject::User(text)) => assert_eq!(*arn.text, **text),
        (Subject::Sso(sso), NewSubject::Sso { permission_set, account, .. }) => {
            assert_eq!(
                (sso.permission_set(), sso.account().as_str()),
                (&*permission_set.to_ascii_lowercase(), account.as_str())
            );
        }
        other => panic!("another kind of rule: {other:?}"),
    }
    assert_eq!(add_to_aws_auth(&edited, entry).map_err(|error| error.reason()), Err("duplicate"));
    // Taken out again, it leaves what was there.
    let index = rule.place.index;
    if let Ok(restored) = remove_from_aws_auth(&edited, list, index) {
        assert_eq!(read(&restored, list), before);
    }
}

fn removed(text: &str, list: List, index: u32) {
    let data = with_others(list, text);
    let Ok(edited) = remove_from_aws_auth(&data, list, index) else { return };
    only_changed(&data, &edited, list);
    let mut left = read(&data, list);
    assert!((index as usize) < left.len(), "there is such an entry");
    left.remove(index as usize);
    assert_eq!(read(&edited, list), left);
}

/// The text under a list's key, and others that no edit of it touches.
fn with_others(list: List, text: &str) -> BTreeMap<String, String> {
    let other = if list == List::Roles { List::Users } else { List::Roles };
    let pairs =
        [(list.as_str(), text), (other.as_str(), "- broken: ["), ("mapAccounts", "['012345678901']"), ("x", "y")];
    pairs.into_iter().map(|(key, text)| (key.to_owned(), text.to_owned())).collect()
}

fn only_changed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>, list: List) {
    let others = |data: &BTreeMap<String, String>| {
        let mut data = data.clone();
        data.remove(list.as_str());
        data
    };
    assert_eq!(others(before), others(after));
}

/// What a list says, entry by entry, without the places: rules, and why other entries are none.
fn read(data: &BTreeMap<String, String>, list: List) -> Vec<String> {
    let document = Document::from_aws_auth([(list.as_str(), data[list.as_str()].as_str())]);
    let rules = document
        .rules()
        .map(|rule| (rule.place.index, format!("{:?} {:?} {:?}", rule.subject, rule.user_id, rule.names)));
    let lost = document.lost_entries().map(|lost| (lost.place.index, format!("{:?} {:?}", lost.code, lost.list_key)));
    let mut entries: Vec<_> = rules.chain(lost).collect();
    entries.sort_by_key(|(index, _)| *index);
    entries.into_iter().map(|(_, entry)| entry).collect()
}

/// A text as the backend-mode file, and as a chain of modes: each mode once, at least one, and read again as it is written.
pub(crate) fn backend_modes(text: &str) {
    let chain = |modes: &[BackendMode]| {
        let names: Vec<_> = modes.iter().map(|mode| mode.as_str()).collect();
        assert!(!names.is_empty() && names.iter().collect::<BTreeSet<_>>().len() == names.len(), "{names:?}");
        assert_eq!(parse_modes(names.iter().copied()).as_deref(), Ok(modes));
        names.join(" ")
    };
    if let Ok(modes) = parse_modes(text.split_ascii_whitespace()) {
        let file = format!(r#"{{"backendMode":"{}"}}"#, chain(&modes));
        assert_eq!(BackendModeFile::parse(&file).map(|file| file.modes), Ok(modes));
    }
    match BackendModeFile::parse(text) {
        Ok(file) => {
            let written = serde_json::json!({
                "backendMode": chain(&file.modes), "Version": file.version, "LastUpdatedDateTime": file.last_updated,
            });
            assert_eq!(BackendModeFile::parse(&written.to_string()), Ok(file));
        }
        Err(error) => {
            assert!(error.reason().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", error.reason());
            assert!(error.to_string().len() < 300 && !error.to_string().contains(char::is_control), "{error}");
        }
    }
}
