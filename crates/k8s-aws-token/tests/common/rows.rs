//! The tables under `tests/hostile/`: how a token differs from a valid one, and what is said of it.
//!
//! A table is a list of groups. Every text in `with` is one row: it takes the place of the part that `at` names, with
//! `{}` standing for what was there. `want` is `accepted`, or the `reason()` of the refusal. Rows to be accepted, and
//! those that say `"signed": true`, are signed afresh, so that nothing but the rule in question is broken.

use super::laws::text_of;
use super::sigv4;
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub(crate) const CLUSTER: &str = "production";
pub(crate) const SESSION_TOKEN: &str = "IQoJb3JpZ2luX2VjE~~~~Zm9vYmFy%2Bd2l0aA%2Fsigns%3D%3D";
const HOST: &str = "sts.us-west-2.amazonaws.com";
const NAMES: [&str; 9] = [
    "Action",
    "Version",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
];
const VALUES: [&str; 8] = [
    "GetCallerIdentity",
    "2011-06-15",
    "AWS4-HMAC-SHA256",
    "ASIAIOSFODNN7EXAMPLE%2F20260615%2Fus-west-2%2Fsts%2Faws4_request",
    "20260615T123456Z",
    "60",
    SESSION_TOKEN,
    "host%3Bx-k8s-aws-id",
];

/// The moment at which the valid token was signed.
pub(crate) fn signed_at() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_781_526_896)
}

pub(crate) struct Row {
    /// The rule and what stands in the place.
    pub(crate) name: String,
    pub(crate) text: Vec<u8>,
    /// The URL in the text, where the text was made of one.
    pub(crate) url: Option<String>,
    /// `accepted` or a reason.
    pub(crate) want: String,
}

impl Row {
    pub(crate) fn is_accepted(&self) -> bool {
        self.want == "accepted"
    }
}

/// The URL of the valid token that the rows differ from.
pub(crate) fn valid_url() -> String {
    signed(&url("https://", HOST, "/", &query()))
}

/// The same URL with its signature made afresh.
pub(crate) fn signed(url: &str) -> String {
    let signature = sigv4::signature(url, CLUSTER, SECRET);
    let at = url.find("X-Amz-Signature=").expect("a URL with a place for its signature") + "X-Amz-Signature=".len();
    let end = url[at..].find('&').map_or(url.len(), |len| at + len);
    format!("{}{signature}{}", &url[..at], &url[end..])
}

/// Every row of every table.
pub(crate) fn all() -> Vec<Row> {
    [
        include_str!("../hostile/text.json"),
        include_str!("../hostile/origin.json"),
        include_str!("../hostile/query.json"),
        include_str!("../hostile/parameters.json"),
        include_str!("../hostile/other-tokens.json"),
        include_str!("../hostile/accepted.json"),
    ]
    .iter()
    .flat_map(|table| rows(table))
    .collect()
}

fn rows(table: &str) -> Vec<Row> {
    let groups: Vec<Value> = serde_json::from_str(table).expect("the table is JSON");
    let mut rows = Vec::new();
    for group in &groups {
        let text = |name: &str| group[name].as_str().unwrap_or_else(|| panic!("{name} in {group}"));
        let (rule, at, want) = (text("rule"), text("at"), text("want"));
        let sign = group["signed"].as_bool().unwrap_or(want == "accepted");
        for with in group["with"].as_array().expect("`with` is a list") {
            let with = with.as_str().expect("a row is a text");
            let row = |text: Vec<u8>, url| Row { name: format!("{rule}: {with:?}"), text, url, want: want.to_owned() };
            match at {
                "text" => {
                    let body = &text_of(valid_url())["k8s-aws-v1.".len()..];
                    rows.push(row(with.replace("{}", body).into_bytes(), None));
                }
                "bytes" => rows.extend(everywhere(with).map(|url| row(text_of(url).into_bytes(), None))),
                _ => {
                    let url = edited(at, with);
                    let url = if sign { signed(&url) } else { url };
                    rows.push(row(text_of(&url).into_bytes(), Some(url)));
                }
            }
        }
    }
    rows
}

/// The valid URL with the bytes that `hex` writes, at some thirty places and at the end.
fn everywhere(hex: &str) -> impl Iterator<Item = Vec<u8>> {
    let bytes: Vec<u8> =
        hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(&String::from_utf8_lossy(pair), 16).unwrap()).collect();
    let url = valid_url().into_bytes();
    (0..=url.len()).step_by(16).chain([url.len()]).map(move |at| [&url[..at], &bytes, &url[at..]].concat())
}

fn edited(at: &str, with: &str) -> String {
    let put = |was: &str| with.replace("{}", was);
    let mut query = query();
    let place = |name: &str| query.iter().position(|(n, _)| n == name);
    match at {
        "scheme" => url(&put("https://"), HOST, "/", &query),
        "authority" => url("https://", &put(HOST), "/", &query),
        "path" => url("https://", HOST, &put("/"), &query),
        "url" => with.replace("{}", &valid_url()),
        "query" => {
            let valid = valid_url();
            let (origin, query) = valid.split_once('?').unwrap();
            format!("{origin}?{}", put(query))
        }
        "order" => {
            query = with.split_whitespace().map(|name| query[place(name).unwrap()].clone()).collect();
            assert_eq!(query.len(), NAMES.len(), "{with}");
            url("https://", HOST, "/", &query)
        }
        "without" => {
            query.remove(place(with).unwrap());
            url("https://", HOST, "/", &query)
        }
        "twice" => {
            query.push(query[place(with).unwrap()].clone());
            url("https://", HOST, "/", &query)
        }
        _ => match at.strip_prefix("pair ") {
            Some(name) => {
                let (name, value) = query[place(name).unwrap()].clone();
                let pair = format!("{name}={value}");
                let valid = url("https://", HOST, "/", &query);
                assert!(valid.contains(&pair));
                valid.replace(&pair, &put(&pair))
            }
            None => {
                let at = place(at).unwrap_or_else(|| panic!("no part of a token is called {at}"));
                query[at].1 = put(&query[at].1);
                url("https://", HOST, "/", &query)
            }
        },
    }
}

/// The pairs of the valid token, its signature included.
fn query() -> Vec<(String, String)> {
    let mut query: Vec<_> = NAMES.iter().zip(VALUES).map(|(n, v)| ((*n).to_owned(), v.to_owned())).collect();
    let unsigned = url("https://", HOST, "/", &query);
    query.push((NAMES[8].to_owned(), sigv4::signature(&unsigned, CLUSTER, SECRET)));
    query
}

fn url(scheme: &str, authority: &str, path: &str, query: &[(String, String)]) -> String {
    let pairs: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{scheme}{authority}{path}?{}", pairs.join("&"))
}
