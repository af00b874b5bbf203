//! One way through the sources, in their order, to the credentials of the first that has some.

use crate::Sources;
use crate::environment::{self, variable};
use crate::error::{Attempt, CredentialsError, Source, causes};
use crate::process;
use crate::profile::{Base, NoPlan, Plan, Profiles, Sso};
use crate::role::{AssumeRole, Sts};
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds::{self, credentials::ImdsCredentialsProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::sso::SsoCredentialsProvider;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError as SdkError;
use k8s_aws_identity::{EndpointKind, Region};
use std::time::Duration;

/// How long the instance metadata service may take to answer; it is on the same machine.
const INSTANCE_METADATA_LIMIT: Duration = Duration::from_secs(1);

/// What is known on the way.
pub(crate) struct Loading<'a> {
    sources: &'a Sources,
    pub(crate) region: Option<Region>,
    kind: EndpointKind,
    /// Nothing so far is of this machine alone.
    pub(crate) shareable: bool,
    sts: Option<SdkConfig>,
}

/// Credentials and where they are from.
pub(crate) type First = Result<(Credentials, Source), CredentialsError>;

impl<'a> Loading<'a> {
    pub(crate) fn new(sources: &'a Sources, region: Option<Region>, kind: EndpointKind) -> Self {
        Self { sources, region, kind, shareable: true, sts: None }
    }

