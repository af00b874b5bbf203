use crate::{AccountId, IdentityError, Partition};
use std::fmt;

/// The role name in the ARN of an EC2 instance's own identity (`assumed-role/aws:ec2-instance/i-…`).
pub const EC2_INSTANCE_ROLE: &str = "aws:ec2-instance";

/// The longest ARN that is looked at, in bytes (`arnType` in the IAM and STS API references).
const MAX_ARN_LEN: usize = 2048;

/// The ARN of an IAM or STS principal, taken apart.
///
/// `Display` gives back the text that was parsed: there is one text per value.
///
/// ```
/// use k8s_aws_identity::Arn;
///
/// let arn = Arn::parse("arn:aws-cn:sts::123456789012:assumed-role/node/i-0123456789abcdef0")?;
/// assert_eq!(arn.canonical().to_string(), "arn:aws-cn:iam::123456789012:role/node");
/// # Ok::<(), k8s_aws_identity::IdentityError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Arn {
    /// The partition.
    pub partition: Partition,
    /// The account that the principal belongs to.
    pub account: AccountId,
    /// Who it is.
    pub principal: Principal,
}

/// Who an ARN names, by the kinds that IAM and STS have.
///
/// A path starts and ends with `/` and is `/` alone where there is none. Names and sessions consist of
/// `A-Z a-z 0-9 _ + = , . @ -` and have 1 to 64 characters (IAM and STS API references); the one role name beside that
/// is [`EC2_INSTANCE_ROLE`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// `arn:…:iam::<account>:root`
    Root,
    /// `arn:…:iam::<account>:user/<path><name>`
    User {
        /// `/` or `/…/`.
        path: Box<str>,
        /// The user's name.
        name: Box<str>,
    },
    /// `arn:…:iam::<account>:role/<path><name>`: a role as IAM lists it; no caller has this ARN.
    Role {
        /// `/` or `/…/`; that of an IAM Identity Center role is `/aws-reserved/sso.amazonaws.com/…/`.
        path: Box<str>,
        /// The role's name.
        name: Box<str>,
    },
    /// `arn:…:sts::<account>:assumed-role/<role>/<session>`; STS leaves the role's path out.
    AssumedRole {
        /// The role's name, or [`EC2_INSTANCE_ROLE`].
        role: Box<str>,
        /// The role session's name.
        session: Box<str>,
    },
    /// `arn:…:sts::<account>:federated-user/<name>`
    FederatedUser {
        /// The name given to `GetFederationToken`.
        name: Box<str>,
    },
}

impl Arn {
    /// Reads the ARN of a principal.
    ///
    /// # Errors
    /// [`IdentityError::Arn`] with the part at fault; [`IdentityError::UnknownPartition`]; [`IdentityError::AccountId`].
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        if text.len() > MAX_ARN_LEN {
            return Err(wrong("longer than 2048 bytes"));
        }
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().ok_or(wrong("it has six parts between colons, the first being `arn`"));
        let (scheme, partition, service, region, account, resource) =
            (next()?, next()?, next()?, next()?, next()?, next()?);
        if scheme != "arn" {
            return Err(wrong("it starts with `arn:`"));
        }
        let partition = Partition::parse(partition)?;
        if !region.is_empty() {
            return Err(wrong("IAM and STS are global: the region is empty"));
        }
        let account = AccountId::parse(account)?;
        let principal = match service {
            "iam" => iam(resource)?,
            "sts" => sts(resource)?,
            _ => return Err(wrong("the service is `iam` or `sts`")),
        };
        Ok(Self { partition, account, principal })
    }

    /// The ARN that mappings are keyed by: of an assumed role the role itself (without its path, which STS does not
    /// tell), of everybody else the same ARN.
    pub fn canonical(&self) -> Self {
        let principal = match &self.principal {
            Principal::AssumedRole { role, .. } => Principal::Role { path: "/".into(), name: role.clone() },
            other => other.clone(),
        };
        Self { principal, ..self.clone() }
    }

    /// The same ARN with the path taken out of a role; that is how a caller's canonical ARN names the role.
    pub fn without_role_path(&self) -> Self {
        match &self.principal {
            Principal::Role { name, .. } => {
                Self { principal: Principal::Role { path: "/".into(), name: name.clone() }, ..self.clone() }
            }
            _ => self.clone(),
        }
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = match self.principal {
            Principal::Root | Principal::User { .. } | Principal::Role { .. } => "iam",
            Principal::AssumedRole { .. } | Principal::FederatedUser { .. } => "sts",
        };
        write!(f, "arn:{}:{service}::{}:", self.partition, self.account)?;
        match &self.principal {
            Principal::Root => f.write_str("root"),
            Principal::User { path, name } => write!(f, "user{path}{name}"),
            Principal::Role { path, name } => write!(f, "role{path}{name}"),
            Principal::AssumedRole { role, session } => write!(f, "assumed-role/{role}/{session}"),
            Principal::FederatedUser { name } => write!(f, "federated-user/{name}"),
        }
    }
}

