//! Ready-made principals of every kind, each with a credential. A fake knows them all unless told otherwise.

use crate::directory::{Credential, Identity};
use crate::instances::Instance;

/// The account of the samples. AWS uses it in its documentation; nobody owns it.
pub const ACCOUNT: &str = "111122223333";

/// The instance that the samples for EC2 speak of: [`instance`].
pub const INSTANCE_ID: &str = "i-0123456789abcdef0";

/// The region that [`instance`] runs in.
pub const REGION: &str = "eu-west-1";

/// The private DNS name of [`instance`].
pub const PRIVATE_DNS_NAME: &str = "ip-10-0-0-1.eu-west-1.compute.internal";

/// A principal and a credential of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sample {
    /// The name of its function here, with dashes: `user`, `assumed-role`, ….
    pub name: &'static str,
    /// What to sign with. The same in every run.
    pub credential: Credential,
    /// Whom `GetCallerIdentity` reports.
    pub identity: Identity,
}

/// The IAM user `alice`, without a path.
pub fn user() -> Sample {
    sample("user", Identity::user(ACCOUNT, "/", "alice"))
}

/// The IAM user `bob` with the path `/team/ops/`.
pub fn user_with_path() -> Sample {
    sample("user-with-path", Identity::user(ACCOUNT, "/team/ops/", "bob"))
}

/// The root user.
pub fn root() -> Sample {
    sample("root", Identity::root(ACCOUNT))
}

/// The session `carol@example.com` of the role `developer`.
pub fn assumed_role() -> Sample {
    sample("assumed-role", Identity::assumed_role(ACCOUNT, "developer", "carol@example.com"))
}

/// A session of the permission set `ClusterAdmin` of IAM Identity Center.
pub fn sso_role() -> Sample {
    sample("sso-role", Identity::sso_role(ACCOUNT, "ClusterAdmin", "dave@example.com"))
}

/// The federated user `erin`.
pub fn federated_user() -> Sample {
    sample("federated-user", Identity::federated_user(ACCOUNT, "erin"))
}

/// The instance identity role of [`INSTANCE_ID`].
pub fn instance_identity() -> Sample {
    sample("instance-identity", Identity::instance_identity(ACCOUNT, INSTANCE_ID))
}

/// The instance profile's role `worker-node` on [`INSTANCE_ID`].
pub fn instance_profile() -> Sample {
    sample("instance-profile", Identity::instance_profile(ACCOUNT, "worker-node", INSTANCE_ID))
}

/// The role `developer` in the partition `aws-cn`.
pub fn assumed_role_in_china() -> Sample {
    let identity = Identity::assumed_role(ACCOUNT, "developer", "mei@example.com").in_partition("aws-cn");
    sample("assumed-role-in-china", identity)
}

/// The role `developer` in the partition `aws-us-gov`.
pub fn assumed_role_in_govcloud() -> Sample {
    let identity = Identity::assumed_role(ACCOUNT, "developer", "gus@example.com").in_partition("aws-us-gov");
    sample("assumed-role-in-govcloud", identity)
}

/// The instance [`INSTANCE_ID`] of [`ACCOUNT`].
pub fn instance() -> Instance {
    Instance::new(INSTANCE_ID, ACCOUNT, REGION).named(PRIVATE_DNS_NAME)
}

/// All principals.
pub fn all() -> Vec<Sample> {
    vec![
        user(),
        user_with_path(),
        root(),
        assumed_role(),
        sso_role(),
        federated_user(),
        instance_identity(),
        instance_profile(),
        assumed_role_in_china(),
        assumed_role_in_govcloud(),
    ]
}

fn sample(name: &'static str, identity: Identity) -> Sample {
    Sample { name, credential: Credential::for_identity(&identity, name), identity }
}
