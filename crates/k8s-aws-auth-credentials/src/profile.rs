//! What a profile means: where its credentials come from, and which roles are assumed with them. Nothing is asked here.
//!
//! The files are read by aws-config's parser, which all SDKs share; what a profile means is decided as in aws-sdk-go-v2, because
//! the same kubeconfig must not be another identity here than in the Go program.

use crate::error::{CredentialsError, Source, causes};
use crate::role::AssumeRole;
use aws_config::profile::{Profile, ProfileSet};
use aws_credential_types::Credentials;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};
use futures_util::FutureExt;
use std::borrow::Cow;

/// The profiles of the configuration and credentials files, and the one that is meant.
#[derive(Debug)]
pub(crate) struct Profiles {
    set: ProfileSet,
    name: String,
    /// Somebody asked for this profile by its name, so it has to be there.
    named: bool,
}

/// How a profile comes to credentials.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The profile that the first credentials are in.
    pub(crate) profile: String,
    pub(crate) base: Base,
    /// In the order in which they are assumed.
    pub(crate) roles: Vec<AssumeRole>,
}

/// Where the first credentials of a profile come from.
#[derive(Debug)]
pub(crate) enum Base {
    Keys(Credentials),
    Environment,
    Container,
    InstanceMetadata,
    WebIdentity { role_arn: String, token_file: String, session_name: Option<String> },
    Sso(Sso),
    Process(String),
}

/// A login to IAM Identity Center.
#[derive(Clone, Debug)]
pub(crate) struct Sso {
    /// The name of the `sso-session` section; without one it is the older style, with everything in the profile.
    pub(crate) session: Option<String>,
    pub(crate) start_url: String,
    pub(crate) region: String,
    pub(crate) account_id: String,
    pub(crate) role_name: String,
}

/// Why there is no plan.
#[derive(Debug)]
pub(crate) enum NoPlan {
    /// The profile has nothing to do with credentials; another source may.
    NoCredentials(String),
    /// It has, and is wrong.
    Invalid(CredentialsError),
}

impl Profiles {
    /// Reads the files that the environment names, or those in the home folder; files that are not there are empty.
    pub(crate) fn load(name: Option<&str>) -> Result<Self, CredentialsError> {
        Self::read(&Env::real(), &EnvConfigFiles::default(), name)
    }

    fn read(env: &Env, files: &EnvConfigFiles, name: Option<&str>) -> Result<Self, CredentialsError> {
        let variable = |name: &str| env.get(name).ok().filter(|value| !value.is_empty());
        let named =
            name.map(str::to_owned).or_else(|| variable("AWS_PROFILE")).or_else(|| variable("AWS_DEFAULT_PROFILE"));
        let (name, named) = named.map_or_else(|| ("default".to_owned(), false), |name| (name, true));
        let fs = Fs::real();
        // The future never waits: aws-types reads files with std. A runtime would cost more than reading them does.
        let loading = aws_config::profile::load(&fs, env, files, Some(Cow::Owned(name.clone())));
        let failed = |why: &str| CredentialsError::source(Source::Profile(name.clone()), why);
        let set = loading.now_or_never().ok_or_else(|| failed("the configuration files cannot be read"))?;
        let set = set.map_err(|error| {
            failed(&causes(&error)).with_remedy(
                "mend the file: ~/.aws/config and ~/.aws/credentials, or what AWS_CONFIG_FILE and \
                 AWS_SHARED_CREDENTIALS_FILE name",
            )
        })?;
        Ok(Self { set, name, named })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A setting of the profile.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.set.get_profile(&self.name)?.get(key).filter(|value| !value.is_empty())
    }

    /// Follows the profile to its credentials.
    pub(crate) fn plan(&self) -> Result<Plan, NoPlan> {
        let mut roles = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        let mut name = self.name.as_str();
        loop {
            let profile = match self.set.get_profile(name) {
                Some(profile) => profile,
                None if !seen.is_empty() => {
                    return Err(invalid(
                        seen.last().unwrap_or(&name),
                        format!("its source_profile {name} is not defined"),
                    ));
                }
                None if self.named => return Err(self.not_defined()),
                None => return Err(NoPlan::NoCredentials("there is none of this name".to_owned())),
            };
            if seen.contains(&name) {
                return Err(invalid(name, "its source_profile leads back to itself"));
            }
            let first = seen.is_empty();
            seen.push(name);
            let value = |key| text(profile, key);
            // A profile with keys that another one leads to is the source of keys, whatever else it has.
            let is_source = !first && value("aws_access_key_id").is_some();
            let role = value("role_arn").filter(|_| !is_source && value("web_identity_token_file").is_none());
            let Some(role) = role else {
                return self.finish(profile, roles, first);
            };
            roles.push(of_profile(profile, role)?);
            match (value("source_profile"), value("credential_source")) {
                (Some(_), Some(_)) => {
                    return Err(invalid(
                        name,
                        "it has both source_profile and credential_source; one of them is to go",
                    ));
                }
                (Some(source), None) if source != name => name = source,
                _ => return self.finish(profile, roles, false),
            }
        }
    }

    fn finish(&self, profile: &Profile, mut roles: Vec<AssumeRole>, first: bool) -> Result<Plan, NoPlan> {
        let base = match base(&self.set, profile)? {
            Some(base) => base,
            None if first => return Err(NoPlan::NoCredentials("it has no credentials".to_owned())),
            None => {
                return Err(invalid(
                    profile.name(),
                    "a role is to be assumed with its credentials, and it has none: no keys, SSO, web identity, \
                     credential_process or credential_source",
                ));
            }
        };
        roles.reverse();
        Ok(Plan { profile: profile.name().to_owned(), base, roles })
    }