impl std::str::FromStr for Arn {
    type Err = IdentityError;
    fn from_str(text: &str) -> Result<Self, IdentityError> {
        Self::parse(text)
    }
}

fn wrong(problem: &'static str) -> IdentityError {
    IdentityError::Arn { problem }
}

fn iam(resource: &str) -> Result<Principal, IdentityError> {
    if resource == "root" {
        return Ok(Principal::Root);
    }
    if let Some(rest) = resource.strip_prefix("user") {
        let (path, name) = path_and_name(rest)?;
        return Ok(Principal::User { path, name });
    }
    if let Some(rest) = resource.strip_prefix("role") {
        let (path, name) = path_and_name(rest)?;
        return Ok(Principal::Role { path, name });
    }
    Err(wrong("an IAM principal is `root`, `user/...` or `role/...`"))
}

fn sts(resource: &str) -> Result<Principal, IdentityError> {
    if let Some(rest) = resource.strip_prefix("assumed-role/") {
        let (role, session) = rest.split_once('/').ok_or(wrong("an assumed role has a session name"))?;
        if role != EC2_INSTANCE_ROLE && !is_name(role) {
            return Err(wrong("not a role name"));
        }
        if !is_name(session) {
            return Err(wrong("not a session name"));
        }
        return Ok(Principal::AssumedRole { role: role.into(), session: session.into() });
    }
    if let Some(name) = resource.strip_prefix("federated-user/") {
        return match is_name(name) {
            true => Ok(Principal::FederatedUser { name: name.into() }),
            false => Err(wrong("not the name of a federated user")),
        };
    }
    Err(wrong("an STS principal is `assumed-role/...` or `federated-user/...`"))
}

