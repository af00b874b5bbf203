//! The table in the code says what the published partitions data says.

use k8s_aws_identity::{EndpointTable, GLOBAL_STS_HOST, Partition};
use std::collections::BTreeSet;

#[test]
fn the_table_is_the_published_one() {
    let data: serde_json::Value = serde_json::from_str(include_str!("data/sts-endpoints.json")).unwrap();
    let mut want = BTreeSet::from([("aws".to_owned(), "us-east-1".to_owned(), GLOBAL_STS_HOST.to_owned())]);
    let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
    let (regional, fips) = (text(&data["prefixes"]["regional"]), text(&data["prefixes"]["fips"]));
    for partition in data["partitions"].as_array().unwrap() {
        let (id, plain, dual) =
            (text(&partition["id"]), text(&partition["suffix"]), text(&partition["dual_stack_suffix"]));
        for region in partition["regions"].as_array().unwrap() {
            let region = text(region);
            let mut add = |host: String| want.insert((id.clone(), region.clone(), host));
            add(format!("{regional}.{region}.{plain}"));
            add(format!("{regional}.{region}.{dual}"));
            add(format!("{fips}.{region}.{dual}"));
            if id != "aws-us-gov" {
                add(format!("{fips}.{region}.{plain}"));
            }
        }
    }
    let have: BTreeSet<_> = EndpointTable::standard()
        .iter()
        .map(|e| (e.partition().to_string(), e.region().to_string(), e.host().to_owned()))
        .collect();
    assert_eq!(have, want);
    assert_eq!(Partition::ALL.len(), data["partitions"].as_array().unwrap().len());
}
