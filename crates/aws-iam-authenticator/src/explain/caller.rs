//! Whom the mappings are asked about.

use crate::Failure;
use k8s_aws_auth::identity::{AccessKeyId, Arn, CallerIdentity, EC2_INSTANCE_ROLE, IdentityError, Principal};
use k8s_aws_auth::mapping::{Explanation, Outcome, Reason, Snapshot};
use serde::Serialize;

/// The session of a role of which only the role was given.
const SESSION: &str = "example-session";
/// The same for rules that are for EC2 instances only.
const INSTANCE: &str = "i-0123456789abcdef0";
/// Stands where no user id was given; nothing looks at it.
const USER_ID: &str = "AIDAEXAMPLEEXAMPLEEX";
const ACCESS_KEY_ID: &str = "AKIAEXAMPLEEXAMPLEEX";

/// A caller, and how we know.
#[derive(Serialize)]
pub(super) struct Caller {
    told_by: ToldBy,
    arn: String,
    canonical_arn: String,
    account_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_name: Option<String>,
    /// A role was given, and so no session.
    #[serde(skip)]
    session_made_up: bool,
    #[serde(skip)]
    identity: CallerIdentity,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum ToldBy {
    Sts,
    Argument,
}

impl Caller {
    /// The caller that STS vouches for.
    pub(super) fn verified(identity: &CallerIdentity) -> Self {
        Self::new(ToldBy::Sts, identity.clone(), Some(identity.user_id()), false)
    }

    /// Somebody of this ARN; of a role, some session of it.
    pub(super) fn given(arn: &str, user_id: Option<&str>) -> Result<Self, Failure> {
        let refuse = |error: IdentityError| {
            Failure::new(format!("--arn: {error}")).with_remedy("give the ARN of a user, a role, or a role session")
        };
        let parsed = Arn::parse(arn).map_err(refuse)?;
        let session_made_up = matches!(parsed.principal, Principal::Role { .. });
        let arn = match session_made_up {
            true => session_of(&parsed, SESSION),
            false => arn.to_owned(),
        };
        let identity = identity(&arn, user_id).map_err(refuse)?;
        Ok(Self::new(ToldBy::Argument, identity, user_id, session_made_up))
    }

    fn new(told_by: ToldBy, identity: CallerIdentity, user_id: Option<&str>, session_made_up: bool) -> Self {
        Self {
            told_by,
            arn: identity.arn().to_owned(),
            canonical_arn: identity.canonical_arn().to_owned(),
            account_id: identity.account().to_string(),
            user_id: user_id.map(str::to_owned),
            session_name: identity.session_name().map(str::to_owned),
            session_made_up,
            identity,
        }
    }

    pub(super) fn has_user_id(&self) -> bool {
        self.user_id.is_some()
    }

    /// The lines of the text form.
    pub(super) fn lines(&self) -> Vec<(&'static str, &str)> {
        let mut lines =
            vec![("ARN", &*self.arn), ("canonical ARN", &*self.canonical_arn), ("account", &*self.account_id)];
        lines.extend(self.user_id.as_deref().map(|id| ("user id", id)));
        lines.extend(self.session_name.as_deref().map(|name| ("session", name)));
        let by = if self.told_by == ToldBy::Sts { "STS" } else { "--arn" };
        lines.push(("told by", by));
        lines
    }

    /// What the mappings make of the caller, and what has to be known about that.
    pub(super) fn explain(&self, snapshot: &Snapshot) -> (Explanation, Vec<String>) {
        let mut explanation = snapshot.explain(&self.identity);
        let mut notes = Vec::new();
        if self.session_made_up {
            let for_instances =
                matches!(explanation.outcome, Outcome::Refused { reason: Reason::SessionNotAnInstance, .. });
            let mut session = SESSION;
            if let Some(instance) = self.as_instance().filter(|_| for_instances) {
                explanation = snapshot.explain(&instance);
                session = INSTANCE;
            }
            notes.push(format!(
                "a role was given, not a session: the session name `{session}` is made up. Give the ARN of a session \
                 (arn:aws:sts::<account>:assumed-role/<role>/<session>) to see the names that it gets"
            ));
        }
        if let Outcome::Mapped { username, groups, .. } = &explanation.outcome
            && self.told_by == ToldBy::Argument
            && std::iter::once(username).chain(groups).any(|name| name.contains(ACCESS_KEY_ID))
        {
            notes.push(format!("the access key id `{ACCESS_KEY_ID}` is made up"));
        }
        (explanation, notes)
    }

    /// The same role as an EC2 instance has it.
    fn as_instance(&self) -> Option<CallerIdentity> {
        let arn = session_of(self.identity.parsed_arn(), INSTANCE);
        identity(&arn, self.user_id.as_deref()).ok()
    }
}

/// A session of a role.
fn session_of(arn: &Arn, session: &str) -> String {
    let role = match &arn.principal {
        Principal::Role { name, .. } => name,
        Principal::AssumedRole { role, .. } => role,
        _ => return arn.to_string(),
    };
    format!("arn:{}:sts::{}:assumed-role/{role}/{session}", arn.partition, arn.account)
}

/// An identity as STS would tell it of this ARN.
fn identity(arn: &str, user_id: Option<&str>) -> Result<CallerIdentity, IdentityError> {
    let parsed = Arn::parse(arn)?;
    let account = parsed.account.to_string();
    let id = user_id.unwrap_or(USER_ID);
    let user_id = match &parsed.principal {
        Principal::Root => account.clone(),
        Principal::FederatedUser { name } => format!("{account}:{name}"),
        Principal::AssumedRole { role, session } if &**role == EC2_INSTANCE_ROLE => {
            format!("{account}:{EC2_INSTANCE_ROLE}:{session}")
        }
        Principal::AssumedRole { session, .. } => format!("{id}:{session}"),
        _ => id.to_owned(),
    };
    CallerIdentity::new(arn, &account, &user_id, AccessKeyId::parse(ACCESS_KEY_ID)?)
}
