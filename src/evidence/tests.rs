use super::*;
use crate::fixtures::{STATUSES, approved, oid, report, run_id, state, strings, violation};
use crate::model::event::ChangedFile;
use crate::model::{
    Decision, ItemId, LineStat, Override, SandboxReport, Status, TestOutcome, Tier,
};

const DIFF: &str = "diff --git a/src/retry.py b/src/retry.py\n@@ -1 +1 @@\n-a\n+\tb\n";

fn item(state: &RunState, id: ItemId) -> (bool, String) {
    let item = checklist(state).into_iter().find(|i| i.id == id).unwrap();
    (item.ticked, item.evidence)
}

#[test]
fn every_status_gives_complete_evidence() {
    for status in STATUSES {
        let state = state(status);
        let evidence: serde_json::Value = serde_json::from_str(&json(&state)).unwrap();
        assert_eq!(evidence["status"], status.as_str());
        assert!(!evidence["goal"].as_str().unwrap().is_empty(), "{status}");
        assert_eq!(
            evidence["checklist"].as_array().unwrap().len(),
            6,
            "{status}"
        );
        assert_eq!(evidence["overrides"], serde_json::json!(["MAX_LOC=9000"]));
        let page = markdown(&state, "", "");
        assert!(page.contains(status.as_str()));
        for section in ["Files", "Checklist", "Risks", "Tests", "Commands", "Diff"] {
            assert!(
                page.contains(&format!("\n## {section}\n")),
                "{status} {section}"
            );
        }
    }
}

#[test]
fn a_run_without_plan_and_request_still_has_a_goal() {
    let empty = RunState::new(run_id());
    assert_eq!(goal(&empty), "(no goal was stated)");
    assert!(markdown(&empty, "", "").starts_with("# (no goal was stated)\n"));
    let mut asked = RunState::new(run_id());
    asked.request = "  two\n lines ".to_owned();
    assert_eq!(goal(&asked), "two lines");
}

#[test]
fn machine_items_point_at_the_fact_behind_them() {
    let state = state(Status::Success);
    assert_eq!(
        item(&state, ItemId::BranchCreated),
        (
            true,
            "refs/heads/self-upgrade/retry-backoff → ccccccc".to_owned()
        )
    );
    assert_eq!(
        item(&state, ItemId::TestsPass),
        (
            true,
            "pytest -q: exit 0, 128 passed, 3 skipped, log output/003.log".to_owned()
        )
    );
    assert_eq!(
        item(&state, ItemId::NoForbiddenFiles),
        (true, "gate 2: 0 violations in tree ddddddd".to_owned())
    );
}

#[test]
fn human_items_are_open_and_say_what_helps() {
    let state = state(Status::Success);
    assert_eq!(
        item(&state, ItemId::NoSecrets),
        (false, "the secret rules found nothing in 2 changed files (12 lines added); they know formats, not meanings".to_owned())
    );
    assert_eq!(
        item(&state, ItemId::Minimal),
        (
            false,
            "2 files, +12 -3 lines, 26 % of them in tests (limits: 10 files, 9000 lines)"
                .to_owned()
        )
    );
    assert_eq!(
        item(&state, ItemId::Documentation),
        (false, "no documentation file changed".to_owned())
    );
}

#[test]
fn a_run_that_did_not_come_so_far_has_no_ticked_item() {
    for status in [Status::BlockedByPolicy, Status::GitError, Status::PlanError] {
        let items = checklist(&state(status));
        assert!(items.iter().all(|i| !i.ticked), "{status}: {items:?}");
        assert!(items.iter().all(|i| !i.evidence.is_empty()), "{status}");
    }
    let blocked = item(&state(Status::BlockedByPolicy), ItemId::NoForbiddenFiles);
    assert!(blocked.1.contains("gate 1: 1 violation"), "{}", blocked.1);
}

