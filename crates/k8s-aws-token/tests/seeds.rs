//! Replays the seeds of the fuzz targets `token` and `token_url`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;
#[path = "common/near_valid.rs"]
mod near_valid;
#[path = "../../k8s-aws-identity/tests/common/seeds.rs"]
mod seeds;

use common::{laws, rows};
use k8s_aws_token::EndpointTable;
use std::collections::BTreeMap;

/// A seed of each accepted row that is short, and two of each reason.
fn pick(part: impl Fn(&rows::Row) -> Option<Vec<u8>>) -> Vec<(String, Vec<u8>)> {
    let mut count = BTreeMap::<String, usize>::new();
    let mut seeds = Vec::new();
    for row in rows::all() {
        let Some(seed) = part(&row).filter(|seed| seed.len() < 2048) else { continue };
        let number = count.entry(row.want.clone()).or_default();
        if row.is_accepted() || *number < 2 {
            seeds.push((format!("{}-{number:02}", row.want), seed));
        }
        *number += 1;
    }
    seeds
}

#[test]
fn the_seeds_of_token_obey_its_laws() {
    let table = EndpointTable::standard();
    seeds::replay("token", &pick(|row| Some(row.text.clone())), |bytes| {
        let _ = laws::text(bytes, &table);
    });
}

#[test]
fn the_seeds_of_token_url_obey_its_laws() {
    let table = EndpointTable::standard();
    let url = |row: &rows::Row| row.url.clone().map(String::into_bytes);
    seeds::replay("token_url", &pick(url), |bytes| near_valid::url_or_near_valid(bytes, &table));
}
