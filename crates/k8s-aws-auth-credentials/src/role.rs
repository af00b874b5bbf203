//! Roles: `AssumeRole` and `AssumeRoleWithWebIdentity`, with what aws-config leaves out: MFA, duration, source ARN.

use crate::error::{Attempt, CredentialsError, Source, causes, printable};
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::http::HttpRequest;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::types::Credentials as StsCredentials;
use k8s_aws_identity::Arn;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A role to assume.
#[derive(Clone, Debug)]
pub struct AssumeRole {
    pub(crate) arn: String,
    pub(crate) external_id: Option<String>,
    pub(crate) session_name: SessionName,
    pub(crate) duration_seconds: Option<i32>,
    pub(crate) mfa_serial: Option<String>,
    pub(crate) source_arn: Option<String>,
}

/// How a session is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum SessionName {
    /// A name with the time in it.
    #[default]
    Made,
    Given(String),
    /// The name of the session that assumes the role, if it is one.
    Forwarded,
}

impl AssumeRole {
    /// The role of this ARN, for an hour, under a session name of our own. STS checks the ARN.
    pub fn new(arn: &str) -> Self {
        Self {
            arn: arn.to_owned(),
            external_id: None,
            session_name: SessionName::Made,
            duration_seconds: None,
            mfa_serial: None,
            source_arn: None,
        }
    }

    /// The external id that the role's trust policy asks for.
    #[must_use]
    pub fn external_id(mut self, id: &str) -> Self {
        self.external_id = Some(id.to_owned());
        self
    }

    /// The name of the session.
    #[must_use]
    pub fn session_name(mut self, name: &str) -> Self {
        self.session_name = SessionName::Given(name.to_owned());
        self
    }

    /// Names the session as the one that assumes the role is named; where that is none, under a name of our own. Costs a call
    /// of `GetCallerIdentity`.
    #[must_use]
    pub fn forward_session_name(mut self) -> Self {
        self.session_name = SessionName::Forwarded;
        self
    }

    /// The MFA device that the role's trust policy asks for: a serial number or an ARN.
    #[must_use]
    pub fn mfa_serial(mut self, serial: &str) -> Self {
        self.mfa_serial = Some(serial.to_owned());
        self
    }

    /// How long the session lasts, in seconds: 900 and more, up to what the role allows.
    #[must_use]
    pub fn duration_seconds(mut self, seconds: i32) -> Self {
        self.duration_seconds = Some(seconds);
        self
    }

    /// The resource on whose behalf the role is assumed. Sent, and signed, in the headers `x-amz-source-arn` and, with its
    /// account, `x-amz-source-account`, which trust policies against a confused deputy look at.
    #[must_use]
    pub fn source_arn(mut self, arn: &str) -> Self {
        self.source_arn = Some(arn.to_owned());
        self
    }
}

/// Who is asked for the code of an MFA device.
pub trait MfaPrompt: Send + Sync {
    /// Asks for a code of this device and waits for it.
    ///
    /// # Errors
    /// Whatever kept the code from coming.
    fn code(&self, serial: &str) -> io::Result<String>;
}

impl<F: Fn(&str) -> io::Result<String> + Send + Sync> MfaPrompt for F {
    fn code(&self, serial: &str) -> io::Result<String> {
        self(serial)
    }
}

/// The client of STS, and who is asked for codes.
pub(crate) struct Sts<'a> {
    pub(crate) config: &'a SdkConfig,
    pub(crate) prompt: Option<&'a Arc<dyn MfaPrompt>>,
}

