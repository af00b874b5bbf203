//! Laws over documents and bytes made up by chance.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{XML, document, id, laws, response, valid};
use k8s_aws_ec2::{InstanceId, Progress, Query};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeMap;

/// An element of a tree: a name, a text, children.
#[derive(Clone, Debug)]
struct Element(String, String, Vec<Element>);

impl Element {
    fn xml(&self) -> String {
        let children: String = self.2.iter().map(Self::xml).collect();
        format!("<{0}>{1}{children}</{0}>", self.0, self.1)
    }
}

/// Elements that mean nothing where they are put, though their insides have the names that mean something elsewhere.
fn unknown() -> impl Strategy<Value = Element> {
    let name = prop_oneof![
        "[a-z][a-zA-Z0-9]{0,8}Set",
        "x:[a-z]{1,5}",
        Just("item".to_owned()),
        Just("instanceId".to_owned()),
        Just("privateDnsName".to_owned()),
        Just("ownerId".to_owned()),
        Just("nextToken".to_owned()),
        Just("reservationSet".to_owned()),
        Just("instancesSet".to_owned()),
    ];
    let text = prop_oneof![Just(String::new()), "[a-z0-9 -]{0,12}", Just("&amp;&#65;<![CDATA[<]]>".to_owned())];
    let leaf = (name.clone(), text.clone()).prop_map(|(name, text)| Element(name, text, Vec::new()));
    let tree = leaf.prop_recursive(4, 12, 3, move |inner| {
        (name.clone(), text.clone(), prop::collection::vec(inner, 0..3)).prop_map(|(n, t, c)| Element(n, t, c))
    });
    tree.prop_map(|tree| Element("unknownThing".to_owned(), String::new(), vec![tree]))
}

/// An instance as a document has it: id, name, owner.
type Made = (String, String, String);

fn instances() -> impl Strategy<Value = Vec<Made>> {
    let one = ("i-[0-9a-f]{8}|i-0000000[0-9]", "|[a-z0-9.-]{1,40}", "[0-9]{12}");
    prop::collection::btree_map(one.0, (one.1, one.2), 0..12)
        .prop_map(|map| map.into_iter().map(|(id, (name, owner))| (id, name, owner)).collect())
}

/// A document with these instances, each in a reservation of its own; among the children of each element stand the
/// unknown ones, and `order` says where.
fn write(instances: &[Made], unknown: &[Element], order: &[Index]) -> String {
    let mut turn = 0;
    let mut shuffled = |mut children: Vec<String>| {
        if let Some(element) = unknown.get(turn % (unknown.len() + 1)) {
            children.push(element.xml());
        }
        for n in (1..children.len()).rev() {
            turn += 1;
            children.swap(n, order[turn % order.len()].index(n + 1));
        }
        children.join("\n ")
    };
    let reservations: Vec<String> = instances
        .iter()
        .map(|(id, name, owner)| {
            let instance = shuffled(vec![
                format!("<instanceId>{id}</instanceId>"),
                format!("<privateDnsName>{name}</privateDnsName>"),
            ]);
            let set = shuffled(vec![format!("<item>{instance}</item>")]);
            let reservation =
                shuffled(vec![format!("<ownerId>{owner}</ownerId>"), format!("<instancesSet>{set}</instancesSet>")]);
            format!("<item>{reservation}</item>")
        })
        .collect();
    let set = shuffled(reservations);
    let root = shuffled(vec![format!("<reservationSet>{set}</reservationSet>"), "<requestId>x</requestId>".to_owned()]);
    format!(
        "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">{root}</DescribeInstancesResponse>"
    )
}

fn told(query: &Query, body: &str) -> BTreeMap<String, Option<(String, String)>> {
    let Ok(Progress::Done(instances)) = laws::read(query, &response(200, &[("content-type", XML)], body)) else {
        panic!("{body}")
    };
    let entry = |(id, instance): (&InstanceId, Option<&k8s_aws_ec2::Instance>)| {
        (id.to_string(), instance.map(|i| (i.private_dns_name().to_owned(), i.owner().to_string())))
    };
    instances.iter().map(entry).collect()
}

