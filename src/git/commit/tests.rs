use super::*;
use crate::git::testing::{Do, Fixture, build, changes, cleared, message};

/// Configures everything that git could be made to start; each leaves a mark if it ever runs.
fn set_traps(fixture: &Fixture) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let mark = fixture.outside("a-program-ran");
    let script = format!("#!/bin/sh\ntouch {}\ncat\n", mark.display());
    let hooks = fixture.outside("hooks");
    std::fs::create_dir(&hooks).unwrap();
    let names = [
        "pre-commit",
        "prepare-commit-msg",
        "commit-msg",
        "post-commit",
        "post-checkout",
        "reference-transaction",
        "post-index-change",
        "fsmonitor",
        "pre-auto-gc",
        "sign",
    ];
    for name in names {
        let path = hooks.join(name);
        std::fs::write(&path, &script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let program = |name: &str| hooks.join(name).display().to_string();
    // Filters are named by attributes before they are configured, so that only milton could run them.
    fixture.write(
        ".git/info/attributes",
        b"* filter=trap diff=trap ident text=auto eol=crlf\n",
    );
    for (key, value) in [
        ("core.hooksPath", hooks.display().to_string()),
        ("core.fsmonitor", program("fsmonitor")),
        ("filter.trap.clean", program("sign")),
        ("filter.trap.smudge", program("sign")),
        ("filter.trap.process", program("sign")),
        ("diff.trap.textconv", program("sign")),
        ("diff.external", program("sign")),
        ("core.pager", program("sign")),
        ("core.editor", program("sign")),
        ("commit.gpgsign", "true".to_owned()),
        ("gpg.program", program("sign")),
    ] {
        fixture.git(&["config", key, &value]);
    }
    mark
}

fn forget(mark: &std::path::Path) {
    if mark.exists() {
        std::fs::remove_file(mark).unwrap();
    }
}

#[test]
fn nothing_but_objects_and_our_refs_is_written_and_no_program_runs() {
    let fixture = Fixture::with(&[("a", "a\n"), ("b", "b\n"), ("c", "c\n")]);
    fixture.write("a", b"stashed\n");
    fixture.git(&["stash", "-q"]);
    fixture.write("a", b"dirty\n");
    fixture.write("b", b"staged\n");
    fixture.git(&["add", "b"]);
    fixture.write("untracked", b"mine\n");
    let base = fixture.oid("HEAD");
    let mark = set_traps(&fixture);
    let before = fixture.untouchables();
    // Git itself ran some of them while the repository was read.
    forget(&mark);

    let repository = fixture.open();
    let found = repository.resolve_base(None).unwrap();
    let content = b"line\r\n$Id$\nother\n";
    let built = build(
        &repository,
        &base,
        &[("a", Do::Write(content)), ("d/e", Do::Write(b"e\n"))],
    );
    let work = crate::git::testing::branch("topic");
    let run = crate::model::RunId::parse("20260112-100000-0001").unwrap();
    let tip = cleared(built.commit.clone());
    let work = repository.create_branch(&cleared(work), &tip).unwrap();
    repository.delta(&base, &built.commit).unwrap();
    repository.diff(&base, &built.commit).unwrap();
    let exported = fixture.outside("export");
    repository.export_tree(&built.commit, &exported).unwrap();
    assert!(repository.has_local_changes().unwrap());
    repository.ignored_environment().unwrap();
    repository.abandon(&work, &built.commit, &run).unwrap();
    repository.restore(&work, &built.commit, &run).unwrap();

    assert!(!mark.exists(), "a program was started");
    assert_eq!(found.commit, base);
    assert_eq!(std::fs::read(exported.join("a")).unwrap(), content);
    let after = fixture.untouchables();
    for (name, content) in &before {
        assert_eq!(after.get(name), Some(content), "{name} was changed");
    }
    assert_eq!(before.len(), after.len());
}

#[test]
fn the_commit_is_what_git_would_have_made() {
    let fixture = Fixture::with(&[("a", "a\n"), ("d/b", "b\n"), ("d/e/c", "c\n"), ("z", "z\n")]);
    let repository = fixture.open();
    let base = fixture.oid("HEAD");
    let edits = [
        ("a", Do::Write(&b"A\n"[..])),
        ("d/e/c", Do::Delete),
        ("new/deep/file", Do::Mode(FileMode::Executable, b"#!\n")),
        ("z", Do::Mode(FileMode::Symlink, b"a")),
    ];
    let set = cleared(changes(&repository, &base, &edits));
    let text = CommitMessage {
        subject: "add \"quotes\"\nand $(commands)".to_owned(),
        body: "First line.\n\n  kept   as it is\n".to_owned(),
        trailers: vec![("Run".to_owned(), "1\nForged: yes".to_owned())],
    };
    let built = repository.build_commit(&base, &set, &text).unwrap();
    let show = |format: &str| {
        fixture.git(&[
            "show",
            "-s",
            &format!("--format={format}"),
            built.commit.as_str(),
        ])
    };
    assert_eq!(show("%P %T").trim(), format!("{base} {}", built.tree));
    assert_eq!(
        show("%an <%ae> %cn <%ce>").trim(),
        "Ada Lovelace <ada@example.org> Ada Lovelace <ada@example.org>"
    );
    assert_eq!(
        show("%B").trim_end(),
        "add \"quotes\" and $(commands)\n\nFirst line.\n\n  kept   as it is\n\nRun: 1 Forged: yes"
    );
    assert_eq!(
        show("%(trailers:key=Run,valueonly)").trim(),
        "1 Forged: yes"
    );
    let tree = fixture.git(&[
        "ls-tree",
        "-r",
        "--format=%(objectmode) %(path)",
        built.commit.as_str(),
    ]);
    assert_eq!(
        tree,
        "100644 a\n100644 d/b\n100755 new/deep/file\n120000 z\n"
    );
    fixture.git(&["fsck", "--strict", "--no-dangling"]);
}

#[test]
fn a_change_for_another_base_is_refused() {
    let fixture = Fixture::with(&[("a", "a\n"), ("d/b", "b\n")]);
    let repository = fixture.open();
    let old = fixture.oid("HEAD");
    let edit = changes(&repository, &old, &[("a", Do::Write(b"mine\n"))]);
    let create = changes(&repository, &old, &[("new", Do::Write(b"mine\n"))]);
    fixture.write("a", b"theirs\n");
    fixture.write("new", b"theirs\n");
    let base = fixture.commit_all("moved on");
    for set in [edit, create] {
        let error = repository
            .build_commit(&base, &cleared(set), &message("x"))
            .unwrap_err();
        assert!(matches!(error, Error::BaseDiffers { .. }), "{error}");
    }
}

#[test]
fn paths_that_cannot_stand_in_a_tree_are_refused() {
    let fixture = Fixture::with(&[("a", "a\n"), ("d/b", "b\n")]);
    let repository = fixture.open();
    let base = fixture.oid("HEAD");
    let long = "x/".repeat(3000) + "x";
    let tables: [&[&str]; 12] = [
        &["../x"],
        &["/x"],
        &["a//b"],
        &["d/./b"],
        &[""],
        &["x\0y"],
        &[".git/hooks/x"],
        &["d/.GIT/x"],
        &["a/below-a-file"],
        &["d"],
        &["n", "n/below"],
        &[&long],
    ];
    for paths in tables {
        let file = |path: &&str| FileChange {
            path: (*path).to_owned(),
            before: None,
            after: Some(FileState::proposed(FileMode::Regular, b"x".to_vec())),
            renamed_from: None,
            lines: crate::model::LineStat::default(),
        };
        let set = ChangeSet {
            files: paths.iter().map(file).collect(),
        };
        let error = repository
            .build_commit(&base, &cleared(set), &message("x"))
            .unwrap_err();
        assert!(matches!(error, Error::Path { .. }), "{paths:?}: {error}");
    }
    for mode in [FileMode::Gitlink, FileMode::Tree] {
        let set = changes(&repository, &base, &[("sub", Do::Mode(mode, b""))]);
        let error = repository
            .build_commit(&base, &cleared(set), &message("x"))
            .unwrap_err();
        assert!(matches!(error, Error::Path { .. }), "{mode}: {error}");
    }
}

#[test]
fn a_change_that_changes_nothing_is_refused() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    let repository = fixture.open();
    let base = fixture.oid("HEAD");
    let set = cleared(changes(&repository, &base, &[("a", Do::Write(b"a\n"))]));
    let error = repository
        .build_commit(&base, &set, &message("x"))
        .unwrap_err();
    assert!(matches!(error, Error::NothingToCommit), "{error}");
}

