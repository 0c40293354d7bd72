//! `milton run`, headless: every status, and what it leaves behind.

use serde_json::json;

use crate::environment::Environment;
use crate::proposals::{BREAKING, ENDLESS, GOOD, writing};

#[test]
fn a_good_change_ends_in_success_on_its_own_branch() {
    let place = Environment::with_project();
    let before = place.digest();
    let called = place.run_patch(GOOD, &["--topic", "calc-int"]);
    assert_eq!(called.code, 0, "{}\n{}", called.out, called.err);
    let verdict = called.verdict();
    assert_eq!(verdict["type"], "verdict");
    assert_eq!(verdict["status"], "SUCCESS");
    assert_eq!(verdict["decision"], "pending");
    assert_eq!(verdict["branch"], "self-upgrade/calc-int");
    assert_eq!(verdict["tests"]["passed"], 2);
    assert_eq!(verdict["tests"]["failed"], 0);
    assert_eq!(verdict["tests"]["exit"], 0);
    assert_eq!(
        verdict["sandbox"],
        serde_json::json!({"tier": "full", "gaps": []})
    );
    let ticked: Vec<bool> = verdict["checklist"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["ticked"].as_bool().unwrap())
        .collect();
    assert_eq!(
        ticked,
        [true, true, true, false, false, false],
        "machine items ticked, human items open"
    );

    assert_eq!(
        place.git(&["rev-parse", "self-upgrade/calc-int"]),
        verdict["commit"].as_str().unwrap()
    );
    assert_eq!(
        place.git(&["rev-parse", "self-upgrade/calc-int^"]),
        place.git(&["rev-parse", "main"])
    );
    let message = place.git(&["log", "-1", "--format=%B", "self-upgrade/calc-int"]);
    for trailer in ["Milton-Run: ", "Milton-Policy: ", "Proposed-by: "] {
        assert!(message.contains(trailer), "{message}");
    }
    assert_eq!(
        place.git(&[
            "log",
            "-1",
            "--format=%an <%ae>|%cn",
            "self-upgrade/calc-int"
        ]),
        "Test Person <test@example.com>|Test Person"
    );
    assert_eq!(
        place.digest(),
        before,
        "nothing else of the repository changed"
    );
    assert_eq!(place.git(&["fsck", "--strict"]), "");
}

#[test]
fn the_recorded_diff_is_what_git_prints() {
    let place = Environment::with_project();
    let called = place.run_patch(GOOD, &["--topic", "x"]);
    assert_eq!(called.code, 0, "{}", called.err);
    let theirs = place.try_git(&["diff", "main...self-upgrade/x"]).stdout;
    assert_eq!(
        std::fs::read(place.newest_run().join("diff.patch")).unwrap(),
        theirs
    );
}

#[test]
fn a_dirty_tree_and_staged_files_stay_as_they_are() {
    let place = Environment::with_project();
    place.write("calc.py", "# my own unfinished work\n");
    place.write("staged.txt", "staged\n");
    place.git(&["add", "staged.txt"]);
    place.write("untracked.txt", "untracked\n");
    let before = place.digest();
    let called = place.run_patch(GOOD, &[]);
    assert_eq!(called.code, 0, "{}\n{}", called.out, called.err);
    assert_eq!(place.digest(), before);
    let branch = called.verdict()["branch"].as_str().unwrap().to_owned();
    assert_eq!(
        place.git(&["diff", "--name-only", &format!("main...{branch}")]),
        "calc.py\ntests/test_calc.py"
    );
}

