//! What JSON spells is read as RFC 8259 has it, and what is no JSON is refused where it stands.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use k8s_aws_mapping::tree::{MAX_DEPTH, MAX_DOCUMENT_BYTES, Tree};

/// The text that a JSON text spells, or what is wrong with it.
fn text(json: &str) -> Result<String, String> {
    let tree = Tree::from_json(json).map_err(|e| format!("{}: {}", e.at.byte, e.problem))?;
    Ok(tree.root().unwrap().as_str().unwrap().to_owned())
}

#[test]
fn every_escape_is_read() {
    for (json, want) in [
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""a\u0041b\u00e9c""#, "aAbéc"),
        (r#""\uFFFD\uffff\ud7ff\ue000""#, "\u{fffd}\u{ffff}\u{d7ff}\u{e000}"),
        (r#""x\ud834\udd1ey""#, "x𝄞y"),
        (r#""\ud800\udc00\uDBFF\uDFFF""#, "\u{10000}\u{10ffff}"),
        (r#""é\"𝄞""#, "é\"𝄞"),
    ] {
        assert_eq!(text(json).as_deref(), Ok(want), "{json}");
    }
}

#[test]
fn what_is_no_escape_is_refused_where_it_stands() {
    const HALF: &str = "half of a surrogate pair";
    const DIGITS: &str = "`\\u` takes four hexadecimal digits";
    for (json, byte, want) in [
        (r#""a\x""#, 3, "not an escape that JSON knows"),
        (r#""a\""#, 4, "the text ends in the middle of a value"),
        (r#""\u12""#, 3, DIGITS),
        (r#""\u12g4""#, 3, DIGITS),
        (r#""\u+123""#, 3, DIGITS),
        (r#""\u12é""#, 3, DIGITS),
        (r#""\ud800""#, 7, HALF),
        (r#""\ud800\n""#, 7, HALF),
        (r#""\ud800xu0041""#, 7, HALF),
        (r#""\ud800\u0041""#, 13, HALF),
        (r#""\ud800\ue000""#, 13, HALF),
        (r#""\ud800\ud800""#, 13, HALF),
        (r#""\ud800\u12""#, 9, DIGITS),
        (r#""\udc00""#, 7, HALF),
        ("\"a\tb\"", 2, "a text has a line break or control character in it"),
        ("\"a\u{1f}b\"", 2, "a text has a line break or control character in it"),
    ] {
        assert_eq!(text(json), Err(format!("{byte}: {want}")), "{json}");
    }
    assert_eq!(text("\"\u{7f}\"").as_deref(), Ok("\u{7f}"));
}

#[test]
fn numbers_and_words_stay_as_they_are_spelt() {
    for word in [
        "0",
        "-0",
        "7",
        "10",
        "-12",
        "0.0",
        "1.50",
        "-0.5",
        "1e5",
        "1E5",
        "1e+5",
        "1e-05",
        "0e0",
        "12.25E-10",
        "true",
        "false",
    ] {
        assert_eq!(text(word).as_deref(), Ok(word));
    }
    assert!(Tree::from_json("null").unwrap().root().unwrap().is_null());
    for bad in [
        "-",
        "00",
        "01",
        "-01",
        "1.",
        ".5",
        "-.5",
        "1.e5",
        "1.5.",
        "1.5.2",
        "e5",
        "1e",
        "1e+",
        "1e+-5",
        "1e5.0",
        "1e5e5",
        "+1",
        "--1",
        "1-",
        "0x10",
        "1a",
        "True",
        "nul",
        "truefalse",
        "Infinity",
        "NaN",
    ] {
        assert!(text(bad).is_err(), "{bad}");
    }
}

#[test]
fn lists_and_maps_nest_32_levels_deep() {
    let lists = |depth: usize, inner: &str| format!("{}{inner}{}", "[".repeat(depth), "]".repeat(depth));
    let maps = |depth: usize, inner: &str| format!("{}{inner}{}", "{\"a\": ".repeat(depth), "}".repeat(depth));
    for inner in ["1", "[]", "{}", "[1]"] {
        let own = usize::from(inner != "1");
        for text in [lists(MAX_DEPTH - own, inner), maps(MAX_DEPTH - own, inner)] {
            assert!(Tree::from_json(&text).is_ok(), "{text}");
        }
        for text in
            [lists(MAX_DEPTH + 1 - own, inner), maps(MAX_DEPTH + 1 - own, inner), lists(50, inner), maps(50, inner)]
        {
            assert!(Tree::from_json(&text).unwrap_err().problem.contains("deeper than 32"), "{text}");
        }
    }
}

#[test]
fn a_document_has_16_mib_at_most_and_may_be_empty() {
    let text = |length: usize| format!("{}[]", " ".repeat(length - 2));
    assert!(Tree::from_json(&text(MAX_DOCUMENT_BYTES)).is_ok());
    assert!(Tree::from_json(&text(MAX_DOCUMENT_BYTES + 1)).unwrap_err().problem.contains("16 MiB"));
    for empty in ["", " \r\n\t", "\u{feff}"] {
        assert_eq!(Tree::from_json(empty).map(|tree| tree.root().cloned()), Ok(None), "{empty:?}");
    }
}

#[test]
fn what_is_missing_is_told_where_it_is_missing() {
    for (json, byte, want) in [
        ("{} x", 3, "there is more text behind the end of the JSON value"),
        ("\u{feff} {}x", 6, "there is more text behind the end of the JSON value"),
        ("{a: 1}", 1, "a key in double quotes is missing here"),
        ("{\"a\" 1}", 5, "`:` is missing behind a key"),
        ("{\"a\": }", 6, "a JSON value is missing here; texts need double quotes"),
        ("{\"a\": 'b'}", 6, "a JSON value is missing here; texts need double quotes"),
        ("{\"a\": 1 \"b\": 2}", 8, "`,` or `}` is missing here"),
        ("[1 2]", 3, "`,` or `]` is missing here"),
        ("[1, yes]", 4, "a JSON value is missing here; texts need double quotes"),
        ("[1, no]", 4, "neither a number nor `true`, `false` or `null`; texts need double quotes"),
        ("[1, ", 4, "the text ends in the middle of a value"),
    ] {
        let error = Tree::from_json(json).unwrap_err();
        assert_eq!((error.at.byte, &*error.problem), (byte, want), "{json}");
    }
}