#[test]
fn tests_pass_needs_every_figure_to_agree() {
    type Edit = fn(&mut crate::model::TestReport);
    let edits: [Edit; 6] = [
        |t| t.exit = Some(1),
        |t| t.exit = None,
        |t| t.passed = 0,
        |t| t.failed = 1,
        |t| t.outcome = TestOutcome::NoReport,
        |t| t.outcome = TestOutcome::Skipped,
    ];
    for edit in edits {
        let mut state = state(Status::Success);
        edit(state.tests.as_mut().unwrap());
        assert!(!item(&state, ItemId::TestsPass).0);
    }
    let failed = item(&state(Status::TestFailure), ItemId::TestsPass);
    assert!(
        failed.1.contains("1 failed") && failed.1.contains("(1 test failed)"),
        "{}",
        failed.1
    );
}

#[test]
fn a_tree_that_breaks_a_rule_leaves_the_item_open() {
    let mut state = state(Status::Success);
    state
        .tree_verdict
        .as_mut()
        .unwrap()
        .violations
        .push(violation());
    assert!(!item(&state, ItemId::NoForbiddenFiles).0);
}

#[test]
fn an_abandoned_branch_is_no_branch() {
    let mut state = state(Status::Success);
    state.decision = Decision::Abandoned;
    state.kept_as = Some("refs/milton/abandoned/x".to_owned());
    let (ticked, evidence) = item(&state, ItemId::BranchCreated);
    assert!(
        !ticked && evidence.contains("refs/milton/abandoned/x"),
        "{evidence}"
    );
}

#[test]
fn documentation_and_tests_are_known_by_their_names() {
    let mut state = state(Status::Success);
    let file = |path: &str| ChangedFile {
        letter: 'M',
        path: path.to_owned(),
        old_path: None,
        lines: LineStat {
            added: 1,
            removed: 0,
        },
    };
    let paths = [
        "README",
        "docs/conf.py",
        "a/CHANGELOG.txt",
        "x.rst",
        "notes.txt",
        "src/readme.py",
    ];
    state.changed_files = paths.map(file).into();
    assert_eq!(
        item(&state, ItemId::Documentation).1,
        "changed: README, docs/conf.py, a/CHANGELOG.txt, x.rst"
    );
    let paths = [
        "tests/a.py",
        "src/a_test.go",
        "conftest.py",
        "web/a.spec.ts",
        "src/contest.py",
    ];
    state.changed_files = paths.map(file).into();
    assert!(
        item(&state, ItemId::Minimal)
            .1
            .contains("80 % of them in tests")
    );
}

