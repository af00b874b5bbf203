//! `IAMIdentityMapping` objects (`iamauthenticator.k8s.aws/v1alpha1`).

use crate::List;
use crate::document::{Document, ReadList};
use crate::entry::{Entries, EntryReader, Rules};
use crate::findings::{Code, Finding, quoted};
use crate::rule::{ExactArn, Place};
use crate::tree::{Chunk, Field, Lines, Node, Span, Style, Value};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const RULES: Rules =
    Rules { canonicalise: true, strict_user_ids: false, comma_lists: false, extended: false, json: false };

/// The `spec` of an `IAMIdentityMapping`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityMappingSpec {
    /// Whom the mapping is for.
    #[serde(default)]
    pub arn: String,
    /// The username, a template.
    #[serde(default)]
    pub username: String,
    /// The groups, templates.
    #[serde(default)]
    pub groups: Vec<String>,
}

impl IdentityMappingSpec {
    /// What `status.canonicalARN` is to say: the ARN in lower case, of a role session that of the role.
    ///
    /// # Errors
    /// [`MappingError::Arn`](crate::MappingError::Arn)
    pub fn canonical_arn(&self) -> Result<String, crate::MappingError> {
        let (exact, arn) = ExactArn::parse(&self.arn, true).map_err(crate::MappingError::Arn)?;
        // The Go program keeps a role's path here.
        Ok(if exact.has_path { arn.to_string() } else { exact.key.to_string() })
    }
}

impl Document {
    /// Takes the objects that a watch knows, as name and `spec`. Their order does not matter: they are sorted by name,
    /// and of two for one ARN the last wins.
    pub fn from_identity_mappings(objects: impl IntoIterator<Item = (impl Into<String>, IdentityMappingSpec)>) -> Self {
        let mut objects: Vec<(String, IdentityMappingSpec)> = objects.into_iter().map(|(n, s)| (n.into(), s)).collect();
        objects.sort_by(|a, b| a.0.cmp(&b.0));
        let mut findings = Vec::new();
        let mut reader =
            EntryReader { list: List::Objects, rules: RULES, out: Entries::default(), findings: &mut findings };
        for (index, (name, spec)) in objects.iter().enumerate() {
            let place =
                Place { list: List::Objects, index: index as u32, span: None, object: Some(name.as_str().into()) };
            reader.map(&spec_node(spec), place);
        }
        let list = ReadList { list: List::Objects, entries: Arc::new(reader.out), readable: true };
        Self::new(vec![list], findings, false)
    }

    /// Reads manifests: any number of YAML documents, each an `IAMIdentityMapping` or a list of them.
    pub fn from_identity_mapping_manifests(text: &str) -> Self {
        let lines = Lines::new(text);
        let mut findings = Vec::new();
        let mut objects: Vec<(Arc<str>, Node)> = Vec::new();
        let mut first = 1;
        for line in 1..=lines.count() + 1 {
            let ends = line > lines.count() || lines.line(line).starts_with("---");
            if !ends {
                continue;
            }
            let chunk = Chunk { first, end: line };
            first = line;
            match chunk.read(&lines) {
                Ok(tree) => objects.extend(tree.root.into_iter().flat_map(|root| specs(&root, &mut findings))),
                Err(error) => {
                    let message = format!("this document is not YAML and is ignored: {}", error.problem);
                    let at = Span { start: error.at, end: error.at };
                    findings.push(Finding::new(Code::Syntax, message).in_list(List::Objects).at(at));
                }
            }
        }
        objects.sort_by(|a, b| a.0.cmp(&b.0));
        let mut reader =
            EntryReader { list: List::Objects, rules: RULES, out: Entries::default(), findings: &mut findings };
        for (index, (name, spec)) in objects.into_iter().enumerate() {
            let place = Place { list: List::Objects, index: index as u32, span: Some(spec.span), object: Some(name) };
            reader.map(&spec, place);
        }
        let list = ReadList { list: List::Objects, entries: Arc::new(reader.out), readable: true };
        Self::new(vec![list], findings, false)
    }
}

/// The `spec`s in a document, with the names of their objects.
fn specs(root: &Node, findings: &mut Vec<Finding>) -> Vec<(Arc<str>, Node)> {
    if let Some(items) = root.get("items").and_then(Node::as_list) {
        return items.iter().flat_map(|item| specs(item, findings)).collect();
    }
    if root.is_null() {
        return Vec::new();
    }
    let kind = root.get("kind").and_then(Node::as_str).unwrap_or_default();
    let name = root.get("metadata").and_then(|m| m.get("name")).and_then(Node::as_str).unwrap_or_default();
    match (kind, root.get("spec")) {
        ("IAMIdentityMapping", Some(spec)) => vec![(name.into(), spec.clone())],
        _ => {
            let message = format!("{} is no `IAMIdentityMapping` with a `spec`; it is ignored", quoted(kind));
            findings.push(Finding::new(Code::WrongShape, message).in_list(List::Objects).at(root.span));
            Vec::new()
        }
    }
}

/// A spec as a tree, without positions.
fn spec_node(spec: &IdentityMappingSpec) -> Node {
    let text = |text: &str| Node {
        span: Span::default(),
        value: Value::Scalar { text: text.into(), style: Style::DoubleQuoted },
    };
    let field = |key: &str, value| Field { key: key.into(), key_span: Span::default(), value };
    let groups = Node { span: Span::default(), value: Value::List(spec.groups.iter().map(|g| text(g)).collect()) };
    let fields = vec![field("arn", text(&spec.arn)), field("username", text(&spec.username)), field("groups", groups)];
    Node { span: Span::default(), value: Value::Map(fields) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_arn_is_in_lower_case_and_that_of_the_role() {
        for (arn, want) in [
            ("arn:aws:iam::123456789012:user/Bob", "arn:aws:iam::123456789012:user/bob"),
            ("arn:aws:iam::123456789012:role/Path/Dev", "arn:aws:iam::123456789012:role/path/dev"),
            ("arn:aws:sts::123456789012:assumed-role/Dev/alice", "arn:aws:iam::123456789012:role/dev"),
        ] {
            let spec = IdentityMappingSpec { arn: arn.to_owned(), ..IdentityMappingSpec::default() };
            assert_eq!(spec.canonical_arn().as_deref(), Ok(want));
        }
        assert_eq!(IdentityMappingSpec::default().canonical_arn().map_err(|e| e.reason()), Err("arn_malformed"));
    }
}
