//! Laws of the names, on drawn texts. `PROPTEST_CASES` raises the number of draws.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/laws.rs"]
mod laws;

use k8s_aws_identity::{
    AmzDate, ClusterId, EndpointKind, EndpointTable, IdentityError, Partition, Region, StsEndpoint,
};
use proptest::prelude::*;

const ARNS: [&str; 8] = [
    "arn:aws:iam::123456789012:root",
    "arn:aws:iam::123456789012:user/alice",
    "arn:aws:iam::123456789012:user/eng/team-a/alice",
    "arn:aws-us-gov:iam::123456789012:role/node",
    "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_ops_00ff",
    "arn:aws-cn:sts::123456789012:federated-user/bob",
    "arn:aws:sts::123456789012:assumed-role/deployer/alice@example.com",
    "arn:aws:sts::123456789012:assumed-role/aws:ec2-instance/i-0123456789abcdef0",
];

#[test]
fn no_edit_of_one_byte_makes_two_texts_of_one_arn() {
    for text in ARNS {
        laws::arn(text).unwrap();
        for at in 0..=text.len() {
            let (head, tail) = text.split_at(at);
            let rest = tail.get(1..).unwrap_or_default();
            for c in (0..=127_u8).map(char::from).chain(['\u{e9}', '\u{17f}', '\u{212a}', '\u{ff0f}', '\u{ff1a}']) {
                let _ = laws::arn(&format!("{head}{c}{tail}"));
                let _ = laws::arn(&format!("{head}{c}{rest}"));
            }
            let _ = laws::arn(&format!("{head}{rest}"));
            let _ = laws::arn(head);
            let _ = laws::arn(tail);
        }
    }
}

/// Cuts and pastes of one ARN into another: no part wanders into another's place.
#[test]
fn no_splice_of_two_arns_breaks_a_law() {
    for one in ARNS {
        for other in ARNS {
            for at in (0..=one.len()).step_by(2) {
                for from in (0..=other.len()).step_by(3) {
                    let _ = laws::arn(&format!("{}{}", &one[..at], &other[from..]));
                }
            }
        }
    }
}

#[test]
fn a_table_of_one_endpoint_takes_a_region_or_says_why_not() {
    let region = |name: &str| Region::parse(name).unwrap();
    let mut table = EndpointTable::only(StsEndpoint::global());
    // A region of the built-in table belongs to its partition, also where this table does not have it yet.
    let elsewhere = IdentityError::RegionOfOtherPartition { actual: Partition::Aws };
    assert_eq!(table.add_region(Partition::AwsCn, &region("us-west-2")), Err(elsewhere.clone()));
    assert_eq!(table.add_region(Partition::AwsUsGov, &region("us-east-1")), Err(elsewhere));
    assert_eq!(table.iter().len(), 1);
    // The global host is signed for us-east-1, and is not one of that region's four.
    table.add_region(Partition::Aws, &region("us-east-1")).unwrap();
    assert_eq!(table.iter().len(), 5);
    assert!(table.find("sts.us-east-1.amazonaws.com").is_some());
    table.add_region(Partition::Aws, &region("us-east-1")).unwrap();
    assert_eq!(table.iter().len(), 5);
    assert!(table.iter().is_sorted_by(|a, b| a.host() < b.host()));
}

proptest! {
    #[test]
    fn any_text_is_judged_as_an_arn_without_a_panic(text in "\\PC{0,60}|(arn|aws|aws-cn|iam|sts|[0-9]{12}|root|user|role|assumed-role|[:/*{}@]|[ -~]){0,14}") {
        let _ = laws::arn(&text);
    }

    #[test]
    fn any_text_is_judged_as_a_name(text in "\\PC{0,40}|[0-9]{11,13}|[A-Za-z0-9_]{15,129}|i-[0-9a-f]{7,18}|[a-z]{2}(-[a-z0-9]{1,9}){0,4}|[0-9]{8}T[0-9]{6}Z|[ -~]{0,12}") {
        laws::names(&text);
    }

    #[test]
    fn near_valid_arns_obey_the_laws(text in "arn:aws(-cn|-us-gov)?:(iam|sts)::[0-9]{12}:(root|user|role|assumed-role|federated-user)?(/[!-~]{0,9}|/aws:ec2-instance){0,4}") {
        let _ = laws::arn(&text);
    }

    /// SigV4 trims a header's value and folds runs of spaces, and HTTP trims it too: an id is none of what they change.
    #[test]
    fn a_cluster_id_is_what_is_signed(text in "[ -~]{0,12}|[ a-b]{0,6}|\\PC{0,6}") {
        if let Ok(id) = ClusterId::parse(&text) {
            prop_assert_eq!(text.split_whitespace().collect::<Vec<_>>().join(" "), id.as_str());
            prop_assert!(id.as_str().is_ascii() && !id.as_str().contains(|c: char| c.is_ascii_control()));
        }
    }

    #[test]
    fn a_date_that_is_read_is_written_back(text in "[0-9]{8}T[0-9]{6}Z|[0-9TZ+-]{15,17}|(19|20)[0-9]{2}(0[1-9]|1[0-2])[0-3][0-9]T[0-2][0-9][0-5][0-9][0-6][0-9]Z") {
        if let Ok(date) = AmzDate::parse(&text) {
            prop_assert_eq!(date.as_str(), &text);
            prop_assert_eq!(AmzDate::from_time(date.time()), Ok(date));
        }
    }

    /// A region that the operator adds changes nothing about the hosts that were there, and brings its own alone.
    #[test]
    fn an_added_region_takes_no_host_of_another(name in "[a-z][a-z0-9-]{0,20}", partition in proptest::sample::select(Partition::ALL.to_vec())) {
        let Ok(region) = Region::parse(&name) else { return Ok(()) };
        let (before, mut table) = (EndpointTable::standard(), EndpointTable::standard());
        match table.add_region(partition, &region) {
            Ok(()) => {
                prop_assert!(table.iter().is_sorted_by(|a, b| a.host() < b.host()));
                for endpoint in table.iter() {
                    prop_assert_eq!(table.find(endpoint.host()), Some(endpoint));
                    match before.find(endpoint.host()) {
                        Some(known) => prop_assert_eq!(known, endpoint),
                        None => prop_assert_eq!((endpoint.region(), endpoint.partition()), (&region, partition)),
                    }
                }
                let regional = StsEndpoint::in_partition(partition, &region, EndpointKind::Regional).unwrap();
                prop_assert_eq!(table.find(regional.host()), Some(&regional));
            }
            Err(error) => {
                let actual = Partition::of_region(&name).unwrap();
                prop_assert_ne!(actual, partition);
                prop_assert_eq!(error, IdentityError::RegionOfOtherPartition { actual });
            }
        }
        prop_assert!(before.iter().all(|endpoint| table.find(endpoint.host()) == Some(endpoint)));
    }
}
