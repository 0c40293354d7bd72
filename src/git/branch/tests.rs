use super::*;
use crate::git::testing::{Do, Fixture, branch, build, cleared};

fn run() -> RunId {
    RunId::parse("20260112-100000-00aa").unwrap()
}

/// A repository with a built commit.
fn built() -> (Fixture, Repository, Oid) {
    let fixture = Fixture::with(&[("a", "a\n")]);
    let repository = fixture.open();
    let base = fixture.oid("HEAD");
    let commit = build(&repository, &base, &[("a", Do::Write(b"b\n"))]).commit;
    (fixture, repository, commit)
}

fn create(repository: &Repository, topic: &str, commit: &Oid) -> Result<WorkBranch, Error> {
    repository.create_branch(&cleared(branch(topic)), &cleared(commit.clone()))
}

fn refs(fixture: &Fixture) -> String {
    fixture.git(&["for-each-ref", "--format=%(refname) %(objectname)"])
}

#[test]
fn a_branch_is_created_with_a_log_entry_and_head_stays() {
    let (fixture, repository, commit) = built();
    let head = fixture.git(&["reflog", "show", "HEAD"]);
    let made = create(&repository, "topic", &commit).unwrap();
    assert_eq!(made, branch("topic"));
    assert_eq!(fixture.oid("refs/heads/self-upgrade/topic"), commit);
    assert_eq!(repository.branch_tip(&made).unwrap(), Some(commit.clone()));
    assert_eq!(repository.branch_tip(&branch("other")).unwrap(), None);
    let log = fixture.git(&["reflog", "show", "--format=%gs", "self-upgrade/topic"]);
    assert!(log.starts_with("milton: created from "), "{log}");
    assert_eq!(fixture.git(&["reflog", "show", "HEAD"]), head);
    assert_eq!(
        fixture.git(&["symbolic-ref", "HEAD"]).trim(),
        "refs/heads/main"
    );
    fixture.git(&["fsck", "--strict"]);
}

#[test]
fn a_taken_name_gets_a_number_and_keeps_its_commit() {
    let (fixture, repository, commit) = built();
    let main = fixture.oid("main");
    fixture.git(&["branch", "self-upgrade/topic", "main"]);
    fixture.git(&["branch", "self-upgrade/topic-2", "main"]);
    // Packed refs take a name too, and so does a branch below it.
    fixture.git(&["pack-refs", "--all"]);
    fixture.git(&["branch", "self-upgrade/topic-3/below", "main"]);
    assert_eq!(
        create(&repository, "topic", &commit).unwrap(),
        branch("topic-4")
    );
    assert_eq!(
        create(&repository, "topic", &commit).unwrap(),
        branch("topic-5")
    );
    assert_eq!(fixture.oid("self-upgrade/topic"), main);
    assert_eq!(fixture.oid("self-upgrade/topic-2"), main);
}

#[test]
fn a_hundredth_name_is_not_tried() {
    let (fixture, repository, commit) = built();
    let main = fixture.oid("main");
    let mut names = vec!["t".to_owned()];
    names.extend((2..=99).map(|n| format!("t-{n}")));
    for name in names {
        let path = format!(".git/refs/heads/self-upgrade/{name}");
        fixture.write(&path, format!("{main}\n").as_bytes());
    }
    let error = create(&repository, "t", &commit).unwrap_err();
    assert!(matches!(error, Error::NoFreeName { .. }), "{error}");
}

#[test]
fn two_at_once_never_get_the_same_branch() {
    let (fixture, repository, commit) = built();
    let base = fixture.oid("main");
    let other = build(&repository, &base, &[("a", Do::Write(b"other\n"))]).commit;
    let work = |tip: &Oid| {
        let repository = fixture.open();
        let made: Vec<WorkBranch> = (0..12)
            .map(|_| create(&repository, "race", tip).unwrap())
            .collect();
        for name in &made {
            assert_eq!(repository.branch_tip(name).unwrap().as_ref(), Some(tip));
        }
        made
    };
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| work(&commit));
        let two = scope.spawn(|| work(&other));
        (one.join(), two.join())
    });
    // Neither stops at the lock that the other holds for an instant, and no name is stolen.
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(
        one.iter().all(|name| !two.contains(name)),
        "{one:?} {two:?}"
    );
    for (names, tip) in [(one, &commit), (two, &other)] {
        for name in names {
            assert_eq!(&fixture.oid(&name.ref_name()), tip);
        }
    }
}

