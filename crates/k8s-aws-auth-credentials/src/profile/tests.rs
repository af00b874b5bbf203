use super::*;
use aws_runtime::env_config::file::EnvConfigFileKind;

fn read(config: &str, credentials: &str, variables: &[(&str, &str)]) -> Profiles {
    let files = EnvConfigFiles::builder()
        .with_contents(EnvConfigFileKind::Config, config)
        .with_contents(EnvConfigFileKind::Credentials, credentials)
        .build();
    Profiles::read(&Env::from_slice(variables), &files, None).unwrap()
}

fn plan(config: &str) -> Result<Plan, NoPlan> {
    read(config, "", &[("AWS_PROFILE", "me")]).plan()
}

fn roles(plan: &Plan) -> Vec<&str> {
    plan.roles.iter().map(|role| role.arn.as_str()).collect()
}

#[track_caller]
fn refused(config: &str, want: &str) {
    match plan(config) {
        Err(NoPlan::Invalid(error)) => {
            assert!(error.to_string().contains(want), "{want:?} in {error}");
            assert!(error.remedy().is_some(), "{error}");
        }
        other => panic!("{config}: {other:?}"),
    }
}

const KEYS: &str = "aws_access_key_id = AKIAME\naws_secret_access_key = secret\n";

#[test]
fn a_chain_of_profiles_is_assumed_from_its_far_end() {
    let plan = plan(&format!(
        "[profile me]\nrole_arn = C\nsource_profile = b\nmfa_serial = device\nexternal_id = x\nduration_seconds = 1800\n\
         role_session_name = s\n[profile b]\nrole_arn = B\nsource_profile = a\n[profile a]\n{KEYS}"
    ))
    .unwrap();
    assert_eq!(roles(&plan), ["B", "C"]);
    assert_eq!(plan.profile, "a");
    assert!(matches!(&plan.base, Base::Keys(keys) if keys.access_key_id() == "AKIAME"));
    let last = &plan.roles[1];
    assert_eq!((last.mfa_serial.as_deref(), last.external_id.as_deref()), (Some("device"), Some("x")));
    assert_eq!(last.duration_seconds, Some(1800));
    assert_eq!(last.session_name, crate::role::SessionName::Given("s".to_owned()));
}

#[test]
fn a_profile_may_be_its_own_source() {
    for more in ["source_profile = me\n", ""] {
        let plan = plan(&format!("[profile me]\nrole_arn = R\n{more}{KEYS}")).unwrap();
        assert_eq!(roles(&plan), ["R"]);
        assert!(matches!(plan.base, Base::Keys(_)));
    }
}

#[test]
fn keys_end_a_chain_whatever_else_is_in_their_profile() {
    let plan = plan(&format!(
        "[profile me]\nrole_arn = R\nsource_profile = a\n[profile a]\nrole_arn = S\nsource_profile = me\n{KEYS}"
    ));
    assert_eq!(roles(&plan.unwrap()), ["R"]);
}

#[test]
fn every_named_source_is_known_in_any_letter_case() {
    let base =
        |source: &str| plan(&format!("[profile me]\nrole_arn = R\ncredential_source = {source}\n")).unwrap().base;
    assert!(matches!(base("Environment"), Base::Environment));
    assert!(matches!(base("EcsContainer"), Base::Container));
    assert!(matches!(base("ec2instancemetadata"), Base::InstanceMetadata));
    refused("[profile me]\nrole_arn = R\ncredential_source = Elsewhere\n", "credential_source is none of");
}

#[test]
fn web_identity_is_a_base_and_no_role_on_top_of_one() {
    let plan = plan("[profile me]\nrole_arn = R\nweb_identity_token_file = /t\nrole_session_name = s\n").unwrap();
    assert!(plan.roles.is_empty());
    assert!(matches!(plan.base, Base::WebIdentity { role_arn, .. } if role_arn == "R"));
}

#[test]
fn both_styles_of_sso_are_read() {
    let session = "[sso-session corp]\nsso_start_url = https://corp.example/start\nsso_region = eu-west-1\n";
    let newer = format!("[profile me]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = dev\n{session}");
    let older = "[profile me]\nsso_start_url = https://corp.example/start\nsso_region = eu-west-1\nsso_account_id = 1\n\
                 sso_role_name = dev\n";
    for (config, name) in [(newer.as_str(), Some("corp")), (older, None)] {
        let Base::Sso(sso) = plan(config).unwrap().base else { panic!("{config}") };
        assert_eq!((sso.session.as_deref(), sso.start_url.as_str()), (name, "https://corp.example/start"));
        assert_eq!((sso.region.as_str(), sso.account_id.as_str(), sso.role_name.as_str()), ("eu-west-1", "1", "dev"));
    }
    refused("[profile me]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = dev\n", "sso_session corp is not");
    refused(&format!("[profile me]\nsso_session = corp\nsso_role_name = dev\n{session}"), "no sso_account_id");
    let other = format!("[profile me]\nsso_session = corp\nsso_region = eu-west-2\n{session}");
    refused(&other, "its sso_region is not that of");
}

#[test]
fn what_cannot_work_names_profile_and_setting() {
    refused("", "profile me: it is not defined");
    refused("[profile me]\naws_access_key_id = AKIAME\n", "no aws_secret_access_key");
    refused("[profile me]\naws_secret_access_key = hush\n", "no aws_access_key_id");
    refused("[profile me]\nrole_arn = R\n", "it has none: no keys");
    refused("[profile me]\nrole_arn = R\nsource_profile = gone\n", "its source_profile gone is not defined");
    refused("[profile me]\nrole_arn = R\nsource_profile = a\ncredential_source = Environment\n", "has both");
    refused(
        "[profile me]\nrole_arn = R\nsource_profile = a\n[profile a]\nrole_arn = S\nsource_profile = me\n",
        "back to itself",
    );
    refused(
        "[profile me]\nrole_arn = R\nsource_profile = a\n[profile a]\nregion = x\n",
        "profile a: a role is to be assumed",
    );
    refused(&format!("[profile me]\nrole_arn = R\nduration_seconds = long\n{KEYS}"), "duration_seconds is no number");
    refused("[profile me]\nweb_identity_token_file = /t\n", "no role_arn");
    refused("[profile me]\nlogin_session = x\n", "`aws login`");
}

#[test]
fn a_profile_that_nobody_named_need_not_be_there() {
    for config in ["", "[default]\nregion = eu-west-1\n"] {
        assert!(matches!(read(config, "", &[]).plan(), Err(NoPlan::NoCredentials(_))), "{config}");
    }
    assert_eq!(read("[default]\nregion = eu-west-1\n", "", &[]).get("region"), Some("eu-west-1"));
}

#[test]
fn the_variable_of_the_profile_has_an_older_name() {
    let named = |variables: &[(&str, &str)]| read("", "", variables).name().to_owned();
    assert_eq!(named(&[("AWS_DEFAULT_PROFILE", "old")]), "old");
    assert_eq!(named(&[("AWS_DEFAULT_PROFILE", "old"), ("AWS_PROFILE", "new")]), "new");
    assert_eq!(named(&[("AWS_PROFILE", "")]), "default");
}

#[test]
fn keys_in_the_credentials_file_count_before_those_in_the_configuration() {
    let credentials = "[me]\naws_access_key_id = AKIATHERE\naws_secret_access_key = x\n";
    let profiles = read(&format!("[profile me]\n{KEYS}"), credentials, &[("AWS_PROFILE", "me")]);
    assert!(matches!(profiles.plan().unwrap().base, Base::Keys(keys) if keys.access_key_id() == "AKIATHERE"));
}
