//! `list`, `show`, `doctor`, `demo`, `completions`, `man`, and wrong usage.

use serde_json::Value;

use crate::environment::Environment;
use crate::proposals::{BREAKING, GOOD, writing};

#[test]
fn the_runs_of_a_repository_are_listed_newest_first() {
    let place = Environment::with_project();
    let called = place.milton(&["list"]);
    assert!(
        called.out.contains("no runs yet") && called.code == 0,
        "{}",
        called.out
    );
    assert_eq!(place.run_patch(GOOD, &["--topic", "first"]).code, 0);
    assert_eq!(place.run_patch(BREAKING, &["--topic", "second"]).code, 21);
    let called = place.milton(&["list", "--format", "json"]);
    let runs: Value = serde_json::from_str(called.out.trim()).unwrap();
    let branches: Vec<&str> = runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["branch"].as_str().unwrap())
        .collect();
    assert_eq!(branches, ["self-upgrade/second", "self-upgrade/first"]);
    let alone = place.milton(&[]);
    assert!(
        alone.out.contains("self-upgrade/first") && alone.out.contains("TEST_FAILURE"),
        "{}",
        alone.out
    );
}

#[test]
fn the_evidence_of_a_run_can_be_shown_in_every_form() {
    let place = Environment::with_project();
    let verdict = place.run_patch(GOOD, &[]).verdict();
    let run = verdict["run"].as_str().unwrap();
    let short = run.rsplit('-').next().unwrap();
    for which in [run, short, "latest"] {
        let called = place.milton(&["show", which, "--format", "json"]);
        assert_eq!(called.code, 0, "{which}: {}", called.err);
        let evidence: Value = serde_json::from_str(&called.out).unwrap();
        assert_eq!(evidence["commit"], verdict["commit"]);
    }
    let markdown = place
        .milton(&["show", "latest", "--format", "markdown"])
        .out;
    assert!(
        markdown.contains("- [x] Tests pass") && markdown.contains("- [ ] No secrets exposed"),
        "{markdown}"
    );
    assert_eq!(place.milton(&["show", "nonsense"]).code, 2);
}

#[test]
fn doctor_says_what_works_here() {
    let place = Environment::with_project();
    let called = place.milton(&["doctor"]);
    assert_eq!(called.code, 0, "{}\n{}", called.out, called.err);
    for word in [
        "repository",
        "git user",
        "run store",
        "policy",
        "commands",
        "pytest",
        "fallback",
    ] {
        assert!(called.out.contains(word), "{word}: {}", called.out);
    }
}

#[test]
fn the_demo_runs_a_complete_upgrade() {
    let place = Environment::empty();
    let called = place.milton(&["demo", "--headless"]);
    assert_eq!(called.code, 0, "{}\n{}", called.out, called.err);
    assert!(
        called.out.contains("self-upgrade/round-half-up") && called.out.contains("SUCCESS"),
        "{}",
        called.out
    );
}

#[test]
fn the_demo_works_without_pytest_and_says_so() {
    let place = Environment::empty();
    // A PATH with a shell and its tools, and no Python.
    let tools = place.root().join("tools");
    std::fs::create_dir(&tools).unwrap();
    for tool in ["sh", "grep", "true"] {
        let found = ["/bin", "/usr/bin"]
            .iter()
            .map(|d| std::path::Path::new(d).join(tool))
            .find(|p| p.exists())
            .unwrap();
        std::os::unix::fs::symlink(found, tools.join(tool)).unwrap();
    }
    let output = place
        .command(&["demo", "--headless"])
        .env("PATH", &tools)
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{out}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        out.contains("pip install pytest") && out.contains("SUCCESS"),
        "{out}"
    );
}

