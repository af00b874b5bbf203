//! Telling list entries apart in a text that is not YAML as a whole.
//!
//! By lines and indentation only: an entry starts at a `-` on the level of the list, or at a `-` before a key that
//! starts entries (a stray blank in front of it is the usual mistake). Each entry is then read alone.

use super::{Lines, Node, Position, Span, SyntaxError, Tree, Value, yaml};

/// Some lines of a text, counted from 1, end exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) first: u32,
    pub(crate) end: u32,
}

impl Chunk {
    pub(crate) fn span(&self, lines: &Lines<'_>) -> Span {
        Span { start: lines.at(self.first, 1), end: lines.at(self.end, 1) }
    }

    pub(crate) fn text<'t>(&self, lines: &Lines<'t>) -> &'t str {
        self.span(lines).of(lines.text).unwrap_or_default()
    }

    /// Reads these lines as a document of their own, with the positions that they have in the whole text.
    pub(crate) fn read(&self, lines: &Lines<'_>) -> Result<Tree, SyntaxError> {
        let span = self.span(lines);
        let text = self.text(lines);
        let shift = |p: &mut Position| {
            p.line += self.first - 1;
            p.byte += span.start.byte;
        };
        match yaml::read(text) {
            Ok(mut tree) => {
                if let Some(root) = &mut tree.root {
                    shift_node(root, &shift);
                }
                if let Some(at) = &mut tree.more_documents {
                    shift(at);
                }
                Ok(tree)
            }
            Err(mut error) => {
                shift(&mut error.at);
                Err(error)
            }
        }
    }
}

fn shift_node(node: &mut Node, shift: &impl Fn(&mut Position)) {
    shift(&mut node.span.start);
    shift(&mut node.span.end);
    match &mut node.value {
        Value::Scalar { .. } => {}
        Value::List(items) => items.iter_mut().for_each(|n| shift_node(n, shift)),
        Value::Map(fields) => {
            for field in fields {
                shift(&mut field.key_span.start);
                shift(&mut field.key_span.end);
                shift_node(&mut field.value, shift);
            }
        }
    }
}

/// The entries of the list that `within` holds; none where no `-` starts a line.
pub(crate) fn chunks(lines: &Lines<'_>, within: Chunk, entry_keys: &[&str]) -> Vec<Chunk> {
    let mut starts: Vec<u32> = Vec::new();
    let mut level = None;
    for number in within.first..within.end {
        let line = lines.line(number);
        let Some((indent, item)) = item(line) else { continue };
        let level = *level.get_or_insert(indent);
        if indent <= level || starts_entry(item, entry_keys) {
            starts.push(number);
        }
    }
    let ends = starts.iter().skip(1).copied().chain([within.end]);
    starts.iter().zip(ends).map(|(&first, end)| Chunk { first, end }).collect()
}

/// The indentation of a list item's line, and what follows its dash.
fn item(line: &str) -> Option<(usize, &str)> {
    let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
    let rest = line.get(indent..)?.strip_prefix('-')?;
    (rest.is_empty() || rest.starts_with([' ', '\t'])).then(|| (indent, rest.trim()))
}

fn starts_entry(item: &str, entry_keys: &[&str]) -> bool {
    let key = item.split(':').next().unwrap_or_default().trim_matches(['"', '\'', ' ', '{']);
    item.contains(':') && entry_keys.iter().any(|k| k.eq_ignore_ascii_case(key))
}

/// What belongs to a key of a block map, judged by indentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// The line of the key.
    pub(crate) key_line: u32,
    /// The lines below it.
    pub(crate) body: Chunk,
}

