//! Everything that can be said about a document without a caller at hand.

use crate::check::about;
use crate::findings::{Code, Finding, quoted};
use crate::formats::server::unknown_keys;
use crate::resolve::may_be_system;
use crate::rule::{Names, Rule, Subject};
use crate::sso;
use crate::template::{Template, Variable};
use crate::tree::{Node, Span, Tree};
use crate::{BackendMode, BackendModeFile, Document, DynamicFile, List, MappingError, ReservedPrefixes, ServerConfig};
use k8s_aws_identity::{Partition, Principal};
use std::collections::BTreeMap;

/// A format that [`lint`] reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The server's configuration file (YAML).
    ServerConfig,
    /// A manifest of the ConfigMap `aws-auth` (YAML).
    AwsAuth,
    /// A dynamic file (JSON).
    DynamicFile,
    /// A backend mode file (JSON).
    BackendMode,
    /// Manifests of `IAMIdentityMapping` objects (YAML).
    IdentityMappings,
}

impl Format {
    /// What a text seems to be, judged by its first keys.
    pub fn guess(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let word = |word: &str| text.contains(word);
        match text.trim_start().starts_with('{') {
            true if word("\"backendMode\"") && !word("\"mapRoles\"") => Self::BackendMode,
            true => Self::DynamicFile,
            false if word("kind: IAMIdentityMapping") => Self::IdentityMappings,
            false if word("kind: ConfigMap") => Self::AwsAuth,
            false => Self::ServerConfig,
        }
    }
}

/// What [`lint`] has to know beside the text.
#[derive(Clone, Debug, Default)]
pub struct LintOptions<'k> {
    /// Whether the feature gate `SSORoleMatch` is on.
    pub sso_role_match: bool,
    /// Whether `dynamicfileUserIDStrict` is on.
    pub strict_user_ids: bool,
    /// The partition that the server is for.
    pub partition: Option<Partition>,
    /// The reserved prefixes. A server configuration adds its own.
    pub reserved: ReservedPrefixes,
    /// Keys at the top of a server configuration that the program knows beyond [`TOP_KEYS`](crate::TOP_KEYS).
    pub more_top_keys: &'k [&'k str],
    /// Keys under `server` that the program knows beyond [`SERVER_KEYS`](crate::SERVER_KEYS).
    pub more_server_keys: &'k [&'k str],
}

/// Reads a document and says everything that is wrong, doubtful or could be better, by position.
///
/// ```
/// use k8s_aws_mapping::{LintOptions, lint, lint::Format};
///
/// let text = "kind: ConfigMap
/// data:
///   mapRoles: |
///     - rolearn: arn:aws:iam::123456789012:role/dev
///       usrname: dev
/// ";
/// let findings = lint::lint(text, Format::AwsAuth, &LintOptions::default());
/// let unknown = findings.iter().find(|f| f.code.as_str() == "unknown-key").unwrap();
/// assert_eq!(unknown.span.unwrap().start.line, 5);
/// assert_eq!(unknown.fix.as_ref().unwrap().replacement, "username");
/// ```
pub fn lint(text: &str, format: Format, options: &LintOptions<'_>) -> Vec<Finding> {
    let mut findings = match format {
        Format::ServerConfig => server_config(text, options),
        Format::AwsAuth => document(&Document::from_aws_auth_manifest(text), BackendMode::EksConfigMap, options),
        Format::IdentityMappings => {
            document(&Document::from_identity_mapping_manifests(text), BackendMode::Crd, options)
        }
        Format::DynamicFile => {
            let file = DynamicFile::parse(text, options.strict_user_ids);
            document(&file.document, BackendMode::DynamicFile, options)
        }
        Format::BackendMode => backend_mode(text),
    };
    findings.sort_by_key(|f| (f.span.map(|s| s.start), f.code));
    findings
}

/// The findings of a document that was read already, and what [`lint`] adds to them.
pub fn document(document: &Document, mode: BackendMode, options: &LintOptions<'_>) -> Vec<Finding> {
    let mut findings = document.findings().to_vec();
    for rule in document.rules() {
        subject(rule, options, &mut findings);
        if let Ok(names) = &rule.names {
            self::names(rule, names, mode, &options.reserved, &mut findings);
        }
    }
    sso_prefixes(document, &mut findings);
    for account in document.accounts() {
        let message = "every caller of this account gets in, under its ARN and without groups";
        findings.push(about(&account.place, Code::AccountAutoMapped, message));
    }
    findings
}

/// Permission sets whose names begin with another one's and `_`.
fn sso_prefixes(document: &Document, findings: &mut Vec<Finding>) {
    let sets =
        || document.rules().filter_map(|r| if let Subject::Sso(role) = &r.subject { Some((r, role)) } else { None });
    let by_name: BTreeMap<_, &Rule> =
        sets().map(|(rule, role)| ((role.partition(), role.account(), role.permission_set()), rule)).collect();
    for (_, longer) in sets() {
        let set = longer.permission_set();
        for (at, _) in set.match_indices('_') {
            let shorter = set.get(..at).and_then(|s| by_name.get(&(longer.partition(), longer.account(), s)));
            if let Some(rule) = shorter {
                let message = format!(
                    "permission set {} has a rule of its own and does not match here, as it did with the Go program",
                    quoted(longer.permission_set_as_written())
                );
                findings.push(about(&rule.place, Code::SsoPrefix, message));
            }
        }
    }
}

