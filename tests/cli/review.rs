//! `abandon`, `restore` and `review` away from a terminal.

use crate::environment::Environment;
use crate::proposals::GOOD;

#[test]
fn an_abandoned_branch_is_gone_and_can_be_restored() {
    let place = Environment::with_project();
    let before = place.digest();
    let verdict = place.run_patch(GOOD, &["--topic", "x"]).verdict();
    let (run, commit) = (
        verdict["run"].as_str().unwrap(),
        verdict["commit"].as_str().unwrap(),
    );
    let called = place.milton(&["abandon", run]);
    assert_eq!(called.code, 0, "{}\n{}", called.out, called.err);
    assert!(
        !place
            .try_git(&["rev-parse", "--verify", "-q", "self-upgrade/x"])
            .status
            .success()
    );
    assert_eq!(
        place.git(&["rev-parse", &format!("refs/milton/abandoned/{run}")]),
        commit
    );
    assert_eq!(place.digest(), before);
    assert_eq!(
        place.milton(&["abandon", run]).code,
        2,
        "twice is said, not done"
    );

    let called = place.milton(&["restore", run]);
    assert_eq!(called.code, 0, "{}\n{}", called.out, called.err);
    assert_eq!(place.git(&["rev-parse", "self-upgrade/x"]), commit);
    assert!(
        place
            .run_file("audit.log")
            .contains("SELF_UPGRADE_DECISION")
    );
    assert_eq!(place.git(&["fsck", "--strict"]), "");
}

#[test]
fn work_that_somebody_added_to_the_branch_is_never_thrown_away() {
    let place = Environment::with_project();
    let run = place.run_patch(GOOD, &["--topic", "x"]).verdict()["run"]
        .as_str()
        .unwrap()
        .to_owned();
    place.git(&["checkout", "-q", "self-upgrade/x"]);
    assert_eq!(
        place.milton(&["abandon", &run]).code,
        22,
        "a branch that is checked out stays"
    );
    place.write("more.txt", "more\n");
    place.commit("more");
    place.git(&["checkout", "-q", "main"]);
    let tip = place.git(&["rev-parse", "self-upgrade/x"]);
    let called = place.milton(&["abandon", &run]);
    assert_eq!(called.code, 22, "{}", called.out);
    assert!(called.err.contains("hint:"), "{}", called.err);
    assert_eq!(place.git(&["rev-parse", "self-upgrade/x"]), tip);
}

#[test]
fn there_is_no_way_to_approve_without_a_terminal() {
    let place = Environment::with_project();
    assert_eq!(place.run_patch(GOOD, &[]).code, 0);
    for arguments in [
        &["approve", "latest"][..],
        &["review", "--yes"],
        &["run", "--approve"],
    ] {
        assert_eq!(place.milton(arguments).code, 2, "{arguments:?}");
    }
    let called = place.milton(&["review", "latest"]);
    assert_eq!(
        called.code, 12,
        "away from a terminal a review only shows: {}",
        called.out
    );
    assert!(
        place
            .milton(&["show", "latest", "--format", "json"])
            .out
            .contains("\"pending\"")
    );
}

#[test]
fn a_run_belongs_to_its_repository() {
    let place = Environment::with_project();
    let run = place.run_patch(GOOD, &[]).verdict()["run"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = Environment::with_project();
    let output = place
        .command(&["abandon", &run])
        .current_dir(other.repo())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}