#[test]
fn the_last_file_may_be_deleted() {
    let fixture = Fixture::with(&[("d/e/a", "a\n")]);
    let repository = fixture.open();
    let base = fixture.oid("HEAD");
    let built = build(&repository, &base, &[("d/e/a", Do::Delete)]);
    assert_eq!(
        built.tree.as_str(),
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    );
}

#[test]
fn a_missing_identity_is_an_error_with_the_commands_that_set_it() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    let repository = fixture.open();
    let base = fixture.oid("HEAD");
    let set = cleared(changes(&repository, &base, &[("a", Do::Write(b"b\n"))]));
    // An empty name is refused whatever the configuration of the user running the tests says.
    fixture.git(&["config", "user.name", ""]);
    let repository = fixture.open();
    let error = repository
        .build_commit(&base, &set, &message("x"))
        .unwrap_err();
    assert!(matches!(error, Error::NoIdentity { .. }), "{error}");
    assert!(error.hint().contains("git config --global user.email"));
    assert_eq!(repository.user_name(), "unknown");
}

#[test]
fn the_delta_is_read_from_the_objects() {
    let fixture = Fixture::with(&[("a", "1\n2\n3\n"), ("gone", "x\ny\n"), ("big", "")]);
    let repository = fixture.open();
    let base = fixture.oid("HEAD");
    let built = build(
        &repository,
        &base,
        &[
            ("a", Do::Mode(FileMode::Executable, b"1\nzwei\n3\n4")),
            ("gone", Do::Delete),
            ("b/new", Do::Write(b"x\ny\n")),
        ],
    );
    let delta = repository.delta(&base, &built.commit).unwrap();
    let seen: Vec<_> = delta
        .files
        .iter()
        .map(|f| (f.letter(), f.path.as_str(), f.lines.added, f.lines.removed))
        .collect();
    assert_eq!(
        seen,
        [('M', "a", 2, 1), ('A', "b/new", 2, 0), ('D', "gone", 0, 2)]
    );
    let after = delta.files[0].after.as_ref().unwrap();
    assert_eq!(after.mode, FileMode::Executable);
    assert_eq!(after.bytes(), b"1\nzwei\n3\n4");
    assert_eq!(
        after.oid.as_ref().unwrap(),
        &fixture.oid(&format!("{}:a", built.commit))
    );
    assert!(repository.delta(&base, &base).unwrap().files.is_empty());
}

