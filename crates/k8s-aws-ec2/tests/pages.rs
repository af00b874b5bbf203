//! Pages are followed to their end, and to no other.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use aws_credential_types::Credentials;
use common::{KNOWN, OTHER, XML, id, laws, query, response, told};
use k8s_aws_ec2::{Ec2Endpoint, Ec2Error, EndpointKind, InstanceId, Partition, Progress, Query, Region};
use std::time::{Duration, UNIX_EPOCH};

/// A page with these instances (id and name), and a token for the next one.
fn page(instances: &[(&str, &str)], next: Option<&str>) -> http::Response<Vec<u8>> {
    let item = |(id, name): &(&str, &str)| {
        format!("<item><instanceId>{id}</instanceId><privateDnsName>{name}</privateDnsName></item>")
    };
    let items: String = instances.iter().map(item).collect();
    let next = next.map(|token| format!("<nextToken>{token}</nextToken>")).unwrap_or_default();
    let body = format!(
        "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><reservationSet><item>\
         <ownerId>111122223333</ownerId><instancesSet>{items}</instancesSet></item></reservationSet>{next}\
         </DescribeInstancesResponse>"
    );
    response(200, &[("content-type", XML)], body)
}

fn next(query: &Query, answer: &http::Response<Vec<u8>>) -> Query {
    match laws::read(query, answer) {
        Ok(Progress::NextPage(next)) => next,
        other => panic!("{}", told(&other)),
    }
}

fn form(query: &Query) -> String {
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "test");
    let endpoint = Ec2Endpoint::new(Partition::Aws, &Region::US_EAST_1, EndpointKind::Regional).unwrap();
    let now = UNIX_EPOCH + Duration::from_secs(1_781_526_896);
    String::from_utf8(query.request(&credentials, &endpoint, now).unwrap().into_http().into_body()).unwrap()
}

#[test]
fn the_next_page_is_asked_for_by_its_token_with_all_else_as_before() {
    let first = query();
    let second = next(&first, &page(&[], Some("a+b/c=d&amp;e")));
    assert_eq!(form(&second), format!("{}&NextToken=a%2Bb%2Fc%3Dd%26e", form(&first)));
    let third = next(&second, &page(&[], Some("f")));
    assert_eq!(form(&third), format!("{}&NextToken=f", form(&first)));
    // A page may be asked for again.
    assert_eq!(form(&next(&first, &page(&[], Some("a+b/c=d&amp;e")))), form(&second));
    assert!(!format!("{third:?}").contains("NextToken") && format!("{third:?}").contains("page: 3"));
}

#[test]
fn instances_of_all_pages_come_out() {
    let second = next(&query(), &page(&[(OTHER, "b")], Some("2")));
    let third = next(&second, &page(&[("i-00000000", "evil")], Some("3")));
    assert_eq!(told(&laws::read(&third, &page(&[(KNOWN, "a")], None))), "known=a@111122223333 other=b@111122223333");
    assert_eq!(told(&laws::read(&third, &page(&[], None))), "known=unknown other=b@111122223333");
}

#[test]
fn it_is_done_when_every_instance_has_been_found() {
    let both = page(&[(OTHER, "b"), (KNOWN, "a")], Some("2"));
    assert_eq!(told(&laws::read(&query(), &both)), "known=a@111122223333 other=b@111122223333");
    let second = next(&query(), &page(&[(OTHER, "b")], Some("2")));
    let rest = page(&[(KNOWN, "a")], Some("2"));
    assert_eq!(told(&laws::read(&second, &rest)), "known=a@111122223333 other=b@111122223333");
}

#[test]
fn an_instance_on_two_pages_is_the_same_on_both() {
    let second = next(&query(), &page(&[(OTHER, "b")], Some("2")));
    assert_eq!(told(&laws::read(&second, &page(&[(OTHER, "b")], None))), "known=unknown other=b@111122223333");
    assert_eq!(told(&laws::read(&second, &page(&[(OTHER, "c")], None))), "ec2_answer_malformed");
    assert_eq!(told(&laws::read(&second, &page(&[(OTHER, "")], None))), "ec2_answer_malformed");
}

#[test]
fn pages_that_go_round_in_a_circle_are_an_error() {
    let second = next(&query(), &page(&[], Some("2")));
    assert_eq!(laws::read(&second, &page(&[], Some("2"))).unwrap_err(), Ec2Error::PageRepeated);
    let third = next(&second, &page(&[], Some("3")));
    assert_eq!(laws::read(&third, &page(&[], Some("2"))).unwrap_err(), Ec2Error::PageRepeated);
    assert_eq!(Ec2Error::PageRepeated.reason(), "ec2_page_repeated");
}

#[test]
fn pages_without_end_are_an_error() {
    for asked in [1, 2, 200] {
        let ids: Vec<InstanceId> = (0..asked).map(|n| id(&format!("i-{n:017x}"))).collect();
        let mut query = Query::new(ids).unwrap();
        let mut pages = 1;
        let error = loop {
            match query.read(&page(&[], Some(&format!("token-{pages}")))) {
                Ok(Progress::NextPage(next)) => query = next,
                Ok(Progress::Done(_)) => panic!("there was a next page"),
                Err(error) => break error,
            }
            pages += 1;
        };
        assert_eq!((error, pages), (Ec2Error::TooManyPages, asked + 8));
        assert!(query.read(&page(&[], None)).is_ok(), "the last page may be there");
    }
}

#[test]
fn a_page_for_each_instance_is_fine() {
    let ids: Vec<InstanceId> = (0..200).map(|n| id(&format!("i-{n:017x}"))).collect();
    let mut query = Query::new(ids.clone()).unwrap();
    for (n, id) in ids.iter().enumerate() {
        match query.read(&page(&[(id.as_str(), "a")], Some(&format!("token-{n}")))).unwrap() {
            Progress::NextPage(next) => query = next,
            Progress::Done(instances) => {
                assert_eq!(n, 199);
                assert!(instances.iter().all(|(_, instance)| instance.is_some()));
                return;
            }
        }
    }
    panic!("all were found");
}

#[test]
fn a_failure_leaves_the_query_as_it_was() {
    let second = next(&query(), &page(&[(OTHER, "b")], Some("2")));
    let before = form(&second);
    let throttled = response(503, &[("content-type", XML)], common::error("RequestLimitExceeded"));
    assert_eq!(laws::read(&second, &throttled).unwrap_err().code(), Some("RequestLimitExceeded"));
    assert_eq!(form(&second), before);
    assert_eq!(told(&laws::read(&second, &page(&[], None))), "known=unknown other=b@111122223333");
}