fn server_config(text: &str, options: &LintOptions<'_>) -> Vec<Finding> {
    let config = ServerConfig::parse(text);
    let mut findings = match Tree::from_yaml(text) {
        Ok(tree) => {
            let mut findings = unknown_keys(&tree, options.more_top_keys, options.more_server_keys);
            backend_modes(&tree, &mut findings);
            findings
        }
        Err(_) => Vec::new(),
    };
    let mut options = options.clone();
    options.reserved.extend(&config.reserved);
    findings.extend(config.findings.iter().cloned());
    findings.extend(document(&config.document, BackendMode::MountedFile, &options));
    findings
}

fn backend_modes(tree: &Tree, findings: &mut Vec<Finding>) {
    let node = tree.root().and_then(|r| r.path_ignore_case(&["server", "backendMode"]));
    let single = node.map(std::slice::from_ref).unwrap_or_default();
    let mut seen = Vec::new();
    for item in node.and_then(Node::as_list).unwrap_or(single) {
        let plain = item.span.start.line == item.span.end.line;
        for name in item.as_str().into_iter().flat_map(|t| t.split(',')).map(str::trim) {
            mode_name(name, item.span, plain && item.as_str() == Some(name), &mut seen, findings);
        }
    }
}

fn mode_name(name: &str, span: Span, fixable: bool, seen: &mut Vec<BackendMode>, findings: &mut Vec<Finding>) {
    let mut finding = match BackendMode::parse(name) {
        Ok(mode) if seen.contains(&mode) => {
            Finding::new(Code::BackendModeTwice, format!("backend mode `{mode}` is listed twice")).at(span)
        }
        Ok(mode) => {
            seen.push(mode);
            let Some(now) = BackendMode::replacement(name) else { return };
            let finding = Finding::new(Code::BackendModeDeprecated, format!("`{name}` is an old name of `{now}`"));
            finding.at(span).fixed(span, now)
        }
        Err(MappingError::UnknownBackendMode { nearest: Some(nearest) }) => {
            let message = format!("{} is no backend mode; did you mean `{nearest}`?", quoted(name));
            Finding::new(Code::BackendModeUnknown, message).at(span).fixed(span, nearest)
        }
        Err(error) => Finding::new(Code::BackendModeUnknown, format!("{}: {error}", quoted(name))).at(span),
    };
    if !fixable {
        finding.fix = None;
    }
    findings.push(finding);
}

fn backend_mode(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let tree = match Tree::from_json(text) {
        Ok(tree) => tree,
        Err(error) => {
            let at = Span { start: error.at, end: error.at };
            return vec![Finding::new(Code::Unreadable, format!("the file is not JSON: {}", error.problem)).at(at)];
        }
    };
    let keys = ["LastUpdatedDateTime", "Version", "backendMode"];
    for f in tree.root().and_then(Node::as_map).unwrap_or_default() {
        if !keys.iter().any(|k| k.eq_ignore_ascii_case(&f.key)) {
            let mut finding = crate::formats::server::unknown_key(f, keys.into_iter());
            finding.fix = finding.fix.map(|fix| crate::Fix { replacement: format!("\"{}\"", fix.replacement), ..fix });
            findings.push(finding);
        }
    }
    let span = tree.root().map(|r| r.span).unwrap_or_default();
    match tree.root().and_then(|r| r.get_ignore_case("backendMode")) {
        Some(node) => {
            let mut seen = Vec::new();
            let names: Vec<&str> = node.as_str().unwrap_or_default().split_ascii_whitespace().collect();
            for name in &names {
                mode_name(name, node.span, false, &mut seen, &mut findings);
            }
            if let (Err(error), true) =
                (BackendModeFile::parse(text), findings.iter().all(|f| f.severity < crate::Severity::Error))
            {
                findings.push(Finding::new(Code::WrongShape, error.to_string()).at(node.span));
            }
        }
        None => findings.push(Finding::new(Code::WrongShape, "the file has no `backendMode`").at(span)),
    }
    findings
}