#[test]
fn only_facts_become_risks_after_the_run() {
    let mut state = state(Status::Success);
    state.overrides.clear();
    assert_eq!(risks_after(&state), []);

    state.overrides = vec![Override {
        name: "SKIP_TESTS".to_owned(),
        value: "1".to_owned(),
        source: "environment".to_owned(),
    }];
    state.changed_files[0].path = "src/other.py".to_owned();
    state.sandbox = Some(SandboxReport {
        tier: Tier::Fallback,
        gaps: strings(&["reading files of the user", "the network"]),
    });
    let found: Vec<String> = risks_after(&state)
        .into_iter()
        .map(|r| format!("{} | {} | {}", r.id, r.subject, r.detail))
        .collect();
    insta::assert_snapshot!(found.join("\n"), @r#"
    plan_differs | src/other.py | the commit changes it, the plan does not name it
    plan_differs | src/retry.py | the plan names it, the commit does not change it
    override_active | SKIP_TESTS=1 | set by the human who started milton (environment); no test was run on this change
    sandbox_reduced | fallback | it does not stop: reading files of the user; the network
    "#);
}

#[test]
fn a_planned_rename_is_not_a_difference() {
    let mut state = state(Status::Success);
    state.overrides.clear();
    state.plan.as_mut().unwrap().files[0].renamed_from = Some("src/old.py".to_owned());
    state.changed_files[0].old_path = Some("src/old.py".to_owned());
    assert_eq!(risks_after(&state), []);
}

#[test]
fn the_verdict_has_exactly_the_fields_of_the_contract() {
    let state = state(Status::Success);
    let value = serde_json::to_value(verdict(&state)).unwrap();
    let fields: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut expected = vec![
        "type",
        "schema",
        "run",
        "status",
        "decision",
        "branch",
        "base",
        "commit",
        "tree",
        "files",
        "stats",
        "tests",
        "checklist",
        "risks",
        "violations",
        "sandbox",
        "overrides",
        "evidence_dir",
    ];
    expected.sort_unstable();
    assert_eq!(fields, expected);
    assert_eq!(value["type"], "verdict");
    assert_eq!(value["commit"], oid('c').as_str());
    assert_eq!(
        value["sandbox"],
        serde_json::json!({"tier": "full", "gaps": []})
    );
    assert_eq!(
        value["files"][0],
        serde_json::json!({"path": "src/retry.py", "status": "M", "added": 8, "removed": 3})
    );
    assert_eq!(
        value["tests"],
        serde_json::json!({"argv": ["pytest", "-q"], "exit": 0, "passed": 128, "failed": 0,
            "skipped": 3, "seconds": 14.237, "timed_out": false,
            "integrity": {
                "channel": "junit", "base": null, "deciding": null,
                "new_failures": {"count": 0, "names": []},
                "old_failures": {"count": 0, "names": []},
                "fixed": {"count": 0, "names": []},
                "missing": {"count": 0, "names": []},
                "newly_skipped": {"count": 0, "names": []},
                "harness_dependent": {"count": 0, "names": []},
                "imports": [], "open": []}})
    );
}

#[test]
fn violations_of_both_gates_are_listed_once() {
    let mut state = state(Status::BlockedByPolicy);
    state.tree_verdict = state.proposal_verdict.clone();
    assert_eq!(verdict(&state).violations, [violation()]);
}

#[test]
fn the_evidence_binds_approval_and_digests() {
    let evidence = document(&approved());
    assert_eq!(evidence["decision"], "approved");
    assert_eq!(evidence["approval"]["by"], "ada");
    assert_eq!(
        evidence["digests"]["policy"],
        evidence["approval"]["policy_sha256"]
    );
    assert_eq!(
        evidence["digests"]["diff"],
        evidence["approval"]["diff_sha256"]
    );
    assert!(evidence["digests"]["test_log"].is_string());
    assert!(
        evidence["checklist"]
            .as_array()
            .unwrap()
            .iter()
            .all(|i| i["ticked"] == true)
    );
    assert_eq!(evidence["commands"][2]["exit"], 0);
    assert_eq!(evidence["commands"][2]["end"]["how"], "exited");
}

#[test]
fn the_page_of_a_test_failure_reads_well() {
    let page = markdown(
        &state(Status::TestFailure),
        DIFF,
        "...F\n1 failed, 127 passed, 3 skipped in 14.2s\n",
    );
    insta::assert_snapshot!(page, @r#"
    # Retry with exponential backoff in v1.2.

    | | |
    |---|---|
    | status | **TEST_FAILURE** |
    | decision | pending |
    | run | `20260112-100000-7f3a` |
    | branch | `self-upgrade/retry-backoff` |
    | base | `main at aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` |
    | commit | `cccccccccccccccccccccccccccccccccccccccc` |
    | tree | `dddddddddddddddddddddddddddddddddddddddd` |
    | request | `please retry with backoff` |
    | source | `patch fix.diff` |
    | started | `2026-01-12T10:00:00.01Z` |
    | policy | `version 1.0, 42 rules, sha256 823412d1eacb67956220e532959f0104603057c88704863ca38e7cd188fda812` |
    | overrides | `MAX_LOC=9000` |
    | sandbox | `full` |

    ## Files

    | | file | added | removed |
    |---|---|---:|---:|
    | M | `src/retry.py` | 8 | 3 |
    | M | `tests/test_retry.py` | 4 | 0 |

    ## Checklist

    - [x] Branch created (not on main/master): refs/heads/self-upgrade/retry-backoff → ccccccc
    - [ ] Tests pass: pytest -q: exit 1, 127 passed, 1 failed, 3 skipped (1 test failed), log output/003.log
    - [x] No forbidden files modified: gate 2: 0 violations in tree ddddddd
    - [ ] No secrets exposed: the secret rules found nothing in 2 changed files (12 lines added); they know formats, not meanings
    - [ ] Changes are minimal and surgical: 2 files, +12 -3 lines, 26 % of them in tests (limits: 10 files, 9000 lines)
    - [ ] Documentation updated (if applicable): no documentation file changed

    ## Risks

    - `harness_changed` `tests/test_retry.py`: the change touches the tests that judge it

    ## Tests

    `pytest -q`: exit 1, 127 passed, 1 failed, 3 skipped in 14.2s (1 test failed)

    - `tests/test_retry.py::test_waits` (`tests/test_retry.py:12`): AssertionError: assert 1 == 2

    ```text
    ...F
    1 failed, 127 passed, 3 skipped in 14.2s
    ```

    Complete output: `output/003.log` (46 bytes, sha256 97fadb9e788eb0df47d5f18aeaa032ee1b988e88b5fb432b3927ddfa63355f8d)

    Not run: `ruff check .` (ruff is not installed)

    ## Commands

    | # | command | exit | time |
    |---:|---|---:|---:|
    | 1 | `git rev-parse main` (in-process) | 0 | 0.0s |
    | 2 | `git commit -m 'Retry with backoff'` (in-process) | 0 | 0.0s |
    | 3 | `pytest -q` | 1 | 14.2s |

    ## Diff

    ```diff
    diff --git a/src/retry.py b/src/retry.py
    @@ -1 +1 @@
    -a
    +	b
    ```

    The exact bytes: `diff.patch` (sha256 ec20b07436628b494ca71e114f52390ea86380bb359bb1ba7a075dbff8f0060e)
    "#);
}

#[test]
fn a_blocked_run_lists_what_it_would_have_changed_and_why_not() {
    let page = markdown(&state(Status::BlockedByPolicy), "", "");
    assert!(
        page.contains("- M `src/retry.py` (+8 -3): in the proposal\n"),
        "{page}"
    );
    assert!(page.contains(
        "| `path.forbidden` | `config/.env` | matches \\*\\*/.env (credentials and secrets) (embedded) |"
    ));
}

#[test]
fn nothing_in_the_content_can_end_its_fence_or_cell() {
    let mut state = state(Status::TestFailure);
    state.plan.as_mut().unwrap().goal = "# <script>x</script> [a](javascript:b) @all".to_owned();
    state.changed_files[0].path = "a|b`c".to_owned();
    state.tests = Some(report(TestOutcome::Failed));
    state.tests.as_mut().unwrap().failures[0].message = "x\n- [x] Tests pass\u{1b}[2J".to_owned();
    let diff = "+```\n+````\n+# heading\u{202e}\n+\u{1b}]52;c;x\u{7}\n";
    let page = markdown(&state, diff, "`````\nlast line\n");
    assert!(
        page.starts_with("# \\# &lt;script\\>x&lt;/script\\> \\[a\\](javascript:b) &#64;all\n")
    );
    assert!(page.contains("``a\\|b`c``"));
    assert!(page.contains("\n`````diff\n+```\n+````\n+# heading<U+202E>\n+␛]52;c;x␇\n`````\n"));
    assert!(page.contains("\n``````text\n"), "{page}");
    assert!(page.contains("x␊- \\[x\\] Tests pass␛\\[2J"));
    assert!(!page.chars().any(|c| c != '\n' && crate::text::is_hidden(c)));
}

#[test]
fn a_long_diff_and_a_long_output_are_cut_at_lines() {
    let state = state(Status::Success);
    let diff = "+a line of code\n".repeat(10_000);
    let lines: Vec<String> = (0..1000).map(|n| format!("line {n}")).collect();
    let output = lines.join("\n") + "\n";
    let page = markdown(&state, &diff, &output);
    assert!(page.len() < 64 << 10, "{}", page.len());
    assert!(page.contains("more lines of the diff are not shown here"));
    assert!(
        page.contains("....\n128 passed, 3 skipped in 14.2s\n…\nline 960\n"),
        "first and last"
    );
    assert!(page.contains("line 999\n```"));
}
