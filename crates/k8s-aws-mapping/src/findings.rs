//! What is wrong or doubtful in a configuration, each with a code, a place and, where safe, the remedy.

use crate::List;
use crate::tree::{Lines, Span};
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// It works as written, and there is a better way.
    Hint,
    /// It probably does not mean what it was written for.
    Warning,
    /// Something is ignored: an entry, a rule, a whole list.
    Error,
}

impl Severity {
    /// `hint`, `warning` or `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $severity:ident;)*) => {
        /// What a finding is about. The text of a code is stable; `Display` and serde write it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[doc = $doc])+ $name,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code's text, such as `duplicate-arn`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// How much it matters.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// What it means and what to do, in a few sentences that hold for every finding of this code.
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc, "\n",)+).trim_ascii(),)* }
            }
        }
    };
}

codes! {
    /// The text is not YAML or not JSON. Entries that can be told apart are still read, each for itself.
    Syntax = "syntax", Error;
    /// Nothing in this list can be read, not even single entries. The last good version of the list stays in use.
    Unreadable = "unreadable", Error;
    /// A value has the wrong shape: a text where a list belongs, a list where a map belongs. It is ignored.
    WrongShape = "wrong-shape", Error;
    /// The ConfigMap's value is YAML itself, but the API server only stores texts: put `|` behind the key.
    MissingBar = "missing-bar", Error;
    /// A second YAML document follows. Only the first is read.
    SecondDocument = "second-document", Warning;
    /// The text has bytes that are not UTF-8. They were replaced by U+FFFD.
    NotUtf8 = "not-utf-8", Error;
    /// Nobody reads this key. It is probably a slip of the pen.
    UnknownKey = "unknown-key", Warning;
    /// The same key stands twice in one map (letter case does not count). The last one is used.
    DuplicateKey = "duplicate-key", Warning;
    /// A key of the `aws-auth` ConfigMap must be spelt exactly `mapRoles`, `mapUsers` or `mapAccounts`. The whole list
    /// under this key is ignored.
    MisspeltList = "misspelt-list", Error;
    /// The entry has no ARN and nothing else to match callers with, so it is ignored.
    ArnMissing = "arn-missing", Error;
    /// The entry says in two ways whom it matches. It is ignored; keep one of them.
    ArnTwice = "arn-twice", Error;
    /// Not the ARN of an IAM principal, so no caller ever has it. The entry is ignored.
    ArnMalformed = "arn-malformed", Error;
    /// `*` and `?` mean themselves here, and no caller's ARN has them. Use the key for patterns.
    WildcardInExactArn = "wildcard-in-exact-arn", Error;
    /// The ARN of a role session. A role is listed by its role ARN; which sessions it has does not matter.
    AssumedRoleArn = "assumed-role-arn", Warning;
    /// STS does not tell the path of a role, so the path says nothing. The rule matches on account and role name; the Go
    /// program never matched it.
    RolePath = "role-path", Hint;
    /// Another entry further down is for the same ARN. The last one wins, this one never matches.
    DuplicateArn = "duplicate-arn", Warning;
    /// A rule for this role without the path exists. It wins, as it always did with the Go program.
    PathShadowed = "path-shadowed", Warning;
    /// The same ARN is listed under `mapRoles`, which is looked at first. This entry never matches.
    ShadowedByRoles = "shadowed-by-roles", Warning;
    /// Another rule always matches first. This one never does.
    Shadowed = "shadowed", Warning;
    /// Some callers match this rule and a more exact one, which wins for them.
    Overlap = "overlap", Hint;
    /// The entry has no username. Nobody can log in by it.
    UsernameMissing = "username-missing", Error;
    /// A `{{name}}` that means nothing. The rule never matches.
    TemplateUnknownVariable = "template-unknown-variable", Error;
    /// `{{` without `}}`, or the other way round. The rule never matches.
    TemplateUnbalanced = "template-unbalanced", Error;
    /// A name has a control character in it. The rule never matches.
    ControlCharacter = "control-character", Error;
    /// An empty group name. It is left out.
    EmptyGroup = "empty-group", Warning;
    /// Two groups became one name, because a line of the list is indented further than the one above it.
    GluedGroups = "glued-groups", Warning;
    /// `groups` is one text. Here it is read as a list with commas; other places want a real list.
    GroupsText = "groups-text", Warning;
    /// The template puts a value right behind `system:`. The value could pick any of Kubernetes' own names, so the
    /// rule is refused when it is used.
    SystemFromTemplate = "system-from-template", Error;
    /// The rule makes its callers members of `system:masters`: they may do everything, and no RBAC rule can take it back.
    SystemMasters = "system-masters", Warning;
    /// Whoever may assume the role picks the session name, and here the session name decides about privileges.
    SessionNamePrivileged = "session-name-privileged", Warning;
    /// `{{SessionName}}` writes `-` for `@`, so two sessions can get the same username. `{{SessionNameDistinct}}` never
    /// does that.
    SessionNameCollides = "session-name-collides", Hint;
    /// Users and root have no session name; it renders as nothing.
    SessionNameEmpty = "session-name-empty", Warning;
    /// Not twelve digits. The account is ignored.
    AccountMalformed = "account-malformed", Error;
    /// An unquoted number with a leading zero. It is read as it is spelt here; other tools read it as an octal number.
    AccountOctal = "account-octal", Warning;
    /// The account is listed twice.
    DuplicateAccount = "duplicate-account", Hint;
    /// Every caller of this account gets in, and gets its ARN as username.
    AccountAutoMapped = "account-auto-mapped", Hint;
    /// `sso` rules do nothing while the feature gate `SSORoleMatch` is off.
    SsoInert = "sso-inert", Warning;
    /// The `sso` part is incomplete or not valid. The entry is ignored.
    SsoMalformed = "sso-malformed", Error;
    /// The role is made by IAM Identity Center, and its suffix changes when the permission set is provisioned anew. An
    /// `sso` rule survives that.
    SsoExactArn = "sso-exact-arn", Hint;
    /// The name of another permission set begins with this one's and `_`. The Go program let the roles of both match
    /// this rule; here permission sets are compared whole.
    SsoPrefix = "sso-prefix", Hint;
    /// A user under `mapRoles`, or a role under `mapUsers`. It matches all the same.
    OtherList = "other-list", Hint;
    /// Roles of IAM Identity Center end in 16 hexadecimal digits; this one does not.
    SsoSuffix = "sso-suffix", Hint;
    /// The pattern is not valid. Partition and account must be spelt out. The entry is ignored.
    PatternMalformed = "pattern-malformed", Error;
    /// The pattern has no `*` or `?` in it: an exact rule is quicker and does not mind letter case.
    PatternLiteral = "pattern-literal", Hint;
    /// The pattern lets in everybody who can make a role or user in the account.
    PatternWide = "pattern-wide", Warning;
    /// With strict user ids an entry is found by its `userid`. This one has none and is ignored.
    UserIdMissing = "user-id-missing", Error;
    /// Another entry further down has the same `userid`. The last one wins, this one never matches.
    DuplicateUserId = "duplicate-user-id", Warning;
    /// `userid` is only looked at in a dynamic file with strict user ids.
    UserIdIgnored = "user-id-ignored", Hint;
    /// The ARN is of another partition than the server is for. No caller has it.
    OtherPartition = "other-partition", Warning;
    /// Not the name of a backend mode.
    BackendModeUnknown = "backend-mode-unknown", Error;
    /// An old name of a backend mode.
    BackendModeDeprecated = "backend-mode-deprecated", Warning;
    /// A backend mode is listed twice.
    BackendModeTwice = "backend-mode-twice", Error;
    /// An empty prefix reserves nothing.
    EmptyPrefix = "empty-prefix", Warning;
    /// A rule that the reserved prefixes of its backend always stop.
    ReservedPrefix = "reserved-prefix", Warning;
    /// The document has more entries than are read. The rest is ignored.
    TooManyEntries = "too-many-entries", Error;
    /// The document has more findings than are kept.
    TooManyFindings = "too-many-findings", Error;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A text to put in place of another, that makes a finding go away without changing anything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fix {
    /// What to replace; may be empty, where something is only to be inserted.
    pub span: Span,
    /// What to put there.
    pub replacement: String,
}

/// One thing that is wrong or doubtful.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub code: Code,
    /// What is wrong and what happens because of it, in a sentence or two. Names and values are quoted as they are
    /// spelt, control characters escaped and long ones cut.
    pub message: String,
    /// The list concerned. With `aws-auth` data the positions count within the text of this key.
    pub list: Option<List>,
    /// The entry's index in the list, from 0, counting entries that are ignored.
    pub index: Option<u32>,
    /// The object's name, where every entry is an object of its own (`IAMIdentityMapping`).
    pub object: Option<Box<str>>,
    /// Where. None where there is no text, as with objects that came from the API server.
    pub span: Option<Span>,
    /// The corrected text, where it is safe to apply without thinking.
    pub fix: Option<Fix>,
}

