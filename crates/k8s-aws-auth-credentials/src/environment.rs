//! What the environment says by itself: keys, region, the kind of endpoint. A function of the variables, so that it can be tested.

use crate::error::{CredentialsError, Source};
use crate::process::parse_time;
use crate::profile::Profiles;
use aws_credential_types::Credentials;
use k8s_aws_identity::EndpointKind;
use std::env;

/// A variable that is set to something.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The keys, `None` where there are none at all. The Go program's second names are known too.
pub(crate) fn keys(get: impl Fn(&str) -> Option<String>) -> Result<Option<Credentials>, CredentialsError> {
    let key = get("AWS_ACCESS_KEY_ID").or_else(|| get("AWS_ACCESS_KEY"));
    let secret = get("AWS_SECRET_ACCESS_KEY").or_else(|| get("AWS_SECRET_KEY"));
    let missing = |name: &str, there: &str| {
        CredentialsError::source(Source::Environment, format!("{name} is not set, and {there} is")).with_remedy(
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN for temporary ones; or neither",
        )
    };
    let (key, secret) = match (key, secret) {
        (Some(key), Some(secret)) => (key, secret),
        (None, None) => return Ok(None),
        // Whoever set half a pair meant to be somebody; to go on would be somebody else.
        (Some(_), None) => return Err(missing("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")),
        (None, Some(_)) => return Err(missing("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
    };
    // Written by `aws configure export-credentials`; where it is no time nothing is known, as without it.
    let expiry = get("AWS_CREDENTIAL_EXPIRATION").and_then(|text| parse_time(&text));
    Ok(Some(Credentials::new(key, secret, get("AWS_SESSION_TOKEN"), expiry, "Environment")))
}

/// The region that variables or the profile name.
pub(crate) fn region(get: impl Fn(&str) -> Option<String>, profiles: Option<&Profiles>) -> Option<String> {
    let of_profile = || profiles?.get("region").map(str::to_owned);
    get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION")).or_else(of_profile)
}

/// The kind of endpoint that variables or the profile name, as for every AWS SDK.
pub(crate) fn endpoint_kind(get: impl Fn(&str) -> Option<String>, profiles: Option<&Profiles>) -> EndpointKind {
    let switch = |name: &str, key: &str| {
        let value = get(name).or_else(|| profiles?.get(key).map(str::to_owned));
        value.is_some_and(|value| value.eq_ignore_ascii_case("true"))
    };
    let fips = switch("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint");
    let dual_stack = switch("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
    match (fips, dual_stack) {
        (false, false) => EndpointKind::Regional,
        (true, false) => EndpointKind::Fips,
        (false, true) => EndpointKind::DualStack,
        (true, true) => EndpointKind::FipsDualStack,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn with<'a>(variables: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn half_a_pair_of_keys_is_an_error_and_no_keys_are_none() {
        assert!(keys(with(&[])).unwrap().is_none());
        for (there, missing) in
            [("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY is not"), ("AWS_SECRET_KEY", "AWS_ACCESS_KEY_ID is not")]
        {
            let error = keys(with(&[(there, "hush-hush")])).unwrap_err();
            assert!(error.to_string().contains(missing) && !error.to_string().contains("hush"), "{error}");
            assert_eq!(error.reason(), "credentials_source_failed");
        }
    }

    #[test]
    fn the_first_name_of_a_variable_counts_before_the_second() {
        let old = [("AWS_ACCESS_KEY", "old"), ("AWS_SECRET_KEY", "old")];
        assert_eq!(keys(with(&old)).unwrap().unwrap().access_key_id(), "old");
        let both = [&old[..], &[("AWS_ACCESS_KEY_ID", "new"), ("AWS_SECRET_ACCESS_KEY", "new")]].concat();
        assert_eq!(keys(with(&both)).unwrap().unwrap().secret_access_key(), "new");
    }

    #[test]
    fn the_expiry_of_exported_credentials_is_known() {
        let pair = [("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s")];
        let expiry =
            |text| keys(with(&[&pair[..], &[("AWS_CREDENTIAL_EXPIRATION", text)]].concat())).unwrap().unwrap().expiry();
        assert_eq!(expiry("1970-01-01T01:00:00+00:00"), Some(UNIX_EPOCH + Duration::from_secs(3600)));
        assert_eq!(expiry("soon"), None);
    }

    #[test]
    fn the_kind_of_endpoint_is_what_the_switches_say() {
        let kind = |variables: &[(&str, &str)]| endpoint_kind(with(variables), None);
        assert_eq!(kind(&[]), EndpointKind::Regional);
        assert_eq!(kind(&[("AWS_USE_FIPS_ENDPOINT", "false")]), EndpointKind::Regional);
        assert_eq!(kind(&[("AWS_USE_FIPS_ENDPOINT", "TRUE")]), EndpointKind::Fips);
        assert_eq!(kind(&[("AWS_USE_DUALSTACK_ENDPOINT", "true")]), EndpointKind::DualStack);
        assert_eq!(
            kind(&[("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")]),
            EndpointKind::FipsDualStack
        );
    }
}
