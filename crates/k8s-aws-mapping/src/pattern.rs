//! ARN patterns as IAM defines them: `*` for any characters, `?` for exactly one.

use crate::MappingError;
use k8s_aws_identity::{AccountId, Arn, Partition};
use std::fmt;

/// A pattern for the canonical ARNs of callers, such as `arn:aws:iam::123456789012:role/team-*`.
///
/// As in IAM policies, `*` stands for any number of characters, none and slashes included, `?` for exactly one, and
/// letter case counts. Partition and account are spelt out: no pattern reaches into another account. Of the resource,
/// the kind (`role/`, `user/`, …) is spelt out too.
///
/// Matching takes time proportional to the lengths of pattern and ARN multiplied, at worst.
///
/// ```
/// use k8s_aws_identity::Arn;
/// use k8s_aws_mapping::pattern::ArnPattern;
///
/// let pattern = ArnPattern::parse("arn:aws:iam::123456789012:role/team-?-*")?;
/// let matches = |arn| pattern.matches(&Arn::parse(arn).unwrap());
/// assert!(matches("arn:aws:iam::123456789012:role/team-a-admin"));
/// assert!(!matches("arn:aws:iam::123456789012:role/team-ab-admin"));
/// assert!(!matches("arn:aws-cn:iam::123456789012:role/team-a-admin"));
/// # Ok::<(), k8s_aws_mapping::MappingError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArnPattern {
    source: Box<str>,
    partition: Partition,
    account: AccountId,
    service: &'static str,
    resource: Box<str>,
}

/// The longest pattern: that of an ARN in IAM.
const MAX_PATTERN_LEN: usize = 2048;

impl ArnPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`MappingError::Pattern`] where partition or account is not spelt out, the service is neither `iam` nor `sts`,
    /// the kind of principal has a wildcard, or no caller's canonical ARN can match.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let wrong = |problem| Err(MappingError::Pattern { problem });
        if text.len() > MAX_PATTERN_LEN {
            return wrong("it is longer than 2048 bytes");
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [scheme, partition, service, region, account, resource] = parts.as_slice() else {
            return wrong("it has six parts between colons, as an ARN has");
        };
        if *scheme != "arn" {
            return wrong("it starts with `arn:`");
        }
        let Ok(partition) = Partition::parse(partition) else {
            return wrong("the partition must be spelt out, such as `aws`");
        };
        if !region.is_empty() {
            return wrong("IAM is global: the region is empty");
        }
        let Ok(account) = AccountId::parse(account) else {
            return wrong("the account must be spelt out with its 12 digits");
        };
        let kind = resource.split('/').next().unwrap_or_default();
        let service = match (*service, kind) {
            ("iam", "role" | "user") if resource.contains('/') => "iam",
            ("sts", "federated-user") if resource.contains('/') => "sts",
            ("sts", "assumed-role") => {
                return wrong("callers that assumed a role are matched by the role: `arn:…:iam::…:role/…`");
            }
            ("iam" | "sts", _) => {
                return wrong("the resource starts with `role/`, `user/` or (with `sts`) `federated-user/`");
            }
            _ => return wrong("the service is `iam`, or `sts` for federated users"),
        };
        // What names may consist of (IAM API reference), slashes of paths, and the wildcards.
        let possible = |b: u8| b.is_ascii_graphic() && !b"\"'`<>{}\\|^".contains(&b);
        if !resource.bytes().all(possible) {
            return wrong("it has a character that no ARN has");
        }
        let name = resource.get(kind.len() + 1..).unwrap_or_default();
        if name.is_empty() {
            return wrong("a name or `*` is missing behind the kind of principal");
        }
        if kind == "role" && name.contains('/') {
            return wrong("STS does not tell the paths of roles: leave the path out");
        }
        Ok(Self { source: text.into(), partition, account, service, resource: (*resource).into() })
    }

    /// The pattern as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The partition.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The account.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The part after the account, wildcards included.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Whether there is a wildcard in it.
    pub fn has_wildcard(&self) -> bool {
        self.resource.contains(['*', '?'])
    }

    /// Whether an ARN matches: of an assumed role, the role.
    pub fn matches(&self, arn: &Arn) -> bool {
        self.matches_canonical(&arn.canonical().to_string())
    }

    /// Whether the text of a canonical ARN matches.
    pub(crate) fn matches_canonical(&self, canonical: &str) -> bool {
        let mut parts = canonical.splitn(6, ':').skip(1);
        parts.next() == Some(self.partition.as_str())
            && parts.next() == Some(self.service)
            && parts.next() == Some("")
            && parts.next() == Some(self.account.as_str())
            && parts.next().is_some_and(|resource| glob(&self.resource, resource))
    }

    /// Whether an ARN of the pattern's partition and account matches, given its service and resource.
    pub(crate) fn matches_in_account(&self, service: &str, resource: &str) -> bool {
        self.service == service && glob(&self.resource, resource)
    }

    /// Whether every ARN that `other` matches also matches this one. May miss some such pairs, never invents one.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let head = (self.partition, self.account, self.service) == (other.partition, other.account, other.service);
        // Without a `?` here, the wildcards of `other` fit into a `*` of this one or into themselves; both hold when they are
        // read as letters.
        head && !self.resource.contains('?') && glob(&self.resource, &other.resource)
    }
}

