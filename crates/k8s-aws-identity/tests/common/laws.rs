//! What holds for every text that is taken for an ARN. The property tests and the fuzz target feed it.

use k8s_aws_identity::{AccessKeyId, Arn, CallerIdentity, IdentityError, Principal};

/// The laws of [`Arn::parse`], and of the callers that such an ARN can be.
pub(crate) fn arn(text: &str) -> Result<Arn, IdentityError> {
    let result = Arn::parse(text);
    match &result {
        Ok(arn) => {
            assert_eq!(arn.to_string(), text, "one text per ARN");
            assert!(text.len() <= 2048 && text.bytes().all(|b| b.is_ascii_graphic()));
            // What decides about access is bounded by the first five colons.
            let fields: Vec<_> = text.splitn(6, ':').collect();
            assert_eq!(fields[..2], ["arn", arn.partition.as_str()]);
            assert_eq!(fields[3..5], ["", arn.account.as_str()]);

            let canonical = arn.canonical();
            assert_eq!(canonical.canonical(), canonical, "canonical twice is canonical once");
            assert_eq!(Arn::parse(&canonical.to_string()), Ok(canonical.clone()), "what is canonical is an ARN");
            assert_eq!((canonical.partition, canonical.account), (arn.partition, arn.account));
            if !matches!(arn.principal, Principal::AssumedRole { .. }) {
                assert_eq!(&canonical, arn);
            }
            let plain = arn.without_role_path();
            assert_eq!(Arn::parse(&plain.to_string()), Ok(plain.clone()));
            assert_eq!(plain.without_role_path(), plain);
            callers(arn, text);
        }
        Err(error) => refused(error),
    }
    result
}

/// Of the user ids that the kinds of principal have, one fits at most.
fn callers(arn: &Arn, text: &str) {
    let account = arn.account.as_str();
    let session = match &arn.principal {
        Principal::AssumedRole { session, .. } => session,
        Principal::FederatedUser { name } => name,
        _ => "",
    };
    let user_ids = [
        account.to_owned(),
        "AIDAIOSFODNN7EXAMPLE".to_owned(),
        format!("AROAIOSFODNN7EXAMPLE:{session}"),
        format!("{account}:{session}"),
        format!("{account}:aws:ec2-instance:{session}"),
    ];
    let of = |account: &str, user_id: &str| {
        let access_key_id = AccessKeyId::parse("ASIAIOSFODNN7EXAMPLE").expect("an access key id");
        CallerIdentity::new(text, account, user_id, access_key_id)
    };
    let fitting: Vec<_> = user_ids.iter().filter_map(|user_id| of(account, user_id).ok()).collect();
    let is_caller = !matches!(arn.principal, Principal::Role { .. });
    assert_eq!(fitting.len(), usize::from(is_caller), "{text}");
    for caller in fitting {
        assert_eq!((caller.arn(), caller.parsed_arn()), (text, arn));
        assert_eq!(caller.canonical_arn(), arn.canonical().to_string());
        assert_eq!(caller.session_name().unwrap_or_default(), session);
        assert!(of("999999999999", caller.full_user_id()).is_err() || account == "999999999999");
        assert!(of(account, &format!("{}:x", caller.full_user_id())).is_err());
        assert!(of(account, &format!("x{}", caller.full_user_id())).is_err() || caller.user_id() != account);
    }
}

/// A refusal says why, in the form that all have.
pub(crate) fn refused(error: &IdentityError) {
    assert!(!error.reason().is_empty() && error.reason().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    assert!(error.to_string().len() < 200 && !error.to_string().contains(char::is_control));
}
