//! The seeds of the fuzz targets, past findings among them, hold the laws.

#![allow(clippy::disallowed_methods, reason = "the seeds are files")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/laws.rs"]
mod laws;

fn replay(target: &str, law: fn(&str)) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let seeds: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(seeds.len() >= 3, "{target} has seeds");
    for seed in seeds {
        law(&String::from_utf8_lossy(&std::fs::read(seed).unwrap()));
    }
}

#[test]
fn documents_hold_the_laws() {
    replay("mapping_documents", laws::document);
}

#[test]
fn templates_hold_the_laws() {
    replay("mapping_templates", laws::template);
}

#[test]
fn patterns_hold_the_laws() {
    replay("mapping_patterns", laws::pattern);
}

#[test]
fn edits_hold_the_laws() {
    replay("mapping_edits", laws::edit);
}

#[test]
fn chains_of_backends_hold_the_laws() {
    replay("backend_modes", laws::backend_modes);
}

#[test]
fn every_vector_document_holds_the_laws() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    for case in std::fs::read_dir(root).unwrap() {
        for file in std::fs::read_dir(case.unwrap().path()).unwrap() {
            laws::document(&std::fs::read_to_string(file.unwrap().path()).unwrap());
        }
    }
}
