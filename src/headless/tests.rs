use super::*;
use crate::fixtures::{STATUSES, approved, ended, events, script, state, strings, time};
use crate::model::Status;
use crate::model::event::SCHEMA;

fn printed(status: Status, format: Format) -> String {
    let mut printer = Printer::new(Vec::new(), format);
    for event in &ended(status) {
        printer.event(event).unwrap();
    }
    printer.finish(&state(status), None).unwrap();
    String::from_utf8(printer.out).unwrap()
}

fn over(state: RunState) -> Listed {
    Listed {
        state,
        life: Life::Free,
    }
}

#[test]
fn a_success_is_told_in_words() {
    insta::assert_snapshot!(printed(Status::Success, Format::Human), @r#"
    [--] milton 0.1.0, run 20260112-100000-7f3a
         request: please retry with backoff
         source: patch fix.diff, repository: /home/ada/project
    [ok] policy 1.0: 42 rules (embedded)
         at most 10 files, 9000 lines, 300 s a command
    [!!] override MAX_LOC=9000 is active (environment)
    [ok] git rev-parse main (in-process): exit 0 in 0.0s
    [ok] base: main at aaaaaaa
    [ok] goal: Retry with exponential backoff in v1.2.
         M src/retry.py +8 -3
         M tests/test_retry.py +4 -0
         will run: pytest -q (found in the repository)
    [ok] make the plan (0.0s)
    [ok] gate 1 (the proposal): 0 violations; 2 files, +12 -3
    [--] to weigh: harness_changed: tests/test_retry.py: the change touches the tests that judge it
    [ok] validate policy (0.0s)
    [ok] git commit -m 'Retry with backoff' (in-process): exit 0 in 0.0s
    [ok] commit ccccccc with tree ddddddd
    [ok] build the commit (0.0s)
    [ok] gate 2 (the built tree): 0 violations; 2 files, +12 -3
    [ok] re-check the tree (0.0s)
    [ok] branch self-upgrade/retry-backoff at ccccccc
    [ok] create branch (0.0s)
    [ok] diff: 2 files, +12 -3
         M src/retry.py +8 -3
         M tests/test_retry.py +4 -0
    [ok] sandbox: full
    [--] run tests …
         $ pytest -q
    [ok] pytest -q: exit 0 in 14.2s
    [--] not run: ruff check . (ruff is not installed)
    [ok] tests: 128 passed, 0 failed, 3 skipped
    [ok] run tests (14.2s)
    [ok] evidence: /state/runs/20260112-100000-7f3a
    [ok] SUCCESS: Retry with exponential backoff in v1.2.
    next: review it: milton review 20260112-100000-7f3a
    "#);
}

#[test]
fn a_blocked_change_names_rule_subject_reason_and_remedy() {
    insta::assert_snapshot!(printed(Status::BlockedByPolicy, Format::Human), @r#"
    [--] milton 0.1.0, run 20260112-100000-7f3a
         request: please retry with backoff
         source: patch fix.diff, repository: /home/ada/project
    [ok] policy 1.0: 42 rules (embedded)
         at most 10 files, 9000 lines, 300 s a command
    [!!] override MAX_LOC=9000 is active (environment)
    [ok] git rev-parse main (in-process): exit 0 in 0.0s
    [ok] base: main at aaaaaaa
    [ok] goal: Retry with exponential backoff in v1.2.
         M src/retry.py +8 -3
         M tests/test_retry.py +4 -0
         will run: pytest -q (found in the repository)
    [ok] make the plan (0.0s)
    [!!] gate 1 (the proposal): 1 violation; 2 files, +12 -3
    [!!] path.forbidden: config/.env
         matches **/.env (credentials and secrets) (embedded)
         remedy: never editable; change it by hand
    [--] to weigh: harness_changed: tests/test_retry.py: the change touches the tests that judge it
    [!!] validate policy: failed (0.0s)
    [ok] evidence: /state/runs/20260112-100000-7f3a
    [!!] BLOCKED_BY_POLICY: Retry with exponential backoff in v1.2.
    next: change the proposal and run it again; all details: milton show 20260112-100000-7f3a
    "#);
}

#[test]
fn failing_tests_are_named_with_their_message() {
    let text = printed(Status::TestFailure, Format::Human);
    insta::assert_snapshot!(text.split_once("sandbox").unwrap().1, @r#"
    : full
    [--] run tests …
         $ pytest -q
    [!!] pytest -q: exit 1 in 14.2s
    [--] not run: ruff check . (ruff is not installed)
    [!!] tests: 127 passed, 1 failed, 3 skipped: 1 test failed
    [!!] tests/test_retry.py::test_waits (tests/test_retry.py:12)
           AssertionError: assert 1 == 2
    [!!] run tests: failed (14.2s)
    [ok] evidence: /state/runs/20260112-100000-7f3a
    [!!] TEST_FAILURE: Retry with exponential backoff in v1.2.
    next: look at the failing tests and decide: milton review 20260112-100000-7f3a
    "#);
}

#[test]
fn a_failing_hunk_is_shown_with_its_context() {
    let text = printed(Status::GitError, Format::Human);
    insta::assert_snapshot!(text.split_once("[!!] GIT_ERROR").unwrap().1, @r#"
    : the patch does not apply to aaaaaaa
           src/retry.py: hunk 1 (line 3) does not fit:
            def retry():
           -    pass
         next: make the patch on the base commit again
    [ok] evidence: /state/runs/20260112-100000-7f3a
    [!!] GIT_ERROR: Retry with exponential backoff in v1.2.
    next: make the patch on the base commit again; all details: milton show 20260112-100000-7f3a
    "#);
}

#[test]
fn the_last_line_says_what_to_do_next() {
    let mut steps: Vec<String> = STATUSES
        .into_iter()
        .map(|status| {
            let text = printed(status, Format::Human);
            format!("{status}: {}", text.lines().last().unwrap())
        })
        .collect();
    steps.push(format!("approved: {}", next_step(&approved())));
    insta::assert_snapshot!(steps.join("\n"), @r#"
    SUCCESS: next: review it: milton review 20260112-100000-7f3a
    BLOCKED_BY_POLICY: next: change the proposal and run it again; all details: milton show 20260112-100000-7f3a
    TEST_FAILURE: next: look at the failing tests and decide: milton review 20260112-100000-7f3a
    GIT_ERROR: next: make the patch on the base commit again; all details: milton show 20260112-100000-7f3a
    PLAN_ERROR: next: give it as a unified diff or as JSON; all details: milton show 20260112-100000-7f3a
    STOPPED: next: start the run again; all details: milton show 20260112-100000-7f3a
    INTERNAL_ERROR: next: please report this; all details: milton show 20260112-100000-7f3a
    approved: merge it yourself: git merge --no-ff cccccccccccccccccccccccccccccccccccccccc
    "#);
}

#[test]
fn programs_get_one_event_a_line_and_the_verdict_last() {
    for status in STATUSES {
        let text = printed(status, Format::Json);
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let (last, before) = lines.split_last().unwrap();
        assert_eq!(last["type"], "verdict");
        assert_eq!(last["status"], status.as_str());
        for (index, line) in before.iter().enumerate() {
            assert_eq!(line["type"], "event");
            assert_eq!(line["schema"], SCHEMA);
            assert_eq!(line["seq"], index + 1);
            assert!(line.get("prev").is_none());
            assert!(line["kind"]["type"].is_string());
        }
        assert_eq!(before.len(), ended(status).len());
    }
}

#[test]
fn hostile_text_reaches_the_reader_only_made_visible() {
    let hostile = "x\u{1b}]52;c;aGk=\u{7}\r\n[ok] SUCCESS\u{202e}";
    let mut kinds = script(Status::TestFailure).kinds;
    for (_, kind) in &mut kinds {
        if let EventKind::RunStarted { request, .. } = kind {
            hostile.clone_into(request);
        } else if let EventKind::PlanMade { plan, .. } = kind {
            hostile.clone_into(&mut plan.goal);
            hostile.clone_into(&mut plan.files[0].path);
        } else if let EventKind::TestsFinished { report } = kind {
            hostile.clone_into(&mut report.failures[0].message);
        } else if let EventKind::CommandStarted { command } = kind {
            command.argv = strings(&["a", hostile]);
        }
    }
    let events = events(kinds);
    let mut printer = Printer::new(Vec::new(), Format::Human);
    for event in &events {
        printer.event(event).unwrap();
    }
    let state = RunState::replay(&events).unwrap();
    printer.finish(&state, None).unwrap();
    let mut text = String::from_utf8(printer.out).unwrap();
    let mut json = Printer::new(Vec::new(), Format::Json);
    for event in &events {
        json.event(event).unwrap();
    }
    text.push_str(&String::from_utf8(json.out).unwrap());
    text.push_str(&show(&over(state.clone())));
    text.push_str(&crate::evidence::json(&state));
    text.push_str(&list(&[over(state)], time(0)));
    assert!(!text.chars().any(|c| c != '\n' && crate::text::is_hidden(c)));
    assert!(!text.lines().any(|line| line.starts_with("[ok] SUCCESS")));
}

#[test]
fn a_risk_that_both_gates_see_is_told_once() {
    let text = printed(Status::Success, Format::Human);
    assert_eq!(text.matches("harness_changed").count(), 1);
}

#[test]
fn a_reader_that_went_away_is_an_error_and_no_panic() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for format in [Format::Human, Format::Json] {
        let mut printer = Printer::new(Closed, format);
        let first = &ended(Status::Success)[0];
        let error = printer.event(first).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        let error = printer.finish(&state(Status::Success), None).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}

#[test]
fn the_list_is_aligned_and_says_where_each_run_stands() {
    let rows = [
        approved(),
        state(Status::Success),
        state(Status::BlockedByPolicy),
        RunState::new(crate::fixtures::run_id()),
    ]
    .map(over);
    insta::assert_snapshot!(list(&rows, time(7_300_000)), @r#"
    RUN                   STATE        STATUS             AGE  BRANCH                      GOAL
    20260112-100000-7f3a  approved     SUCCESS            2h   self-upgrade/retry-backoff  Retry with exponential backoff in v1.2.
    20260112-100000-7f3a  to review    SUCCESS            2h   self-upgrade/retry-backoff  Retry with exponential backoff in v1.2.
    20260112-100000-7f3a  ended        BLOCKED_BY_POLICY  2h   -                           Retry with exponential backoff in v1.2.
    20260112-100000-7f3a  interrupted  -                  -    -                           (no goal was stated)
    "#);
    assert!(list(&[], time(0)).starts_with("no runs yet"));
}

#[test]
fn the_list_for_programs_is_one_document() {
    let text = list_json(&[over(state(Status::Success))]);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["schema"], 1);
    assert_eq!(document["runs"][0]["status"], "SUCCESS");
    assert_eq!(document["runs"][0]["state"], "to review");
}

#[test]
fn a_run_is_shown_on_one_page() {
    insta::assert_snapshot!(show(&over(approved())), @r#"
    run        20260112-100000-7f3a
    goal       Retry with exponential backoff in v1.2.
    status     SUCCESS (approved)
    branch     self-upgrade/retry-backoff
    base       aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    commit     cccccccccccccccccccccccccccccccccccccccc
    change     2 files, +12 -3
    tests      pytest -q: 128 passed, 0 failed, 3 skipped
    sandbox    full
    overrides  MAX_LOC=9000
    evidence   /state/runs/20260112-100000-7f3a

    files
      M src/retry.py +8 -3
      M tests/test_retry.py +4 -0

    to weigh
      harness_changed: tests/test_retry.py: the change touches the tests that judge it (not read)

    checklist
      [x] Branch created (not on main/master): measured
      [x] Tests pass: measured
      [x] No forbidden files modified: measured
      [x] No secrets exposed: measured
      [x] Changes are minimal and surgical: measured
      [x] Documentation updated (if applicable): measured

    next: merge it yourself: git merge --no-ff cccccccccccccccccccccccccccccccccccccccc
    "#);
}