/// Splits `/path/name`; `rest` still has its first slash.
fn path_and_name(rest: &str) -> Result<(Box<str>, Box<str>), IdentityError> {
    let slash = rest.rfind('/').ok_or(wrong("a name follows the kind of principal and a slash"))?;
    let (path, name) = rest.split_at(slash + 1);
    let visible = path.bytes().all(|b| b.is_ascii_graphic());
    if !path.starts_with('/') || !visible || path.contains("//") || path.len() > 512 {
        return Err(wrong("not a path"));
    }
    // The role of EC2 instance identities is in no path; its canonical ARN is read back here.
    match is_name(name) || (path == "/" && name == EC2_INSTANCE_ROLE) {
        true => Ok((path.into(), name.into())),
        false => Err(wrong("not a user or role name")),
    }
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_of_principal_is_read_and_has_its_canonical_form() {
        for (text, canonical) in [
            ("arn:aws:iam::123456789012:root", None),
            ("arn:aws:iam::123456789012:user/alice", None),
            ("arn:aws:iam::123456789012:user/eng/team-a/alice", None),
            ("arn:aws-us-gov:iam::123456789012:role/node", None),
            ("arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_ops_00ff", None),
            ("arn:aws:sts::123456789012:federated-user/bob", None),
            (
                "arn:aws:sts::123456789012:assumed-role/deployer/alice@example.com",
                Some("arn:aws:iam::123456789012:role/deployer"),
            ),
            (
                "arn:aws:sts::123456789012:assumed-role/aws:ec2-instance/i-0123456789abcdef0",
                Some("arn:aws:iam::123456789012:role/aws:ec2-instance"),
            ),
        ] {
            let arn = Arn::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(arn.to_string(), text);
            let want = canonical.unwrap_or(text);
            assert_eq!(arn.canonical().to_string(), want);
            assert_eq!(Arn::parse(want).unwrap().canonical().to_string(), want, "canonical twice is canonical once");
        }
    }

    #[test]
    fn a_role_path_can_be_taken_out_and_a_user_path_stays() {
        let without = |text| Arn::parse(text).unwrap().without_role_path().to_string();
        assert_eq!(without("arn:aws:iam::123456789012:role/a/b/c"), "arn:aws:iam::123456789012:role/c");
        assert_eq!(without("arn:aws:iam::123456789012:user/a/b/c"), "arn:aws:iam::123456789012:user/a/b/c");
    }

    #[test]
    fn what_is_no_principal_is_refused() {
        let long = format!("arn:aws:iam::123456789012:role/{}", "x".repeat(65));
        let endless = format!("arn:aws:iam::123456789012:role/{}/x", "x/".repeat(1024));
        for bad in [
            "",
            "arn",
            "arn:aws:iam::123456789012",
            "ARN:aws:iam::123456789012:root",
            "arn:AWS:iam::123456789012:root",
            "arn:aws2:iam::123456789012:root",
            "arn:aws:s3:::bucket",
            "arn:aws:iam:us-east-1:123456789012:root",
            "arn:aws:sts:us-east-1:123456789012:assumed-role/a/b",
            "arn:aws:iam::12345678901:root",
            "arn:aws:iam:::root",
            "arn:aws:iam::123456789012:root/x",
            "arn:aws:iam::123456789012:rootx",
            "arn:aws:iam::123456789012:user",
            "arn:aws:iam::123456789012:user/",
            "arn:aws:iam::123456789012:userx/alice",
            "arn:aws:iam::123456789012:user//alice",
            "arn:aws:iam::123456789012:user/a//alice",
            "arn:aws:iam::123456789012:user/al ice",
            "arn:aws:iam::123456789012:user/alice\n",
            "arn:aws:iam::123456789012:user/älice",
            "arn:aws:iam::123456789012:user/p\u{7f}/alice",
            "arn:aws:iam::123456789012:role/*",
            "arn:aws:iam::123456789012:role/p/aws:ec2-instance",
            "arn:aws:iam::123456789012:group/admins",
            "arn:aws:iam::123456789012:assumed-role/a/b",
            "arn:aws:sts::123456789012:role/a",
            "arn:aws:sts::123456789012:assumed-role/a",
            "arn:aws:sts::123456789012:assumed-role/a/",
            "arn:aws:sts::123456789012:assumed-role//b",
            "arn:aws:sts::123456789012:assumed-role/a/b/c",
            "arn:aws:sts::123456789012:assumed-role/a/b:c",
            "arn:aws:sts::123456789012:assumed-role/a/{{SessionName}}",
            "arn:aws:sts::123456789012:federated-user/",
            "arn:aws:sts::123456789012:federated-user/a/b",
            &long,
            &endless,
        ] {
            assert!(Arn::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn each_length_is_allowed_to_its_last_byte() {
        let arn = |length: usize| format!("arn:aws:iam::123456789012:user/{}", "a".repeat(length - 31));
        assert_eq!(Arn::parse(&arn(MAX_ARN_LEN + 1)), Err(wrong("longer than 2048 bytes")));
        assert_eq!(Arn::parse(&arn(MAX_ARN_LEN)), Err(wrong("not a user or role name")));
        let path = |length: usize| format!("arn:aws:iam::123456789012:user/{}/alice", "a".repeat(length - 2));
        assert!(Arn::parse(&path(512)).is_ok());
        assert_eq!(Arn::parse(&path(513)), Err(wrong("not a path")));
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_back(text in "arn:aws(-cn)?:(iam|sts)::[0-9]{12}:(root|user|role|assumed-role|federated-user)(/[!-~]{1,8}){0,3}") {
            if let Ok(arn) = Arn::parse(&text) {
                prop_assert_eq!(arn.to_string(), text);
            }
        }
    }
}