/// Replace refs and grafts make the command line show other objects than those that are there.
#[test]
fn replace_refs_and_grafts_do_not_deceive() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    let first = fixture.oid("HEAD");
    fixture.write("a", b"second\n");
    let base = fixture.commit_all("second");
    let repository = fixture.open();
    let built = build(&repository, &base, &[("a", Do::Write(b"evil\n"))]);
    let honest = build(&repository, &base, &[("a", Do::Write(b"harmless\n"))]);
    let expected = repository.diff(&base, &built.commit).unwrap();

    fixture.git(&["replace", built.commit.as_str(), honest.commit.as_str()]);
    let graft = format!("{} {first}\n{base}\n", built.commit);
    fixture.write(".git/info/grafts", graft.as_bytes());
    let repository = fixture.open();
    assert_eq!(repository.diff(&base, &built.commit).unwrap(), expected);
    let delta = repository.delta(&base, &built.commit).unwrap();
    assert_eq!(delta.files[0].after.as_ref().unwrap().bytes(), b"evil\n");
    let work = crate::git::testing::branch("t");
    let tip = cleared(built.commit.clone());
    repository.create_branch(&cleared(work), &tip).unwrap();
    let log = fixture.git(&["reflog", "show", "--format=%gs", "self-upgrade/t"]);
    assert_eq!(log.trim(), format!("milton: created from {}", base.short()));
}