    /// The credentials of the first source that has some. The order is that of aws-sdk-go-v2.
    pub(crate) async fn first(&mut self, profiles: Result<Profiles, CredentialsError>) -> First {
        let mut tried = Vec::new();
        if self.sources.profile.is_none() {
            match environment::keys(variable)? {
                Some(credentials) => return Ok((credentials, Source::Environment)),
                None => tried.push(attempt(Source::Environment, "AWS_ACCESS_KEY_ID is not set")),
            }
            match variable("AWS_WEB_IDENTITY_TOKEN_FILE") {
                Some(file) => {
                    let arn = variable("AWS_ROLE_ARN").ok_or_else(|| {
                        CredentialsError::source(
                            Source::WebIdentity,
                            "AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not",
                        )
                        .with_remedy(
                            "annotate the service account with eks.amazonaws.com/role-arn, or set AWS_ROLE_ARN",
                        )
                    })?;
                    let session_name = variable("AWS_ROLE_SESSION_NAME");
                    let credentials =
                        self.web_identity(Source::WebIdentity, &file, &arn, session_name.as_deref()).await?;
                    return Ok((credentials, Source::WebIdentity));
                }
                None => tried.push(attempt(Source::WebIdentity, "AWS_WEB_IDENTITY_TOKEN_FILE is not set")),
            }
        }
        let profiles = profiles.map_err(|error| error.after(tried.clone()))?;
        let source = Source::Profile(profiles.name().to_owned());
        match profiles.plan() {
            Ok(plan) => return self.follow(plan).await.map(|credentials| (credentials, source)),
            Err(NoPlan::Invalid(error)) => return Err(error),
            Err(NoPlan::NoCredentials(why)) => tried.push(attempt(source, why)),
        }
        if variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").is_some()
            || variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").is_some()
        {
            return self.container().await.map(|credentials| (credentials, Source::Container));
        }
        tried.push(attempt(Source::Container, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and …_FULL_URI are not set"));
        match self.instance_metadata().await {
            Ok(credentials) => Ok((credentials, Source::InstanceMetadata)),
            Err(why) => {
                tried.push(why);
                Err(CredentialsError::NotFound { tried })
            }
        }
    }

    /// The credentials of a profile, its roles included.
    async fn follow(&mut self, plan: Plan) -> Result<Credentials, CredentialsError> {
        let Plan { profile, base, roles } = plan;
        let source = Source::Profile(profile.clone());
        let mut credentials = match base {
            Base::Keys(credentials) => credentials,
            Base::Environment => environment::keys(variable)?.ok_or_else(|| {
                CredentialsError::source(
                    source,
                    "its credential_source is Environment, and AWS_ACCESS_KEY_ID is not set",
                )
            })?,
            Base::Container => self.container().await?,
            Base::InstanceMetadata => self.instance_metadata().await.map_err(|failed| {
                CredentialsError::source(
                    source,
                    format!("its credential_source is Ec2InstanceMetadata, and {}", failed.why),
                )
            })?,
            Base::WebIdentity { role_arn, token_file, session_name } => {
                self.web_identity(source, &token_file, &role_arn, session_name.as_deref()).await?
            }
            Base::Sso(sso) => self.sso(&profile, sso).await?,
            Base::Process(command) => process::credentials(&profile, &command, self.sources.interactive).await?,
        };
        for role in &roles {
            credentials = self.assume(role, credentials).await?;
        }
        Ok(credentials)
    }

    pub(crate) async fn assume(
        &mut self,
        role: &AssumeRole,
        with: Credentials,
    ) -> Result<Credentials, CredentialsError> {
        let prompt = self.sources.prompt.clone();
        Sts { config: self.sts().await, prompt: prompt.as_ref() }.assume(role, with).await
    }

    async fn web_identity(
        &mut self,
        source: Source,
        file: &str,
        role_arn: &str,
        session_name: Option<&str>,
    ) -> Result<Credentials, CredentialsError> {
        let token = std::fs::read_to_string(file).map_err(|error| {
            CredentialsError::source(source.clone(), format!("cannot read the token file {file}: {error}"))
                .with_remedy("check that the token is mounted and can be read by this user")
        })?;
        let sts = Sts { config: self.sts().await, prompt: None };
        sts.assume_with_web_identity(source, role_arn, session_name, token.trim().to_owned()).await
    }

    async fn sso(&self, profile: &str, sso: Sso) -> Result<Credentials, CredentialsError> {
        let config = self.provider_config();
        let mut builder = SsoCredentialsProvider::builder()
            .configure(&config)
            .account_id(&sso.account_id)
            .role_name(&sso.role_name)
            .start_url(&sso.start_url)
            .region(sdk_region(&sso.region));
        builder.set_session_name(sso.session.clone());
        let credentials = builder.build().provide_credentials().await;
        credentials.map_err(|error| sso_failure(profile, &sso, &causes(&error)))
    }

    async fn container(&mut self) -> Result<Credentials, CredentialsError> {
        self.shareable = false;
        let provider = EcsCredentialsProvider::builder().configure(&self.provider_config()).build();
        provider.provide_credentials().await.map_err(|error| {
            CredentialsError::source(Source::Container, causes(&error)).with_remedy(
                "check AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, AWS_CONTAINER_CREDENTIALS_FULL_URI and \
                 AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, and that the agent runs",
            )
        })
    }

    /// One attempt, and a second's patience: where there is no such service, packets vanish.
    async fn instance_metadata(&mut self) -> Result<Credentials, Attempt> {
        let failed = |why: &str| attempt(Source::InstanceMetadata, why);
        if variable("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Err(failed("AWS_EC2_METADATA_DISABLED is true"));
        }
        self.shareable = false;
        let config = self.provider_config();
        let client = imds::Client::builder()
            .configure(&config)
            .max_attempts(1)
            .connect_timeout(INSTANCE_METADATA_LIMIT)
            .read_timeout(INSTANCE_METADATA_LIMIT)
            .build();
        let provider = ImdsCredentialsProvider::builder().configure(&config).imds_client(client.clone()).build();
        let credentials = provider.provide_credentials().await.map_err(|error| match (&error, causes(&error)) {
            (SdkError::CredentialsNotLoaded(_), why) if why.contains("404") => failed("the instance has no role"),
            (SdkError::CredentialsNotLoaded(_), _) => {
                failed("no answer; this is no EC2 instance, or its hop limit is too low")
            }
            (_, why) => attempt(Source::InstanceMetadata, why),
        })?;
        if self.region.is_none() {
            let name = client.get("/latest/meta-data/placement/region").await.ok();
            self.region = name.and_then(|name| Region::parse(name.as_ref().trim()).ok());
        }
        Ok(credentials)
    }

    fn provider_config(&self) -> ProviderConfig {
        ProviderConfig::without_region()
            .with_region(Some(self.sdk_region()))
            .with_http_client(self.sources.client.clone())
    }

    /// Settings for calls of STS. They honour `AWS_ENDPOINT_URL_STS` and the retry settings, as every SDK.
    async fn sts(&mut self) -> &SdkConfig {
        let config = match self.sts.take() {
            // The instance may have told its region since.
            Some(config) if config.region().is_some_and(|region| *region == self.sdk_region()) => config,
            _ => {
                aws_config::defaults(BehaviorVersion::latest())
                    .http_client(self.sources.client.clone())
                    .region(self.sdk_region())
                    .use_fips(matches!(self.kind, EndpointKind::Fips | EndpointKind::FipsDualStack))
                    .use_dual_stack(matches!(self.kind, EndpointKind::DualStack | EndpointKind::FipsDualStack))
                    .no_credentials()
                    .load()
                    .await
            }
        };
        self.sts.insert(config)
    }

    fn sdk_region(&self) -> aws_types::region::Region {
        sdk_region(self.region.as_ref().unwrap_or(&Region::US_EAST_1).as_str())
    }
}

fn sdk_region(name: &str) -> aws_types::region::Region {
    aws_types::region::Region::new(name.to_owned())
}

fn attempt(source: Source, why: impl Into<String>) -> Attempt {
    Attempt { source, why: why.into() }
}

/// aws-config tells its SSO failures apart by text alone.
fn sso_failure(profile: &str, sso: &Sso, why: &str) -> CredentialsError {
    let source = Source::Profile(profile.to_owned());
    let has = |part: &str| why.contains(part);
    if has("dispatch failure") || has("timeout") || has("TooManyRequests") {
        return CredentialsError::source(source, format!("IAM Identity Center does not answer: {why}"))
            .with_remedy("check the way to AWS: HTTPS_PROXY, NO_PROXY, AWS_CA_BUNDLE, and sso_region in the profile");
    }
    if has("ForbiddenException") || has("ResourceNotFound") || has("InvalidRequest") {
        let why = format!(
            "IAM Identity Center gives no credentials for role {} in account {}",
            sso.role_name, sso.account_id
        );
        return CredentialsError::source(source, why).with_remedy(
            "check sso_role_name and sso_account_id, and that you are assigned to them: `aws sso list-account-roles`",
        );
    }
    // The names that the parser lets through mean nothing to a shell.
    let flag = if profile == "default" { String::new() } else { format!(" --profile {profile}") };
    let why = if has("Unauthorized") || has("expired") {
        "the login to IAM Identity Center has expired"
    } else {
        "there is no login to IAM Identity Center on this machine"
    };
    CredentialsError::SsoLogin { failed: attempt(source, why), command: format!("aws sso login{flag}") }
}
