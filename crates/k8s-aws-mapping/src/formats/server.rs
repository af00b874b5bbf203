//! The mapping part of the server's configuration file.

use crate::document::{Document, ReadList, read_node, read_simple, recover};
use crate::entry::{self, Rules, field};
use crate::findings::{Code, Finding, quoted};
use crate::reserved::ReservedPrefixes;
use crate::tree::{Chunk, Field, Lines, MAX_DOCUMENT_BYTES, Node, Section, Span, SyntaxError, Tree, section_of_key};
use crate::{BackendMode, List, suggest};

pub(crate) const RULES: Rules =
    Rules { canonicalise: true, strict_user_ids: false, comma_lists: true, extended: true, json: false };

const LISTS: [List; 3] = [List::Roles, List::Users, List::Accounts];

/// The keys at the top of the configuration file.
pub const TOP_KEYS: &[&str] = &["clusterID", "defaultRole", "server", "featureGates"];

/// The keys under `server` that the Go program reads.
pub const SERVER_KEYS: &[&str] = &[
    "partition",
    "port",
    "address",
    "hostname",
    "stateDir",
    "generateKubeconfig",
    "kubeconfigPregenerated",
    "kubeconfig",
    "master",
    "backendMode",
    "ec2DescribeInstancesRoleARN",
    "sourceARN",
    "ec2DescribeInstancesQps",
    "ec2DescribeInstancesBurst",
    "scrubbedAccounts",
    "dynamicfilepath",
    "dynamicfileUserIDStrict",
    "dynamicBackendModePath",
    "mapRoles",
    "mapUsers",
    "mapAccounts",
    "reservedPrefixConfig",
];

/// What the server's configuration file says about mappings: `server.mapRoles`, `mapUsers`, `mapAccounts` and
/// `reservedPrefixConfig`, keys in any letter case.
///
/// ```
/// use k8s_aws_mapping::{BackendMode, ServerConfig};
///
/// let config = ServerConfig::parse(
///     "clusterID: prod
/// server:
///   mapRoles:
///     - roleARN: arn:aws:iam::123456789012:role/dev
///       username: dev:{{SessionName}}
///       groups: [developers]
///   reservedPrefixConfig:
///     - backendMode: EKSConfigMap
///       usernamePrefixReserveList: ['admin:']
///       groupPrefixReserveList: ['admins:']
/// ",
/// );
/// assert_eq!(config.document.rules().count(), 1);
/// assert_eq!(config.reserved.username_prefix(BackendMode::EksConfigMap, "Admin:x"), Some("admin:"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The mappings, for the backend `MountedFile`.
    pub document: Document,
    /// The reserved prefixes of every backend.
    pub reserved: ReservedPrefixes,
    /// What is wrong with the reserved prefixes; findings about mappings are the document's.
    pub findings: Vec<Finding>,
    /// Whether the reserved prefixes could be read (or there are none).
    pub reserved_readable: bool,
}

impl ServerConfig {
    /// Reads the file. It never fails as a whole; look at the findings.
    pub fn parse(text: &str) -> Self {
        match Self::read(text) {
            Ok((_, config)) => config,
            Err(error) => Self::recover(text, &error),
        }
    }

    /// Reads the file, and gives its tree too, for the settings that are no mappings: lists of mappings may be missing in it. A
    /// tree of all of it would have seven times the size of its text.
    ///
    /// # Errors
    /// As [`Tree::from_yaml`]; [`ServerConfig::parse`] reads what can be read all the same.
    pub fn read(text: &str) -> Result<(Tree, Self), SyntaxError> {
        if let Some(read) = Self::read_simple(text) {
            return Ok(read);
        }
        let tree = Tree::from_yaml(text)?;
        let config = Self::from_tree(&tree);
        Ok((tree, config))
    }

