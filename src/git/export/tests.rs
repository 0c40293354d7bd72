use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::git::testing::{Do, Fixture, build};

#[test]
fn the_exact_committed_files_are_written() {
    let fixture = Fixture::with(&[("a", "a\n"), ("d/e/f", "f\r\n"), ("ü x", "u\n")]);
    fixture.write(".gitattributes", b"* text eol=crlf\nd export-ignore\n");
    fixture.commit_all("attributes");
    let at = format!("160000,{},sub/module", "1".repeat(40));
    fixture.git(&["update-index", "--add", "--cacheinfo", &at]);
    fixture.git(&["commit", "-q", "-m", "sub"]);
    let base = fixture.oid("HEAD");
    let repository = fixture.open();
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    let built = build(
        &repository,
        &base,
        &[
            ("run", Do::Mode(FileMode::Executable, b"#!/bin/sh\n")),
            ("link", Do::Mode(FileMode::Symlink, b"../../outside")),
            ("data.bin", Do::Write(pointer)),
            ("empty", Do::Write(b"")),
        ],
    );
    let into = fixture.outside("export");
    let summary = repository.export_tree(&built.commit, &into).unwrap();
    assert_eq!((summary.files, summary.lfs_pointers), (8, 1));
    assert_eq!(summary.submodules, ["sub/module"]);
    let read = |path: &str| fs::read(into.join(path)).unwrap();
    assert_eq!(read("a"), b"a\n");
    assert_eq!(
        read("d/e/f"),
        fixture.git_bytes(&fixture.path(), &["cat-file", "blob", "HEAD:d/e/f"])
    );
    assert_eq!(read("ü x"), b"u\n");
    assert_eq!(
        fs::read_link(into.join("link")).unwrap(),
        Path::new("../../outside")
    );
    let mode = |path: &str| fs::metadata(into.join(path)).unwrap().permissions().mode() & 0o111;
    assert_eq!((mode("run") != 0, mode("a")), (true, 0));
    assert!(
        fs::read_dir(into.join("sub/module"))
            .unwrap()
            .next()
            .is_none()
    );
    assert!(!into.join(".git").exists());
    let total = [
        "a",
        "d/e/f",
        "ü x",
        ".gitattributes",
        "run",
        "data.bin",
        "empty",
    ]
    .map(|p| read(p).len());
    let link = "../../outside".len();
    assert_eq!(summary.bytes, (total.iter().sum::<usize>() + link) as u64);
}

#[test]
fn only_an_empty_folder_outside_the_repository_is_taken() {
    let fixture = Fixture::with(&[("a", "a\n"), ("d/b", "b\n")]);
    let repository = fixture.open();
    let head = fixture.oid("HEAD");
    let full = fixture.outside("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("x"), "x").unwrap();
    let link = fixture.outside("link");
    fs::create_dir(fixture.path().join("new")).unwrap();
    std::os::unix::fs::symlink(fixture.path().join("new"), &link).unwrap();
    let inside = fixture.path().join("new");
    let internals = fixture.path().join(".git/new");
    for into in [&full, &link, &inside, &internals] {
        let error = repository.export_tree(&head, into).unwrap_err();
        assert!(
            matches!(error, Error::ExportTarget { .. }),
            "{}: {error}",
            into.display()
        );
        assert!(error.hint().contains("empty folder"));
    }
    assert!(
        !internals.exists(),
        "a refused folder was created inside the repository"
    );
}

/// Such trees cannot be made with git's own commands, only by writing objects.
#[test]
fn a_tree_with_names_that_lead_out_is_refused() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    let repository = fixture.open();
    let blob = git2::Oid::from_str(fixture.oid("HEAD:a").as_str()).unwrap();
    let odb = repository.inner.odb().unwrap();
    let who = repository.signature().unwrap();
    for (number, name) in ["..", ".git", ".GIT", "a/../../b", "."]
        .into_iter()
        .enumerate()
    {
        let mut raw = format!("100644 {name}\0").into_bytes();
        raw.extend_from_slice(blob.as_bytes());
        let tree = odb.write(git2::ObjectType::Tree, &raw).unwrap();
        let tree = repository.inner.find_tree(tree).unwrap();
        let commit = repository
            .inner
            .commit(None, &who, &who, "bad", &tree, &[])
            .unwrap();
        let into = fixture.outside(&format!("export-{number}"));
        let error = repository
            .export_tree(&crate::git::model_oid(commit), &into)
            .unwrap_err();
        assert!(matches!(error, Error::Path { .. }), "{name}: {error}");
        assert!(fs::read_dir(&into).unwrap().next().is_none());
    }
}

/// A name that is a symbolic link and a folder at once would write through the link.
#[test]
fn a_tree_with_a_name_twice_does_not_write_through_a_link() {
    let fixture = Fixture::with(&[("target", "../outside"), ("d/evil", "evil\n")]);
    let repository = fixture.open();
    let raw_id = |name: &str| git2::Oid::from_str(fixture.oid(name).as_str()).unwrap();
    let outside = fixture.outside("outside");
    fs::create_dir(&outside).unwrap();
    let mut raw = b"120000 d\0".to_vec();
    raw.extend_from_slice(raw_id("HEAD:target").as_bytes());
    raw.extend_from_slice(b"40000 d\0");
    raw.extend_from_slice(raw_id("HEAD:d").as_bytes());
    let odb = repository.inner.odb().unwrap();
    let tree = odb.write(git2::ObjectType::Tree, &raw).unwrap();
    let tree = repository.inner.find_tree(tree).unwrap();
    let who = repository.signature().unwrap();
    let commit = repository
        .inner
        .commit(None, &who, &who, "bad", &tree, &[])
        .unwrap();
    let into = fixture.outside("export");
    let error = repository
        .export_tree(&crate::git::model_oid(commit), &into)
        .unwrap_err();
    assert!(matches!(error, Error::ExportWrite { .. }), "{error}");
    assert!(fs::read_dir(&outside).unwrap().next().is_none());
}

#[test]
fn a_missing_blob_stops_the_export() {
    let fixture = Fixture::with(&[("a", "a\n"), ("b", "b\n")]);
    let head = fixture.oid("HEAD");
    let blob = fixture.oid("HEAD:b");
    let (folder, file) = blob.as_str().split_at(2);
    fs::remove_file(fixture.path().join(".git/objects").join(folder).join(file)).unwrap();
    let into = fixture.outside("export");
    let error = fixture.open().export_tree(&head, &into).unwrap_err();
    assert!(
        matches!(&error, Error::Object { what, .. } if what.contains("(b)")),
        "{error}"
    );
}