#[test]
fn failing_tests_end_in_test_failure_and_keep_the_branch() {
    let place = Environment::with_project();
    let called = place.run_patch(BREAKING, &["--topic", "break"]);
    assert_eq!(called.code, 21, "{}\n{}", called.out, called.err);
    let verdict = called.verdict();
    assert_eq!(verdict["status"], "TEST_FAILURE");
    assert_eq!(verdict["tests"]["failed"], 1);
    assert_eq!(
        place.git(&["rev-parse", "self-upgrade/break"]),
        verdict["commit"].as_str().unwrap()
    );
    let evidence = place.run_file("evidence.md");
    assert!(
        evidence.contains("test_add"),
        "the failing test is named:\n{evidence}"
    );
    let item = verdict["checklist"]
        .as_array()
        .unwrap()
        .iter()
        .find(|i| i["id"] == "tests_pass")
        .unwrap()
        .clone();
    assert_eq!(item["ticked"], false);
}

#[test]
fn an_endless_loop_is_ended_and_its_output_kept() {
    let place = Environment::with_project().set("MILTON_SELF_UPGRADE_TIMEOUT", "3");
    let called = place.run_patch(ENDLESS, &["--test", "pytest -q -s"]);
    assert_eq!(called.code, 21, "{}\n{}", called.out, called.err);
    let verdict = called.verdict();
    assert_eq!(verdict["tests"]["timed_out"], true);
    assert!(
        verdict["overrides"].to_string().contains("TIMEOUT=3"),
        "{verdict}"
    );
    let output = std::fs::read_dir(place.newest_run().join("output")).unwrap();
    let logs: Vec<String> = output
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "log"))
        .map(|p| std::fs::read_to_string(p).unwrap())
        .collect();
    assert!(
        logs.iter()
            .any(|log| log.contains("the endless loop begins")),
        "{logs:?}"
    );
}

#[test]
fn no_tests_collected_is_not_a_pass() {
    let place = Environment::with_project();
    place.git(&["rm", "-q", "-r", "tests"]);
    place.commit("no tests");
    let called = place.run_proposal(&writing("notes.txt", "note\n"), &[]);
    assert_eq!(called.code, 21, "{}\n{}", called.out, called.err);
    assert_eq!(called.verdict()["tests"]["passed"], 0);
}

#[test]
fn a_command_that_reports_nothing_is_not_a_pass() {
    let place = Environment::with_project();
    let called = place.run_patch(GOOD, &["--test", "true"]);
    assert_eq!(
        called.code, 21,
        "exit 0 without a counted test is no pass: {}",
        called.out
    );
    assert_eq!(called.verdict()["tests"]["exit"], 0);
}

#[test]
fn a_blocked_change_lists_every_violation_and_writes_nothing() {
    let place = Environment::with_project();
    let before = place.digest();
    let objects = place.git(&["count-objects", "-v"]);
    let edits: Vec<_> = (0..11)
        .map(
            |n| json!({"path": format!("f{n}.py"), "op": "write", "content": "x = 1\n".repeat(50)}),
        )
        .chain([json!({"path": ".env", "op": "write", "content": "A=1\n"})])
        .collect();
    let called = place.run_proposal(
        &json!({"schema": 1, "goal": "Too much", "edits": edits}),
        &[],
    );
    assert_eq!(called.code, 20, "{}", called.err);
    let rules = called.rules();
    for rule in ["path.forbidden", "limits.files", "limits.lines"] {
        assert!(rules.iter().any(|r| r == rule), "{rule} in {rules:?}");
    }
    assert_eq!(place.digest(), before);
    assert_eq!(
        place.git(&["count-objects", "-v"]),
        objects,
        "no object was written"
    );
    assert!(place.run_file("evidence.md").contains(".env"));
    assert!(
        place
            .run_file("audit.log")
            .contains("SELF_UPGRADE_COMPLETE: status=BLOCKED_BY_POLICY")
    );
}

#[test]
fn a_failing_hunk_is_a_git_error_with_its_context() {
    let place = Environment::with_project();
    let before = place.digest();
    let patch = GOOD.replace("-    return a + b", "-    return a * b");
    let called = place.run_patch(&patch, &[]);
    assert_eq!(called.code, 22, "{}", called.out);
    assert_eq!(place.digest(), before);
    let evidence = place.run_file("evidence.md");
    assert!(
        evidence.contains("return a * b") && evidence.contains("return a + b"),
        "both sides are shown:\n{evidence}"
    );
}

