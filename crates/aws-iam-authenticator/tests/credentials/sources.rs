//! Each source by itself.

use crate::home::{ACCOUNT, Home, session, user};
use k8s_aws_fake::{Identity, Role, samples};

#[test]
fn keys_in_either_file_are_those_of_the_profile() {
    let home = Home::new();
    let (_, alice) = home.user("alice");
    let (_, bob) = home.user("bob");
    home.config(&format!("[default]\n{alice}[profile work]\nregion = eu-west-2\n"));
    home.file(".aws/credentials", &format!("[work]\n{bob}"));
    assert_eq!(home.token().caller(), user("alice"));
    assert_eq!(home.token().profile("work").caller(), user("bob"));
    // Named files count before those of the home folder.
    let (_, carol) = home.user("carol");
    let other = home.file("elsewhere", &format!("[default]\n{carol}"));
    assert_eq!(home.token().variable("AWS_SHARED_CREDENTIALS_FILE", &other).caller(), user("carol"));
}

#[test]
fn the_region_of_the_profile_counts_where_no_variable_names_one_also_for_keys_of_the_environment() {
    let home = Home::new();
    home.config("[default]\nregion = eu-west-3\n[profile work]\nregion = eu-north-1\n");
    let keys = samples::user().credential.env();
    let host = |profile: &str| {
        let run = home.token().without("AWS_REGION").variables(keys.clone()).profile(profile).run();
        run.token().endpoint().host().to_owned()
    };
    assert_eq!(host("default"), "sts.eu-west-3.amazonaws.com");
    assert_eq!(host("work"), "sts.eu-north-1.amazonaws.com");
    // Keys of the environment need no profile at all.
    assert_eq!(host("no such profile"), "sts.us-east-1.amazonaws.com");
}

#[test]
fn the_kind_of_endpoint_is_that_of_the_flag_then_of_the_environment_then_of_the_profile() {
    let home = Home::new();
    home.config("[profile fips]\nuse_fips_endpoint = true\n");
    let host = |flag: Option<&str>, variables: &[(&str, &str)]| {
        let mut run = home.token().variables(samples::user().credential.env());
        for (name, value) in variables {
            run = run.variable(name, value);
        }
        if let Some(flag) = flag {
            run = run.argument(&format!("--sts-endpoint={flag}"));
        }
        run.run().token().endpoint().host().to_owned()
    };
    let fips = ("AWS_USE_FIPS_ENDPOINT", "true");
    assert_eq!(host(None, &[]), "sts.eu-west-1.amazonaws.com");
    assert_eq!(host(Some("global"), &[]), "sts.amazonaws.com");
    assert_eq!(host(Some("dual-stack"), &[]), "sts.eu-west-1.api.aws");
    assert_eq!(host(Some("fips"), &[("AWS_REGION", "us-east-2")]), "sts-fips.us-east-2.amazonaws.com");
    assert_eq!(host(None, &[fips]), "sts-fips.eu-west-1.amazonaws.com");
    assert_eq!(host(None, &[("AWS_PROFILE", "fips")]), "sts-fips.eu-west-1.amazonaws.com");
    assert_eq!(host(Some("regional"), &[fips]), "sts.eu-west-1.amazonaws.com");
}

#[cfg(unix)]
#[test]
fn a_credential_process_gives_what_it_prints_and_may_ask_the_user() {
    let home = Home::new();
    let credential = home.fake.issue(Identity::assumed_role(ACCOUNT, "vault", "me"));
    home.know(credential.secret_access_key());
    home.know(credential.session_token().unwrap());
    let printed = serde_json::json!({
        "Version": 1,
        "AccessKeyId": credential.access_key_id(),
        "SecretAccessKey": credential.secret_access_key(),
        "SessionToken": credential.session_token(),
        "Expiration": "2999-01-01T00:00:00Z",
    });
    let file = home.file("printed", &printed.to_string());
    home.config(&format!(
        "[default]\ncredential_process = cat \"{file}\"\n[profile asks]\ncredential_process = sh asks.sh\n"
    ));
    assert_eq!(home.token().caller(), session("vault", "me"));
    home.file("asks.sh", &format!("echo 'Password:' >&2; read word; test \"$word\" = open && cat '{file}'"));
    let ran = home.token().profile("asks").input("open\n").run();
    assert_eq!((ran.caller(), ran.stderr()), (session("vault", "me"), "Password:\n"));
}