impl Sts<'_> {
    /// The session of a role, assumed with these credentials.
    pub(crate) async fn assume(&self, role: &AssumeRole, with: Credentials) -> Result<Credentials, CredentialsError> {
        let source = || Source::Role(role.arn.clone());
        let config =
            self.config.to_builder().credentials_provider(SharedCredentialsProvider::new(with.clone())).build();
        let client = Client::new(&config);
        let name = match &role.session_name {
            SessionName::Given(name) => name.clone(),
            SessionName::Made => made_name(),
            SessionName::Forwarded => self.caller_session(&client, source()).await?.unwrap_or_else(made_name),
        };
        let code = role.mfa_serial.as_deref().map(|serial| self.mfa_code(serial, source())).transpose()?;
        let call = client
            .assume_role()
            .role_arn(&role.arn)
            .role_session_name(name)
            .set_external_id(role.external_id.clone())
            .set_duration_seconds(role.duration_seconds)
            .set_serial_number(role.mfa_serial.clone())
            .set_token_code(code);
        let headers = confused_deputy_headers(role.source_arn.as_deref(), source())?;
        let mutate = move |request: &mut HttpRequest| {
            for (name, value) in &headers {
                request.headers_mut().insert(*name, value.clone());
            }
        };
        let answer = call.customize().mutate_request(mutate).send().await;
        let answer = answer.map_err(|error| refused(source(), &error, role))?;
        of_sts(answer.credentials, source())
    }

    /// The session of a role, for a token of an identity provider.
    pub(crate) async fn assume_with_web_identity(
        &self,
        source: Source,
        role_arn: &str,
        session_name: Option<&str>,
        token: String,
    ) -> Result<Credentials, CredentialsError> {
        // This call is not signed.
        let client = Client::new(self.config);
        let name = session_name.map_or_else(made_name, str::to_owned);
        let call = client.assume_role_with_web_identity().role_arn(role_arn).role_session_name(name);
        let answer = call.web_identity_token(token).send().await;
        let answer = answer.map_err(|error| {
            let why = format!("STS does not give a session of {}: {}", printable(role_arn), text(&error));
            CredentialsError::source(source.clone(), why)
                .with_remedy("check the trust policy of the role, and that the token's provider and audience are in it")
        })?;
        of_sts(answer.credentials, source)
    }

    async fn caller_session(&self, client: &Client, source: Source) -> Result<Option<String>, CredentialsError> {
        let caller = client.get_caller_identity().send().await;
        let caller = caller.map_err(|error| {
            CredentialsError::source(source, format!("STS does not say who asks: {}", text(&error)))
        })?;
        // A user id with one colon is that of a session; instance identities have more, users and root none.
        let user_id = caller.user_id().unwrap_or_default();
        Ok(user_id.split_once(':').map(|(_, name)| name).filter(|name| !name.contains(':')).map(str::to_owned))
    }

    fn mfa_code(&self, serial: &str, role: Source) -> Result<String, CredentialsError> {
        let serial = serial.to_owned();
        let Some(prompt) = self.prompt else {
            return Err(CredentialsError::MfaNotInteractive { role, serial });
        };
        match prompt.code(&serial) {
            Ok(code) if !code.trim().is_empty() => Ok(code.trim().to_owned()),
            Ok(_) => Err(CredentialsError::Mfa { serial, error: io::Error::other("standard input has ended") }),
            Err(error) => Err(CredentialsError::Mfa { serial, error }),
        }
    }
}

fn made_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("k8s-aws-auth-{}", now.as_millis())
}

fn confused_deputy_headers(arn: Option<&str>, source: Source) -> Result<Vec<(&'static str, String)>, CredentialsError> {
    let Some(arn) = arn else { return Ok(Vec::new()) };
    // Any resource may be named, so only the account is looked for: `arn:partition:service:region:account:…`.
    let account =
        arn.split(':').nth(4).filter(|account| account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()));
    match account {
        Some(account) if !arn.chars().any(char::is_control) => {
            Ok(vec![("x-amz-source-arn", arn.to_owned()), ("x-amz-source-account", account.to_owned())])
        }
        _ => Err(CredentialsError::source(source, "the source ARN is not an ARN with an account")),
    }
}

fn of_sts(credentials: Option<StsCredentials>, source: Source) -> Result<Credentials, CredentialsError> {
    let credentials = credentials.ok_or_else(|| CredentialsError::source(source.clone(), "STS sent no credentials"))?;
    let expiry = SystemTime::try_from(credentials.expiration)
        .map_err(|_| CredentialsError::source(source, "STS sent an expiry that is no time"))?;
    let StsCredentials { access_key_id, secret_access_key, session_token, .. } = credentials;
    Ok(Credentials::new(access_key_id, secret_access_key, Some(session_token), Some(expiry), "AssumeRole"))
}

fn refused<E, R>(source: Source, error: &SdkError<E, R>, role: &AssumeRole) -> CredentialsError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: fmt::Debug + 'static,
{
    let code = error.code().map(printable);
    let remedy = match code.as_deref() {
        Some("AccessDenied") if role.mfa_serial.is_some() => Some(
            "check the code of the MFA device (each one counts once), the trust policy of the role, and the permission \
             sts:AssumeRole",
        ),
        Some("AccessDenied") => Some(
            "check that the trust policy of the role names the caller (and the external id, and MFA), and that the caller \
             has the permission sts:AssumeRole; who the caller is says `aws sts get-caller-identity`",
        ),
        Some("ExpiredToken" | "ExpiredTokenException") => {
            Some("the credentials that were to assume the role have expired: renew them")
        }
        Some("InvalidClientTokenId" | "SignatureDoesNotMatch") => {
            Some("STS does not accept the credentials that were to assume the role: check the access key")
        }
        Some("RegionDisabledException") => {
            Some("choose a region with --region or AWS_REGION in which STS is activated")
        }
        Some("ValidationError") if Arn::parse(&role.arn).is_err() => {
            Some("a role is named by its ARN: arn:aws:iam::ACCOUNT:role/NAME")
        }
        Some("ValidationError") => {
            Some("check the session name (2 to 64 letters, digits and _+=,.@-), the external id, and duration_seconds")
        }
        Some(_) => None,
        None => Some("check the way to STS: HTTPS_PROXY, NO_PROXY, AWS_CA_BUNDLE, --region"),
    };
    let failed = Attempt { source, why: text(error) };
    CredentialsError::Role { failed, code, remedy: remedy.map(str::to_owned) }
}

/// What a service said, or why it did not. The message of a refusal names ARNs and no secrets.
pub(crate) fn text<E, R>(error: &SdkError<E, R>) -> String
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: fmt::Debug + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => printable(&format!("{code}: {message}")),
        (Some(code), None) => printable(code),
        _ => causes(error),
    }
}
