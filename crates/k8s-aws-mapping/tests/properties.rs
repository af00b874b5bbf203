//! Laws of the mapping engine.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use k8s_aws_identity::{AccessKeyId, CallerIdentity};
use k8s_aws_mapping::rule::{Names, Subject};
use k8s_aws_mapping::{
    Backend, BackendMode, Document, DynamicFile, LintOptions, Options, Resolution, ServerConfig, Snapshot, apply_fixes,
    encode_aws_auth, lint,
};
use proptest::prelude::*;

const ACCOUNT: &str = "123456789012";

fn caller(role: &str) -> CallerIdentity {
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/session");
    let key = AccessKeyId::parse("ASIAIOSFODNN7EXAMPLE").unwrap();
    CallerIdentity::new(&arn, ACCOUNT, "AROAIOSFODNN7EXAMPLE:session", key).unwrap()
}

fn snapshot(backends: Vec<(BackendMode, Document)>) -> Snapshot {
    let options = Options { sso_role_match: true, ..Options::default() };
    Snapshot::new(backends.into_iter().map(|(mode, document)| Backend::synced(mode, document)), options)
}

fn username(snapshot: &Snapshot, role: &str) -> Option<String> {
    match snapshot.resolve(&caller(role)) {
        Resolution::Mapped(user) => Some(user.username),
        _ => None,
    }
}

/// A rule as a test writes it; its username is its place.
#[derive(Clone, Debug)]
enum Written {
    Exact(String),
    Path(String),
    Sso(String),
    Pattern(String),
}

fn role_name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ab]{1,3}",
        1 => "[ab]{1,2}".prop_map(|set| format!("AWSReservedSSO_{set}_00ff00ff00ff00ff")),
    ]
}

fn written() -> impl Strategy<Value = Written> {
    prop_oneof![
        role_name().prop_map(Written::Exact),
        "[ab]{1,3}".prop_map(Written::Path),
        "[ab]{1,2}".prop_map(Written::Sso),
        "[ab*?]{1,3}".prop_map(Written::Pattern),
    ]
}

impl Written {
    fn yaml(&self, username: &str) -> String {
        match self {
            Self::Exact(name) => format!("- rolearn: arn:aws:iam::{ACCOUNT}:role/{name}\n  username: {username}\n"),
            Self::Path(name) => format!("- rolearn: arn:aws:iam::{ACCOUNT}:role/p/{name}\n  username: {username}\n"),
            Self::Sso(set) => {
                format!("- sso: {{permissionSetName: {set}, accountID: \"{ACCOUNT}\"}}\n  username: {username}\n")
            }
            Self::Pattern(p) => format!("- arnPattern: \"arn:aws:iam::{ACCOUNT}:role/{p}\"\n  username: {username}\n"),
        }
    }
}

fn yaml(rules: &[Written], prefix: &str) -> String {
    rules.iter().enumerate().map(|(i, rule)| rule.yaml(&format!("{prefix}{i}"))).collect()
}

/// The order as the documentation tells it, found by walking the list.
fn expected(rules: &[Written], role: &str) -> Option<usize> {
    let last = |wanted: &dyn Fn(&Written) -> bool| rules.iter().rposition(wanted);
    let set = role.strip_prefix("AWSReservedSSO_").and_then(|r| r.rsplit_once('_')).map(|(set, _)| set);
    last(&|r| matches!(r, Written::Exact(name) if name == role))
        .or_else(|| last(&|r| matches!(r, Written::Path(name) if name == role)))
        .or_else(|| last(&|r| matches!(r, Written::Sso(name) if Some(name.as_str()) == set)))
        .or_else(|| rules.iter().position(|r| matches!(r, Written::Pattern(p) if naive(p.as_bytes(), role.as_bytes()))))
}

fn naive(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => naive(rest, text) || text.split_first().is_some_and(|(_, t)| naive(pattern, t)),
        (Some((p, rest)), Some((t, more))) => (*p == b'?' || p == t) && naive(rest, more),
        _ => false,
    }
}

