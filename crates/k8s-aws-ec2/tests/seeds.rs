//! Replays the seeds of the fuzz target `ec2_answer`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;
#[path = "../../k8s-aws-identity/tests/common/seeds.rs"]
mod seeds;

use common::{document, error, laws, valid};

fn all() -> Vec<(String, Vec<u8>)> {
    let xml = common::XML;
    let namespace = "xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"";
    let moto: serde_json::Value = serde_json::from_str(include_str!("answers/moto.json")).unwrap();
    let moto = |n: usize| moto["rows"][n]["body"].as_str().unwrap().to_owned();
    let answers = [
        (200, xml, valid()),
        (200, xml, document("INSTANCES", "<item><instanceId>i-1234abcd</instanceId></item>")),
        (200, xml, document("INSTANCE", "<x:y a='b'><![CDATA[<]]>&lt;&#65;<!-- c --></x:y>")),
        (200, xml, document("INSTANCE", "<instanceId>i-1234abcd</instanceId>")),
        (200, xml, document("RESERVATION", "<ownerId>999999999999</ownerId>")),
        (200, xml, document("ROOT", "<nextToken>eyJ2IjoiMiJ9+/=</nextToken>")),
        (200, xml, document("PROLOG", "<!DOCTYPE a [<!ENTITY b \"c\">]>")),
        (200, xml, document("INSTANCE", "<x>&b;</x>")),
        (200, xml, document("PROLOG", "<?a b?>")),
        (200, xml, format!("<DescribeInstancesResponse {namespace}><reservationSet/></DescribeInstancesResponse>")),
        (200, "text/xml", moto(1)),
        (200, "text/xml", moto(5)),
        (200, "application/json", "{}".to_owned()),
        (400, xml, error("InvalidParameterValue")),
        (401, xml, error("AuthFailure")),
        (403, xml, error("UnauthorizedOperation")),
        (503, xml, error("RequestLimitExceeded")),
        (500, xml, error("InternalError")),
        (429, "", String::new()),
        (302, xml, valid()),
    ];
    let file = |(status, kind, body): &(u16, &str, String)| format!("{status} {kind}\n{body}").into_bytes();
    answers.iter().enumerate().map(|(n, answer)| (format!("answer-{n:02}"), file(answer))).collect()
}

#[test]
fn the_seeds_of_ec2_answer_obey_its_laws() {
    seeds::replay("ec2_answer", &all(), |bytes| {
        if let Some(answer) = laws::response(bytes) {
            let _ = laws::read(&laws::query(), &answer);
        }
    });
    assert!(all().iter().all(|(_, bytes)| laws::response(bytes).is_some()));
}
