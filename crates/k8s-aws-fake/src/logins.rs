//! What the fake gives credentials for, as its user sets it.

use std::time::Duration;

use crate::directory::Identity;
use crate::fake::FakeAws;
use crate::issuer::{Registration, Role};
use crate::metadata;
use crate::sync::lock;

impl FakeAws {
    /// STS gives sessions of this role from now on; one of the same ARN is replaced.
    pub fn add_role(&self, role: Role) {
        self.shared.issuer.add_role(role);
    }

    /// How long the credentials last that the fake gives from now on, unless the request says; an hour at first.
    pub fn set_session_lifetime(&self, lifetime: Duration) {
        self.shared.issuer.set_lifetime(lifetime);
    }

    /// IAM Identity Center takes this access token from now on.
    pub fn sso_log_in(&self, access_token: &str) {
        self.shared.issuer.log_in(access_token);
    }

    /// IAM Identity Center does not take this access token any more. False if it did not before.
    pub fn sso_log_out(&self, access_token: &str) -> bool {
        self.shared.issuer.log_out(access_token)
    }

    /// Whoever is logged in to IAM Identity Center gets credentials of this permission set in this account from now on.
    pub fn sso_assign(&self, account: &str, permission_set: &str) {
        self.shared.issuer.assign(account, permission_set);
    }

    /// A client that gets `access_token` for its refresh token, by `CreateToken`.
    pub fn sso_register(&self, client_id: &str, client_secret: &str, refresh_token: &str, access_token: &str) {
        self.shared.issuer.register(Registration {
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            refresh_token: refresh_token.to_owned(),
            access_token: access_token.to_owned(),
        });
    }

    /// The instance has this role session from now on, or none. Its programs are led here by
    /// [`instance_env`](Self::instance_env).
    pub fn set_instance_role(&self, identity: Option<Identity>) {
        *lock(&self.shared.issuer.instance) = identity;
    }

    /// The container gets credentials of this identity from now on, for this authorization token. Its programs are led here by
    /// [`container_uri`](Self::container_uri).
    pub fn set_container_role(&self, identity: Identity, authorization: &str) {
        *lock(&self.shared.issuer.container) = Some((identity, authorization.to_owned()));
    }

    /// The environment that leads a program to the instance metadata service of the fake, in the region
    /// [`samples::REGION`](crate::samples::REGION).
    pub fn instance_env(&self) -> Vec<(&'static str, String)> {
        let endpoint = format!("http://{}", self.metadata_addr);
        vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint), ("AWS_EC2_METADATA_DISABLED", "false".into())]
    }

    /// A value for `AWS_CONTAINER_CREDENTIALS_FULL_URI`. The authorization token goes into
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN`, or a file that `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` names.
    pub fn container_uri(&self) -> String {
        format!("http://{}{}", self.metadata_addr, metadata::CONTAINER_PATH)
    }
}
