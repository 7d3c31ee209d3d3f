//! Packages as builds make them, and as nobody should.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// What is put into a package.
enum Put<'a> {
    File(&'a str, u32, &'a [u8]),
    Folder(&'a str),
    Link(&'a str, &'a str),
}

fn package(folder: &TempDir, puts: &[Put<'_>]) -> PathBuf {
    let path = folder.path().join("package.zip");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for put in puts {
        match put {
            Put::File(name, mode, content) => {
                zip.start_file(*name, deflated.unix_permissions(*mode)).unwrap();
                zip.write_all(content).unwrap();
            }
            Put::Folder(name) => zip.add_directory(*name, deflated).unwrap(),
            Put::Link(name, target) => zip.add_symlink(*name, *target, deflated).unwrap(),
        }
    }
    zip.finish().unwrap();
    path
}

/// Unpacks it; gives the folder, or the error's text.
fn unpacked(puts: &[Put<'_>]) -> Result<TempDir, String> {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::open(&package(&folder, puts)).map_err(|error| error.to_string())?;
    let into = tempfile::tempdir().unwrap();
    archive.unpack(into.path()).map_err(|error| error.to_string())?;
    assert!(!into.path().parent().unwrap().join("outside").exists());
    Ok(into)
}

fn refused(put: Put<'_>) -> String {
    unpacked(&[put]).expect_err("it is refused")
}

#[test]
fn files_folders_links_and_permissions_are_unpacked() {
    let data = vec![7; 100_000];
    let into = unpacked(&[
        Put::File("bootstrap", 0o755, b"#!/bin/sh\n"),
        Put::File("lib/deep/data.bin", 0o644, &data),
        Put::Folder("empty/"),
        Put::Link("lib/again", "deep/data.bin"),
        Put::Link("up", "./lib/../bootstrap"),
        Put::File("unreadable", 0o000, b"x"),
    ])
    .unwrap();
    let mode = |name: &str| into.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("bootstrap"), mode("lib/deep/data.bin"), mode("unreadable")), (0o755, 0o644, 0o600));
    assert_eq!(fs::read(into.path().join("lib/again")).unwrap(), data);
    assert_eq!(fs::read(into.path().join("up")).unwrap(), b"#!/bin/sh\n");
    assert!(into.path().join("empty").is_dir());
}

#[test]
fn the_list_of_entries_tells_files_and_their_permissions() {
    let folder = tempfile::tempdir().unwrap();
    let puts = [Put::File("bootstrap", 0o755, b""), Put::File("a/b.py", 0o644, b""), Put::Folder("c")];
    let archive = Archive::open(&package(&folder, &puts)).unwrap();
    assert_eq!([archive.mode("bootstrap"), archive.mode("a/b.py")], [Some(0o755), Some(0o644)]);
    assert_eq!([archive.mode("c"), archive.mode("b.py")], [None, None]);
}

#[test]
fn nothing_is_written_outside_of_the_package() {
    insta::assert_snapshot!(refused(Put::File("../outside", 0o644, b"x")), @r#"its entry "../outside" would be written outside of the package"#);
    insta::assert_snapshot!(refused(Put::File("a/../../outside", 0o644, b"x")), @r#"its entry "a/../../outside" would be written outside of the package"#);
    insta::assert_snapshot!(refused(Put::File("..\\outside", 0o644, b"x")), @r#"its entry "..\\outside" would be written outside of the package"#);
    insta::assert_snapshot!(refused(Put::Link("out", "../outside")), @r#"its entry "out" is a symbolic link that leads out of the package"#);
    insta::assert_snapshot!(refused(Put::Link("a/out", "b/../../../x")), @r#"its entry "a/out" is a symbolic link that leads out of the package"#);
    insta::assert_snapshot!(refused(Put::Link("etc", "/etc/passwd")), @r#"its entry "etc" is a symbolic link that leads out of the package"#);
}

#[test]
fn a_file_is_never_written_through_a_link() {
    let into = unpacked(&[Put::Link("here", "there"), Put::File("here/x", 0o644, b"x"), Put::Folder("there")]);
    assert!(into.is_err_and(|error| error.contains("cannot be unpacked")));
}

#[test]
fn sizes_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large.zip");
    File::create(&large).unwrap().set_len(LAMBDA_PACKAGE_BYTES_MAX + 1).unwrap();
    insta::assert_snapshot!(Archive::open(&large).unwrap_err(), @"The function code size is larger than the maximum allowed size for functions that are triggered by a CloudFront event: 52428801 Max allowed: 52428800");
    let zeros = vec![0; usize::try_from(LAMBDA_UNPACKED_BYTES_MAX / 2).unwrap() + 1];
    let bomb = unpacked(&[Put::File("a", 0o644, &zeros), Put::File("b", 0o644, &zeros)]);
    insta::assert_snapshot!(bomb.unwrap_err(), @"Unzipped size must be smaller than 262144000 bytes");
}

#[test]
fn the_number_of_entries_is_bounded() {
    let names: Vec<String> = (0..=LAMBDA_PACKAGE_ENTRIES_MAX).map(|number| number.to_string()).collect();
    let puts: Vec<_> = names.iter().map(|name| Put::File(name, 0o644, b"")).collect();
    insta::assert_snapshot!(unpacked(&puts).unwrap_err(), @"it has 20001 entries; the limit is 20000");
}

#[test]
fn what_is_no_package_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not.zip");
    fs::write(&path, "this is no archive").unwrap();
    let error = Archive::open(&path).unwrap_err().to_string();
    assert!(error.starts_with("it cannot be unpacked: "), "{error}");
}
