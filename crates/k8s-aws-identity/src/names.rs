//! Short validated names: account, access key, cluster, instance.

use crate::IdentityError;
use std::sync::Arc;

/// The longest [`ClusterId`], in bytes.
///
/// EKS allows 100 characters; kOps and hand-made clusters use DNS names, which end at 253. The header that carries the
/// id has no limit of its own in STS's documentation.
pub const MAX_CLUSTER_ID_LEN: usize = 256;

/// An AWS account id: exactly 12 digits, leading zeros kept.
///
/// ```
/// use k8s_aws_identity::AccountId;
/// assert_eq!(AccountId::parse("012345678901")?.as_str(), "012345678901");
/// assert!(AccountId::parse("12345678901").is_err());
/// # Ok::<(), k8s_aws_identity::IdentityError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId([u8; 12]);

impl AccountId {
    /// Reads an account id.
    ///
    /// # Errors
    /// [`IdentityError::AccountId`] unless `text` is exactly 12 ASCII digits.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let bytes: [u8; 12] = text.as_bytes().try_into().map_err(|_| IdentityError::AccountId)?;
        if bytes.iter().all(u8::is_ascii_digit) { Ok(Self(bytes)) } else { Err(IdentityError::AccountId) }
    }

    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        // Digits only, so the fallback is never taken; it is here because this crate does not panic.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// An access key id, such as `AKIAIOSFODNN7EXAMPLE`: 16 to 128 letters, digits or underscores
/// (`AccessKeyId` in the IAM and STS API references).
///
/// It names a key and is no secret: AWS shows it in logs, and the Go program logs it too.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessKeyId(Box<str>);

impl AccessKeyId {
    /// Reads an access key id.
    ///
    /// # Errors
    /// [`IdentityError::AccessKeyId`] for another length or another character.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if (16..=128).contains(&text.len()) && text.bytes().all(word) {
            Ok(Self(text.into()))
        } else {
            Err(IdentityError::AccessKeyId)
        }
    }

    /// The id as AWS writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id that binds a token to one cluster: the value of the signed header `x-k8s-aws-id`.
///
/// At most [`MAX_CLUSTER_ID_LEN`] printable ASCII characters. A space may stand inside, but not at an end and not next
/// to another: Signature Version 4 trims header values and folds runs of spaces, so two ids that differ only in spaces
/// would share their signatures, and a token for one cluster would be good for the other. Cheap to clone.
///
/// ```
/// use k8s_aws_identity::ClusterId;
/// assert!(ClusterId::parse("prod.k8s.example.com").is_ok());
/// assert!(ClusterId::parse("two  spaces").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(Arc<str>);

impl ClusterId {
    /// Reads a cluster id.
    ///
    /// # Errors
    /// [`IdentityError::ClusterId`] where the id is empty, too long, or could change on its way through a header.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let bytes = text.as_bytes();
        let fits = !bytes.is_empty() && bytes.len() <= MAX_CLUSTER_ID_LEN;
        let printable = bytes.iter().all(|b| (0x20..=0x7e).contains(b));
        let steady = !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ");
        if fits && printable && steady { Ok(Self(text.into())) } else { Err(IdentityError::ClusterId) }
    }

    /// The id as the header carries it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of an EC2 instance: `i-` and 8 (before 2016) or 17 lower-case hexadecimal digits.
///
/// The session name of a role that an instance got through its instance profile is the instance's id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(Box<str>);

impl InstanceId {
    /// Reads an instance id.
    ///
    /// # Errors
    /// [`IdentityError::InstanceId`] for any other text.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let hex = text.strip_prefix("i-").ok_or(IdentityError::InstanceId)?;
        let digits = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if matches!(hex.len(), 8 | 17) && digits { Ok(Self(text.into())) } else { Err(IdentityError::InstanceId) }
    }

    /// The id as EC2 writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What every name here has: parsing by `FromStr`, its text by `Display` and `AsRef<str>`, and a plain `Debug`.
macro_rules! name_traits {
    ($($name:ident),*) => {$(
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.as_str())
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }
        impl std::str::FromStr for $name {
            type Err = $crate::IdentityError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }
    )*};
}
pub(crate) use name_traits;

name_traits!(AccountId, AccessKeyId, ClusterId, InstanceId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_twelve_ascii_digits() {
        assert_eq!(AccountId::parse("000000000000").unwrap().to_string(), "000000000000");
        for bad in ["", "12345678901", "1234567890123", "12345678901a", " 23456789012", "١٢٣٤٥٦", "+12345678901"]
        {
            assert_eq!(AccountId::parse(bad), Err(IdentityError::AccountId), "{bad:?}");
        }
    }

    #[test]
    fn an_access_key_id_has_its_charset_and_length() {
        for good in ["AKIAIOSFODNN7EXAMPLE", "ABCDEFGHIJKLMNOP", &"A".repeat(128), "under_score_1234"] {
            assert_eq!(AccessKeyId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "AKIA", &"A".repeat(15), &"A".repeat(129), "AKIAIOSFODNN7EXAMPL/", "AKIAIOSFODNN7EXAMPL\n"] {
            assert_eq!(AccessKeyId::parse(bad), Err(IdentityError::AccessKeyId), "{bad:?}");
        }
    }

    #[test]
    fn a_cluster_id_survives_a_header_unchanged() {
        for good in ["a", "a b", "prod/eu:1,2'\"~%20+", &"x".repeat(MAX_CLUSTER_ID_LEN)] {
            assert_eq!(ClusterId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", " ", " a", "a ", "a  b", "a\tb", "a\nb", "a\u{7f}", "münchen", &"x".repeat(257)] {
            assert_eq!(ClusterId::parse(bad), Err(IdentityError::ClusterId), "{bad:?}");
        }
    }

    #[test]
    fn an_instance_id_is_eight_or_seventeen_hex_digits() {
        for good in ["i-1234abcd", "i-0123456789abcdef0"] {
            assert_eq!(InstanceId::parse(good).unwrap().as_str(), good);
        }
        for bad in
            ["", "i-", "i-1234ABCD", "i-1234abc", "i-0123456789abcdef", "I-1234abcd", "mi-1234abcd", "i-1234abcg"]
        {
            assert_eq!(InstanceId::parse(bad), Err(IdentityError::InstanceId), "{bad:?}");
        }
    }
}
