use serde::Serialize;
use std::fmt;

/// Why a caller got no username, as a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// No rule of any backend is for this caller.
    NotMapped,
    /// No rule yet, but some backend has not told its rules either.
    NotSynced,
    /// The rule has no username.
    UsernameMissing,
    /// The rule has a `{{name}}` that means nothing.
    TemplateUnknownVariable,
    /// The braces of a template of the rule do not pair.
    TemplateUnbalanced,
    /// A name in the rule, or a value put into it, has a control character.
    ControlCharacter,
    /// The username rendered as nothing.
    UsernameEmpty,
    /// A group rendered as nothing.
    GroupEmpty,
    /// The username begins with a prefix that is reserved in this backend.
    UsernameReserved,
    /// A group begins with a prefix that is reserved in this backend.
    GroupReserved,
    /// The username begins with `system:`, and the rule does not spell it so.
    UsernameSystem,
    /// A group begins with `system:`, and the rule does not spell it so.
    GroupSystem,
    /// The rule is for EC2 instances and the session name is no instance id.
    SessionNotAnInstance,
    /// The user id is listed, together with another ARN than the caller's.
    UserIdArnMismatch,
    /// EC2 told no private DNS name for the instance.
    DnsNameEmpty,
    /// EC2 told something that is no DNS name.
    DnsNameMalformed,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 16] = [
        Self::NotMapped,
        Self::NotSynced,
        Self::UsernameMissing,
        Self::TemplateUnknownVariable,
        Self::TemplateUnbalanced,
        Self::ControlCharacter,
        Self::UsernameEmpty,
        Self::GroupEmpty,
        Self::UsernameReserved,
        Self::GroupReserved,
        Self::UsernameSystem,
        Self::GroupSystem,
        Self::SessionNotAnInstance,
        Self::UserIdArnMismatch,
        Self::DnsNameEmpty,
        Self::DnsNameMalformed,
    ];

    /// The code's text, such as `not_mapped`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotMapped => "not_mapped",
            Self::NotSynced => "not_synced",
            Self::UsernameMissing => "username_missing",
            Self::TemplateUnknownVariable => "template_unknown_variable",
            Self::TemplateUnbalanced => "template_unbalanced",
            Self::ControlCharacter => "control_character",
            Self::UsernameEmpty => "username_empty",
            Self::GroupEmpty => "group_empty",
            Self::UsernameReserved => "username_reserved",
            Self::GroupReserved => "group_reserved",
            Self::UsernameSystem => "username_system",
            Self::GroupSystem => "group_system",
            Self::SessionNotAnInstance => "session_not_an_instance",
            Self::UserIdArnMismatch => "user_id_arn_mismatch",
            Self::DnsNameEmpty => "dns_name_empty",
            Self::DnsNameMalformed => "dns_name_malformed",
        }
    }

    /// What it means, as a sentence for a person.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::NotMapped => "no rule of any backend is for this caller",
            Self::NotSynced => "no rule so far, but a backend has not been read yet; ask again",
            Self::UsernameMissing => "the rule for this caller has no username",
            Self::TemplateUnknownVariable => "the rule for this caller has a `{{name}}` that means nothing",
            Self::TemplateUnbalanced => "the rule for this caller has `{{` without `}}`, or the other way round",
            Self::ControlCharacter => "a name would have a control character in it",
            Self::UsernameEmpty => "the username came out empty",
            Self::GroupEmpty => "a group name came out empty",
            Self::UsernameReserved => "the username begins with a prefix that is reserved in this backend",
            Self::GroupReserved => "a group begins with a prefix that is reserved in this backend",
            Self::UsernameSystem => {
                "the username begins with `system:` by way of a value, and only a rule may spell such a name"
            }
            Self::GroupSystem => {
                "a group begins with `system:` by way of a value, and only a rule may spell such a name"
            }
            Self::SessionNotAnInstance => {
                "the rule is for EC2 instances, and this session is not named after one (`i-` and 8 or 17 digits)"
            }
            Self::UserIdArnMismatch => {
                "the user id is listed with another ARN: the user or role was deleted and made anew, or renamed"
            }
            Self::DnsNameEmpty => "EC2 has no private DNS name for the instance; ask again",
            Self::DnsNameMalformed => "EC2 answered with something that is no DNS name; ask again",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