    /// Reads a file without a tree of its lists, where those are simple: they are read by themselves, and all the rest as if their
    /// lines were blank. None where it is not certain that this says the same.
    fn read_simple(text: &str) -> Option<(Tree, Self)> {
        let lines = Lines::new(text);
        let whole = Chunk { first: 1, end: lines.count() + 1 };
        let server = section_of_key(&lines, whole, "server", true)?.body;
        let mut rest = text.to_owned();
        let mut read = Vec::new();
        for list in LISTS {
            let Some(Section { key_line, body }) = section_of_key(&lines, server, list.as_str(), true) else {
                continue;
            };
            // An anchor or a tag would be about the list.
            let behind = lines.line(key_line).split_once(':').map(|(_, behind)| behind.trim_start());
            let mut findings = Vec::new();
            if behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('#'))
                && let Some(entries) = read_simple(&lines, body, list, RULES, &mut findings)
            {
                let Span { start, end } = body.span(&lines);
                let blank = body.text(&lines).replace(|c| c != '\n', " ");
                rest.replace_range(start.byte as usize..end.byte as usize, &blank);
                read.push((key_line, entries, findings));
            }
        }
        if read.is_empty() {
            return None;
        }
        let tree = Tree::from_yaml(&rest).ok()?;
        // To the parser, too, the lines above theirs are keys of the section that have no value, and the only ones of their names: so
        // the lists are their values.
        let server = only(tree.root()?, "server")?;
        for (key_line, entries, _) in &read {
            let field = only(&server.value, entries.list.as_str())?;
            if field.key_span.start.line != *key_line || !field.value.is_null() {
                return None;
            }
        }
        let config = Self::assemble(&tree, |list, node, findings| {
            match read.iter().position(|(_, entries, _)| entries.list == list) {
                Some(at) => {
                    let (_, entries, of_list) = read.swap_remove(at);
                    of_list.into_iter().for_each(|finding| entry::push(findings, finding));
                    entries
                }
                None => read_node(node, list, RULES, findings),
            }
        });
        Some((tree, config))
    }

    /// Reads a file that was parsed already.
    pub fn from_tree(tree: &Tree) -> Self {
        Self::assemble(tree, |list, node, findings| read_node(node, list, RULES, findings))
    }

    /// `read` reads the lists, in their order.
    fn assemble(tree: &Tree, mut read: impl FnMut(List, Option<&Node>, &mut Vec<Finding>) -> ReadList) -> Self {
        let mut findings = Vec::new();
        if let Some(at) = tree.second_document() {
            let message = "a second YAML document starts here; nothing from here on is read";
            findings.push(Finding::new(Code::SecondDocument, message).at(Span { start: at, end: at }));
        }
        let server = tree.root().and_then(|r| r.get_ignore_case("server"));
        let read = |list: List| read(list, server.and_then(|s| s.get_ignore_case(list.as_str())), &mut findings);
        let lists: Vec<ReadList> = LISTS.map(read).into();
        let document = Document::new(lists, findings, false);
        let mut findings = Vec::new();
        let node = server.and_then(|s| s.get_ignore_case("reservedPrefixConfig"));
        let reserved = reserved(node, &mut findings);
        let reserved_readable = reserved.is_some();
        Self { document, reserved: reserved.unwrap_or_default(), findings, reserved_readable }
    }

    /// This configuration, with that of `last` for what cannot be read.
    pub fn keeping(&self, last: &Self) -> Self {
        let reserved = if self.reserved_readable { &self.reserved } else { &last.reserved };
        Self { document: self.document.keeping(&last.document), reserved: reserved.clone(), ..self.clone() }
    }

    fn recover(text: &str, error: &crate::tree::SyntaxError) -> Self {
        let mut findings = Vec::new();
        let at = Span { start: error.at, end: error.at };
        let lines = Lines::new(text);
        let whole = Chunk { first: 1, end: lines.count() + 1 };
        let small = text.len() <= MAX_DOCUMENT_BYTES;
        let server = section_of_key(&lines, whole, "server", true).filter(|_| small).map(|s| s.body);
        let section = |key: &str| server.and_then(|s| section_of_key(&lines, s, key, true)).map(|s| s.body);
        let lists: Vec<ReadList> = LISTS
            .into_iter()
            .map(|list| match section(list.as_str()) {
                Some(body) => recover(&lines, body, list, RULES, &mut findings),
                None => ReadList::unreadable(list),
            })
            .collect();
        let rest = match lists.iter().any(|l| l.readable) {
            true => "what can be told apart is read entry by entry, and the last good lists stay in use for the rest",
            false => "the last good lists stay in use",
        };
        let code = if lists.iter().any(|l| l.readable) { Code::Syntax } else { Code::Unreadable };
        findings.push(Finding::new(code, format!("the file is not YAML: {}; {rest}", error.problem)).at(at));
        let document = Document::new(lists, findings, false);
        let mut findings = Vec::new();
        let root = section("reservedPrefixConfig").and_then(|body| body.read(&lines).ok()).and_then(|t| t.root);
        let reserved = root.and_then(|node| reserved(Some(&node), &mut findings));
        let reserved_readable = reserved.is_some();
        Self { document, reserved: reserved.unwrap_or_default(), findings, reserved_readable }
    }
}

