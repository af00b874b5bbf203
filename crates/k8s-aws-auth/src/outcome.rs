use k8s_aws_mapping::{MappedUser, Refusal};
use k8s_aws_sts::{VerifiedCaller, VerifyError};
use k8s_aws_tokenreview::UserInfo;
use std::{collections::BTreeMap, fmt};

/// What it came to.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The bearer is this user.
    Authenticated(Authenticated),
    /// The bearer is not let in, or it could not be found out who it is.
    Refused(Refused),
}

impl Outcome {
    /// A stable code: `granted`, or why not.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Authenticated(_) => "granted",
            Self::Refused(refused) => refused.reason(),
        }
    }

    /// The caller, if STS vouched for one.
    pub fn caller(&self) -> Option<&VerifiedCaller> {
        match self {
            Self::Authenticated(granted) => Some(granted.caller()),
            Self::Refused(refused) => refused.caller(),
        }
    }
}

/// A caller that is a user of the cluster.
#[derive(Clone, Debug)]
pub struct Authenticated {
    user: UserInfo,
    mapped: MappedUser,
    caller: Box<VerifiedCaller>,
    scrubbed: bool,
}

impl Authenticated {
    /// Composes the user as the Go program does: see [`Authenticated::user`].
    pub(crate) fn new(mapped: MappedUser, caller: VerifiedCaller, scrubbed: bool) -> Self {
        let (username, groups) = (mapped.username.clone(), mapped.groups.clone());
        let user = match scrubbed {
            true => UserInfo {
                uid: format!("aws-iam-authenticator:administrative:{username}"),
                username,
                groups,
                extra: BTreeMap::new(),
            },
            false => UserInfo {
                uid: format!("aws-iam-authenticator:{}:{}", caller.account(), caller.user_id()),
                username,
                groups,
                extra: extra(&caller),
            },
        };
        Self { user, mapped, caller: Box::new(caller), scrubbed }
    }

    /// The user as Kubernetes gets it: `uid` is `aws-iam-authenticator:<account>:<user id>`, and `extra` has `arn`,
    /// `canonicalArn`, `sessionName`, `accessKeyId`, `principalId` and `sigs.k8s.io/aws-iam-authenticator/principalId`.
    pub fn user(&self) -> &UserInfo {
        &self.user
    }

    /// The mapping that let the caller in, and the rule it came from.
    pub fn mapped(&self) -> &MappedUser {
        &self.mapped
    }

    /// Who called.
    pub fn caller(&self) -> &VerifiedCaller {
        &self.caller
    }

    /// Whether the caller's account is one whose identities stay out of answers and logs.
    pub fn scrubbed(&self) -> bool {
        self.scrubbed
    }
}

fn extra(caller: &VerifiedCaller) -> BTreeMap<String, Vec<String>> {
    let session_name = caller.session_name().unwrap_or_default();
    let values = [
        ("accessKeyId", caller.access_key_id().as_str()),
        ("arn", caller.arn()),
        ("canonicalArn", caller.canonical_arn()),
        ("principalId", caller.user_id()),
        ("sessionName", session_name),
        ("sigs.k8s.io/aws-iam-authenticator/principalId", caller.user_id()),
    ];
    values.into_iter().map(|(key, value)| (key.to_owned(), vec![value.to_owned()])).collect()
}

/// Why a bearer is not let in.
#[derive(Clone, Debug)]
pub struct Refused {
    why: Why,
    caller: Option<Box<VerifiedCaller>>,
    scrubbed: bool,
}

/// Which part refused.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Why {
    /// The token was not verified.
    Verify(VerifyError),
    /// The caller is nobody by the mappings.
    NotMapped(Refusal),
    /// The mappings cannot tell yet who the caller is.
    Unmappable(Refusal),
    /// EC2 did not tell what the mapping needs.
    Lookup(LookupFailure),
    /// The token is for none of the audiences that were asked for.
    Audience,
}

