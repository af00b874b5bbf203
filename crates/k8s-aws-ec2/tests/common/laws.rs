//! What holds for every answer. The tables, the property tests and the fuzz target feed it.

use k8s_aws_ec2::{Ec2Error, ErrorClass, InstanceId, Instances, MAX_ANSWER_LEN, Progress, Query};

/// An answer out of a fuzzer's bytes: status, blank, content type, line break, body. Nothing where they are no such thing.
pub(crate) fn response(bytes: &[u8]) -> Option<http::Response<Vec<u8>>> {
    let line_end = bytes.iter().position(|b| *b == b'\n')?;
    let (status, content_type) = std::str::from_utf8(&bytes[..line_end]).ok()?.split_once(' ')?;
    let response = http::Response::builder().status(status.parse::<u16>().ok()?).header("content-type", content_type);
    response.body(bytes[line_end + 1..].to_vec()).ok()
}

/// The query that the seeds are answers to.
pub(crate) fn query() -> Query {
    let ids = ["i-0123456789abcdef0", "i-0fedcba9876543210", "i-1234abcd"];
    Query::new(ids.map(|id| InstanceId::parse(id).expect("an instance id"))).expect("three instances")
}

/// The laws of [`Query::read`].
pub(crate) fn read(query: &Query, answer: &http::Response<Vec<u8>>) -> Result<Progress, Ec2Error> {
    let result = query.read(answer);
    assert_eq!(outcome(&result), outcome(&in_pieces(query, answer)), "cut into pieces it is the same answer");
    match &result {
        Ok(Progress::Done(instances)) => {
            accepted(answer);
            only_what_was_asked_for(query, instances);
            // What says nothing changes nothing.
            let mut longer = answer.clone();
            longer.body_mut().extend_from_slice(b"\n<!-- nothing -->\t\r\n");
            if longer.body().len() <= MAX_ANSWER_LEN {
                let Ok(Progress::Done(same)) = query.read(&longer) else { panic!("a comment is no content") };
                assert_eq!(&same, instances);
            }
        }
        Ok(Progress::NextPage(next)) => {
            accepted(answer);
            assert_eq!(next.ids(), query.ids());
            // The same page again leads nowhere, whatever it says; a last page without instances leads to what there is.
            assert_eq!(next.read(answer).expect_err("a circle"), Ec2Error::PageRepeated);
            let Ok(Progress::Done(instances)) = next.read(&last_page()) else { panic!("the last page is the end") };
            only_what_was_asked_for(query, &instances);
            assert!(instances.iter().any(|(_, instance)| instance.is_none()), "all were found, and yet a next page");
        }
        Err(error) => refused(error, answer),
    }
    result
}

/// The same answer as it may come from a connection: in pieces of every length, the shortest first.
fn in_pieces(query: &Query, answer: &http::Response<Vec<u8>>) -> Result<Progress, Ec2Error> {
    let mut reader = query.reader(answer.status(), answer.headers());
    let (mut rest, mut len) = (answer.body().as_slice(), 1);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(len.min(rest.len()));
        reader.push(piece)?;
        (rest, len) = (after, if len < 40 { len + 1 } else { len * 2 });
    }
    reader.finish()
}

/// What it came to. Which of several things that are wrong is found first may depend on the pieces.
fn outcome(result: &Result<Progress, Ec2Error>) -> String {
    match result {
        Ok(Progress::Done(instances)) => format!("{instances:?}"),
        Ok(Progress::NextPage(next)) => format!("{next:?}"),
        Err(error) => error.reason().to_owned(),
    }
}

/// A page with nothing on it and none after it.
pub(crate) fn last_page() -> http::Response<Vec<u8>> {
    let body = "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><reservationSet/>\
                </DescribeInstancesResponse>";
    http::Response::builder().header("content-type", "text/xml").body(body.into()).expect("a response")
}

fn accepted(answer: &http::Response<Vec<u8>>) {
    assert_eq!(answer.status(), 200);
    assert!(answer.body().len() <= MAX_ANSWER_LEN);
    let text = std::str::from_utf8(answer.body()).expect("UTF-8");
    for needed in ["DescribeInstancesResponse", "reservationSet", "http://ec2.amazonaws.com/doc/2016-11-15"] {
        assert!(text.contains(needed), "without {needed}");
    }
    for forbidden in ["<!DOCTYPE", "<!ENTITY"] {
        // Inside a comment or a CDATA section it is a text like any other.
        assert!(!text.contains(forbidden) || text.contains("<!--") || text.contains("<![CDATA["), "with {forbidden}");
    }
}

fn only_what_was_asked_for(query: &Query, instances: &Instances) {
    assert!(instances.iter().map(|(id, _)| id).eq(query.ids()), "each instance that was asked for, and no other");
    for (id, instance) in instances.iter() {
        assert_eq!(instances.get(id), instance);
        if let Some(instance) = instance {
            let name = instance.private_dns_name();
            assert!(name.len() <= 254 && !name.contains(char::is_control));
        }
    }
    let never_asked = InstanceId::parse("i-00000000000000bad").expect("an instance id");
    assert_eq!(instances.get(&never_asked), None);
}

/// A failure says why, in the form that all have, and is of a class that its status can have.
fn refused(error: &Ec2Error, answer: &http::Response<Vec<u8>>) {
    let (reason, message, status) = (error.reason(), error.to_string(), answer.status().as_u16());
    assert!(!reason.is_empty() && reason.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')), "{reason}");
    assert!(message.len() < 250 && !message.contains(char::is_control), "{message}");
    if let Some(code) = error.code() {
        let body = String::from_utf8_lossy(answer.body());
        // An entity or a number may stand for a part of it.
        assert!(body.contains(code) || body.contains('&') || body.contains("<!"), "{code} was not in the answer");
    }
    match error.class() {
        ErrorClass::Refused => panic!("an answer cannot be refused before it is asked for"),
        ErrorClass::Unauthorized | ErrorClass::Rejected => {
            assert!((400..500).contains(&status) && status != 429 && error.code().is_some());
        }
        ErrorClass::Throttled => assert!(status == 429 || (400..600).contains(&status) && error.code().is_some()),
        ErrorClass::Unavailable => assert!((400..600).contains(&status)),
        ErrorClass::Malformed => assert!(!(500..600).contains(&status) || answer.body().len() > MAX_ANSWER_LEN),
        _ => panic!("a class that the laws do not know"),
    }
}