/// The field of a map with this key in any letter case, where there is one and no other.
fn only<'n>(node: &'n Node, key: &str) -> Option<&'n Field> {
    let mut fields = node.as_map()?.iter().filter(|field| field.key.eq_ignore_ascii_case(key));
    fields.next().filter(|_| fields.next().is_none())
}

/// The unknown keys at the top and under `server`, each with the nearest known one. `more_top` and `more_server` are
/// keys that the program knows beyond [`TOP_KEYS`] and [`SERVER_KEYS`].
pub fn unknown_keys(tree: &Tree, more_top: &[&str], more_server: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let root = tree.root();
    let mut check = |fields: &[Field], known: &[&str], more: &[&str]| {
        for f in fields {
            let all = || known.iter().chain(more).copied();
            if all().any(|k| k.eq_ignore_ascii_case(&f.key)) {
                continue;
            }
            findings.push(unknown_key(f, all()));
        }
    };
    check(root.and_then(Node::as_map).unwrap_or_default(), TOP_KEYS, more_top);
    let server = root.and_then(|r| r.get_ignore_case("server")).and_then(Node::as_map).unwrap_or_default();
    check(server, SERVER_KEYS, more_server);
    findings
}

/// The finding about an unknown key.
pub(crate) fn unknown_key<'k>(f: &Field, known: impl Iterator<Item = &'k str>) -> Finding {
    let mut message = format!("the key {} means nothing here and is ignored", quoted(&f.key));
    let mut finding = Finding::new(Code::UnknownKey, "").at(f.key_span);
    if let Some(nearest) = suggest::nearest(&f.key, known) {
        message.push_str(&format!("; did you mean `{nearest}`?"));
        finding = finding.fixed(f.key_span, nearest);
    }
    finding.message = message;
    finding
}

/// Reads `reservedPrefixConfig`; none where it is no list.
fn reserved(node: Option<&Node>, findings: &mut Vec<Finding>) -> Option<ReservedPrefixes> {
    const KEYS: [&str; 3] = ["backendmode", "usernamePrefixReserveList", "groupPrefixReserveList"];
    let mut out = ReservedPrefixes::default();
    let Some(node) = node.filter(|n| !n.is_null()) else { return Some(out) };
    let Some(items) = node.as_list() else {
        let message = format!("`reservedPrefixConfig` is {}, and must be a list; the last good one stays", node.kind());
        findings.push(Finding::new(Code::Unreadable, message).at(node.span));
        return None;
    };
    for item in items {
        let Some(fields) = item.as_map() else {
            let message = format!("this entry is {}, and must be a map; it is ignored", item.kind());
            findings.push(Finding::new(Code::WrongShape, message).at(item.span));
            continue;
        };
        let unknown = fields.iter().filter(|f| !KEYS.iter().any(|k| k.eq_ignore_ascii_case(&f.key)));
        findings.extend(unknown.map(|f| unknown_key(f, KEYS.into_iter())));
        let name = field(fields, "backendmode").and_then(|f| f.value.as_str()).unwrap_or_default();
        let span = field(fields, "backendmode").map_or(item.span, |f| f.value.span);
        let Ok(mode) = BackendMode::parse(name) else {
            let nearest = suggest::nearest(name, BackendMode::ALL.map(BackendMode::as_str));
            let hint = nearest.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            let message = format!("{} is no backend mode, so these prefixes reserve nothing{hint}", quoted(name));
            let mut finding = Finding::new(Code::BackendModeUnknown, message).at(span);
            finding.fix = nearest.map(|n| crate::Fix { span, replacement: n.to_owned() });
            findings.push(finding);
            continue;
        };
        if let Some(now) = BackendMode::replacement(name) {
            let message = format!("`{name}` is an old name of `{now}`");
            findings.push(Finding::new(Code::BackendModeDeprecated, message).at(span).fixed(span, now));
        }
        for key in KEYS.into_iter().skip(1) {
            let prefixes = field(fields, key).map(|f| prefixes(f, findings)).unwrap_or_default();
            match key {
                "groupPrefixReserveList" => out.reserve_groups(mode, prefixes),
                _ => out.reserve_usernames(mode, prefixes),
            }
        }
    }
    Some(out)
}

