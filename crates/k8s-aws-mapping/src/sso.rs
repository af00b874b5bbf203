//! Roles of IAM Identity Center (formerly AWS SSO): `AWSReservedSSO_<permission set>_<suffix>`.

use crate::MappingError;
use k8s_aws_identity::{AccountId, Partition};

/// What the names of these roles begin with.
const PREFIX: &str = "AWSReservedSSO_";
/// The longest name of a permission set (IAM Identity Center API reference, `CreatePermissionSet`).
const MAX_PERMISSION_SET_LEN: usize = 32;
/// How long the suffixes are that IAM Identity Center makes.
const SUFFIX_LEN: usize = 16;

/// A permission set as one account of one partition has it.
///
/// Roles are compared by the whole permission set: a rule for `dev` is none for `dev_admin`. Letter case does not
/// count, as in the Go program. The suffix may be anything that is letters and digits.
#[derive(Clone, Debug)]
pub struct SsoRole {
    partition: Partition,
    account: AccountId,
    permission_set: Box<str>,
    written: Box<str>,
}

impl SsoRole {
    /// What is compared.
    fn key(&self) -> (Partition, AccountId, &str) {
        (self.partition, self.account, &self.permission_set)
    }
}

impl PartialEq for SsoRole {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for SsoRole {}

impl std::hash::Hash for SsoRole {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl SsoRole {
    /// A rule's `sso` part; no partition means `aws`.
    ///
    /// # Errors
    /// [`MappingError::Sso`].
    pub fn new(permission_set: &str, account: &str, partition: Option<&str>) -> Result<Self, MappingError> {
        let wrong = |problem| MappingError::Sso { problem };
        let valid = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
        if permission_set.is_empty() {
            return Err(wrong("`permissionSetName` is missing"));
        }
        if permission_set.len() > MAX_PERMISSION_SET_LEN || !permission_set.bytes().all(valid) {
            return Err(wrong("`permissionSetName` is 1 to 32 letters, digits or `_+=,.@-`"));
        }
        let account = AccountId::parse(account).map_err(|_| wrong("`accountID` is 12 digits"))?;
        let partition = match partition {
            None => Partition::Aws,
            Some(text) => Partition::parse(text).map_err(|_| wrong("`partition` is none that AWS has"))?,
        };
        Ok(Self::written(partition, account, permission_set))
    }

    /// The permission set that a role was made for, if IAM Identity Center made it.
    pub fn of_role(partition: Partition, account: AccountId, role_name: &str) -> Option<Self> {
        let (permission_set, suffix) = split(role_name)?;
        let valid = !suffix.is_empty() && suffix.bytes().all(|b| b.is_ascii_alphanumeric());
        valid.then(|| Self::written(partition, account, permission_set))
    }

    fn written(partition: Partition, account: AccountId, permission_set: &str) -> Self {
        let lower = permission_set.to_ascii_lowercase().into();
        Self { partition, account, permission_set: lower, written: permission_set.into() }
    }

    /// The partition.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The account.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The permission set's name in lower case.
    pub fn permission_set(&self) -> &str {
        &self.permission_set
    }

    /// The permission set's name as it was written.
    pub fn permission_set_as_written(&self) -> &str {
        &self.written
    }
}

/// The permission set and the suffix in a role's name: everything before and behind the last `_`.
pub(crate) fn split(role_name: &str) -> Option<(&str, &str)> {
    let head = role_name.get(..PREFIX.len())?;
    let rest = role_name.get(PREFIX.len()..)?;
    if !head.eq_ignore_ascii_case(PREFIX) {
        return None;
    }
    rest.rsplit_once('_').filter(|(set, _)| !set.is_empty())
}

/// Whether a suffix looks as IAM Identity Center makes it.
pub(crate) fn is_usual_suffix(suffix: &str) -> bool {
    suffix.len() == SUFFIX_LEN && suffix.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Option<SsoRole> {
        SsoRole::of_role(Partition::Aws, AccountId::parse("123456789012").unwrap(), name)
    }

    #[test]
    fn the_permission_set_is_everything_before_the_last_underscore_compared_whole() {
        let rule = |set| SsoRole::new(set, "123456789012", None).unwrap();
        assert_eq!(of("AWSReservedSSO_dev_0123456789abcdef"), Some(rule("dev")));
        assert_eq!(of("AWSReservedSSO_dev_admin_0123456789abcdef"), Some(rule("Dev_Admin")));
        assert_ne!(of("AWSReservedSSO_dev_admin_0123456789abcdef"), Some(rule("dev")));
        assert_eq!(of("awsreservedsso_dev_x"), Some(rule("dev")));
    }

    #[test]
    fn other_roles_have_no_permission_set() {
        for name in [
            "",
            "dev",
            "AWSReservedSSO_",
            "AWSReservedSSO_dev",
            "AWSReservedSSO__x",
            "AWSReservedSSO_dev_",
            "AWSReservedSSO_dev_a-b",
            "xAWSReservedSSO_dev_x",
        ] {
            assert_eq!(of(name), None, "{name}");
        }
    }

    #[test]
    fn rules_are_found_by_partition_account_and_permission_set() {
        use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
        let rule = |set, account, partition| SsoRole::new(set, account, Some(partition)).unwrap();
        let hash = |rule: SsoRole| BuildHasherDefault::<DefaultHasher>::default().hash_one(rule);
        let dev = hash(rule("dev", "123456789012", "aws"));
        assert_eq!(hash(rule("Dev", "123456789012", "aws")), dev, "what is equal is found");
        // Otherwise looking one up would take longer the more there are.
        for other in [
            rule("ops", "123456789012", "aws"),
            rule("dev", "210987654321", "aws"),
            rule("dev", "123456789012", "aws-cn"),
        ] {
            assert_ne!(hash(other), dev);
        }
    }

    #[test]
    fn usual_suffixes_are_16_hexadecimal_digits() {
        for (suffix, want) in [
            ("0123456789abcdef", true),
            ("0123456789abcde", false),
            ("0123456789abcdef0", false),
            ("0123456789abcdeg", false),
            ("", false),
        ] {
            assert_eq!(is_usual_suffix(suffix), want, "{suffix}");
        }
    }

    #[test]
    fn partition_account_and_name_are_checked() {
        for (set, account, partition) in [
            ("", "123456789012", None),
            ("dev*", "123456789012", None),
            ("dev", "12345678901", None),
            ("dev", "123456789012", Some("aws-nk")),
            (&*"x".repeat(33), "123456789012", None),
        ] {
            assert!(SsoRole::new(set, account, partition).is_err(), "{set} {account} {partition:?}");
        }
        let china = SsoRole::new("dev", "123456789012", Some("aws-cn")).unwrap();
        assert_eq!(china.partition(), Partition::AwsCn);
    }
}
