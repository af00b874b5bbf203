use crate::{AccessKeyId, AccountId, Arn, EC2_INSTANCE_ROLE, IdentityError, Partition, Principal};

/// Who a caller is, as `sts:GetCallerIdentity` told it, checked against itself.
///
/// A value of this type is well-formed and coherent; it is no proof that anybody logged in. That proof is the
/// `VerifiedCaller` of `k8s-aws-sts`, which holds one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    arn: Arn,
    arn_text: Box<str>,
    canonical_arn: Box<str>,
    user_id: Box<str>,
    principal_id_len: usize,
    access_key_id: AccessKeyId,
}

impl CallerIdentity {
    /// Checks the three answers of `GetCallerIdentity` against each other.
    ///
    /// The form of a user id depends on the principal (IAM user guide, "Policy elements: variables", table of
    /// `aws:userid`):
    ///
    /// | principal | user id |
    /// |---|---|
    /// | root | the account id |
    /// | user | a unique id |
    /// | assumed role | unique id of the role `:` session name |
    /// | federated user | account id `:` name |
    /// | EC2 instance's own identity | account id `:aws:ec2-instance:` instance id |
    ///
    /// # Errors
    /// What [`Arn::parse`] and [`AccountId::parse`] give; [`IdentityError::AccountMismatch`],
    /// [`IdentityError::UserId`] where the parts contradict each other; [`IdentityError::NotACaller`] for a plain role.
    pub fn new(arn: &str, account: &str, user_id: &str, access_key_id: AccessKeyId) -> Result<Self, IdentityError> {
        let parsed = Arn::parse(arn)?;
        if AccountId::parse(account)? != parsed.account {
            return Err(IdentityError::AccountMismatch);
        }
        let principal_id_len = check_user_id(&parsed, user_id)?;
        Ok(Self {
            arn_text: arn.into(),
            canonical_arn: parsed.canonical().to_string().into(),
            arn: parsed,
            user_id: user_id.into(),
            principal_id_len,
            access_key_id,
        })
    }

    /// The ARN as STS told it.
    pub fn arn(&self) -> &str {
        &self.arn_text
    }

    /// The ARN taken apart.
    pub fn parsed_arn(&self) -> &Arn {
        &self.arn
    }

    /// The ARN that mappings are keyed by: [`Arn::canonical`].
    pub fn canonical_arn(&self) -> &str {
        &self.canonical_arn
    }

    /// The account.
    pub fn account(&self) -> AccountId {
        self.arn.account
    }

    /// The partition.
    pub fn partition(&self) -> Partition {
        self.arn.partition
    }

    /// The whole user id as STS told it, session name included.
    pub fn full_user_id(&self) -> &str {
        &self.user_id
    }

    /// The unique id of the principal: the user id without the session name behind it (`AIDA…`, `AROA…`, for the root user
    /// the account id). That of a federated user stays whole, account id and name, for its account id alone would be the
    /// root user's. This is what the Go program calls `UserID`, and what Kubernetes sees as `principalId`.
    pub fn user_id(&self) -> &str {
        self.user_id.get(..self.principal_id_len).unwrap_or_default()
    }

    /// The session name of an assumed role.
    pub fn session_name(&self) -> Option<&str> {
        match &self.arn.principal {
            Principal::AssumedRole { session, .. } => Some(session),
            _ => None,
        }
    }

    /// The access key that signed the request.
    pub fn access_key_id(&self) -> &AccessKeyId {
        &self.access_key_id
    }
}

/// Checks a user id against its ARN and tells how long the principal's part of it is.
fn check_user_id(arn: &Arn, user_id: &str) -> Result<usize, IdentityError> {
    let wrong = |problem| Err(IdentityError::UserId { problem });
    let account = arn.account.as_str();
    match &arn.principal {
        Principal::Root if user_id == account => Ok(user_id.len()),
        Principal::Root => wrong("that of a root user is the account id"),
        Principal::User { .. } if is_unique_id(user_id) => Ok(user_id.len()),
        Principal::User { .. } => wrong("that of a user is letters and digits"),
        Principal::Role { .. } => Err(IdentityError::NotACaller),
        Principal::AssumedRole { role, session } => {
            let Some((id, name)) = user_id.rsplit_once(':') else {
                return wrong("that of a role session ends in the session name");
            };
            if name != &**session {
                return wrong("it names another session");
            }
            let fits = match &**role {
                EC2_INSTANCE_ROLE => id.strip_prefix(account) == Some(":aws:ec2-instance"),
                _ => is_unique_id(id),
            };
            if fits { Ok(id.len()) } else { wrong("that of a role session starts with the unique id of the role") }
        }
        Principal::FederatedUser { name } => match user_id.split_once(':') {
            Some((id, n)) if id == account && n == &**name => Ok(user_id.len()),
            _ => wrong("that of a federated user is account id and name"),
        },
    }
}

