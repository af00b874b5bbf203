//! What is said where there are no credentials: what was tried, why it was in vain, what to do next; and no secret.
//! (Every run here is searched for secrets by `home`.)

use crate::home::{ACCOUNT, Home};
use crate::sources::{OF_SESSION, SSO, sso_login};
use k8s_aws_fake::{Fault, Identity, samples};

#[test]
fn where_no_source_has_credentials_each_says_why_in_the_order_of_asking() {
    let home = Home::new();
    let told = home.token().fails(&["no AWS credentials", "aws configure"]);
    let mut rest = told.as_str();
    for source in [
        "tried environment: AWS_ACCESS_KEY_ID is not set",
        "tried web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set",
        "tried profile default: there is none",
        "tried container endpoint: ",
        "tried instance metadata: AWS_EC2_METADATA_DISABLED is true",
    ] {
        let at = rest.find(source).unwrap_or_else(|| panic!("{source:?} in its order in {told}"));
        rest = &rest[at..];
    }
    home.config("[default]\nregion = eu-west-1\n");
    home.token().fails(&["tried profile default: it has no credentials"]);
}

#[test]
fn an_instance_without_role_and_a_machine_that_is_none_are_told_apart() {
    let home = Home::new();
    let instance = || home.token().variables(home.fake.instance_env());
    instance().fails(&["tried instance metadata: the instance has no role"]);
    instance()
        .variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
        .fails(&["tried instance metadata: no answer; this is no EC2 instance"]);
}

#[test]
fn a_login_that_is_over_names_the_command_that_logs_in() {
    let home = Home::new();
    let role = format!("sso_account_id = {ACCOUNT}\nsso_role_name = Dev\n");
    home.config(&format!(
        "[profile work]\nsso_session = corp\n{role}[profile older]\n{SSO}{role}\
         [default]\n{SSO}{role}[profile admin]\nrole_arn = arn:aws:iam::{ACCOUNT}:role/x\nsource_profile = work\n\
         [sso-session corp]\n{SSO}"
    ));
    for (profile, command) in [
        ("work", "log in: aws sso login --profile work\n"),
        ("older", "log in: aws sso login --profile older\n"),
        ("default", "log in: aws sso login\n"),
        ("admin", "log in: aws sso login --profile work\n"),
    ] {
        home.token().profile(profile).fails(&["there is no login", command]);
    }
    sso_login(&home, OF_SESSION, "access-token-that-has-ended", "\"expiresAt\": \"2020-01-01T00:00:00Z\"");
    home.token().profile("work").fails(&["profile work: the login", "has expired", "aws sso login --profile work"]);
    // The portal does not know the token any more, whatever its file says.
    sso_login(&home, OF_SESSION, "access-token-logged-out", "\"expiresAt\": \"2999-01-01T00:00:00Z\"");
    home.token().profile("work").fails(&["has expired", "aws sso login --profile work"]);
    home.fake.sso_log_in("access-token-logged-out");
    home.token().profile("work").fails(&["no credentials for role Dev", "sso_role_name", "list-account-roles"]);
    home.fake.inject(Fault::proxy_refuses(502));
    home.token().profile("work").fails(&["does not answer", "HTTPS_PROXY"]);
}

#[test]
fn a_role_that_is_refused_says_what_sts_said_and_what_to_look_at() {
    let home = Home::new();
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/gone");
    let gone = || home.token().variables(samples::user().credential.env()).argument("-r").argument(&arn);
    gone().fails(&[
        &format!("role {arn}: AccessDenied"),
        "not authorized",
        "trust policy",
        "aws sts get-caller-identity",
    ]);
    let unknown = home.token().variables(samples::user().credential.env()).argument("--role=developer");
    unknown.fails(&["role developer: ValidationError", "arn:aws:iam::ACCOUNT:role/NAME"]);
    gone().argument("-s").argument("no blanks").fails(&["ValidationError"]);
    home.fake.set_expiry(samples::user().credential.access_key_id(), Some(std::time::UNIX_EPOCH));
    gone().fails(&["ExpiredToken", "renew them"]);
    home.fake.remove(samples::user().credential.access_key_id());
    gone().fails(&["InvalidClientTokenId", "check the access key"]);
    home.fake.inject(Fault::proxy_refuses(407));
    gone().fails(&["HTTPS_PROXY", "AWS_CA_BUNDLE"]);
}