#[test]
fn a_missing_or_damaged_object_is_an_error_that_names_it() {
    let fixture = Fixture::with(&[("a", "a\n"), ("d/b", "b\n")]);
    let base = fixture.oid("HEAD");
    let repository = fixture.open();
    let built = build(&repository, &base, &[("a", Do::Write(b"changed\n"))]);
    let loose = |oid: &Oid| {
        let (folder, file) = oid.as_str().split_at(2);
        fixture.path().join(".git/objects").join(folder).join(file)
    };
    // Another blob's content under this name: only the verified hash tells.
    let blob = fixture.oid(&format!("{}:a", built.commit));
    let other = fixture.oid("HEAD:d/b");
    std::fs::remove_file(loose(&blob)).unwrap();
    std::fs::copy(loose(&other), loose(&blob)).unwrap();
    let error = fixture.open().delta(&base, &built.commit).unwrap_err();
    assert!(
        matches!(&error, Error::Object { what, .. } if what.contains(blob.as_str())),
        "{error}"
    );
    assert!(error.hint().contains("git fsck"));

    std::fs::remove_file(loose(&fixture.oid("HEAD^{tree}"))).unwrap();
    let error = fixture.open().resolve_base(None).unwrap_err();
    assert!(matches!(error, Error::Object { .. }), "{error}");
}

fn is_send<T: Send>(_: &T) {}

#[test]
fn the_snapshot_knows_exact_paths_only() {
    use crate::model::BaseTree as _;
    let fixture = Fixture::with(&[("a", "a\n"), ("d/e/b.py", "b\n"), ("ü x", "u\n")]);
    let snapshot = fixture.open().snapshot(&fixture.oid("HEAD")).unwrap();
    let mode = |path: &str| snapshot.entry(path).unwrap().map(|entry| entry.mode);
    assert_eq!(mode("a"), Some(FileMode::Regular));
    assert_eq!(mode("d/e"), Some(FileMode::Tree));
    assert_eq!(mode("d/e/b.py"), Some(FileMode::Regular));
    assert_eq!(mode("ü x"), Some(FileMode::Regular));
    for path in [
        "",
        "/a",
        "a/",
        "d//e",
        "./a",
        "d/../a",
        "A",
        "d/E",
        "a/b",
        "a\0",
        "d\\e",
        "..",
        "u\u{308} x",
    ] {
        assert_eq!(mode(path), None, "{path:?}");
        assert!(
            path.is_empty() || snapshot.list(path).unwrap().is_empty(),
            "{path:?}"
        );
    }
    let names = |path: &str| -> Vec<String> {
        snapshot
            .list(path)
            .unwrap()
            .into_iter()
            .map(|entry| entry.name)
            .collect()
    };
    assert_eq!(names(""), ["a", "d", "ü x"]);
    assert_eq!(names("d"), ["e"]);
    assert!(names("a").is_empty());
    let blob = snapshot.entry("d/e/b.py").unwrap().unwrap();
    assert_eq!(
        (blob.name.as_str(), snapshot.blob_size(&blob.oid).unwrap()),
        ("b.py", 2)
    );
    assert_eq!(snapshot.blob(&blob.oid).unwrap(), b"b\n");
    let folder = snapshot.entry("d").unwrap().unwrap();
    assert!(snapshot.blob(&folder.oid).is_err() && snapshot.blob_size(&folder.oid).is_err());
    is_send(&snapshot);
    is_send(&fixture.open());
}
