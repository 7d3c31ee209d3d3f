//! The configuration of every example is read without an error and without a warning.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

#[test]
fn every_example_is_read_without_a_warning() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut read = 0;
    for example in fs::read_dir(&folder).unwrap() {
        let file = example.unwrap().path().join("homefront.toml");
        if file.is_file() {
            let (_, warnings) = homefront_config::load(&file, &|_| None).unwrap_or_else(|report| panic!("{report}"));
            assert!(warnings.is_empty(), "{}", warnings[0]);
            read += 1;
        }
    }
    assert!(read > 0, "no example has a homefront.toml");
}