#[test]
fn an_unreadable_proposal_is_a_plan_error_with_line_and_column() {
    let place = Environment::with_project();
    let called = place.milton_with_input(
        &["run", "x", "--proposal", "-", "--headless"],
        b"{\n  \"schema\": 1,\n  \"goal\": 7\n}",
    );
    assert_eq!(called.code, 23, "{}\n{}", called.out, called.err);
    assert!(called.out.contains("line 3"), "{}", called.out);
    assert!(place.run_file("evidence.json").contains("PLAN_ERROR"));
}

#[test]
fn every_status_leaves_complete_evidence() {
    let place = Environment::with_project();
    for (patch, code) in [(GOOD, 0), (BREAKING, 21), ("nonsense\n", 23)] {
        let called = place.run_patch(patch, &[]);
        assert_eq!(called.code, code, "{}\n{}", called.out, called.err);
        for file in ["events.jsonl", "audit.log", "evidence.json", "evidence.md"] {
            assert!(!place.run_file(file).is_empty(), "{file} for {code}");
        }
        let audit = place.run_file("audit.log");
        assert_eq!(audit.matches("SELF_UPGRADE_START").count(), 1, "{audit}");
        assert_eq!(audit.matches("SELF_UPGRADE_COMPLETE").count(), 1, "{audit}");
    }
}

#[test]
fn the_goal_reaches_the_commit_unchanged_and_nothing_of_it_runs() {
    let place = Environment::with_project();
    let request = "Say \"it's\" $(touch pwned) `touch pwned` and go on";
    let called = place.milton_with_input(
        &[
            "run",
            request,
            "--patch",
            "-",
            "--headless",
            "--topic",
            "odd",
        ],
        GOOD.as_bytes(),
    );
    assert_eq!(called.code, 0, "{}\n{}", called.out, called.err);
    assert_eq!(
        place.git(&["log", "-1", "--format=%s", "self-upgrade/odd"]),
        request
    );
    assert!(!place.repo().join("pwned").exists());
}

#[test]
fn a_second_change_of_the_same_topic_gets_a_number() {
    let place = Environment::with_project();
    assert_eq!(place.run_patch(GOOD, &["--topic", "same"]).code, 0);
    let first = place.git(&["rev-parse", "self-upgrade/same"]);
    let called = place.run_patch(GOOD, &["--topic", "same"]);
    assert_eq!(called.verdict()["branch"], "self-upgrade/same-2");
    assert_eq!(place.git(&["rev-parse", "self-upgrade/same"]), first);
}

#[test]
fn tests_can_be_skipped_only_by_the_start_environment() {
    let place = Environment::with_project().set("MILTON_SELF_UPGRADE_SKIP_TESTS", "1");
    let called = place.run_patch(BREAKING, &[]);
    assert_eq!(called.code, 0, "{}", called.out);
    let verdict = called.verdict();
    assert!(verdict["overrides"].to_string().contains("SKIP_TESTS=1"));
    let item = verdict["checklist"]
        .as_array()
        .unwrap()
        .iter()
        .find(|i| i["id"] == "tests_pass")
        .unwrap()
        .clone();
    assert_eq!(item["ticked"], false, "skipped tests leave the item open");
    assert!(place.run_file("audit.log").contains("result=skipped"));
}

#[test]
fn a_malformed_override_is_refused_before_anything_begins() {
    for (name, value) in [
        ("MILTON_SELF_UPGRADE_ALLOW_POLICY_EDITS", "true"),
        ("MILTON_SELF_UPGRADE_MAX_FILES", "ten"),
        ("MILTON_SELF_UPGRADE_MAX_LOC", "-1"),
        ("MILTON_SELF_UPGRADE_TIMEOUT", "0"),
    ] {
        let place = Environment::with_project().set(name, value);
        let called = place.run_patch(GOOD, &[]);
        assert_eq!(called.code, 2, "{name}={value}: {}", called.out);
        assert!(
            called.err.contains(name) && called.err.contains("hint:"),
            "{}",
            called.err
        );
        assert!(
            !place.state().join("runs").exists()
                || std::fs::read_dir(place.state().join("runs"))
                    .unwrap()
                    .next()
                    .is_none()
        );
    }
}