#[test]
fn the_way_to_sts_is_named_where_it_is_not_open() {
    let home = Home::new();
    let assume = || {
        let run = home.token().variables(samples::user().credential.env());
        run.argument(&format!("--role=arn:aws:iam::{ACCOUNT}:role/r"))
    };
    assume().variable("AWS_CA_BUNDLE", "/nonexistent.pem").fails(&["cannot read the CA bundle /nonexistent.pem"]);
    let empty = home.file("empty.pem", "");
    assume().variable("AWS_CA_BUNDLE", &empty).fails(&["no CA certificates", "AWS_CA_BUNDLE"]);
    home.fake.inject(Fault::tls_untrusted());
    assume().fails(&["AWS_CA_BUNDLE"]);
}

#[test]
fn web_identity_says_which_half_is_missing_or_what_sts_said() {
    let home = Home::new();
    let token = "eyJhbGciOiJSUzI1NiJ9.a-service-account.signature-of-it";
    home.know(token);
    let file = home.file("token", token);
    let pod = || home.token().variable("AWS_WEB_IDENTITY_TOKEN_FILE", &file);
    pod().fails(&["web identity: ", "AWS_ROLE_ARN is not", "eks.amazonaws.com/role-arn"]);
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/pod");
    pod().variable("AWS_ROLE_ARN", &arn).fails(&["AccessDenied", &arn, "trust policy"]);
    home.fake.add_role(k8s_aws_fake::Role::new(ACCOUNT, "pod").web_identity("another"));
    pod().variable("AWS_ROLE_ARN", &arn).fails(&["InvalidIdentityToken"]);
    let missing = pod().variable("AWS_ROLE_ARN", &arn).variable("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent");
    missing.fails(&["cannot read the token file /nonexistent", "mounted"]);
}

#[test]
fn a_container_whose_endpoint_refuses_says_so() {
    let home = Home::new();
    let wrong = "not-the-authorization-of-this-pod";
    home.know(wrong);
    home.fake.set_container_role(Identity::assumed_role(ACCOUNT, "task", "t-1"), "right");
    let task = || home.token().variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", &home.fake.container_uri());
    task().variable("AWS_CONTAINER_AUTHORIZATION_TOKEN", wrong).fails(&["container endpoint: ", "401"]);
    task()
        .variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nonexistent")
        .fails(&["container endpoint: ", "TOKEN_FILE"]);
    // Credentials are taken from this machine, or over TLS.
    let elsewhere = home.token().variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://192.0.2.1/credentials");
    elsewhere.fails(&["container endpoint: ", "allowed IP"]);
}

#[cfg(unix)]
#[test]
fn a_credential_process_that_fails_is_not_repeated() {
    let home = Home::new();
    let secret = "secret-that-a-program-prints-half-of";
    home.know(secret);
    let process = |command: &str| home.config(&format!("[default]\ncredential_process = {command}\n"));
    process("exit 3");
    home.token().fails(&["profile default: its credential_process failed (exit status: 3)", "by itself"]);
    process(&format!("echo '{{ \"SecretAccessKey\": \"{secret}\"'"));
    home.token().fails(&["printed no credentials", "Version 1"]);
    process(&format!("echo '{{\"Version\": 2, \"AccessKeyId\": \"a\", \"SecretAccessKey\": \"{secret}\"}}'"));
    home.token().fails(&["of a version that is not 1"]);
    let dated = |time: &str| {
        format!(
            "echo '{{\"Version\": 1, \"AccessKeyId\": \"AKIAIOSFODNN7EXAMPLE\", \"SecretAccessKey\": \"{secret}\", \"Expiration\": \"{time}\"}}'"
        )
    };
    process(&dated("tomorrow"));
    home.token().fails(&["an Expiration that is no time"]);
    process(&dated("2020-01-01T00:00:00Z"));
    home.token().fails(&["profile default: the credentials have expired", "clock"]);
}

#[test]
fn a_source_that_is_set_up_and_wrong_is_not_passed_over() {
    let home = Home::new();
    let (credential, lines) = home.user("alice");
    home.config(&format!("[default]\n{lines}"));
    // The default profile would do; it is another identity than the one that was meant.
    let half = home.token().variable("AWS_ACCESS_KEY_ID", credential.access_key_id());
    half.fails(&["environment: AWS_SECRET_ACCESS_KEY is not set", "or neither"]);
    home.token().profile("wokr").fails(&["profile wokr: it is not defined", "profiles there are: default"]);
    home.config("[default\n");
    home.token().fails(&["profile default: ", "mend the file"]);
    let over = home.token().variables(credential.env()).variable("AWS_CREDENTIAL_EXPIRATION", "2020-01-01T00:00:00Z");
    over.fails(&["environment: the credentials have expired", "anew"]);
}
