//! The inputs that a fuzz target starts from, in `fuzz/seeds/<target>`: written from the tables, replayed by `cargo test`.
#![allow(clippy::disallowed_methods, reason = "seeds are files, and an environment variable asks for them")]

use std::{env, fs, path::Path};

/// Holds every file of the folder against the target's laws, what fuzzing once found included.
///
/// `seeds` are those that the tables make. With `WRITE_SEEDS` in the environment they are written; without it they have
/// to be there.
pub(crate) fn replay(target: &str, seeds: &[(String, Vec<u8>)], law: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    if env::var_os("WRITE_SEEDS").is_some() {
        fs::create_dir_all(&folder).expect("the folder of seeds can be made");
        for (name, seed) in seeds {
            fs::write(folder.join(name), seed).expect("a seed can be written");
        }
    }
    for (name, seed) in seeds {
        let there = fs::read(folder.join(name)).unwrap_or_default();
        assert!(&there == seed, "{target}/{name} is not what the tables make: run this test with WRITE_SEEDS=1");
    }
    let mut files = 0;
    for entry in fs::read_dir(&folder).expect("a folder of seeds") {
        let path = entry.expect("an entry").path();
        law(&fs::read(&path).expect("a seed"));
        files += 1;
    }
    assert!(files >= 10, "{target} has {files} seeds");
}