#[test]
fn a_branch_called_self_upgrade_is_named_with_its_fix() {
    for pack in [false, true] {
        let (fixture, repository, commit) = built();
        fixture.git(&["branch", "self-upgrade"]);
        if pack {
            fixture.git(&["pack-refs", "--all"]);
        }
        let error = create(&repository, "topic", &commit).unwrap_err();
        assert!(matches!(error, Error::BranchFolderTaken { .. }), "{error}");
        assert_eq!(
            error.hint(),
            "rename it: git branch -m self-upgrade another-name"
        );
    }
}

#[test]
fn a_symbolic_link_in_place_of_the_folder_is_not_followed() {
    let (fixture, repository, commit) = built();
    let heads = fixture.path().join(".git/refs/heads");
    std::os::unix::fs::symlink(".", heads.join("self-upgrade")).unwrap();
    let before = refs(&fixture);
    let error = create(&repository, "main2", &commit).unwrap_err();
    assert!(matches!(error, Error::BranchFolderTaken { .. }), "{error}");
    assert_eq!(refs(&fixture), before);
}

#[test]
fn a_lock_file_is_named_with_its_fix() {
    let (fixture, repository, commit) = built();
    fixture.write(".git/refs/heads/self-upgrade/topic.lock", b"");
    let error = create(&repository, "topic", &commit).unwrap_err();
    assert!(
        matches!(&error, Error::Locked { lock } if lock.ends_with("topic.lock")),
        "{error}"
    );
    assert!(error.hint().contains("rm ") && error.hint().contains("topic.lock"));
    assert!(!refs(&fixture).contains("self-upgrade"));
}

#[test]
fn an_unborn_head_on_the_name_is_not_given_a_commit() {
    let (fixture, repository, commit) = built();
    fixture.git(&["symbolic-ref", "HEAD", "refs/heads/self-upgrade/topic"]);
    assert_eq!(
        create(&repository, "topic", &commit).unwrap(),
        branch("topic-2")
    );
}

#[test]
fn only_an_existing_commit_gets_a_branch() {
    let (fixture, repository, _) = built();
    for oid in [
        fixture.oid("HEAD^{tree}"),
        Oid::parse(&"1".repeat(40)).unwrap(),
    ] {
        assert!(matches!(
            create(&repository, "t", &oid),
            Err(Error::Object { .. })
        ));
    }
}

#[test]
fn an_abandoned_branch_is_gone_kept_and_can_be_restored() {
    for pack in [false, true] {
        let (fixture, repository, commit) = built();
        let before = fixture.untouchables();
        let work = create(&repository, "topic", &commit).unwrap();
        fixture.git(&["config", "branch.self-upgrade/topic.description", "mine"]);
        let config = std::fs::read(fixture.path().join(".git/config")).unwrap();
        if pack {
            fixture.git(&["pack-refs", "--all"]);
        }
        let kept = repository.abandon(&work, &commit, &run()).unwrap();
        assert_eq!(kept, "refs/milton/abandoned/20260112-100000-00aa");
        assert_eq!(fixture.oid(&kept), commit);
        assert_eq!(repository.branch_tip(&work).unwrap(), None);
        assert_eq!(
            std::fs::read(fixture.path().join(".git/config")).unwrap(),
            config
        );
        let git_dir = fixture.path().join(".git");
        assert!(!git_dir.join("refs/heads/self-upgrade").exists());
        assert!(!git_dir.join("logs/refs/heads/self-upgrade/topic").exists());
        assert_eq!(
            fixture.git(&["--no-optional-locks", "status", "--porcelain"]),
            ""
        );
        fixture.git(&["fsck", "--strict"]);
        // A branch of the folder's name can be made: nothing was left in its way.
        fixture.git(&["branch", "self-upgrade"]);
        fixture.git(&["branch", "-q", "-D", "self-upgrade"]);
        // The kept commit survives a collection of garbage.
        fixture.git(&["gc", "-q", "--prune=now"]);

        repository.restore(&work, &commit, &run()).unwrap();
        assert_eq!(fixture.oid(&work.ref_name()), commit);
        assert!(!refs(&fixture).contains("refs/milton"));
        repository.restore(&work, &commit, &run()).unwrap();
        fixture.git(&["fsck", "--strict"]);
        let after = fixture.untouchables();
        for name in [".git/HEAD", ".git/index", "a"] {
            assert_eq!(before.get(name), after.get(name), "{name}");
        }
    }
}

