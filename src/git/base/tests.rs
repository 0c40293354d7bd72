use super::*;
use crate::git::open;
use crate::git::testing::{Do, Fixture, branch, build, cleared};

#[test]
fn the_base_is_the_branch_that_head_is_on() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    let base = fixture.open().resolve_base(None).unwrap();
    assert_eq!(base.branch.as_deref(), Some("main"));
    assert_eq!(base.commit, fixture.oid("HEAD"));
    assert_eq!(base.tree, fixture.oid("HEAD^{tree}"));
    assert_eq!(fixture.open().resolve_base(Some("HEAD")).unwrap(), base);
    assert_eq!(fixture.open().base_tip("main").unwrap(), Some(base.commit));
    assert_eq!(fixture.open().base_tip("gone").unwrap(), None);
}

#[test]
fn a_named_base_is_a_branch_a_tag_or_an_id() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    let first = fixture.oid("HEAD");
    fixture.git(&["tag", "-a", "v1", "-m", "annotated"]);
    fixture.git(&["branch", "topic/deep"]);
    fixture.write("a", b"b\n");
    fixture.commit_all("second");
    let repository = fixture.open();
    for (name, branch) in [
        ("topic/deep", Some("topic/deep")),
        ("refs/heads/topic/deep", Some("topic/deep")),
        ("v1", None),
        ("refs/tags/v1", None),
        (first.as_str(), None),
        (first.short(), None),
    ] {
        let base = repository.resolve_base(Some(name)).unwrap();
        assert_eq!(
            (base.branch.as_deref(), &base.commit),
            (branch, &first),
            "{name}"
        );
    }
}

#[test]
fn hostile_names_are_refused() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    let repository = fixture.open();
    for name in [
        "",
        "-x",
        "--all",
        "a..b",
        "main..",
        "main~1",
        "main^",
        "main^{tree}",
        "@{-1}",
        "@{u}",
        "main:a",
        ":/first",
        "a b",
        "a\nb",
        "a\0b",
        "*",
        "../main",
        "main.lock",
        "/main",
        "main/",
        "\u{1b}[31m",
        "@{",
    ] {
        let error = repository.resolve_base(Some(name)).unwrap_err();
        assert!(matches!(error, Error::BaseName { .. }), "{name:?}: {error}");
        assert!(error.hint().contains("--base"));
    }
    for name in ["nope", "abc", "deadbeef", "refs/heads/nope"] {
        let error = repository.resolve_base(Some(name)).unwrap_err();
        assert!(
            matches!(error, Error::BaseUnknown { .. }),
            "{name:?}: {error}"
        );
    }
    let tree = fixture.oid("HEAD^{tree}");
    assert!(repository.resolve_base(Some(tree.as_str())).is_err());
}

#[test]
fn a_name_of_two_things_is_not_guessed() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    fixture.git(&["tag", "both"]);
    fixture.git(&["branch", "both"]);
    assert!(
        fixture.open().resolve_base(Some("both")).is_ok(),
        "they are the same commit"
    );
    fixture.commit_all("second");
    fixture.git(&["branch", "-q", "-f", "both", "HEAD"]);
    let error = fixture.open().resolve_base(Some("both")).unwrap_err();
    assert!(matches!(error, Error::BaseAmbiguous { .. }), "{error}");
    assert_eq!(error.hint(), "say which one: --base refs/heads/both");
}