/// What there is to say about whom a rule matches.
fn subject(rule: &Rule, options: &LintOptions<'_>, findings: &mut Vec<Finding>) {
    let mut add = |code, message: String| findings.push(about(&rule.place, code, message));
    let partition = match &rule.subject {
        Subject::Arn(exact) => {
            let arn = exact.arn();
            if let Some((set, suffix)) = exact.text.rsplit('/').next().and_then(sso::split) {
                add(
                    Code::SsoExactArn,
                    format!(
                        "the role of permission set {} gets another suffix when it is provisioned anew; an `sso` rule keeps \
                         matching it",
                        quoted(set)
                    ),
                );
                if !sso::is_usual_suffix(suffix) {
                    add(
                        Code::SsoSuffix,
                        format!("{} is not the usual suffix of 16 hexadecimal digits", quoted(suffix)),
                    );
                }
            }
            let is_role = exact.key.contains(":role/") || exact.key.contains(":assumed-role/");
            match rule.place.list {
                List::Roles if !is_role => add(
                    Code::OtherList,
                    format!("{} is no role; it matches here too, but belongs under `mapUsers`", quoted(&exact.text)),
                ),
                List::Users if is_role => add(
                    Code::OtherList,
                    format!("{} is a role; it matches here too, but belongs under `mapRoles`", quoted(&exact.text)),
                ),
                _ => {}
            }
            arn.map(|a| a.partition)
        }
        Subject::Sso(role) => {
            if !options.sso_role_match {
                let message = "`sso` rules match nobody while the feature gate `SSORoleMatch` is off";
                add(Code::SsoInert, message.to_owned());
            }
            Some(role.partition())
        }
        Subject::Pattern(pattern) => {
            if !pattern.has_wildcard() {
                let message =
                    format!("{} has no wildcard; write it under `rolearn` or `userarn`", quoted(pattern.source()));
                add(Code::PatternLiteral, message);
            }
            let name = pattern.resource().split_once('/').map_or("", |(_, name)| name);
            if name.bytes().all(|b| matches!(b, b'*' | b'?' | b'/')) {
                let message =
                    format!("{} matches every one there is in account {}", quoted(pattern.source()), pattern.account());
                add(Code::PatternWide, message);
            }
            Some(pattern.partition())
        }
        Subject::UserIdOnly | Subject::Nobody { .. } => None,
    };
    if let (Some(of_rule), Some(of_server)) = (partition, options.partition)
        && of_rule != of_server
    {
        let message =
            format!("the rule is for partition `{of_rule}`, the server for `{of_server}`; nobody ever matches it");
        add(Code::OtherPartition, message);
    }
}

/// What there is to say about the names that a rule gives.
fn names(rule: &Rule, names: &Names, mode: BackendMode, reserved: &ReservedPrefixes, findings: &mut Vec<Finding>) {
    let by_caller = |t: &Template| t.variables().any(Variable::is_chosen_by_caller);
    let system = |t: &Template| t.source().get(..7).is_some_and(|head| head.eq_ignore_ascii_case("system:"));
    let privileged = system(&names.username) || names.groups.iter().any(system);
    let all = || std::iter::once(&names.username).chain(&names.groups);
    let mut add = |code, message: String| findings.push(about(&rule.place, code, message));
    for template in all() {
        if !template.is_literal() && !may_be_system(template.source(), Some(template)) {
            let message = format!(
                "{} lets a value say which `system:` name it is; the caller is refused. Spell at least the word behind \
                 `system:`",
                quoted(template.source())
            );
            add(Code::SystemFromTemplate, message);
        }
    }
    if names.groups.iter().any(|g| g.source() == "system:masters") {
        let message = "members of `system:masters` may do everything, and no RBAC rule limits them; a ClusterRoleBinding to \
                       `cluster-admin` for a group of your own can be taken back";
        add(Code::SystemMasters, message.to_owned());
    }
    if let Some(group) = names.groups.iter().find(|g| by_caller(g)) {
        let message = format!("whoever may assume the role picks the group {}", quoted(group.source()));
        add(Code::SessionNamePrivileged, message);
    } else if by_caller(&names.username) && privileged {
        let message = format!(
            "the rule is privileged, and whoever may assume the role picks the username {}: names in the audit log prove \
             nothing",
            quoted(names.username.source())
        );
        add(Code::SessionNamePrivileged, message);
    } else if by_caller(&names.username) && names.username.literal_prefix().is_empty() {
        let message = format!(
            "whoever may assume the role picks the whole username {}, that of somebody else included; put a prefix in front",
            quoted(names.username.source())
        );
        add(Code::SessionNamePrivileged, message);
    }
    if names.username.variables().any(|v| v == Variable::SessionName) {
        let message =
            "`{{SessionName}}` makes one username of the sessions `a@b` and `a-b`; `{{SessionNameDistinct}}` does not";
        add(Code::SessionNameCollides, message.to_owned());
    }
    let arn = match &rule.subject {
        Subject::Arn(exact) => exact.arn(),
        _ => None,
    };
    let no_session = matches!(arn.map(|a| a.principal), Some(Principal::User { .. } | Principal::Root));
    let session = |v: Variable| v.is_chosen_by_caller() || v == Variable::Ec2PrivateDnsName;
    if no_session && all().any(|t| t.variables().any(session)) {
        add(
            Code::SessionNameEmpty,
            "users and root have no session, so the session name renders as nothing".to_owned(),
        );
    }
    if let Some(prefix) = reserved.username_prefix(mode, names.username.literal_prefix()) {
        let message = format!("the username begins with {}, which is reserved; the caller is refused", quoted(prefix));
        add(Code::ReservedPrefix, message);
    }
    for group in &names.groups {
        if let Some(prefix) = reserved.group_prefix(mode, group.literal_prefix()) {
            let message = format!(
                "the group {} begins with {}, which is reserved; the caller is refused",
                quoted(group.source()),
                quoted(prefix)
            );
            add(Code::ReservedPrefix, message);
        }
    }
}