/// Finds `key` among the lines of `within`, on the level of the first key there.
pub(crate) fn section_of_key(lines: &Lines<'_>, within: Chunk, key: &str, ignore_case: bool) -> Option<Section> {
    let blank = |line: &str| line.trim_start().is_empty() || line.trim_start().starts_with('#');
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let numbers = || within.first..within.end;
    let level = numbers().map(|n| lines.line(n)).find(|l| !blank(l) && !l.starts_with("---")).map(indent)?;
    let key_line = numbers().find(|&n| {
        let line = lines.line(n);
        let Some((found, _)) = line.split_once(':') else { return false };
        let found = found.trim().trim_matches(['"', '\'']);
        indent(line) == level && (found == key || (ignore_case && found.eq_ignore_ascii_case(key)))
    })?;
    let belongs = |n: &u32| {
        let line = lines.line(*n);
        // A list may stand on the level of its key.
        blank(line) || indent(line) > level || (indent(line) == level && line.trim_start().starts_with('-'))
    };
    let end = (key_line + 1..within.end).find(|n| !belongs(n)).unwrap_or(within.end);
    Some(Section { key_line, body: Chunk { first: key_line + 1, end } })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &[&str] = &["rolearn", "username"];

    fn split(text: &str) -> Vec<String> {
        let lines = Lines::new(text);
        let whole = Chunk { first: 1, end: lines.count() + 1 };
        chunks(&lines, whole, KEYS).iter().map(|c| c.span(&lines).of(text).unwrap().to_owned()).collect()
    }

    #[test]
    fn entries_are_told_apart_by_the_level_of_the_list() {
        let text = "# head\n- rolearn: a\n  groups:\n  - x\n  - y: z\n- rolearn: [\n- username: c\n";
        assert_eq!(split(text), ["- rolearn: a\n  groups:\n  - x\n  - y: z\n", "- rolearn: [\n", "- username: c\n"]);
    }

    #[test]
    fn a_stray_blank_before_an_entry_does_not_glue_it_to_the_one_above() {
        assert_eq!(split("- rolearn: a\n - RoleARN: b\n   username: c\n- rolearn: d\n").len(), 3);
        assert_eq!(split("  - rolearn: a\n- rolearn: b\n").len(), 2);
        assert!(split("nothing: here\n").is_empty());
    }

    #[test]
    fn a_chunk_has_the_positions_of_the_whole_text() {
        let text = "- a: [é\n- b: é # c\n";
        let lines = Lines::new(text);
        let node = Chunk { first: 2, end: 3 }.read(&lines).unwrap().root.unwrap();
        let value = node.as_list().unwrap()[0].get("b").unwrap();
        assert_eq!((value.span.start.line, value.span.start.column), (2, 6));
        assert_eq!(value.span.of(text), Some("é"));
        assert_eq!(Chunk { first: 1, end: 2 }.read(&lines).unwrap_err().at.line, 2);
    }

    #[test]
    fn a_key_owns_the_lines_that_are_indented_below_it_and_a_list_on_its_own_level() {
        let text = "a: 1\nServer:\n  port: 1\n  mapRoles:\n  - rolearn: x\n\n  # c\n  mapUsers:\n    - y\nb: 2\n";
        let lines = Lines::new(text);
        let whole = Chunk { first: 1, end: lines.count() + 1 };
        let server = section_of_key(&lines, whole, "server", true).unwrap();
        assert_eq!((server.key_line, server.body.end), (2, 10));
        let roles = section_of_key(&lines, server.body, "maproles", true).unwrap();
        assert_eq!((roles.body.first, roles.body.end), (5, 8));
        assert!(section_of_key(&lines, server.body, "maproles", false).is_none());
    }

    #[test]
    fn the_level_of_keys_is_that_of_the_first_one() {
        let text = "---\n  # a\n  b:\n\n  # c\n      d: 1\n    # e\n      f: 2\n  g: 3\n";
        let lines = Lines::new(text);
        let whole = Chunk { first: 1, end: lines.count() + 1 };
        let b = section_of_key(&lines, whole, "b", false).unwrap();
        assert_eq!((b.key_line, b.body.end), (3, 9));
        assert_eq!(section_of_key(&lines, b.body, "f", false).map(|f| f.key_line), Some(8));
        assert!(section_of_key(&lines, whole, "d", false).is_none());
    }
}