#[test]
fn abandoning_again_after_a_crash_finishes_the_work() {
    let (fixture, repository, commit) = built();
    let work = create(&repository, "topic", &commit).unwrap();
    fixture.git(&[
        "update-ref",
        "refs/milton/abandoned/20260112-100000-00aa",
        commit.as_str(),
    ]);
    let kept = repository.abandon(&work, &commit, &run()).unwrap();
    assert_eq!(repository.branch_tip(&work).unwrap(), None);
    assert_eq!(repository.abandon(&work, &commit, &run()).unwrap(), kept);
    // The same for the way back: branch restored, kept ref still there.
    fixture.git(&["update-ref", &work.ref_name(), commit.as_str()]);
    repository.restore(&work, &commit, &run()).unwrap();
    assert!(!refs(&fixture).contains("refs/milton"));
}

#[test]
fn a_branch_with_added_work_is_not_abandoned() {
    let (fixture, repository, commit) = built();
    let work = create(&repository, "topic", &commit).unwrap();
    let more = build(&repository, &commit, &[("a", Do::Write(b"more\n"))]).commit;
    fixture.git(&["update-ref", &work.ref_name(), more.as_str()]);
    let before = refs(&fixture);
    let error = repository.abandon(&work, &commit, &run()).unwrap_err();
    assert!(
        matches!(&error, Error::BranchMoved { found, .. } if *found == more),
        "{error}"
    );
    assert!(error.hint().contains("git log"));
    assert_eq!(refs(&fixture), before);
}

#[test]
fn a_branch_that_is_checked_out_is_not_abandoned() {
    let (fixture, repository, commit) = built();
    let work = create(&repository, "topic", &commit).unwrap();
    let before = refs(&fixture);
    let linked = fixture.outside("linked");
    let place = linked.display().to_string();
    fixture.git(&["worktree", "add", "-q", &place, "self-upgrade/topic"]);
    let error = repository.abandon(&work, &commit, &run()).unwrap_err();
    assert!(
        matches!(&error, Error::CheckedOut { at, .. } if at.ends_with("linked")),
        "{error}"
    );
    assert!(error.hint().contains("switch"));
    assert_eq!(refs(&fixture), before);
    // Seen from the linked work tree itself, and with the main one on the branch.
    let inside = crate::git::open(&linked).unwrap();
    assert!(matches!(
        inside.abandon(&work, &commit, &run()),
        Err(Error::CheckedOut { .. })
    ));
    fixture.git_bytes(&linked, &["switch", "-q", "--detach"]);
    fixture.git(&["switch", "-q", "self-upgrade/topic"]);
    let error = inside.abandon(&work, &commit, &run()).unwrap_err();
    assert!(
        matches!(&error, Error::CheckedOut { at, .. } if at.ends_with("repo")),
        "{error}"
    );
    assert_eq!(refs(&fixture), before);
}

#[test]
fn a_symbolic_ref_in_place_of_the_branch_is_left_alone() {
    let (fixture, repository, commit) = built();
    fixture.git(&[
        "symbolic-ref",
        "refs/heads/self-upgrade/topic",
        "refs/heads/main",
    ]);
    let work = branch("topic");
    let main = fixture.oid("main");
    assert!(matches!(
        repository.branch_tip(&work),
        Err(Error::Symbolic { .. })
    ));
    assert!(matches!(
        repository.abandon(&work, &main, &run()),
        Err(Error::Symbolic { .. })
    ));
    assert_eq!(
        create(&repository, "topic", &commit).unwrap(),
        branch("topic-2")
    );
    assert_eq!(fixture.oid("main"), main);
}

#[test]
fn restoring_never_moves_a_branch() {
    let (fixture, repository, commit) = built();
    let work = create(&repository, "topic", &commit).unwrap();
    let error = repository
        .restore(&branch("never"), &commit, &run())
        .unwrap_err();
    assert!(matches!(error, Error::NotKept { .. }), "{error}");
    repository.abandon(&work, &commit, &run()).unwrap();
    let main = fixture.oid("main");
    fixture.git(&["branch", "self-upgrade/topic", "main"]);
    let error = repository.restore(&work, &commit, &run()).unwrap_err();
    assert!(matches!(error, Error::BranchMoved { .. }), "{error}");
    assert_eq!(fixture.oid("self-upgrade/topic"), main);
    assert!(refs(&fixture).contains("refs/milton/abandoned/"));
    let error = repository.restore(&work, &main, &run()).unwrap_err();
    assert!(matches!(error, Error::KeptDiffers { .. }), "{error}");
}
