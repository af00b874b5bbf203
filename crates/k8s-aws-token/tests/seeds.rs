//! Replays the seeds of the fuzz targets `token`, `token_url` and `presign`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;
#[path = "common/near_valid.rs"]
mod near_valid;
#[path = "common/presigned.rs"]
mod presigned;
#[path = "../../k8s-aws-identity/tests/common/seeds.rs"]
mod seeds;

use common::{laws, rows, sigv4};
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

/// The bytes are draws: one seed says little by itself.
fn draws() -> Vec<(String, Vec<u8>)> {
    let seed =
        |number: u8| (0..160_u8).map(|at| at.wrapping_mul(number).wrapping_add(number) >> (number % 3)).collect();
    (0..32).map(|number| (format!("draw-{number:02}"), seed(number * 7))).collect()
}

#[test]
fn the_seeds_of_presign_obey_its_laws() {
    let table = EndpointTable::standard();
    let minted = std::cell::Cell::new(0);
    seeds::replay("presign", &draws(), |bytes| {
        minted.set(minted.get() + usize::from(presigned::presigned(bytes, &table)));
    });
    assert!(minted.get() >= 8, "{} of the seeds mint a token", minted.get());
}