    fn not_defined(&self) -> NoPlan {
        let mut names: Vec<&str> = self.set.profiles().collect();
        names.sort_unstable();
        let remedy = match names.as_slice() {
            [] => {
                "there are no profiles at all; check AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE and the home folder"
                    .to_owned()
            }
            names => format!("profiles there are: {}", names.iter().take(20).copied().collect::<Vec<_>>().join(", ")),
        };
        NoPlan::Invalid(
            CredentialsError::source(Source::Profile(self.name.clone()), "it is not defined").with_remedy(remedy),
        )
    }
}

/// The credentials of one profile by itself.
fn base(set: &ProfileSet, profile: &Profile) -> Result<Option<Base>, NoPlan> {
    let value = |key| text(profile, key);
    let (key, secret) = (value("aws_access_key_id"), value("aws_secret_access_key"));
    match (key, secret) {
        (Some(key), Some(secret)) => {
            let session_token = value("aws_session_token").map(str::to_owned);
            return Ok(Some(Base::Keys(Credentials::new(key, secret, session_token, None, "Profile"))));
        }
        (Some(_), None) => {
            return Err(invalid(profile.name(), "it has aws_access_key_id and no aws_secret_access_key"));
        }
        (None, Some(_)) => {
            return Err(invalid(profile.name(), "it has aws_secret_access_key and no aws_access_key_id"));
        }
        (None, None) => {}
    }
    if let Some(source) = value("credential_source") {
        return match source.to_ascii_lowercase().as_str() {
            "environment" => Ok(Some(Base::Environment)),
            "ecscontainer" => Ok(Some(Base::Container)),
            "ec2instancemetadata" => Ok(Some(Base::InstanceMetadata)),
            _ => Err(invalid(
                profile.name(),
                "its credential_source is none of Environment, EcsContainer and Ec2InstanceMetadata",
            )),
        };
    }
    if let Some(token_file) = value("web_identity_token_file") {
        let Some(role_arn) = value("role_arn") else {
            return Err(invalid(profile.name(), "it has web_identity_token_file and no role_arn"));
        };
        let session_name = value("role_session_name").map(str::to_owned);
        return Ok(Some(Base::WebIdentity {
            role_arn: role_arn.to_owned(),
            token_file: token_file.to_owned(),
            session_name,
        }));
    }
    if let Some(sso) = sso(set, profile)? {
        return Ok(Some(Base::Sso(sso)));
    }
    if value("login_session").is_some() {
        return Err(invalid(
            profile.name(),
            "credentials of `aws login` are not supported; use `aws configure \
             export-credentials --format process` as its credential_process",
        ));
    }
    Ok(value("credential_process").map(|command| Base::Process(command.to_owned())))
}

fn sso(set: &ProfileSet, profile: &Profile) -> Result<Option<Sso>, NoPlan> {
    let value = |key| text(profile, key);
    let (session, url) = (value("sso_session"), value("sso_start_url"));
    if session.is_none() && url.is_none() {
        return Ok(None);
    }
    let need = |key: &str, found: Option<&str>| {
        found.map(str::to_owned).ok_or_else(|| invalid(profile.name(), format!("it has SSO settings and no {key}")))
    };
    let (start_url, region) = match session {
        None => (need("sso_start_url", url)?, need("sso_region", value("sso_region"))?),
        Some(name) => {
            let section = set
                .sso_session(name)
                .ok_or_else(|| invalid(profile.name(), format!("its sso_session {name} is not defined")))?;
            let of_section = |key: &str| section.get(key).filter(|value| !value.is_empty());
            for (key, own) in [("sso_start_url", url), ("sso_region", value("sso_region"))] {
                if own.is_some_and(|own| of_section(key).is_some_and(|theirs| theirs != own)) {
                    return Err(invalid(profile.name(), format!("its {key} is not that of its sso_session {name}")));
                }
            }
            (
                need("sso_start_url in its sso_session", of_section("sso_start_url"))?,
                need("sso_region in its sso_session", of_section("sso_region"))?,
            )
        }
    };
    let account_id = need("sso_account_id", value("sso_account_id"))?;
    let role_name = need("sso_role_name", value("sso_role_name"))?;
    Ok(Some(Sso { session: session.map(str::to_owned), start_url, region, account_id, role_name }))
}

fn of_profile(profile: &Profile, arn: &str) -> Result<AssumeRole, NoPlan> {
    let value = |key| text(profile, key);
    let mut role = AssumeRole::new(arn);
    role.external_id = value("external_id").map(str::to_owned);
    role.mfa_serial = value("mfa_serial").map(str::to_owned);
    if let Some(name) = value("role_session_name") {
        role = role.session_name(name);
    }
    if let Some(seconds) = value("duration_seconds") {
        let seconds = seconds.parse().map_err(|_| invalid(profile.name(), "its duration_seconds is no number"))?;
        role = role.duration_seconds(seconds);
    }
    Ok(role)
}

/// A setting with something in it.
fn text<'a>(profile: &'a Profile, key: &str) -> Option<&'a str> {
    profile.get(key).map(str::trim).filter(|value| !value.is_empty())
}

fn invalid(profile: &str, why: impl std::fmt::Display) -> NoPlan {
    let error = CredentialsError::source(Source::Profile(profile.to_owned()), why);
    NoPlan::Invalid(error.with_remedy("mend the profile in ~/.aws/config or ~/.aws/credentials"))
}

#[cfg(test)]
mod tests;