#[test]
fn web_identity_is_a_session_of_the_role_of_the_service_account() {
    let home = Home::new();
    let token = "eyJhbGciOiJSUzI1NiJ9.a-service-account.signature-of-it";
    home.know(token);
    home.fake.add_role(Role::new(ACCOUNT, "pod").web_identity(token));
    let file = home.file("token", &format!("{token}\n"));
    let pod = || {
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/pod");
        home.token().variable("AWS_WEB_IDENTITY_TOKEN_FILE", &file).variable("AWS_ROLE_ARN", &arn)
    };
    assert_eq!(pod().variable("AWS_ROLE_SESSION_NAME", "pod-1").caller(), session("pod", "pod-1"));
    assert!(pod().caller().starts_with(&session("pod", "")));
    // The same out of a profile, with a role on top.
    home.fake.add_role(Role::new(ACCOUNT, "admin").trusts(&session("pod", "p1")));
    home.config(&format!(
        "[profile pod]\nrole_arn = arn:aws:iam::{ACCOUNT}:role/pod\nweb_identity_token_file = {file}\nrole_session_name = p1\n\
         [profile admin]\nrole_arn = arn:aws:iam::{ACCOUNT}:role/admin\nsource_profile = pod\nrole_session_name = a1\n"
    ));
    assert_eq!(home.token().profile("pod").caller(), session("pod", "p1"));
    assert_eq!(home.token().profile("admin").caller(), session("admin", "a1"));
}

pub(crate) const SSO: &str = "sso_start_url = https://corp.example/start\nsso_region = eu-central-1\n";

/// SHA-1 of `corp`, the name of the session.
pub(crate) const OF_SESSION: &str = "ee0bfd2552fbd840c02cc48b6e823320543c450f";
/// SHA-1 of `https://corp.example/start`.
pub(crate) const OF_URL: &str = "f7c9b39d0b4c7a7d82c79307585f77e1c5e74378";

/// A login, as `aws sso login` leaves it: its file is named after the SHA-1 of session or URL.
pub(crate) fn sso_login(home: &Home, sha1: &str, access_token: &str, more: &str) {
    home.know(access_token);
    let text = format!("{{\"accessToken\": \"{access_token}\", \"region\": \"eu-central-1\", {more}}}");
    home.file(&format!(".aws/sso/cache/{sha1}.json"), &text);
}

#[test]
fn a_login_to_identity_center_gives_credentials_in_both_styles() {
    let home = Home::new();
    home.fake.sso_assign(ACCOUNT, "Dev");
    home.fake.sso_log_in("access-token-of-the-newer-style");
    home.fake.sso_log_in("access-token-of-the-older-style");
    let role = format!("sso_account_id = {ACCOUNT}\nsso_role_name = Dev\n");
    home.config(&format!(
        "[profile newer]\nsso_session = corp\n{role}[sso-session corp]\n{SSO}[profile older]\n{SSO}{role}"
    ));
    let later = "\"expiresAt\": \"2999-01-01T00:00:00Z\"";
    sso_login(&home, OF_SESSION, "access-token-of-the-newer-style", later);
    sso_login(&home, OF_URL, "access-token-of-the-older-style", later);
    for style in ["newer", "older"] {
        let caller = home.token().profile(style).caller();
        assert!(caller.contains(":assumed-role/AWSReservedSSO_Dev_"), "{caller}");
    }
    let calls = home.fake.take_calls();
    let call = calls.iter().find(|call| call.action == Some("GetRoleCredentials")).unwrap();
    assert_eq!(call.host, "portal.sso.eu-central-1.amazonaws.com");
}