proptest! {
    #[test]
    fn the_documented_order_decides(rules in proptest::collection::vec(written(), 0..12), role in role_name()) {
        let document = Document::from_aws_auth([("mapRoles", yaml(&rules, "u"))]);
        let snapshot = snapshot(vec![(BackendMode::EksConfigMap, document)]);
        prop_assert_eq!(username(&snapshot, &role), expected(&rules, &role).map(|i| format!("u{i}")));
    }

    #[test]
    fn roles_go_before_users_and_earlier_backends_before_later_ones(
        first in proptest::collection::vec(written(), 0..6),
        second in proptest::collection::vec(written(), 0..6),
        role in role_name(),
    ) {
        let file = Document::from_aws_auth([("mapRoles", yaml(&first, "a"))]);
        let map = Document::from_aws_auth([("mapRoles", yaml(&second, "b"))]);
        let both = snapshot(vec![(BackendMode::MountedFile, file), (BackendMode::EksConfigMap, map)]);
        let want = expected(&first, &role).map(|i| format!("a{i}"));
        let want = want.or_else(|| expected(&second, &role).map(|i| format!("b{i}")));
        prop_assert_eq!(username(&both, &role), want);
    }

    #[test]
    fn rules_for_others_change_nothing(
        rules in proptest::collection::vec(written(), 0..8),
        others in proptest::collection::vec(("[c-z]{1,12}", any::<prop::sample::Index>()), 0..40),
        role in role_name(),
    ) {
        // Other rules change the layout of every hash table; nothing may depend on that.
        let mut entries: Vec<String> = rules.iter().enumerate().map(|(i, r)| r.yaml(&format!("u{i}"))).collect();
        for (name, at) in others {
            let at = at.index(entries.len() + 1);
            entries.insert(at, Written::Exact(name).yaml("other"));
        }
        let document = Document::from_aws_auth([("mapRoles", entries.concat())]);
        let snapshot = snapshot(vec![(BackendMode::EksConfigMap, document)]);
        prop_assert_eq!(username(&snapshot, &role), expected(&rules, &role).map(|i| format!("u{i}")));
    }

    #[test]
    fn encoding_keeps_every_good_entry(text in document(), users in document()) {
        let parsed = Document::from_aws_auth([("mapRoles", &text), ("mapUsers", &users)]);
        let encoded = encode_aws_auth(&parsed);
        let again = Document::from_aws_auth(&encoded);
        prop_assert_eq!(good(&parsed), good(&again), "{:?}", encoded);
        prop_assert_eq!(again.lost_entries().count(), 0);
        prop_assert_eq!(encode_aws_auth(&again), encoded);
    }

    #[test]
    fn a_bad_edit_costs_the_bad_entry_and_nothing_else(
        entries in proptest::collection::vec(0..4usize, 1..6),
        at in any::<prop::sample::Index>(),
        garbage in prop::sample::select(vec![
            "   x: [", "\tx: y", "  username: \"open", "  groups: 'open", "  - {", "garbage", "  x: y: z", "    more", "  ]",
            " - {rolearn", "  ? [", "  &a *b", "  %", "  @", "  - - -",
        ]),
    ) {
        let entry = |i: usize, kind: usize| {
            let head = format!("- rolearn: arn:aws:iam::{ACCOUNT}:role/r{i}\n");
            let rest = match kind {
                0 => format!("  username: \"u{i}\"\n"),
                1 => format!("  username: 'u{i}'\n  groups:\n  - a\n  - 'b'\n"),
                2 => format!("  username: u{i}\n  groups: [a, b]\n"),
                _ => format!("  username: u{i} # it's\n  groups:\n    - a\n"),
            };
            head + &rest
        };
        let text: String = entries.iter().enumerate().map(|(i, kind)| entry(i, *kind)).collect();
        let mut lines: Vec<&str> = text.lines().collect();
        let at = 1 + at.index(lines.len());
        let damaged = lines[..at].iter().filter(|l| l.starts_with("- rolearn")).count() - 1;
        lines.insert(at, garbage);
        let broken = lines.join("\n") + "\n";
        let document = Document::from_aws_auth([("mapRoles", broken.as_str())]);
        let snapshot = snapshot(vec![(BackendMode::EksConfigMap, document)]);
        for i in (0..entries.len()).filter(|i| *i != damaged) {
            prop_assert_eq!(username(&snapshot, &format!("r{i}")), Some(format!("u{i}")), "entry {} of\n{}", i, broken);
        }
    }

    #[test]
    fn fixes_leave_nothing_of_what_they_fix(text in document()) {
        let document = |text: &str| Document::from_aws_auth([("mapRoles", text)]);
        let before = document(&text);
        let fixed = apply_fixes(&text, before.findings());
        let after = document(&fixed);
        let fixable = |d: &Document| d.findings().iter().filter(|f| f.fix.is_some()).count();
        prop_assert!(fixable(&after) < fixable(&before) || fixable(&before) == 0, "{text}\n{fixed}");
        prop_assert!(after.rules().count() >= before.rules().count());
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "(\\PC|\n|\t|- |: |rolearn|\\[|\\{|\"|'|&a|\\*a|\\||arn:aws:iam::1){0,40}") {
        for document in [
            ServerConfig::parse(&text).document,
            ServerConfig::parse(&format!("server:\n  mapRoles:\n{text}")).document,
            Document::from_aws_auth([("mapRoles", &text), ("mapAccounts", &text)]),
            Document::from_aws_auth_manifest(&format!("data:\n  mapRoles: |\n    {text}")),
            Document::from_identity_mapping_manifests(&text),
            DynamicFile::parse(&text, true).document,
        ] {
            for finding in document.findings() {
                prop_assert!(!finding.to_string().contains('\n'));
            }
            let snapshot = snapshot(vec![(BackendMode::MountedFile, document)]);
            let _ = snapshot.explain(&caller("a")).to_string();
        }
        for format in [
            lint::Format::ServerConfig,
            lint::Format::AwsAuth,
            lint::Format::DynamicFile,
            lint::Format::BackendMode,
            lint::Format::IdentityMappings,
        ] {
            for finding in lint::lint(&text, format, &LintOptions::default()) {
                if let Some(span) = finding.span {
                    prop_assert!(span.end.byte as usize <= text.len() && text.is_char_boundary(span.start.byte as usize));
                }
            }
        }
    }

    #[test]
    fn data_and_manifest_give_the_same_rules(text in document()) {
        let indented: String = text.lines().map(|l| format!("    {l}\n")).collect();
        let manifest = Document::from_aws_auth_manifest(&format!("kind: ConfigMap\ndata:\n  mapRoles: |\n{indented}"));
        prop_assert_eq!(good(&manifest), good(&Document::from_aws_auth([("mapRoles", &text)])));
    }
}