#[test]
fn a_repository_without_commits_gets_a_clear_error() {
    let place = Environment::empty();
    let called = place.run_patch(GOOD, &[]);
    assert_eq!(called.code, 22, "{}\n{}", called.out, called.err);
    assert!(place.run_file("evidence.json").contains("GIT_ERROR"));
}

#[test]
fn a_detached_head_works_and_names_its_base() {
    let place = Environment::with_project();
    place.git(&["checkout", "-q", "--detach"]);
    let called = place.run_patch(GOOD, &[]);
    assert_eq!(called.code, 0, "{}\n{}", called.out, called.err);
    assert_eq!(called.verdict()["base"], place.git(&["rev-parse", "main"]));
}

#[test]
fn the_linked_environment_is_used_and_the_candidate_is_what_is_imported() {
    let place = Environment::with_project();
    place.write(".gitignore", ".venv/\n__pycache__/\n");
    place.git(&["mv", "calc.py", "src_calc.tmp"]);
    std::fs::create_dir_all(place.repo().join("src/calc")).unwrap();
    place.git(&["mv", "src_calc.tmp", "src/calc/__init__.py"]);
    place.write("pytest.ini", "[pytest]\ntestpaths = tests\n");
    place.commit("src layout");
    // An environment with an editable install that points at the real checkout.
    let venv = place.repo().join(".venv");
    let made = std::process::Command::new("python3")
        .args(["-m", "venv", "--without-pip", "--system-site-packages"])
        .arg(&venv)
        .status()
        .unwrap();
    assert!(
        made.success(),
        "python3 -m venv works: install python3-venv"
    );
    let site = std::fs::read_dir(venv.join("lib"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path()
        .join("site-packages");
    std::fs::write(
        site.join("calc.pth"),
        place.repo().join("src").display().to_string(),
    )
    .unwrap();
    let patch = "\
--- a/src/calc/__init__.py
+++ b/src/calc/__init__.py
@@ -1,2 +1,2 @@
 def add(a, b):
-    return a + b
+    return a - b
";
    let called = place.run_patch(patch, &["--test", "python -m pytest -q"]);
    assert_eq!(
        called.code, 21,
        "the broken candidate must fail, not the good checkout pass: {}",
        called.out
    );
    assert_eq!(called.verdict()["tests"]["failed"], 1);
}

#[test]
fn a_repository_policy_that_does_not_load_blocks_every_run() {
    let place = Environment::with_project();
    place.write(".milton/policy.toml", "[paths]\nforbiden = [\"x\"]\n");
    place.commit("typo");
    let called = place.run_patch(GOOD, &[]);
    assert_eq!(called.code, 20, "{}\n{}", called.out, called.err);
    assert_eq!(called.rules(), ["policy.invalid"]);
}

#[test]
fn a_proposal_beyond_all_size_is_blocked_unread() {
    let place = Environment::with_project();
    let called = place.run_proposal(&writing("huge.txt", &"x".repeat(20 << 20)), &[]);
    assert_eq!(called.code, 20, "{}", called.err);
    assert_eq!(called.rules(), ["limits.bytes"]);
}

#[test]
fn an_override_is_named_once() {
    let place = Environment::with_project().set("MILTON_SELF_UPGRADE_TIMEOUT", "60");
    let verdict = place.run_patch(GOOD, &[]).verdict();
    let risks = verdict["risks"].as_array().unwrap();
    let named = risks.iter().filter(|risk| risk["id"] == "override_active");
    assert_eq!(named.count(), 1, "{risks:?}");
}

#[test]
fn a_test_reaches_the_record_only_without_isolation_and_that_ends_the_run() {
    let place = Environment::with_project();
    place.write(
        "tests/test_forge.py",
        "import os\n\n\ndef test_forge():\n    place = os.environ['HOME']\n    while not os.path.exists(place + '/events.jsonl'):\n        assert place != '/'\n        place = os.path.dirname(place)\n    with open(place + '/events.jsonl', 'a') as log:\n        log.write('{}\\n')\n",
    );
    place.commit("forge");
    let called = place.run_patch(GOOD, &["--sandbox", "none"]);
    assert_eq!(called.code, 1, "{}", called.out);
    assert!(called.err.contains("bytes were written"), "{}", called.err);
    for tier in ["full", "fallback"] {
        let called = place.run_patch(GOOD, &["--sandbox", tier]);
        assert_eq!(called.code, 21, "{tier}: {}", called.err);
    }
}

#[test]
fn a_secret_is_not_repeated_where_others_read() {
    let place = Environment::with_project();
    // Put together here, so that no literal of this form stands in the sources.
    let token = format!("ghp_{}", "a1B2".repeat(9));
    let patch = format!("--- /dev/null\n+++ b/c.py\n@@ -0,0 +1 @@\n+t = '{token}'\n");
    let request = format!("Use {token}");
    for request in ["Add a constant", &request] {
        let called = place.milton_with_input(
            &["run", request, "--patch", "-", "--headless"],
            patch.as_bytes(),
        );
        assert_eq!(called.code, 20, "{}", called.err);
        for arguments in [
            &["list"][..],
            &["show", "latest"],
            &["show", "latest", "--format", "markdown"],
            &["show", "latest", "--format", "json"],
        ] {
            let shown = place.milton(arguments).out;
            assert!(!shown.contains(&token), "{arguments:?}: {shown}");
        }
    }
}

#[test]
fn an_empty_topic_gets_a_name_from_the_goal() {
    let place = Environment::with_project();
    let called = place.run_patch(GOOD, &["--topic", ""]);
    assert_eq!(called.code, 0, "{}", called.out);
    assert_eq!(
        called.verdict()["branch"],
        "self-upgrade/change-the-calculator"
    );
    assert_eq!(
        place.milton(&["check", "--branch", "self-upgrade/"]).code,
        0
    );
}

#[test]
fn files_that_only_the_candidate_has_are_its_own() {
    let place = Environment::with_project();
    let module = "--- /dev/null\n+++ b/extra.py\n@@ -0,0 +1,2 @@\n+def one():\n+    return 1\n";
    let test = |expected: u32| {
        format!(
            "{module}--- /dev/null\n+++ b/tests/test_extra.py\n@@ -0,0 +1,9 @@\n+import sys\n+\n\
             +sys.path.insert(0, \".\")\n+\n+from extra import one\n+\n+\n+def test_one():\n\
             +    assert one() == {expected}\n"
        )
    };
    for tier in ["full", "fallback"] {
        let called = place.run_patch(&test(1), &["--sandbox", tier]);
        assert_eq!(called.code, 0, "{tier}: {}{}", called.out, called.err);
        let verdict = called.verdict();
        assert_eq!(verdict["checklist"][1]["ticked"], true, "{verdict}");
        let imports = verdict["tests"]["integrity"]["imports"].as_array().unwrap();
        let extra = imports.iter().find(|i| i["module"] == "extra").unwrap();
        assert_eq!(extra["file"], "extra.py");
        assert_eq!(extra["is_candidate"], true);
        let called = place.run_patch(&test(2), &["--sandbox", tier]);
        assert_eq!(called.code, 21, "{tier}");
        let events = place.run_file("events.jsonl");
        assert!(
            events.contains(r#""file":"tests/test_extra.py","line":9"#),
            "{tier}: {events}"
        );
    }
}