impl Finding {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: code.severity(),
            code,
            message: message.into(),
            list: None,
            index: None,
            object: None,
            span: None,
            fix: None,
        }
    }

    pub(crate) fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    pub(crate) fn in_list(mut self, list: List) -> Self {
        self.list = Some(list);
        self
    }

    pub(crate) fn entry(mut self, index: u32) -> Self {
        self.index = Some(index);
        self
    }

    pub(crate) fn fixed(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.fix = Some(Fix { span, replacement: replacement.into() });
        self
    }
}

/// `error[duplicate-arn] mapRoles[3], line 12, column 5: …`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.severity.as_str(), self.code)?;
        let mut separator = " ";
        if let Some(list) = self.list {
            write!(f, "{separator}{list}")?;
            if let Some(index) = self.index {
                write!(f, "[{index}]")?;
            }
            separator = ", ";
        }
        if let Some(object) = &self.object {
            write!(f, "{separator}{object}")?;
            separator = ", ";
        }
        if let Some(span) = self.span {
            write!(f, "{separator}line {}, column {}", span.start.line, span.start.column)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Applies every fix that `findings` have to the text they are about; of overlapping ones, the first.
///
/// With `aws-auth` data, pass the findings of one list at a time: their positions count within that text.
pub fn apply_fixes(text: &str, findings: &[Finding]) -> String {
    let mut fixes: Vec<&Fix> = findings.iter().filter_map(|f| f.fix.as_ref()).collect();
    fixes.sort_by_key(|f| (f.span.start.byte, f.span.end.byte));
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for fix in fixes {
        let (start, end) = (fix.span.start.byte as usize, fix.span.end.byte as usize);
        // None where it overlaps the one before.
        let Some(before) = text.get(done..start).filter(|_| start <= end) else { continue };
        out.push_str(before);
        out.push_str(&fix.replacement);
        done = end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// The text of a file. Bytes that are not UTF-8 become U+FFFD, with a finding: a rule with one in its names never matches,
/// the others do.
pub fn decode_utf8(bytes: &[u8]) -> (Cow<'_, str>, Option<Finding>) {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return (Cow::Borrowed(text), None),
        Err(error) => error,
    };
    let text = String::from_utf8_lossy(bytes).into_owned();
    let at = Lines::new(&text).at_byte(error.valid_up_to());
    let message = "bytes that are not UTF-8 start here; the names that have them are ignored";
    let finding = Finding::new(Code::NotUtf8, message).at(Span { start: at, end: at });
    (Cow::Owned(text), Some(finding))
}

/// A value as messages quote it: in backticks, escaped, at most 120 characters.
pub(crate) fn quoted(text: &str) -> String {
    const MOST: usize = 120;
    let mut out = String::from("`");
    for (n, c) in text.chars().enumerate() {
        if n == MOST {
            out.push('…');
            break;
        }
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out.push('`');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Position;

    #[test]
    fn codes_are_unique_kebab_case_and_explained() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{code} twice");
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b == b'8'), "{code}");
            assert!(code.explanation().ends_with('.'), "{code}");
        }
    }

    #[test]
    fn fixes_apply_in_order_and_overlapping_ones_only_once() {
        let at = |start, end| Span {
            start: Position { byte: start, ..Position::default() },
            end: Position { byte: end, ..Position::default() },
        };
        let fix = |start, end, text: &str| Finding::new(Code::Syntax, "").fixed(at(start, end), text);
        let findings = [fix(4, 5, "E"), fix(0, 2, "AB"), fix(1, 3, "never")];
        assert_eq!(apply_fixes("abcdef", &findings), "ABcdEf");
        let neighbours = [fix(0, 0, "<"), fix(0, 2, "AB"), fix(2, 3, "C"), fix(3, 3, "|"), fix(6, 6, ">")];
        assert_eq!(apply_fixes("abcdef", &neighbours), "<ABC|def>");
    }

    #[test]
    fn a_wrong_byte_costs_the_name_that_has_it() {
        let roles = b"- rolearn: arn:aws:iam::123456789012:role/a\n  username: a\n- rolearn: arn:aws:iam::123456789012:role/b\n  username: b\xff\n";
        let (text, finding) = decode_utf8(roles);
        assert_eq!(finding.unwrap().span.unwrap().start.line, 4);
        let document = crate::Document::from_aws_auth([("mapRoles", &text)]);
        let good: Vec<bool> = document.rules().map(|r| r.names.is_ok()).collect();
        assert_eq!(good, [true, false]);
        assert!(decode_utf8("é".as_bytes()).1.is_none());
    }

    #[test]
    fn quoting_escapes_control_characters_and_cuts() {
        assert_eq!(quoted("a\u{1b}[0m"), "`a\\u{1b}[0m`");
        assert!(quoted(&"x".repeat(500)).chars().count() < 130);
    }
}
