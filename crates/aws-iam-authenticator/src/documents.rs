//! What a text is, told by what is in it: files as people have them and manifests as kubectl prints them.

use k8s_aws_auth::mapping::lint::Format;
use k8s_aws_auth::mapping::tree::{Node, Style, Tree, Value};
use std::ops::Range;

/// A piece of a text that is of one format.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) format: Format,
    /// The text, blank before the piece and cut off behind it: places in it are places in the whole.
    pub(crate) text: String,
    /// Objects in it that are none of ours: nothing that is said about them matters.
    pub(crate) foreign: Vec<Range<usize>>,
}

/// The pieces of a text that say something about mappings, in their order. Other objects in a manifest are passed over.
pub(crate) fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    // Objects are looked at together: one can be in another's way.
    let (mut objects, mut foreign) = (Vec::new(), Vec::new());
    for document in yaml_documents(text) {
        let alone = only(text, std::slice::from_ref(&document));
        // What cannot be read as a whole is what it looks like; its reader says what is wrong with it.
        let Some(tree) = read(&alone) else {
            let format = Format::guess(text.get(document).unwrap_or_default());
            parts.push(Part { format, text: alone, foreign: Vec::new() });
            continue;
        };
        let Some(root) = tree.root().filter(|root| !root.is_null()) else { continue };
        let mut has_objects = false;
        for (format, place) in units(root, text) {
            match (format, place) {
                (Some(Format::IdentityMappings), _) => has_objects = true,
                (Some(format), Some(place)) => {
                    foreign.push(place.clone());
                    parts.push(Part { format, text: only(text, &[place]), foreign: Vec::new() });
                }
                (Some(format), None) => parts.push(Part { format, text: alone.clone(), foreign: Vec::new() }),
                (None, place) => foreign.extend(place),
            }
        }
        if has_objects {
            objects.push(document);
        }
    }
    if !objects.is_empty() {
        parts.push(Part { format: Format::IdentityMappings, text: only(text, &objects), foreign });
    }
    parts
}

fn read(text: &str) -> Option<Tree> {
    // YAML forbids the tabs that JSON may be indented with.
    let json = text.trim_start().starts_with('{').then(|| Tree::from_json(text).ok());
    json.flatten().or_else(|| Tree::from_yaml(text).ok())
}

/// The objects of a document, each with its format if it is one of ours, and its place if it is an item of a list.
fn units(root: &Node, text: &str) -> Vec<(Option<Format>, Option<Range<usize>>)> {
    let kind = root.get("kind").and_then(Node::as_str);
    match (kind, root.get("items").and_then(Node::as_list)) {
        (Some(kind), Some(items)) if kind.ends_with("List") => {
            let place = |item: &Node| item.span.start.byte as usize..item.span.end.byte as usize;
            items.iter().map(|item| (object(item), Some(place(item)))).collect()
        }
        (Some("ConfigMap"), _) if !is_aws_auth(root) => {
            server_configs(root, text).map(|place| (Some(Format::ServerConfig), Some(place))).collect()
        }
        (Some(_), _) => vec![(object(root), None)],
        (None, _) => {
            let has = |key: &str| root.get_ignore_case(key).is_some();
            let lists = ["mapRoles", "mapUsers", "mapAccounts"].into_iter().any(has);
            let format = match (has("server") || has("clusterID"), lists, has("backendMode")) {
                (false, false, true) => Format::BackendMode,
                (false, true, _) => Format::DynamicFile,
                _ => Format::ServerConfig,
            };
            vec![(Some(format), None)]
        }
    }
}

fn object(object: &Node) -> Option<Format> {
    match object.get("kind").and_then(Node::as_str)? {
        "IAMIdentityMapping" => Some(Format::IdentityMappings),
        "ConfigMap" => is_aws_auth(object).then_some(Format::AwsAuth),
        _ => None,
    }
}

/// The ConfigMap of the mappings, by its name or by what is in it.
fn is_aws_auth(object: &Node) -> bool {
    let name = object.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Node::as_str);
    let data = object.get("data").and_then(Node::as_map).unwrap_or_default();
    name == Some("aws-auth") || data.iter().any(|field| matches!(&*field.key, "mapRoles" | "mapUsers" | "mapAccounts"))
}

