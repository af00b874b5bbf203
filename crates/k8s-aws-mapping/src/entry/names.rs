//! The username and groups of an entry.

use super::{EntryReader, Lost, field};
use crate::findings::{Code, Finding, quoted};
use crate::rule::{Names, Place};
use crate::tree::{Field, Node, Span, Style, Value};
use crate::{MappingError, Reason, template::Template};

impl EntryReader<'_> {
    pub(super) fn names(
        &mut self,
        node: &Node,
        fields: &[Field],
        place: &Place,
    ) -> Result<Result<Names, Reason>, Lost> {
        let username = self.text(node, "username", place)?;
        let mut defect = None;
        let mut name = None;
        match username {
            Some((text, value)) => match self.template(text, value, place) {
                Ok(template) => name = Some(template),
                Err(reason) => defect = Some(reason),
            },
            None => {
                let message = "the entry has no `username`, so nobody can log in by it";
                self.report(place, Finding::new(Code::UsernameMissing, message).at(node.span));
                defect = Some(Reason::UsernameMissing);
            }
        }
        let mut groups = Vec::new();
        if let Some(field) = field(fields, "groups") {
            for (text, value) in self.group_list(&field.value, place)? {
                match self.template(text, value, place) {
                    Ok(template) => groups.push(template),
                    Err(reason) => defect = defect.or(Some(reason)),
                }
            }
        }
        Ok(match (defect, name) {
            (None, Some(username)) => Ok(Names { username, groups: groups.into() }),
            (reason, _) => Err(reason.unwrap_or(Reason::UsernameMissing)),
        })
    }

    fn group_list<'n>(&mut self, node: &'n Node, place: &Place) -> Result<Vec<(&'n str, &'n Node)>, Lost> {
        let mut groups: Vec<(&str, &Node)> = Vec::new();
        match &node.value {
            _ if node.is_null() => {}
            Value::Scalar { text, .. } if self.rules.comma_lists => {
                let message = "`groups` is a text and is read as a list with commas; write it as a list";
                self.report(place, Finding::new(Code::GroupsText, message).at(node.span));
                groups.extend(text.split(',').map(str::trim).filter(|g| !g.is_empty()).map(|g| (g, node)));
            }
            Value::List(items) => {
                for item in items {
                    match &item.value {
                        Value::Scalar { text, style } if !text.is_empty() && !item.is_null() => {
                            self.glued(text, *style, item.span, place);
                            groups.push((&**text, item));
                        }
                        Value::Scalar { .. } => {
                            let finding = Finding::new(Code::EmptyGroup, "an empty group name; it is left out");
                            self.report(place, finding.at(item.span));
                        }
                        _ => {
                            let mut message =
                                format!("a group is {}, and must be a text; the entry is ignored", item.kind());
                            if let Value::Map(_) = item.value {
                                message.push_str(" (a blank behind a colon makes a map: write `system:masters`)");
                            }
                            return Err(self.lose(place, Finding::new(Code::WrongShape, message).at(item.span)));
                        }
                    }
                }
            }
            _ => {
                let message = format!("`groups` is {}, and must be a list; the entry is ignored", node.kind());
                return Err(self.lose(place, Finding::new(Code::WrongShape, message).at(node.span)));
            }
        }
        Ok(groups)
    }

    /// Reports a group that looks like two.
    fn glued(&mut self, text: &str, style: Style, span: Span, place: &Place) {
        let pieces: Vec<&str> = text.split(" - ").map(str::trim).collect();
        if pieces.len() == 1 && !text.contains(',') {
            return;
        }
        let message = format!("{} is one group; did a stray blank or a comma glue several together?", quoted(text));
        let mut finding = Finding::new(Code::GluedGroups, message).at(span);
        // Unquoted and over several lines: each line after the first is an item that is indented too far.
        let dash = span.start.column.checked_sub(3);
        if let (Style::Plain, true, Some(indent)) = (style, span.end.line > span.start.line, dash) {
            let separator = format!("\n{}- ", " ".repeat(indent as usize));
            finding = finding.fixed(span, pieces.join(&separator));
        }
        self.report(place, finding);
    }

    fn template(&mut self, text: &str, value: &Node, place: &Place) -> Result<Template, Reason> {
        Template::parse(text).map_err(|error| {
            let (code, reason, mut message) = match &error {
                MappingError::TemplateUnknownVariable { .. } => (
                    Code::TemplateUnknownVariable,
                    Reason::TemplateUnknownVariable,
                    format!("{} has a variable that means nothing; the rule never matches", quoted(text)),
                ),
                MappingError::TemplateUnbalanced { .. } => (
                    Code::TemplateUnbalanced,
                    Reason::TemplateUnbalanced,
                    format!("the double braces of {} do not pair; the rule never matches", quoted(text)),
                ),
                _ => (
                    Code::ControlCharacter,
                    Reason::ControlCharacter,
                    format!("{} has a control character in it; the rule never matches", quoted(text)),
                ),
            };
            let mut finding = Finding::new(code, "").at(value.span);
            if let MappingError::TemplateUnknownVariable { nearest: Some(nearest), at } = error {
                message.push_str(&format!("; did you mean `{{{{{nearest}}}}}`?"));
                let end = text.get(at..).and_then(|t| t.find("}}")).map(|e| at + e + 2);
                if let (Some(before), Some(after)) = (text.get(..at), end.and_then(|e| text.get(e..))) {
                    let fixed = format!("{before}{{{{{nearest}}}}}{after}");
                    // Quotes may have been needed for other reasons, so they stay as they are.
                    if !fixed.contains(['"', '\'', '\\']) && !is_block(value) && value.as_str() == Some(text) {
                        finding = finding.fixed(value.span, self.spell_value(value, &fixed));
                    }
                }
            }
            finding.message = message;
            self.report(place, finding);
            reason
        })
    }
}

fn is_block(node: &Node) -> bool {
    matches!(node.value, Value::Scalar { style: Style::Literal | Style::Folded, .. })
}