#[test]
fn a_detached_head_takes_the_remotes_branch_else_itself() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    let first = fixture.oid("HEAD");
    let second = fixture.commit_all("second");
    fixture.git(&["checkout", "-q", "--detach", first.as_str()]);
    let base = fixture.open().resolve_base(None).unwrap();
    assert_eq!((base.branch, base.commit), (None, first.clone()));

    fixture.git(&["update-ref", "refs/remotes/origin/main", second.as_str()]);
    fixture.git(&[
        "symbolic-ref",
        "refs/remotes/origin/HEAD",
        "refs/remotes/origin/main",
    ]);
    let repository = fixture.open();
    let base = repository.resolve_base(None).unwrap();
    assert_eq!(
        (base.branch.as_deref(), &base.commit),
        (Some("main"), &second)
    );
    let named = repository.resolve_base(Some("HEAD")).unwrap();
    assert_eq!((named.branch.as_deref(), &named.commit), (None, &first));

    fixture.git(&["branch", "-q", "-D", "main"]);
    let repository = fixture.open();
    let base = repository.resolve_base(None).unwrap();
    assert_eq!(
        (base.branch.as_deref(), &base.commit),
        (Some("origin/main"), &second)
    );
    assert_eq!(repository.base_tip("origin/main").unwrap(), Some(second));
    assert_eq!(
        repository.protected_branches(&base),
        ["main", "origin/main"]
    );
}

#[test]
fn the_base_and_the_remotes_branch_are_protected() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    fixture.git(&["update-ref", "refs/remotes/origin/trunk", "HEAD"]);
    fixture.git(&[
        "symbolic-ref",
        "refs/remotes/origin/HEAD",
        "refs/remotes/origin/trunk",
    ]);
    fixture.git(&["branch", "team/next"]);
    let repository = fixture.open();
    let base = repository.resolve_base(None).unwrap();
    assert_eq!(repository.protected_branches(&base), ["main", "trunk"]);
    let base = repository.resolve_base(Some("team/next")).unwrap();
    assert_eq!(repository.protected_branches(&base), ["team/next", "trunk"]);
}

#[test]
fn a_repository_without_commits_says_so() {
    let fixture = Fixture::empty();
    let error = fixture.open().resolve_base(None).unwrap_err();
    assert!(
        matches!(&error, Error::NoCommits { branch } if branch == "main"),
        "{error}"
    );
    assert!(error.hint().contains("first commit"));
    assert!(matches!(
        fixture.open().resolve_base(Some("main")),
        Err(Error::BaseUnknown { .. })
    ));
}

#[test]
fn a_shallow_clone_works() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    fixture.write("a", b"b\n");
    fixture.commit_all("second");
    let clone = fixture.outside("shallow");
    let from = format!("file://{}", fixture.path().display());
    let place = clone.display().to_string();
    fixture.git(&["clone", "-q", "--depth", "1", &from, &place]);
    fixture.git_bytes(&clone, &["config", "user.name", "Ada"]);
    fixture.git_bytes(&clone, &["config", "user.email", "ada@example.org"]);
    let repository = open(&clone).unwrap();
    let base = repository.resolve_base(None).unwrap();
    let built = build(&repository, &base.commit, &[("a", Do::Write(b"c\n"))]);
    let tip = cleared(built.commit.clone());
    repository
        .create_branch(&cleared(branch("t")), &tip)
        .unwrap();
    let range = format!("{}...{}", base.commit, built.commit);
    let expected = fixture.git_bytes(&clone, &["diff", &range]);
    assert_eq!(
        repository.diff(&base.commit, &built.commit).unwrap().text,
        expected
    );
}

