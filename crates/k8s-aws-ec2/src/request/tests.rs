use super::*;
use crate::{EndpointKind, Partition, Region};
use serde_json::Value;
use std::time::{Duration, UNIX_EPOCH};

/// A failure names the stage that is wrong.
#[test]
fn each_stage_is_botocores() {
    let file: Value = serde_json::from_str(include_str!("../../tests/vectors/botocore.json")).unwrap();
    let rows = file["rows"].as_array().unwrap();
    assert!(rows.len() >= 40, "{} rows", rows.len());
    for row in rows {
        let text = |name: &str| row[name].as_str().unwrap();
        let name = text("name");
        let partition = Partition::of_region(text("region")).unwrap();
        let kind = match text("kind") {
            "regional" => EndpointKind::Regional,
            "fips" => EndpointKind::Fips,
            "dual-stack" => EndpointKind::DualStack,
            _ => EndpointKind::FipsDualStack,
        };
        let endpoint = Ec2Endpoint::new(partition, &Region::parse(text("region")).unwrap(), kind).unwrap();
        assert_eq!(endpoint.host(), text("host"), "host of {name}");
        let ids: Vec<_> =
            row["ids"].as_array().unwrap().iter().map(|id| InstanceId::parse(id.as_str().unwrap()).unwrap()).collect();
        let body = form(&ids, row["page_token"].as_str());
        assert_eq!(body, text("body"), "body of {name}");
        let inputs = Inputs {
            access_key_id: &AccessKeyId::parse(text("access_key_id")).unwrap(),
            session_token: row["session_token"].as_str(),
            endpoint: &endpoint,
            date: &AmzDate::from_time(UNIX_EPOCH + Duration::from_secs(row["unix_time"].as_u64().unwrap())).unwrap(),
            body: &body,
        };
        assert_eq!(*inputs.canonical_request(), text("canonical_request"), "canonical request of {name}");
        assert_eq!(inputs.string_to_sign(), text("string_to_sign"), "string to sign of {name}");
        assert_eq!(*inputs.authorization(text("signature")), text("authorization"), "header of {name}");
    }
}

#[test]
fn no_buffer_grows() {
    let token = "/".repeat(MAX_SESSION_TOKEN_LEN);
    let region = Region::parse(&"r".repeat(32)).unwrap();
    let endpoint = Ec2Endpoint::new(Partition::AwsCn, &region, EndpointKind::FipsDualStack).unwrap();
    for session_token in [None, Some(token.as_str())] {
        let inputs = Inputs {
            access_key_id: &AccessKeyId::parse(&"A".repeat(128)).unwrap(),
            session_token,
            endpoint: &endpoint,
            date: &AmzDate::parse("20260615T123456Z").unwrap(),
            body: "",
        };
        let room = inputs.buffer().capacity();
        for text in [inputs.canonical_request(), inputs.authorization(&"0".repeat(64))] {
            assert!(text.len() <= room && text.capacity() == room, "{} of {room}", text.len());
        }
    }
}
