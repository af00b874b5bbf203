//! What holds for every text that is taken for an ARN or another name. The property tests and the fuzz targets feed it.

use k8s_aws_identity::{
    AccessKeyId, AccountId, AmzDate, Arn, CallerIdentity, ClusterId, EndpointTable, IdentityError, InstanceId,
    MAX_CLUSTER_ID_LEN, Partition, Principal, Region, StsEndpoint,
};
use std::sync::LazyLock;

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
    let (name, session) = match &arn.principal {
        Principal::AssumedRole { session, .. } => (&**session, Some(&**session)),
        // Its user id stays whole: the account id alone would be the root user's.
        Principal::FederatedUser { name } => (&**name, None),
        _ => ("", None),
    };
    let user_ids = [
        account.to_owned(),
        "AIDAIOSFODNN7EXAMPLE".to_owned(),
        format!("AROAIOSFODNN7EXAMPLE:{name}"),
        format!("{account}:{name}"),
        format!("{account}:aws:ec2-instance:{name}"),
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
        assert_eq!(caller.session_name(), session);
        assert!(caller.user_id() != account || matches!(arn.principal, Principal::Root));
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

/// The laws of every other name: what is read has one text, is short, and has no character that could mean more elsewhere.
pub(crate) fn names(text: &str) {
    let one_way = |judged: Result<String, IdentityError>, limit: usize, fits: fn(u8) -> bool| match judged {
        Ok(written) => {
            assert_eq!(written, text, "one text per name");
            assert!(!text.is_empty() && text.len() <= limit && text.bytes().all(fits), "{text:?}");
        }
        Err(error) => refused(&error),
    };
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let host_label = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    one_way(AccountId::parse(text).map(|id| id.to_string()), 12, |b| b.is_ascii_digit());
    one_way(AccessKeyId::parse(text).map(|id| id.to_string()), 128, word);
    one_way(InstanceId::parse(text).map(|id| id.to_string()), 19, host_label);
    one_way(ClusterId::parse(text).map(|id| id.to_string()), MAX_CLUSTER_ID_LEN, |b| (0x20..0x7f).contains(&b));
    one_way(Partition::parse(text).map(|partition| partition.as_str().to_owned()), 16, host_label);
    if let Ok(id) = ClusterId::parse(text) {
        // SigV4 trims a header's value and folds runs of spaces: an id is none of what that changes.
        assert_eq!(text.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "), id.as_str());
    }
    match AmzDate::parse(text) {
        Ok(date) => {
            assert_eq!((date.as_str(), date.day()), (text, &text[..8]));
            assert_eq!(AmzDate::from_time(date.time()), Ok(date));
        }
        Err(error) => refused(&error),
    }
    if let Some(endpoint) = TABLE.find(text) {
        assert_eq!(endpoint.host(), text, "found by equality");
    }
    one_way(Region::parse(text).map(|region| region.to_string()), 32, host_label);
    if let Ok(region) = Region::parse(text) {
        added_region(&region);
    }
}

/// A region that the operator adds brings its own hosts, in its own partition, and changes nothing about the others.
fn added_region(region: &Region) {
    for partition in Partition::ALL {
        let mut table = EndpointTable::only(StsEndpoint::global());
        match table.add_region(partition, region) {
            Ok(()) => {
                assert!(TABLE.iter().all(|known| known.region() != region || known.partition() == partition));
                for endpoint in table.iter().filter(|endpoint| **endpoint != StsEndpoint::global()) {
                    assert_eq!((endpoint.region(), endpoint.partition()), (region, partition));
                    assert!(TABLE.find(endpoint.host()).is_none_or(|known| known == endpoint));
                    assert!(endpoint.host().split('.').any(|label| label == region.as_str()), "{}", endpoint.host());
                }
            }
            Err(error) => {
                let actual = Partition::of_region(region.as_str()).expect("a region of another partition");
                assert!(actual != partition && error == IdentityError::RegionOfOtherPartition { actual });
            }
        }
    }
}

static TABLE: LazyLock<EndpointTable> = LazyLock::new(EndpointTable::standard);