#[test]
fn wrong_usage_is_exit_2_with_a_hint() {
    let place = Environment::with_project();
    for arguments in [
        &["run", "x"][..],
        &["run", "x", "--patch", "a", "--proposal", "b"],
        &["run", "x", "--patch", "no-such-file"],
        &["run", "x", "--patch", "/dev/null", "--test", "pytest 'open"],
        &["frobnicate"],
        &["review", "no-such-run"],
    ] {
        let called = place.milton(arguments);
        assert_eq!(
            called.code, 2,
            "{arguments:?}: {}\n{}",
            called.out, called.err
        );
        assert!(!called.err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn the_run_store_may_not_lie_in_the_repository() {
    let place = Environment::with_project();
    let inside = place.repo().join("state");
    let mut command = place.command(&["list"]);
    let output = command.env("MILTON_STATE_DIR", &inside).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!inside.exists());
}

#[test]
fn completions_and_the_manual_page_are_printed() {
    let place = Environment::empty();
    for shell in ["bash", "zsh", "fish"] {
        let called = place.milton(&["completions", shell]);
        assert!(called.code == 0 && called.out.contains("milton"), "{shell}");
    }
    let called = place.milton(&["man"]);
    assert!(
        called.code == 0 && called.out.contains(".TH milton"),
        "{}",
        called.out
    );
}

#[test]
fn latest_is_the_newest_run_of_this_repository() {
    let ours = Environment::with_project();
    let run = ours.run_patch(GOOD, &[]).verdict()["run"].clone();
    let state = ours.state();
    let theirs = Environment::with_project().set("MILTON_STATE_DIR", state.to_str().unwrap());
    assert_eq!(theirs.run_patch(GOOD, &[]).code, 0);
    let shown = ours.milton(&["show", "latest"]);
    assert!(shown.out.contains(run.as_str().unwrap()), "{}", shown.out);
    let called = ours.milton(&["abandon", "latest"]);
    assert_eq!(called.code, 0, "{}", called.err);
    assert!(called.out.contains(run.as_str().unwrap()), "{}", called.out);
}

#[test]
fn a_run_that_ended_before_its_first_event_is_passed_over() {
    let place = Environment::with_project();
    assert_eq!(place.run_patch(GOOD, &[]).code, 0);
    let never = place.state().join("runs/29991231-235959-ffff");
    std::fs::create_dir(&never).unwrap();
    std::fs::write(never.join("events.jsonl"), "").unwrap();
    let called = place.milton(&["list"]);
    assert_eq!((called.code, called.err.as_str()), (0, ""));
    assert_eq!(place.milton(&["abandon", "latest"]).code, 0);
}

#[test]
fn a_damaged_record_is_told_of_and_no_older_run_is_taken_for_it() {
    let place = Environment::with_project();
    assert_eq!(place.run_patch(GOOD, &["--topic", "older"]).code, 0);
    assert_eq!(place.run_patch(GOOD, &["--topic", "newer"]).code, 0);
    let log = place.newest_run().join("events.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replacen("newer", "never", 1)).unwrap();
    let called = place.milton(&["list"]);
    assert!(called.out.contains("self-upgrade/older"), "{}", called.out);
    assert!(called.err.contains("is broken at line"), "{}", called.err);
    for command in ["show", "review", "abandon", "restore"] {
        let called = place.milton(&[command, "latest"]);
        assert_eq!(called.code, 2, "{command}: {}", called.out);
        assert!(called.err.contains("is broken at line"), "{}", called.err);
    }
    place.git(&["rev-parse", "refs/heads/self-upgrade/older"]);
    std::fs::write(place.newest_run().join("events.head"), "?").unwrap();
    std::fs::remove_dir_all(place.state().join("runs").join(first_run(&place))).unwrap();
    let called = place.milton(&["list"]);
    assert_eq!(called.out, "no run can be read\n");
}

fn first_run(place: &Environment) -> String {
    let runs = std::fs::read_dir(place.state().join("runs")).unwrap();
    let names = runs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.min().unwrap()
}

#[test]
fn looking_at_runs_makes_no_store() {
    let place = Environment::with_project();
    assert_eq!(place.milton(&["list"]).code, 0);
    assert_eq!(place.milton(&["show", "latest"]).code, 2);
    assert!(!place.state().exists());
}

#[test]
fn the_list_for_programs_is_one_document_and_one_line_end() {
    let place = Environment::with_project();
    let called = place.milton(&["list", "--format", "json"]);
    assert!(called.out.ends_with("}\n") && !called.out.ends_with("\n\n"));
}

#[test]
fn a_full_standard_output_is_told_and_the_record_stays_complete() {
    use std::process::Stdio;
    let place = Environment::with_project();
    std::fs::write(place.root().join("good.patch"), GOOD).unwrap();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = place
        .command(&["run", "x", "--patch", "../good.patch", "--headless"])
        .stdout(Stdio::from(full))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("cannot write to standard output"), "{said}");
    assert!(said.contains("milton show "), "{said}");
    assert!(place.milton(&["show", "latest"]).out.contains("SUCCESS"));
}

#[test]
fn a_repository_of_another_object_format_is_refused_with_a_way_out() {
    let place = Environment::empty();
    place.git(&["init", "-q", "--object-format=sha256", "other"]);
    let called = place.milton(&["--repo", "other", "list"]);
    assert_eq!(called.code, 22);
    assert!(called.err.contains("SHA-1"), "{}", called.err);
}

#[test]
fn the_test_result_can_be_shown_as_an_in_toto_statement() {
    let place = Environment::with_project();
    let verdict = place.run_patch(GOOD, &["--topic", "x"]).verdict();
    let called = place.milton(&["show", "latest", "--format", "in-toto"]);
    assert_eq!(called.code, 0, "{}", called.err);
    let statement: serde_json::Value = serde_json::from_str(&called.out).unwrap();
    let subject = &statement["subject"][0];
    assert_eq!(subject["name"], "repo/self-upgrade/x");
    assert_eq!(subject["digest"]["gitCommit"], verdict["commit"]);
    assert_eq!(statement["predicate"]["result"], "PASSED");

    assert_eq!(place.run_patch(BREAKING, &[]).code, 21);
    let called = place.milton(&["show", "latest", "--format", "in-toto"]);
    let statement: serde_json::Value = serde_json::from_str(&called.out).unwrap();
    assert_eq!(statement["predicate"]["result"], "FAILED");
    let failed = statement["predicate"]["failedTests"].as_array().unwrap();
    assert_eq!(failed, &["tests/test_calc.py::test_add"]);

    let refused = place.run_proposal(&writing(".env", "A=1\n"), &[]);
    assert_eq!(refused.code, 20);
    let called = place.milton(&["show", "latest", "--format", "in-toto"]);
    assert_eq!((called.code, called.out.as_str()), (2, ""));
    assert!(
        called.err.contains("nothing was committed"),
        "{}",
        called.err
    );
}