fn prefixes(f: &Field, findings: &mut Vec<Finding>) -> Vec<String> {
    let single = [f.value.clone()];
    let items = f.value.as_list().unwrap_or(if f.value.is_null() { &[] } else { &single });
    let mut out = Vec::new();
    for item in items {
        match item.as_str() {
            Some("") | None if item.as_list().is_none() && item.as_map().is_none() => {
                let message = "an empty prefix; it reserves nothing";
                findings.push(Finding::new(Code::EmptyPrefix, message).at(item.span));
            }
            Some(text) if f.value.as_list().is_none() => {
                out.extend(text.split(',').map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()));
            }
            Some(text) => out.push(text.to_owned()),
            None => {
                let message = format!("this prefix is {}, and must be a text; it is ignored", item.kind());
                findings.push(Finding::new(Code::WrongShape, message).at(item.span));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Value;
    use proptest::prelude::*;

    /// All that a configuration says, in the order in which it says it.
    fn said(config: &ServerConfig) -> String {
        let document = &config.document;
        let (rules, accounts): (Vec<_>, Vec<_>) = (document.rules().collect(), document.accounts().collect());
        let lost: Vec<_> = document.lost_entries().collect();
        let unreadable: Vec<_> = document.unreadable_lists().collect();
        format!("{rules:?} {accounts:?} {lost:?} {unreadable:?} {:?} {:?}", document.findings(), config.reserved)
    }

    /// All of a file but its lists of mappings.
    fn settings(tree: &Tree) -> Option<Node> {
        let mut root = tree.root().cloned();
        if let Some(Node { value: Value::Map(fields), .. }) = &mut root {
            for field in fields.iter_mut().filter(|field| field.key.eq_ignore_ascii_case("server")) {
                // It ends where its last value does.
                field.value.span.end = field.value.span.start;
                let Value::Map(fields) = &mut field.value.value else { continue };
                fields.retain(|field| !LISTS.iter().any(|list| list.as_str().eq_ignore_ascii_case(&field.key)));
            }
        }
        root.map(|root| Node { span: Span::default(), ..root })
    }

    #[test]
    fn a_simple_file_is_read_without_a_tree_of_its_lists() {
        let text = "server:\n  stateDir: &s '/var/x'\n  é: *s\n  mapAccounts: '1, 2'\n  mapUsers:\n  - userarn: arn:aws:iam::123456789012:user/a\n    username: a\n  mapRoles:\n  - rolearn: b\n";
        let (tree, config) = ServerConfig::read_simple(text).unwrap();
        let server = tree.root().unwrap().get("server").unwrap();
        assert_eq!(server.get("stateDir").unwrap().as_str(), Some("/var/x"));
        assert!(server.get("mapUsers").unwrap().is_null());
        assert_eq!((config.document.rules().count(), config.document.lost_entries().count()), (1, 3));
        assert_eq!(said(&config), said(&ServerConfig::from_tree(&Tree::from_yaml(text).unwrap())));
        for end in ["", "\n"] {
            let (tree, config) =
                ServerConfig::read_simple(&format!("server:\n  mapRoles:\n  - a: b\n  - c: d{end}")).unwrap();
            assert!(tree.root().unwrap().path_ignore_case(&["server", "mapRoles"]).unwrap().is_null());
            assert_eq!(config.document.lost_entries().count(), 2);
        }
    }

    proptest! {
        #[test]
        fn a_file_says_the_same_whichever_way_it_is_read(
            begin in prop::sample::select(vec!["", "server:\n  mapUsers:\n  - userarn: arn:aws:iam::123456789012:user/r\n"]),
            lines in proptest::collection::vec(prop::sample::select(vec![
                "server:", "server:", "  mapRoles:", "  mapUsers:", "  mapAccounts:", "  MapUsers:", "  mapAccounts: 111122223333",
                "server: &i", "  mapUsers: &j", "  mapRoles: *j", "  mapRoles: # k", "  mapUsers: !!seq", "  k: \"l", "k: 'l", "\"", "  '", "note: |", "  o: >-",
                "---", "<<: *i", "  <<: *j", "  p: [", "  ]", "p: {", "}", "? q", "  ? mapRoles", "  :", " mapRoles:", "\tmapRoles:", "  \"mapRoles\":",
                "  - rolearn: arn:aws:iam::123456789012:role/a", "  - userarn: arn:aws:iam::123456789012:user/B", "    username: c",
                "    username: c", "    groups: [d, 'e']", "    groups:", "    - system:masters", "  - 012345678901", "  - x: y",
                "  reservedPrefixConfig:", "  - backendmode: CRD", "    usernamePrefixReserveList: [f]", "clusterID: g", "# h", "  mapRoles: []",
            ]), 0..14),
        ) {
            let text = begin.to_owned() + &lines.join("\n") + "\n";
            if let Ok(tree) = Tree::from_yaml(&text) {
                let (rest, config) = ServerConfig::read(&text).unwrap();
                prop_assert_eq!(said(&config), said(&ServerConfig::from_tree(&tree)));
                prop_assert_eq!(settings(&rest), settings(&tree));
            }
        }
    }
}