/// What a good entry says, places aside.
fn good(document: &Document) -> Vec<(Subject, Names)> {
    let good = document.rules().filter_map(|r| Some((r.subject.clone(), r.names.clone().ok()?)));
    let mut roles: Vec<_> = good.collect();
    roles.iter_mut().for_each(|(subject, _)| {
        // The ARN of a session of a role is written as it was.
        if let Subject::Arn(exact) = subject {
            exact.text = exact.text.to_ascii_lowercase().into();
        }
    });
    roles
}

/// Lists of entries of which some are bad, each in its own way.
fn document() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        "[a-z:{}' #\"-]{1,8}".prop_map(|t| format!("\"{}\"", t.replace('"', "\\\""))),
        "[a-z]{1,6}",
        Just("{{SessionName}}".to_owned()).prop_map(|t| format!("'x:{t}'")),
        Just("\"{{Unknown}}\"".to_owned()),
        Just("yes".to_owned()),
        Just("~".to_owned()),
        Just("[a]".to_owned()),
        Just("é€𝄞".to_owned()),
    ];
    let subject = prop_oneof![
        role_name().prop_map(|n| format!("rolearn: arn:aws:iam::{ACCOUNT}:role/{n}")),
        role_name().prop_map(|n| format!("userarn: ARN:aws:iam::{ACCOUNT}:role/p/{n}")),
        role_name().prop_map(|n| format!("rolearn: arn:aws:sts::{ACCOUNT}:assumed-role/{n}/s")),
        "[a-z]{1,4}".prop_map(|n| format!("userarn: arn:aws:iam::{ACCOUNT}:user/{n}")),
        "[a-z*?]{1,4}".prop_map(|n| format!("arnPattern: 'arn:aws:iam::{ACCOUNT}:role/{n}'")),
        "[a-zA-Z_]{1,4}".prop_map(|n| format!("sso: {{permissionSetName: {n}, accountID: 012345678901}}")),
        Just("rolearn: nonsense".to_owned()),
        Just("rolarn: x".to_owned()),
    ];
    let entry =
        (subject, scalar.clone(), proptest::collection::vec(scalar, 0..3)).prop_map(|(subject, name, groups)| {
            let groups: String = groups.iter().map(|g| format!("    - {g}\n")).collect();
            format!("- {subject}\n  username: {name}\n  groups:\n{groups}")
        });
    proptest::collection::vec(entry, 0..6).prop_map(|entries| entries.concat())
}
