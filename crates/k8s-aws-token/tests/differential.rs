//! URLs that two readers read differently, or that one reads as something other than what is written, are refused.
//!
//! That `url` and `http` agree on everything accepted is a law of `common::laws`, checked wherever those run.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{laws, rows};
use k8s_aws_token::EndpointTable;

/// What a reader makes of a text: scheme, user, host, port, path, query, fragment.
type Reading = (String, String, String, Option<u16>, String, String);

/// Whether both readers read it, alike, and as it is written.
fn is_undisputed(text: &str) -> bool {
    let as_written = url::Url::parse(text).is_ok_and(|read| read.as_str() == text);
    as_written && by_url(text).is_some() && by_url(text) == by_http(text)
}

fn by_url(text: &str) -> Option<Reading> {
    let read = url::Url::parse(text).ok()?;
    Some((
        read.scheme().to_owned(),
        read.username().to_owned(),
        read.host_str()?.to_owned(),
        read.port(),
        read.path().to_owned(),
        read.query().unwrap_or_default().to_owned(),
    ))
}

fn by_http(text: &str) -> Option<Reading> {
    let read: http::Uri = text.parse().ok()?;
    let user = read.authority()?.as_str().rsplit_once('@').map(|(user, _)| user).unwrap_or_default();
    Some((
        read.scheme_str()?.to_owned(),
        user.to_owned(),
        read.host()?.to_owned(),
        read.port_u16(),
        read.path().to_owned(),
        read.query().unwrap_or_default().to_owned(),
    ))
}

#[test]
fn what_readers_disagree_on_or_repair_is_refused() {
    let table = EndpointTable::standard();
    let valid = rows::valid_url();
    let with = |from: &str, to: &str| valid.replacen(from, to, 1);
    let disputed = [
        ("backslashes for slashes", with("https://", "https:\\\\")),
        ("one slash", with("https://", "https:/")),
        ("three slashes", with("https://", "https:///")),
        ("a tab in the host", with("sts.", "st\ts.")),
        ("a line break in the host", with("sts.", "st\ns.")),
        ("a line break in the query", with("Version", "Ver\nsion")),
        ("a blank in front", format!(" {valid}")),
        ("a line break behind", format!("{valid}\n")),
        ("full-width letters", with("sts.", "\u{ff53}ts.")),
        ("an ideographic full stop", with("sts.", "sts\u{3002}")),
        ("a soft hyphen", with("sts.", "s\u{ad}ts.")),
        ("an escaped dot", with("sts.", "sts%2e")),
        ("upper case in the host", with("sts.", "STS.")),
        ("an octal address", with("sts.us-west-2.amazonaws.com", "0177.0.0.1")),
        ("a decimal address", with("sts.us-west-2.amazonaws.com", "2130706433")),
        ("a short address", with("sts.us-west-2.amazonaws.com", "127.1")),
        ("a backslash before user information", with("https://", "https://evil.example\\@")),
        ("a default port", with(".com/", ".com:443/")),
        ("an empty port", with(".com/", ".com:/")),
        ("an empty user", with("https://", "https://@")),
        ("dots in the path", with(".com/", ".com/../")),
        ("an escaped dot in the path", with(".com/", ".com/%2e%2e/")),
        ("a backslash in the path", with(".com/", ".com/\\")),
        ("a scheme in upper case", with("https", "HTTPS")),
        ("a double quote in the query", with("Action", "\"Action")),
        ("beyond ASCII in the query", with("Action", "\u{e9}ction")),
    ];
    let mut agreed = Vec::new();
    for (name, text) in &disputed {
        laws::url(text, &table).map(|_| ()).expect_err(name);
        if is_undisputed(text) {
            agreed.push(*name);
        }
    }
    assert!(agreed.is_empty(), "the readers agree after all on: {agreed:?}");
}

/// The other way round, over every row of the tables: whatever is read in two ways is in a row that is refused.
#[test]
fn every_row_that_is_read_in_two_ways_is_refused() {
    let (mut disputed, mut accepted) = (0, 0);
    for row in rows::all() {
        let Some(url) = &row.url else { continue };
        match is_undisputed(url) {
            true => accepted += usize::from(row.is_accepted()),
            false => {
                disputed += 1;
                assert!(!row.is_accepted(), "{}", row.name);
            }
        }
    }
    assert!(disputed >= 100 && accepted >= 50, "{disputed} {accepted}");
}