/// Why the private DNS name of an instance could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LookupFailure {
    /// This server has no way of asking EC2.
    #[error("this server is not set up to look up EC2 instances")]
    NotConfigured,
    /// EC2 could not be asked, or gave no answer that can be used.
    #[error("EC2 could not tell the instance's private DNS name")]
    Unavailable,
    /// EC2, or a limit of ours, asks to wait.
    #[error("EC2 throttled the look-up of the instance")]
    Throttled,
    /// This server's own credentials may not ask EC2.
    #[error("EC2 refused this server's credentials; it needs the permission ec2:DescribeInstances")]
    Unauthorized,
    /// EC2 knows no such instance, yet.
    #[error("EC2 knows no such instance in this account and region")]
    UnknownInstance,
    /// The instance belongs to another account than the caller: definite.
    #[error("the instance belongs to another account than the caller")]
    OtherAccount,
}

#[cfg(feature = "ec2")]
impl From<&k8s_aws_ec2::Ec2Error> for LookupFailure {
    fn from(error: &k8s_aws_ec2::Ec2Error) -> Self {
        use k8s_aws_ec2::{Ec2Error, ErrorClass, TransportFailure};
        match (error, error.class()) {
            (Ec2Error::Transport { failure: TransportFailure::NotAsked }, _) | (_, ErrorClass::Throttled) => {
                Self::Throttled
            }
            (Ec2Error::Clock, _) => Self::Unavailable,
            // What is refused before any request are credentials that are none.
            (_, ErrorClass::Unauthorized | ErrorClass::Refused) => Self::Unauthorized,
            _ => Self::Unavailable,
        }
    }
}

impl Refused {
    pub(crate) fn new(why: Why, caller: Option<(VerifiedCaller, bool)>) -> Self {
        let (caller, scrubbed) = caller.map_or((None, false), |(caller, scrubbed)| (Some(Box::new(caller)), scrubbed));
        Self { why, caller, scrubbed }
    }

    /// Which part refused, and its evidence.
    pub fn why(&self) -> &Why {
        &self.why
    }

    /// The caller, if STS vouched for one.
    pub fn caller(&self) -> Option<&VerifiedCaller> {
        self.caller.as_deref()
    }

    /// Whether the caller's account is one whose identities stay out of logs.
    pub fn scrubbed(&self) -> bool {
        self.scrubbed
    }

    /// A stable code for logs, metrics and programs.
    pub fn reason(&self) -> &'static str {
        match &self.why {
            Why::Verify(error) => error.reason(),
            Why::NotMapped(refusal) | Why::Unmappable(refusal) => refusal.reason.as_str(),
            Why::Lookup(LookupFailure::NotConfigured) => "instance_lookup_not_configured",
            Why::Lookup(LookupFailure::Unavailable) => "instance_lookup_failed",
            Why::Lookup(LookupFailure::Throttled) => "instance_lookup_throttled",
            Why::Lookup(LookupFailure::Unauthorized) => "instance_lookup_unauthorized",
            Why::Lookup(LookupFailure::UnknownInstance) => "instance_unknown",
            Why::Lookup(LookupFailure::OtherAccount) => "instance_of_other_account",
            Why::Audience => "audience_mismatch",
        }
    }

    /// Whether the answer would be the same if asked again. Only then may it be given as a denial, which API servers
    /// cache; otherwise it is an error, which they do not.
    pub fn is_definite(&self) -> bool {
        match &self.why {
            Why::Verify(error) => error.class().is_definite(),
            Why::Lookup(LookupFailure::OtherAccount) | Why::NotMapped(_) | Why::Audience => true,
            Why::Unmappable(_) | Why::Lookup(_) => false,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::Verify(error) => error.fmt(f),
            Why::NotMapped(refusal) | Why::Unmappable(refusal) => refusal.fmt(f),
            Why::Lookup(failure) => failure.fmt(f),
            Why::Audience => f.write_str("the token is for none of the audiences asked for"),
        }
    }
}

impl std::error::Error for Refused {}