#[test]
fn a_repository_is_found_from_below_in_a_linked_work_tree_and_bare() {
    let fixture = Fixture::with(&[("a", "a\n"), ("d/e/f", "f\n")]);
    let root = fixture.path().canonicalize().unwrap();
    let below = open(&fixture.path().join("d/e")).unwrap();
    assert_eq!(below.root(), root);
    assert_eq!(below.git_dirs(), [root.join(".git")]);

    let linked = fixture.outside("linked");
    let place = linked.display().to_string();
    fixture.git(&["worktree", "add", "-q", "--detach", &place]);
    let repository = open(&linked).unwrap();
    assert_eq!(repository.root(), linked.canonicalize().unwrap());
    assert_eq!(
        repository.git_dirs(),
        [root.join(".git/worktrees/linked"), root.join(".git")]
    );
    let base = repository.resolve_base(None).unwrap();
    let built = build(&repository, &base.commit, &[("a", Do::Write(b"b\n"))]);
    let tip = cleared(built.commit.clone());
    let made = repository
        .create_branch(&cleared(branch("t")), &tip)
        .unwrap();
    assert_eq!(fixture.oid(&made.ref_name()), built.commit);
    let target = fixture.outside("from-linked");
    assert_eq!(
        repository
            .export_tree(&built.commit, &target)
            .unwrap()
            .files,
        2
    );

    let mirror = fixture.outside("bare.git");
    let place = mirror.display().to_string();
    fixture.git(&["clone", "-q", "--bare", ".", &place]);
    let repository = open(&mirror).unwrap();
    assert_eq!(repository.root(), mirror.canonicalize().unwrap());
    assert_eq!(
        repository.resolve_base(None).unwrap().branch.as_deref(),
        Some("main")
    );
    assert!(!repository.has_local_changes().unwrap());
    assert!(repository.ignored_environment().unwrap().is_empty());
}

#[test]
fn outside_a_repository_the_error_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let Err(error) = open(folder.path()) else {
        unreachable!("the temporary folder is in no repository");
    };
    assert!(matches!(error, Error::NotARepository { .. }), "{error}");
    assert!(error.hint().contains("--repo"));
    let Err(error) = open(&folder.path().join("missing")) else {
        unreachable!("the folder does not exist");
    };
    assert!(!error.hint().is_empty());
}

#[test]
fn an_unknown_repository_format_is_refused_with_a_hint() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    fixture.git(&["config", "core.repositoryFormatVersion", "1"]);
    fixture.git(&["config", "extensions.refStorage", "reftable"]);
    let Err(error) = open(&fixture.path()) else {
        unreachable!("the format is unknown");
    };
    assert!(error.hint().contains("format"), "{error}: {}", error.hint());
}

/// Only root can make a repository of somebody else's; for others there is nothing to see here.
#[test]
fn a_repository_of_another_user_is_refused_with_gits_fix() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    let others = std::os::unix::fs::chown(fixture.path(), Some(12345), Some(12345))
        .and_then(|()| std::os::unix::fs::chown(fixture.path().join(".git"), Some(12345), None));
    if others.is_err() {
        return;
    }
    let Err(error) = open(&fixture.path()) else {
        unreachable!("git refuses it too");
    };
    assert!(matches!(error, Error::NotOwned { .. }), "{error}");
    let hint = error.hint();
    assert!(
        hint.contains("git config --global --add safe.directory /"),
        "{hint}"
    );
}

#[test]
fn the_users_name_comes_from_the_configuration() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    assert_eq!(fixture.open().user_name(), "Ada Lovelace <ada@example.org>");
}

#[test]
fn environments_beside_the_tracked_files_are_found() {
    let fixture = Fixture::with(&[
        ("a", "a\n"),
        ("venv/tracked", "x\n"),
        (".gitignore", ".venv\n"),
    ]);
    fixture.write(".venv/bin/python", b"");
    std::os::unix::fs::symlink(".venv", fixture.path().join("node_modules")).unwrap();
    let found = fixture.open().ignored_environment().unwrap();
    assert_eq!(found, [".venv", "node_modules"]);
    let fixture = Fixture::with(&[("a", "a\n")]);
    fixture.write("venv", b"a file");
    std::os::unix::fs::symlink("nowhere", fixture.path().join(".venv")).unwrap();
    assert!(fixture.open().ignored_environment().unwrap().is_empty());
}

#[test]
fn local_changes_are_noticed_without_touching_the_index() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    assert!(!fixture.open().has_local_changes().unwrap());
    fixture.write("untracked", b"x");
    assert!(!fixture.open().has_local_changes().unwrap());
    fixture.write("a", b"changed\n");
    let index = std::fs::read(fixture.path().join(".git/index")).unwrap();
    assert!(fixture.open().has_local_changes().unwrap());
    assert_eq!(
        std::fs::read(fixture.path().join(".git/index")).unwrap(),
        index
    );
}
