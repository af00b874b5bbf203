//! What the test programs of this crate share. Each uses a part of it.
#![allow(dead_code, reason = "no test program uses all of it")]

pub(crate) mod laws;

use http::Response;
use k8s_aws_ec2::{Ec2Error, ErrorClass, InstanceId, Progress, Query};

pub(crate) const XML: &str = "text/xml;charset=UTF-8";

/// Stands in every answer that the tables make; no error repeats any of it.
pub(crate) const SECRET: &str = "b7c1f0de-9a2e-4d53-8f6b-request-id";

/// What is asked for: a known instance and one that no answer of the tables has unless a row puts it there.
pub(crate) const KNOWN: &str = "i-0123456789abcdef0";
pub(crate) const OTHER: &str = "i-0fedcba9876543210";

pub(crate) fn id(text: &str) -> InstanceId {
    InstanceId::parse(text).expect("an instance id")
}

pub(crate) fn query() -> Query {
    Query::new([id(KNOWN), id(OTHER)]).expect("two instances")
}

pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Response<Vec<u8>> {
    let builder = Response::builder().status(status);
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(body.into()).expect("a response")
}

/// A document with one instance, and places to put something: `PROLOG`, `ROOT`, `SET`, `RESERVATION`, `INSTANCES`,
/// `INSTANCE`, `AFTER`.
pub(crate) fn template() -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>PROLOG
<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <requestId>{SECRET}</requestId>ROOT
    <reservationSet>SET
        <item>
            <reservationId>r-1234567890abcdef0</reservationId>
            <ownerId>111122223333</ownerId>RESERVATION
            <groupSet/>
            <instancesSet>INSTANCES
                <item>
                    <instanceId>{KNOWN}</instanceId>INSTANCE
                    <instanceState><code>16</code><name>running</name></instanceState>
                    <privateDnsName>ip-10-0-0-1.ec2.internal</privateDnsName>
                    <tagSet><item><key>instanceId</key><value>a &amp; b</value></item></tagSet>
                </item>
            </instancesSet>
        </item>
    </reservationSet>
</DescribeInstancesResponse>
AFTER"#
    )
}

/// The document with `with` in the place of `at` and nothing in the others.
pub(crate) fn document(at: &str, with: &str) -> String {
    let places = ["PROLOG", "ROOT", "SET", "RESERVATION", "INSTANCES", "INSTANCE", "AFTER"];
    assert!(at.is_empty() || places.contains(&at), "{at}");
    // A place is the whole end of its line.
    let fill = |text: String, place: &&str| {
        let with = if *place == at { with } else { "" };
        text.replace(&format!("{place}\n"), &format!("{with}\n"))
    };
    let text = places.iter().fold(format!("{}\n", template()), fill);
    text.strip_suffix('\n').expect("the line break from above").to_owned()
}

pub(crate) fn valid() -> String {
    document("", "")
}

/// An error document as EC2 writes it.
pub(crate) fn error(code: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{SECRET} is not \
         valid</Message></Error></Errors><RequestID>{SECRET}</RequestID></Response>"
    )
}

/// What an answer came to, in a word per instance: `known=<name>@<owner> other=unknown`, `next page`, or the reason.
pub(crate) fn told(result: &Result<Progress, Ec2Error>) -> String {
    match result {
        Ok(Progress::NextPage(_)) => "next page".to_owned(),
        Ok(Progress::Done(instances)) => {
            let label = |id: &InstanceId| if id.as_str() == KNOWN { "known" } else { "other" };
            let words: Vec<String> = instances
                .iter()
                .map(|(id, instance)| match instance {
                    None => format!("{}=unknown", label(id)),
                    Some(i) => format!("{}={}@{}", label(id), i.private_dns_name(), i.owner()),
                })
                .collect();
            words.join(" ")
        }
        Err(error) => error.reason().to_owned(),
    }
}

pub(crate) fn class_name(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Refused => "refused",
        ErrorClass::Unauthorized => "unauthorized",
        ErrorClass::Rejected => "rejected",
        ErrorClass::Throttled => "throttled",
        ErrorClass::Unavailable => "unavailable",
        ErrorClass::Malformed => "malformed",
        _ => "unknown to this test",
    }
}