impl fmt::Display for ArnPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// Matches `*` and `?` over bytes (ARNs are ASCII), remembering only the last `*`.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(&c) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                star = Some((p, t));
            }
            Some(&w) if w == b'?' || w == c => {
                p += 1;
                t += 1;
            }
            // Let the last star take one more.
            _ => match &mut star {
                Some((after, taken)) => {
                    *taken += 1;
                    p = *after;
                    t = *taken;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wildcards_mean_what_iam_says() {
        for (pattern, text, want) in [
            ("*", "", true),
            ("?", "", false),
            ("?", "a", true),
            ("?", "ab", false),
            ("a*c", "abbbc", true),
            ("a*c", "ac", true),
            ("a*c", "acb", false),
            ("*a*b*", "xxaxxbxx", true),
            ("**", "a/b", true),
            ("role/A*", "role/ab", false),
            ("a*?", "a", false),
            ("a*?", "ab", true),
        ] {
            assert_eq!(glob(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn partition_account_and_kind_must_be_spelt_out() {
        const PARTS: &str = "six parts";
        const PARTITION: &str = "partition must be spelt out";
        const ACCOUNT: &str = "account must be spelt out";
        const RESOURCE: &str = "the resource starts with";
        const CHARACTER: &str = "a character that no ARN has";
        for (bad, why) in [
            ("", PARTS),
            ("*", PARTS),
            ("arn:*", PARTS),
            ("ARN:aws:iam::123456789012:role/x*", "starts with `arn:`"),
            ("arn:*:iam::123456789012:role/x*", PARTITION),
            ("arn:aws:iam:*:123456789012:role/x*", "the region is empty"),
            ("arn:aws:iam::*:role/x*", ACCOUNT),
            ("arn:aws:iam::12345678901?:role/x*", ACCOUNT),
            ("arn:aws:*::123456789012:role/x*", "the service is `iam`"),
            ("arn:aws:s3::123456789012:role/x", "the service is `iam`"),
            ("arn:aws:iam::123456789012:*", RESOURCE),
            ("arn:aws:iam::123456789012:ro*", RESOURCE),
            ("arn:aws:iam::123456789012:role", RESOURCE),
            ("arn:aws:iam::123456789012:user", RESOURCE),
            ("arn:aws:sts::123456789012:federated-user", RESOURCE),
            ("arn:aws:sts::123456789012:role/x", RESOURCE),
            ("arn:aws:iam::123456789012:federated-user/x", RESOURCE),
            ("arn:aws:sts::123456789012:assumed-role/x/*", "matched by the role"),
            ("arn:aws:iam::123456789012:role/", "a name or `*` is missing"),
            ("arn:aws:iam::123456789012:role/path/x*", "leave the path out"),
            ("arn:aws:iam::123456789012:role/x y*", CHARACTER),
            ("arn:aws:iam::123456789012:role/{{SessionName}}", CHARACTER),
        ] {
            let error = ArnPattern::parse(bad).unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
        for good in [
            "arn:aws:iam::123456789012:role/*",
            "arn:aws-cn:iam::123456789012:user/eng/*",
            "arn:aws:sts::123456789012:federated-user/b?b",
        ] {
            assert_eq!(ArnPattern::parse(good).unwrap().to_string(), good);
        }
    }

    #[test]
    fn a_pattern_is_as_long_as_an_arn_may_be() {
        let of_length = |length: usize| format!("{:*<length$}", "arn:aws:iam::123456789012:role/");
        assert!(ArnPattern::parse(&of_length(MAX_PATTERN_LEN)).is_ok());
        for length in [MAX_PATTERN_LEN + 1, 2 * MAX_PATTERN_LEN] {
            assert!(ArnPattern::parse(&of_length(length)).unwrap_err().to_string().contains("longer"), "{length}");
        }
    }

    #[test]
    fn a_pattern_matches_callers_of_its_partition_account_and_kind() {
        let pattern = ArnPattern::parse("arn:aws:iam::123456789012:role/d*").unwrap();
        for (arn, want) in [
            ("arn:aws:iam::123456789012:role/dev", true),
            ("arn:aws:sts::123456789012:assumed-role/dev/alice", true),
            ("arn:aws:iam::123456789012:role/ops", false),
            ("arn:aws:iam::123456789012:user/dev", false),
            ("arn:aws:iam::210987654321:role/dev", false),
            ("arn:aws-cn:iam::123456789012:role/dev", false),
        ] {
            assert_eq!(pattern.matches(&Arn::parse(arn).unwrap()), want, "{arn}");
        }
    }

    #[test]
    fn a_pattern_covers_one_that_matches_less() {
        for (wide, narrow, want) in [
            ("role/*", "role/dev", true),
            ("role/d*", "role/d?v*", true),
            ("role/dev", "role/dev", true),
            ("role/d*", "role/*", false),
            ("role/dev", "role/d*", false),
            ("role/*", "user/dev", false),
        ] {
            let parse = |resource| ArnPattern::parse(&format!("arn:aws:iam::123456789012:{resource}")).unwrap();
            assert_eq!(parse(wide).covers(&parse(narrow)), want, "{wide} {narrow}");
        }
    }

    /// The definition, without a thought for speed.
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
        fn matching_agrees_with_the_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            prop_assert_eq!(glob(&pattern, &text), naive(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn a_covered_pattern_matches_nothing_else(a in "[ab*?]{1,5}", b in "[ab*?]{1,5}", text in "[ab]{1,6}") {
            let pattern = |r: &str| ArnPattern::parse(&format!("arn:aws:iam::123456789012:role/{r}")).unwrap();
            if pattern(&a).covers(&pattern(&b)) && glob(&b, &text) {
                prop_assert!(glob(&a, &text), "{a} {b} {text}");
            }
        }
    }
}