#[test]
fn a_login_that_ends_soon_is_renewed_with_its_refresh_token() {
    let home = Home::new();
    home.fake.sso_assign(ACCOUNT, "Dev");
    let (secret, refresh) = ("secret-of-the-registered-client", "refresh-token-of-the-login");
    home.know(secret);
    home.know(refresh);
    home.fake.sso_register("client", secret, refresh, "access-token-made-anew");
    home.know("access-token-made-anew");
    home.config(&format!(
        "[default]\nsso_session = corp\nsso_account_id = {ACCOUNT}\nsso_role_name = Dev\n[sso-session corp]\n{SSO}"
    ));
    let more = format!(
        "\"expiresAt\": \"2020-01-01T00:00:00Z\", \"registrationExpiresAt\": \"2999-01-01T00:00:00Z\", \
         \"clientId\": \"client\", \"clientSecret\": \"{secret}\", \"refreshToken\": \"{refresh}\""
    );
    sso_login(&home, OF_SESSION, "access-token-that-has-ended", &more);
    assert!(home.token().caller().contains("AWSReservedSSO_Dev_"));
    assert_eq!(home.actions()[..2], ["CreateToken", "GetRoleCredentials"]);
}

#[test]
fn a_container_gets_the_credentials_of_its_endpoint_without_a_proxy() {
    let home = Home::new();
    let authorization = "authorization-token-of-the-pod";
    home.know(authorization);
    home.fake.set_container_role(Identity::assumed_role(ACCOUNT, "task", "t-1"), authorization);
    let task = || home.token().variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", &home.fake.container_uri());
    let proxied = || task().variable("HTTP_PROXY", "http://127.0.0.1:1").variable("http_proxy", "http://127.0.0.1:1");
    assert_eq!(proxied().variable("AWS_CONTAINER_AUTHORIZATION_TOKEN", authorization).caller(), session("task", "t-1"));
    let file = home.file("authorization", authorization);
    assert_eq!(task().variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file).caller(), session("task", "t-1"));
    assert_eq!(home.fake.counts().connects, 2, "the two questions whose the tokens are");
}

#[test]
fn an_instance_gives_its_role_and_its_region_after_all_other_sources() {
    let home = Home::new();
    home.fake.set_instance_role(Some(Identity::instance_profile(ACCOUNT, "worker", samples::INSTANCE_ID)));
    let instance = || home.token().without("AWS_REGION").variables(home.fake.instance_env());
    let ran = instance().run();
    assert_eq!(ran.caller(), session("worker", samples::INSTANCE_ID));
    assert_eq!(ran.token().endpoint().region().as_str(), samples::REGION);
    let asked = ["InstanceMetadataToken", "InstanceRole", "InstanceCredentials", "InstanceRegion", "GetCallerIdentity"];
    assert_eq!(home.actions(), asked);
    // Whoever names a region is not asked about it; whoever has credentials is not asked at all.
    instance().variable("AWS_REGION", "eu-west-2").caller();
    assert_eq!(home.actions(), asked.into_iter().filter(|a| *a != "InstanceRegion").collect::<Vec<_>>());
    instance().variables(samples::user().credential.env()).caller();
    assert_eq!(home.actions(), ["GetCallerIdentity"]);
}

#[test]
fn keys_of_the_environment_need_no_connection_and_no_files() {
    let home = Home::new();
    home.config("this is not a configuration file [[[\n");
    let caller = home
        .token()
        .variables(samples::user().credential.env())
        .variable("AWS_CA_BUNDLE", "/nonexistent")
        .variable("HTTPS_PROXY", "socks5://127.0.0.1:1")
        .caller();
    assert_eq!(caller, user("alice"));
    assert_eq!(home.actions(), ["GetCallerIdentity"], "by the test");
}