proptest! {
    #[test]
    fn what_comes_out_is_what_was_asked_for_and_is_there(
        made in instances(),
        asked in prop::collection::vec("i-[0-9a-f]{8}|i-0000000[0-9]", 1..6),
        also in prop::collection::vec(any::<Index>(), 0..6),
        unknown in prop::collection::vec(unknown(), 0..4),
        order in prop::collection::vec(any::<Index>(), 1..40),
        other_order in prop::collection::vec(any::<Index>(), 1..40),
    ) {
        let there = also.iter().filter(|_| !made.is_empty()).map(|index| index.get(&made).0.clone());
        let asked: Vec<String> = asked.into_iter().chain(there).collect();
        let query = Query::new(asked.iter().map(|text| id(text))).unwrap();
        let found = told(&query, &write(&made, &unknown, &order));
        let want: BTreeMap<_, _> = asked
            .iter()
            .map(|id| {
                let known = made.iter().find(|(known, ..)| known == id);
                (id.clone(), known.map(|(_, name, owner)| (name.clone(), owner.clone())))
            })
            .collect();
        prop_assert_eq!(&found, &want);
        // Neither the order nor what nobody knows makes a difference.
        prop_assert_eq!(&found, &told(&query, &write(&made, &[], &order)));
        prop_assert_eq!(&found, &told(&query, &write(&made, &unknown, &other_order)));
    }

    #[test]
    fn any_bytes_obey_the_laws(
        status in prop_oneof![Just(200_u16), 400_u16..=599, 100_u16..=999],
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = laws::read(&laws::query(), &response(status, &[("content-type", XML)], bytes));
    }

    #[test]
    fn any_pieces_of_xml_obey_the_laws(
        status in prop_oneof![Just(200_u16), Just(400), Just(503)],
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40),
    ) {
        let body = pieces.concat();
        let _ = laws::read(&laws::query(), &response(status, &[("content-type", XML)], body));
    }

    #[test]
    fn one_changed_byte_obeys_the_laws(place in any::<Index>(), byte in any::<u8>(), removed in 0_usize..3) {
        let mut body = valid().into_bytes();
        let at = place.index(body.len());
        let end = (at + removed).min(body.len());
        body.splice(at..end, [byte]);
        let _ = laws::read(&common::query(), &response(200, &[("content-type", XML)], body));
    }

    #[test]
    fn any_text_in_any_place_obeys_the_laws(
        place in prop::sample::select(&["PROLOG", "ROOT", "SET", "RESERVATION", "INSTANCES", "INSTANCE", "AFTER"]),
        text in "\\PC{0,40}|[<>/!?&;a-z=' \\[\\]-]{0,40}",
    ) {
        let _ = laws::read(&common::query(), &response(200, &[("content-type", XML)], document(place, &text)));
    }
}

const PIECES: &[&str] = &[
    "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">",
    "</DescribeInstancesResponse>",
    "<reservationSet>",
    "</reservationSet>",
    "<reservationSet/>",
    "<instancesSet>",
    "</instancesSet>",
    "<item>",
    "</item>",
    "<instanceId>",
    "</instanceId>",
    "<instanceId>i-1234abcd</instanceId>",
    "<privateDnsName>a</privateDnsName>",
    "<ownerId>111122223333</ownerId>",
    "<nextToken>a</nextToken>",
    "<Response><Errors><Error><Code>",
    "Throttling",
    "</Code></Error></Errors></Response>",
    "i-1234abcd",
    "<a b='c'/>",
    "<!-- -->",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE a>",
    "<?a?>",
    "<?xml version='1.0'?>",
    "&amp;",
    "&a;",
    "<",
    ">",
    "&",
    " ",
];