/// Where server configurations stand in a ConfigMap, as manifests of the server have them: in blocks, whose lines are YAML with
/// some more indentation.
fn server_configs<'t>(object: &'t Node, text: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
    let data = object.get("data").and_then(Node::as_map).unwrap_or_default();
    data.iter().filter_map(move |field| {
        let Value::Scalar { style: Style::Literal, .. } = &field.value.value else { return None };
        let config = Tree::from_yaml(field.value.as_str()?).ok()?;
        let has = |key: &str| config.root().is_some_and(|root| root.get_ignore_case(key).is_some());
        let line = field.key_span.end.byte as usize;
        let start = line + text.get(line..)?.find('\n')? + 1;
        let block = text.get(start..field.value.span.end.byte as usize)?;
        let end = start + block.trim_end_matches(' ').len();
        (has("server") || has("clusterID")).then_some(start..end)
    })
}

/// Where the documents of a YAML stream are; JSON is one document.
fn yaml_documents(text: &str) -> Vec<Range<usize>> {
    let mut documents = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        let marker =
            line.strip_prefix("---").is_some_and(|rest| rest.starts_with([' ', '\t', '\r', '\n']) || rest.is_empty());
        if marker && !text.get(start..at).unwrap_or_default().trim().is_empty() {
            documents.push(start..at);
            start = at;
        }
        at += line.len();
    }
    documents.push(start..text.len());
    documents
}

/// A text of which only some pieces are left, in their places: the rest is blank, and gone behind the last.
fn only(text: &str, pieces: &[Range<usize>]) -> String {
    let mut left = String::with_capacity(text.len());
    for piece in pieces {
        let gap = text.get(left.len()..piece.start).unwrap_or_default();
        left.extend(gap.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { char::from(byte) } else { ' ' }));
        left.push_str(text.get(piece.clone()).unwrap_or_default());
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\ndata:\n  mapRoles: |\n    - é\n";

    fn formats(text: &str) -> Vec<Format> {
        parts(text).into_iter().map(|part| part.format).collect()
    }

    #[test]
    fn a_text_is_what_is_in_it() {
        for (text, format) in [
            ("clusterID: c\n", Format::ServerConfig),
            ("server:\n  mapRoles: []\n", Format::ServerConfig),
            ("# nothing but a comment\nSERVER: {}\n", Format::ServerConfig),
            (MAP, Format::AwsAuth),
            ("{\"kind\": \"ConfigMap\", \"data\": {\"mapUsers\": \"\"}}", Format::AwsAuth),
            ("kind: IAMIdentityMapping\nspec: {}\n", Format::IdentityMappings),
            ("kind: IAMIdentityMappingList\nitems:\n- kind: IAMIdentityMapping\n", Format::IdentityMappings),
            ("{\n\t\"mapRoles\": []}", Format::DynamicFile),
            ("{\"Version\": \"1\", \"backendMode\": \"CRD\"}", Format::BackendMode),
            ("kind: ConfigMap\ndata:\n  mapRoles: [\n", Format::AwsAuth),
        ] {
            assert_eq!(formats(text), [format], "{text}");
        }
        for text in ["kind: Deployment\n", "kind: ConfigMap\nmetadata: {name: other}\n", "", "---\n"] {
            assert_eq!(formats(text), [], "{text}");
        }
    }

    #[test]
    fn objects_are_found_in_streams_and_lists_and_stay_in_their_places() {
        let item: String = MAP.lines().map(|line| format!("  {line}\n")).collect();
        let list =
            format!("apiVersion: v1\nkind: List\nitems:\n-{}- kind: Pod\n- kind: IAMIdentityMapping\n", &item[1..]);
        for text in [format!("kind: Pod\nname: é\n--- # x\n{MAP}---\nkind: Pod\n"), list.clone()] {
            let found = parts(&text);
            assert_eq!(found[0].format, Format::AwsAuth, "{text}");
            let at = found[0].text.find("mapRoles").unwrap();
            assert_eq!(text.find("mapRoles"), Some(at), "{text}");
            assert!(!found[0].text.contains("Pod"), "{}", found[0].text);
            let tree = Tree::from_yaml(&found[0].text).unwrap();
            assert_eq!(tree.root().unwrap().get("kind").unwrap().as_str(), Some("ConfigMap"));
        }
        let found = parts(&list);
        let config = "kind: ConfigMap\ndata:\n  x: |\n    y\n  config.yaml: |\n    # c\n    clusterID: c\n  z: ''\n";
        let found_config = parts(config);
        assert_eq!((found_config.len(), found_config[0].format), (1, Format::ServerConfig));
        assert_eq!(found_config[0].text.trim_start(), "# c\n    clusterID: c\n");
        assert_eq!(found_config[0].text.find("clusterID"), config.find("clusterID"));
        assert_eq!(found[1].format, Format::IdentityMappings);
        let foreign: Vec<&str> = found[1].foreign.iter().map(|place| &list[place.clone()]).collect();
        assert!(foreign.len() == 2 && foreign[0].starts_with("apiVersion") && foreign[1].starts_with("kind: Pod"));
    }
}
