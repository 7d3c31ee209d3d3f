//! The schema and the reference page in `docs/` are what the types say now.
//!
//! `UPDATE=1 cargo test -p homefront-config --test generated` writes them.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

fn check(file: &str, current: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(file);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, current).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == current,
        "docs/{file} is stale; renew it: UPDATE=1 cargo test -p homefront-config --test generated"
    );
}

#[test]
fn the_schema_is_current() {
    check("homefront.schema.json", &homefront_config::schema::json_schema());
}

#[test]
fn the_reference_is_current() {
    check("reference.md", &homefront_config::reference::markdown());
}