/// A unique id of IAM: `AIDA…`, `AROA…`; 16 to 128 word characters (`idType` in the IAM API reference).
fn is_unique_id(text: &str) -> bool {
    (16..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(arn: &str, account: &str, user_id: &str) -> Result<CallerIdentity, IdentityError> {
        CallerIdentity::new(arn, account, user_id, AccessKeyId::parse("ASIAIOSFODNN7EXAMPLE").unwrap())
    }

    const ACCOUNT: &str = "123456789012";

    #[test]
    fn every_kind_of_caller_is_read() {
        for (resource, user_id, principal_id, session) in [
            ("iam::123456789012:root", "123456789012", "123456789012", None),
            ("iam::123456789012:user/eng/alice", "AIDAIOSFODNN7EXAMPLE", "AIDAIOSFODNN7EXAMPLE", None),
            ("sts::123456789012:assumed-role/r/s", "AROAIOSFODNN7EXAMPLE:s", "AROAIOSFODNN7EXAMPLE", Some("s")),
            ("sts::123456789012:federated-user/bob", "123456789012:bob", "123456789012:bob", None),
            (
                "sts::123456789012:assumed-role/aws:ec2-instance/i-0123456789abcdef0",
                "123456789012:aws:ec2-instance:i-0123456789abcdef0",
                "123456789012:aws:ec2-instance",
                Some("i-0123456789abcdef0"),
            ),
        ] {
            let arn = format!("arn:aws:{resource}");
            let caller = caller(&arn, ACCOUNT, user_id).unwrap_or_else(|e| panic!("{arn}: {e}"));
            assert_eq!(caller.arn(), arn);
            assert_eq!(caller.user_id(), principal_id);
            assert_eq!(caller.full_user_id(), user_id);
            assert_eq!(caller.session_name(), session);
            assert_eq!(caller.account().as_str(), ACCOUNT);
            assert_eq!(caller.partition(), Partition::Aws);
        }
    }

    #[test]
    fn an_answer_that_contradicts_itself_is_refused() {
        let role = "arn:aws:sts::123456789012:assumed-role/r/s";
        let root = "arn:aws:iam::123456789012:root";
        let user = "arn:aws:iam::123456789012:user/alice";
        let federated = "arn:aws:sts::123456789012:federated-user/bob";
        let instance = "arn:aws:sts::123456789012:assumed-role/aws:ec2-instance/i-0123456789abcdef0";
        for (arn, account, user_id, reason) in [
            (role, "123456789013", "AROAIOSFODNN7EXAMPLE:s", "account_mismatch"),
            (role, "12345678901", "AROAIOSFODNN7EXAMPLE:s", "account_id_malformed"),
            (role, ACCOUNT, "AROAIOSFODNN7EXAMPLE:t", "user_id_mismatch"),
            (role, ACCOUNT, "AROAIOSFODNN7EXAMPLE:", "user_id_mismatch"),
            (role, ACCOUNT, "AROAIOSFODNN7EXAMPLE", "user_id_mismatch"),
            (role, ACCOUNT, "AROAIOSFODNN7EXAMPLE:s:s", "user_id_mismatch"),
            (role, ACCOUNT, "AROA:s", "user_id_mismatch"),
            (role, ACCOUNT, "", "user_id_mismatch"),
            (root, ACCOUNT, "123456789013", "user_id_mismatch"),
            (user, ACCOUNT, "AIDAIOSFODNN7EXAMPLE:x", "user_id_mismatch"),
            (user, ACCOUNT, "", "user_id_mismatch"),
            (federated, ACCOUNT, "123456789012:alice", "user_id_mismatch"),
            (federated, ACCOUNT, "123456789013:bob", "user_id_mismatch"),
            (instance, ACCOUNT, "123456789013:aws:ec2-instance:i-0123456789abcdef0", "user_id_mismatch"),
            (instance, ACCOUNT, "AROAIOSFODNN7EXAMPLE:i-0123456789abcdef0", "user_id_mismatch"),
            ("arn:aws:iam::123456789012:role/r", ACCOUNT, "AROAIOSFODNN7EXAMPLE", "principal_unsupported"),
        ] {
            assert_eq!(caller(arn, account, user_id).unwrap_err().reason(), reason, "{arn} {account} {user_id}");
        }
    }
}
