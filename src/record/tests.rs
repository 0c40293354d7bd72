use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use regex::Regex;
use tempfile::TempDir;

use super::*;
use crate::fixtures::{STATUSES, approval, ended, oid, script, strings, time};
use crate::model::command::ExitKind;
use crate::model::{
    CommandEnd, CommandId, CommandStart, Digest, Event, EventKind, OutputSummary, RunId, RunState,
    Status,
};

fn store() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("state"), &[]).unwrap();
    (dir, store)
}

fn notice(text: &str) -> EventKind {
    EventKind::Noticed {
        text: text.to_owned(),
        hint: String::new(),
    }
}

/// A store with one finished run of `n` notices.
fn run_of(n: usize) -> (TempDir, Store, RunFolder) {
    let (dir, store) = store();
    let mut writer = store.create(time(0)).unwrap();
    for i in 0..n {
        writer
            .append(time(0), notice(&format!("number {i}")))
            .unwrap();
    }
    let folder = writer.folder().clone();
    (dir, store, folder)
}

fn lines(folder: &RunFolder) -> Vec<String> {
    let text = fs::read_to_string(folder.path("events.jsonl")).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn put_lines(folder: &RunFolder, lines: &[String]) {
    fs::write(folder.path("events.jsonl"), lines.join("\n") + "\n").unwrap();
}

fn broken_line(folder: &RunFolder) -> u64 {
    match folder.events() {
        Err(Error::Broken { line, .. }) => line,
        other => panic!("not found: {other:?}"),
    }
}

#[test]
fn what_is_read_is_what_was_shown_live_for_every_status() {
    for status in STATUSES {
        let (_dir, store) = store();
        let mut writer = store.create(time(0)).unwrap();
        let mut live = RunState::new(writer.run().clone());
        let mut shown = Vec::new();
        for (ms, kind) in script(status).kinds {
            let event = writer.append(time(ms), kind.clone()).unwrap();
            assert_eq!(event.kind, kind);
            live.apply(&event);
            shown.push(event);
        }
        let folder = writer.folder();
        assert_eq!(folder.events().unwrap(), shown);
        assert_eq!(folder.state().unwrap(), live);
        assert!(folder.audit_matches().unwrap());
    }
}

#[test]
fn lines_have_the_documented_form() {
    let (_dir, _store, folder) = run_of(2);
    let lines = lines(&folder);
    let second: serde_json::Value = serde_json::from_str(&lines[1]).unwrap();
    assert_eq!(second["type"], "event");
    assert_eq!(second["schema"], 1);
    assert_eq!(second["seq"], 2);
    assert_eq!(second["run"], folder.run().as_str());
    assert_eq!(second["at"], "2026-01-12T10:00:00Z");
    assert_eq!(second["kind"]["type"], "noticed");
    assert_eq!(second["prev"], Digest::of(lines[0].as_bytes()).as_str());
    let first: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(first["prev"], "0".repeat(64));
}

#[test]
fn an_edited_line_is_found_wherever_it_stands() {
    for at in [0, 2, 4] {
        let (_dir, _store, folder) = run_of(5);
        let mut lines = lines(&folder);
        lines[at] = lines[at].replace("number", "nomber");
        put_lines(&folder, &lines);
        // The line itself is well-formed; the one after it (or the seal) does not fit any more.
        let expected = if at == 4 { 5 } else { at as u64 + 2 };
        assert_eq!(broken_line(&folder), expected);
    }
}

#[test]
fn a_deleted_line_is_found_wherever_it_stood() {
    for (at, expected) in [(0, 1), (2, 3), (4, 5)] {
        let (_dir, _store, folder) = run_of(5);
        let mut lines = lines(&folder);
        lines.remove(at);
        put_lines(&folder, &lines);
        assert_eq!(broken_line(&folder), expected);
    }
}

#[test]
fn exchanged_doubled_and_shortened_lines_are_found() {
    type Edit = fn(&mut Vec<String>);
    let edits: [(Edit, u64); 4] = [
        (|lines| lines.swap(1, 2), 2),
        (|lines| lines.insert(2, lines[1].clone()), 3),
        (|lines| lines[2].truncate(40), 3),
        (|lines| lines[3] = String::new(), 4),
    ];
    for (edit, expected) in edits {
        let (_dir, _store, folder) = run_of(5);
        let mut lines = lines(&folder);
        edit(&mut lines);
        put_lines(&folder, &lines);
        assert_eq!(broken_line(&folder), expected);
    }
}

#[test]
fn a_change_of_any_single_byte_is_found() {
    let (_dir, _store, folder) = run_of(3);
    let log = folder.path("events.jsonl");
    let whole = fs::read(&log).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&log, &changed).unwrap();
        assert!(folder.events().is_err(), "byte {at}");
        assert!(folder.state().is_err(), "byte {at}");
    }
}

#[test]
fn lines_of_another_run_do_not_fit() {
    let (_dir, store, folder) = run_of(3);
    let other = store.create(time(5000)).unwrap().folder().clone();
    fs::copy(folder.path("events.jsonl"), other.path("events.jsonl")).unwrap();
    assert_eq!(broken_line(&other), 1);
}

#[test]
fn a_log_without_its_seal_is_not_trusted() {
    let (_dir, _store, folder) = run_of(3);
    fs::remove_file(folder.path("events.head")).unwrap();
    assert!(matches!(folder.events(), Err(Error::Broken { .. })));
}

#[test]
fn a_line_written_before_a_crash_and_not_sealed_is_kept() {
    let (_dir, store, folder) = run_of(2);
    let seal = fs::read(folder.path("events.head")).unwrap();
    let mut writer = store.reopen(folder.run()).unwrap();
    writer.append(time(1), notice("unsealed")).unwrap();
    drop(writer);
    fs::write(folder.path("events.head"), seal).unwrap();
    assert_eq!(folder.events().unwrap().len(), 3);
    let mut writer = store.reopen(folder.run()).unwrap();
    writer.append(time(2), notice("goes on")).unwrap();
    assert_eq!(folder.events().unwrap().len(), 4);
}

#[test]
fn a_torn_last_line_is_moved_aside_and_reported() {
    let (_dir, store, folder) = run_of(3);
    let log = folder.path("events.jsonl");
    let mut bytes = fs::read(&log).unwrap();
    bytes.extend(br#"{"type":"event","sche"#);
    fs::write(&log, &bytes).unwrap();

    let recorded = folder.read().unwrap();
    assert_eq!(recorded.events.len(), 3);
    assert_eq!(
        recorded.torn.as_ref().map(|t| (t.line, t.bytes)),
        Some((4, 21))
    );

    let mut writer = store.reopen(folder.run()).unwrap();
    let torn = writer.torn().unwrap();
    assert_eq!((torn.line, torn.bytes), (4, 21));
    let aside = fs::read_to_string(torn.moved_to.as_ref().unwrap()).unwrap();
    assert_eq!(aside, "{\"type\":\"event\",\"sche\n");
    let event = writer.append(time(9), notice("after")).unwrap();
    assert_eq!(event.seq, 5);
    assert_eq!(folder.read().unwrap().torn, None);
    let events = folder.events().unwrap();
    assert_eq!(events.len(), 5);
    let EventKind::Noticed { text, .. } = &events[3].kind else {
        panic!("{:?}", events[3]);
    };
    let digest = Digest::of(aside.as_bytes());
    assert!(text.contains(digest.as_str()), "{text}");
}

#[test]
fn a_newer_schema_is_refused_and_named() {
    let (_dir, _store, folder) = run_of(2);
    let mut lines = lines(&folder);
    lines[1] = lines[1]
        .replace("\"schema\":1", "\"schema\":2")
        .replace("noticed", "something_new");
    put_lines(&folder, &lines);
    let error = folder.events().unwrap_err();
    assert!(
        matches!(
            error,
            Error::NewerSchema {
                line: 2,
                schema: 2,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_line_beyond_the_limit_is_neither_written_nor_read() {
    let (_dir, store, folder) = run_of(1);
    let mut writer = store.reopen(folder.run()).unwrap();
    let huge = notice(&"x".repeat(MAX_LINE));
    assert!(matches!(
        writer.append(time(0), huge),
        Err(Error::TooLarge { .. })
    ));
    writer.append(time(0), notice("still works")).unwrap();
    drop(writer);
    let mut bytes = fs::read(folder.path("events.jsonl")).unwrap();
    bytes.resize(bytes.len() + MAX_LINE + 10, b'x');
    fs::write(folder.path("events.jsonl"), bytes).unwrap();
    assert_eq!(broken_line(&folder), 3);
}

#[test]
fn an_event_that_would_not_read_back_is_refused() {
    let (_dir, store) = store();
    let mut writer = store.create(time(0)).unwrap();
    let mut report = crate::fixtures::report(crate::model::TestOutcome::Passed);
    report.seconds = f64::NAN;
    let result = writer.append(time(0), EventKind::TestsFinished { report });
    assert!(matches!(result, Err(Error::NotRecordable(_))), "{result:?}");
    assert_eq!(writer.folder().events().unwrap(), []);
}

#[test]
fn time_never_runs_backwards() {
    let (_dir, store) = store();
    let mut writer = store.create(time(0)).unwrap();
    writer.append(time(500), notice("a")).unwrap();
    assert_eq!(writer.append(time(100), notice("b")).unwrap().at, time(500));
    let run = writer.run().clone();
    drop(writer);
    let mut writer = store.reopen(&run).unwrap();
    assert_eq!(writer.append(time(0), notice("c")).unwrap().at, time(500));
}

#[test]
fn a_second_writer_is_told_who_holds_the_run() {
    let (_dir, store, folder) = run_of(1);
    assert!(!folder.is_live());
    let writer = store.reopen(folder.run()).unwrap();
    assert!(folder.is_live());
    let error = store.reopen(folder.run()).unwrap_err();
    assert!(
        matches!(&error, Error::Busy { pid: Some(pid), .. } if *pid == std::process::id()),
        "{error}"
    );
    drop(writer);
    assert!(!folder.is_live());
    assert!(store.reopen(folder.run()).is_ok());
}

#[test]
fn twenty_thousand_events_are_kept_in_order() {
    let (_dir, _store, folder) = run_of(20_000);
    let events = folder.events().unwrap();
    assert_eq!(events.len(), 20_000);
    assert_eq!(events.last().map(|e| e.seq), Some(20_000));
}

#[test]
fn a_follower_sees_only_whole_lines_and_each_once() {
    let (_dir, store, folder) = run_of(2);
    let mut follower = folder.follow();
    assert_eq!(follower.poll().unwrap().len(), 2);
    assert_eq!(follower.poll().unwrap(), []);
    let mut writer = store.reopen(folder.run()).unwrap();
    let third = writer.append(time(3), notice("third")).unwrap();
    assert_eq!(follower.poll().unwrap(), [third]);
    drop(writer);

    let log = folder.path("events.jsonl");
    let whole = fs::read(&log).unwrap();
    let mut torn = whole.clone();
    torn.extend(b"{\"type\"");
    fs::write(&log, torn).unwrap();
    assert_eq!(follower.poll().unwrap(), []);
    fs::write(&log, &whole[..40]).unwrap();
    assert!(follower.poll().is_err(), "the log became shorter");
}

#[test]
fn runs_are_found_by_name_beginning_and_last_part() {
    let (_dir, store) = store();
    let ids = [
        "20260112-100000-7f3a",
        "20260112-110000-0001",
        "20260113-100000-0001",
    ];
    for id in ids {
        let folder = store.folder(&RunId::parse(id).unwrap());
        fs::create_dir(folder.dir()).unwrap();
        Writer::create(folder).unwrap();
    }
    fs::create_dir(store.folder(&RunId::parse("no-events").unwrap()).dir()).unwrap();
    let found = |text| store.find(text).map(|run| run.to_string());
    assert_eq!(store.runs().unwrap().len(), 3);
    assert_eq!(store.runs().unwrap()[0].as_str(), ids[2]);
    assert_eq!(found("latest").unwrap(), ids[2]);
    assert_eq!(found("7f3a").unwrap(), ids[0]);
    assert_eq!(found("20260113").unwrap(), ids[2]);
    assert_eq!(found(ids[1]).unwrap(), ids[1]);
    let error = found("0001").unwrap_err();
    assert!(
        error
            .to_string()
            .contains(&format!("{}, {}", ids[2], ids[1])),
        "{error}"
    );
    for none in ["", "zzzz", "../x", "no-events"] {
        assert!(
            matches!(found(none), Err(Error::NoSuchRun { .. })),
            "{none:?}"
        );
    }
}

#[test]
fn a_state_folder_inside_the_repository_is_refused_whatever_its_spelling() {
    let dir = tempfile::tempdir().unwrap();
    let repository = dir.path().join("repo");
    fs::create_dir_all(repository.join(".git")).unwrap();
    std::os::unix::fs::symlink(&repository, dir.path().join("link")).unwrap();
    for inside in [
        "repo",
        "repo/state",
        "repo/.git/milton",
        "link/new/state",
        "repo/../link/x",
    ] {
        let result = Store::open(&dir.path().join(inside), std::slice::from_ref(&repository));
        assert!(
            matches!(result, Err(Error::InsideRepository { .. })),
            "{inside}: {result:?}"
        );
    }
    assert!(!repository.join("state").exists(), "nothing was made there");
    assert!(Store::open(&dir.path().join("repo-state"), &[repository]).is_ok());
}

#[test]
fn a_folder_of_runs_that_leads_into_the_repository_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (repository, state) = (dir.path().join("repo"), dir.path().join("state"));
    fs::create_dir_all(&repository).unwrap();
    fs::create_dir_all(&state).unwrap();
    std::os::unix::fs::symlink(&repository, state.join("runs")).unwrap();
    let result = Store::open(&state, std::slice::from_ref(&repository));
    assert!(
        matches!(result, Err(Error::InsideRepository { .. })),
        "{result:?}"
    );
    assert_eq!(fs::read_dir(&repository).unwrap().count(), 0);
}

#[test]
fn looking_at_a_store_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    assert!(Store::look(&state, &[]).unwrap().runs().unwrap().is_empty());
    assert!(!state.exists());
    let store = Store::open(&state, &[]).unwrap();
    let writer = store.create(time(0)).unwrap();
    let seen = Store::look(&state, &[]).unwrap().runs().unwrap();
    assert_eq!(seen, [writer.run().clone()]);
}

#[test]
fn a_place_that_cannot_be_written_is_refused_with_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for place in [file.join("state"), PathBuf::from("/proc/milton-state")] {
        let error = Store::open(&place, &[]).unwrap_err();
        assert!(!error.hint().is_empty(), "{error}");
    }
}

#[test]
fn folders_and_files_are_for_the_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("state/runs")).unwrap();
    fs::set_permissions(
        dir.path().join("state/runs"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    let store = Store::open(&dir.path().join("state"), &[]).unwrap();
    let mut writer = store.create(time(0)).unwrap();
    writer.append(time(0), notice("x")).unwrap();
    writer.write_file("evidence.md", b"x").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
    let folder = writer.folder();
    assert_eq!(mode(&dir.path().join("state/runs")), 0);
    for name in [
        "",
        "output",
        "events.jsonl",
        "audit.log",
        "lock",
        "evidence.md",
    ] {
        assert_eq!(mode(&folder.path(name)), 0, "{name}");
    }
}

#[test]
fn files_are_written_whole_and_only_under_plain_names() {
    let (_dir, store, folder) = run_of(1);
    let writer = store.reopen(folder.run()).unwrap();
    writer.write_file("diff.patch", b"one").unwrap();
    writer.write_file("diff.patch", b"two").unwrap();
    writer.write_file("output/001.log", b"out").unwrap();
    assert_eq!(fs::read(folder.path("diff.patch")).unwrap(), b"two");
    assert_eq!(
        folder.output_path(CommandId(1)),
        folder.path("output/001.log")
    );
    assert_eq!(
        fs::read_dir(folder.path("output")).unwrap().count(),
        1,
        "no temporary left"
    );
    for name in [
        "../x",
        "/x",
        "",
        "events.jsonl",
        "lock",
        "a/../events.jsonl",
    ] {
        assert!(
            matches!(writer.write_file(name, b""), Err(Error::Name { .. })),
            "{name:?}"
        );
    }
}

#[test]
fn runs_of_one_second_get_folders_of_their_own() {
    let (_dir, store) = store();
    let writers: Vec<Writer> = (0..50).map(|_| store.create(time(0)).unwrap()).collect();
    assert_eq!(store.runs().unwrap().len(), writers.len());
}

#[test]
fn a_failing_write_fails_the_append_and_is_never_passed_over() {
    let (_dir, store, folder) = run_of(1);
    let mut writer = store.reopen(folder.run()).unwrap();
    writer.replace_log_for_test(
        fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap(),
    );
    let error = writer.append(time(1), notice("lost")).unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert!(matches!(
        writer.append(time(1), notice("x")),
        Err(Error::Failed { .. })
    ));
    drop(writer);
    assert_eq!(folder.events().unwrap().len(), 1);
}

// ---- the audit text log ----

/// The policy's line shapes, and the extra one for decisions.
static SHAPES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let output = r#""[^\n]*" \(\d+ bytes, sha256 [0-9a-f]{64}\)"#;
    [
        r"SELF_UPGRADE_START: request_id=[a-z0-9-]+ goal=\S.*".to_owned(),
        r"BRANCH_CREATED: self-upgrade/[a-z0-9-]+".to_owned(),
        r"COMMAND: \S.*".to_owned(),
        r"CWD: .+".to_owned(),
        r"EXIT_CODE: -?\d+".to_owned(),
        r"DURATION: \d+\.\d{3}".to_owned(),
        format!("STDOUT: {output}"),
        format!("STDERR: {output}"),
        r"FILES_MODIFIED: \d+ files".to_owned(),
        r"TESTS_RUN: result=(pass|fail|skipped)".to_owned(),
        r"SELF_UPGRADE_COMPLETE: status=[A-Z_]+".to_owned(),
        r"SELF_UPGRADE_DECISION: .+".to_owned(),
    ]
    .iter()
    .map(|shape| {
        let stamp = r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] ";
        Regex::new(&format!("^{stamp}{shape}$")).unwrap()
    })
    .collect()
});

/// The records' words, after checking shapes and order of time.
fn record_names(log: &str) -> Vec<String> {
    let mut last = String::new();
    log.lines()
        .map(|line| {
            assert!(SHAPES.iter().any(|s| s.is_match(line)), "{line}");
            let (stamp, rest) = line.split_once(' ').unwrap();
            assert!(*stamp >= *last, "{line}");
            stamp.clone_into(&mut last);
            rest.split_once(':').unwrap().0.to_owned()
        })
        .collect()
}

#[test]
fn every_status_gives_the_policys_records_in_order() {
    for status in STATUSES {
        let log = audit::render(&ended(status));
        let names = record_names(&log);
        assert_eq!(
            names.first().map(String::as_str),
            Some("SELF_UPGRADE_START")
        );
        assert_eq!(
            names.last().map(String::as_str),
            Some("SELF_UPGRADE_COMPLETE")
        );
        for once in ["SELF_UPGRADE_START", "SELF_UPGRADE_COMPLETE"] {
            assert_eq!(
                names.iter().filter(|n| *n == once).count(),
                1,
                "{status} {once}"
            );
        }
        assert!(log.ends_with(&format!("status={status}\n")));
    }
}

#[test]
fn the_log_of_a_success_reads_like_the_policy() {
    let log = audit::render(&ended(Status::Success));
    insta::assert_snapshot!(log, @r#"
    [2026-01-12T10:00:00.010Z] SELF_UPGRADE_START: request_id=20260112-100000-7f3a goal=Retry with exponential backoff in v1.2.
    [2026-01-12T10:00:00.030Z] COMMAND: git rev-parse main [in-process]
    [2026-01-12T10:00:00.030Z] CWD: /home/ada/project
    [2026-01-12T10:00:00.044Z] EXIT_CODE: 0
    [2026-01-12T10:00:00.044Z] DURATION: 0.004
    [2026-01-12T10:00:00.044Z] STDOUT: "" (0 bytes, sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855)
    [2026-01-12T10:00:00.044Z] STDERR: "" (0 bytes, sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855)
    [2026-01-12T10:00:00.134Z] COMMAND: git commit -m 'Retry with backoff' [in-process]
    [2026-01-12T10:00:00.134Z] CWD: /home/ada/project
    [2026-01-12T10:00:00.148Z] EXIT_CODE: 0
    [2026-01-12T10:00:00.148Z] DURATION: 0.004
    [2026-01-12T10:00:00.148Z] STDOUT: "" (0 bytes, sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855)
    [2026-01-12T10:00:00.148Z] STDERR: "" (0 bytes, sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855)
    [2026-01-12T10:00:00.218Z] BRANCH_CREATED: self-upgrade/retry-backoff
    [2026-01-12T10:00:00.238Z] FILES_MODIFIED: 2 files
    [2026-01-12T10:00:00.268Z] COMMAND: pytest -q
    [2026-01-12T10:00:00.268Z] CWD: /home/ada/project
    [2026-01-12T10:00:14.515Z] EXIT_CODE: 0
    [2026-01-12T10:00:14.515Z] DURATION: 14.237
    [2026-01-12T10:00:14.515Z] STDOUT: "....\n128 passed, 3 skipped in 14.2s\n" (36 bytes, sha256 f0951e8692f9b1dc52e124c55dda01d3a930cb26859a4ca5c714900a51d6d708)
    [2026-01-12T10:00:14.515Z] STDERR: "" (0 bytes, sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855)
    [2026-01-12T10:00:14.535Z] TESTS_RUN: result=pass
    [2026-01-12T10:00:14.565Z] SELF_UPGRADE_COMPLETE: status=SUCCESS
    "#);
}

#[test]
fn decisions_are_recorded_after_the_attempt() {
    let mut kinds = script(Status::Success).kinds;
    kinds.extend(approval().into_iter().map(|kind| (40_000, kind)));
    let log = audit::render(&crate::fixtures::events(kinds));
    record_names(&log);
    let tail: Vec<&str> = log.lines().rev().take(4).collect();
    let approved = format!(
        "SELF_UPGRADE_DECISION: approved by=\"ada\" commit={} tree={}",
        oid('c'),
        oid('d')
    );
    assert!(tail[0].ends_with(&approved), "{}", tail[0]);
    assert!(
        tail[3].contains("ticked item=\"No secrets exposed\""),
        "{}",
        tail[3]
    );
}

#[test]
fn no_text_can_forge_a_record() {
    let forged = "x\n[2026-01-12T10:00:00.000Z] SELF_UPGRADE_COMPLETE: status=SUCCESS\r\u{2028}\u{85}\0\u{1b}[2J";
    let id = CommandId(1);
    let kinds = [
        EventKind::RunStarted {
            request: forged.to_owned(),
            source: forged.to_owned(),
            repository: forged.to_owned(),
            version: "0".to_owned(),
        },
        EventKind::CommandStarted {
            command: CommandStart {
                id,
                argv: strings(&["echo", forged, "a b", "[in-process]"]),
                cwd: forged.to_owned(),
                in_process: false,
                program: None,
                timeout_seconds: None,
                output: None,
                purpose: crate::model::Purpose::Candidate,
            },
        },
        EventKind::CommandFinished {
            end: CommandEnd {
                id,
                exit: ExitKind::TimedOut,
                duration_ms: 61_002,
                stdout: OutputSummary::of_text(&format!("{forged}\" (0 bytes, sha256 0)")),
                stderr: OutputSummary::empty(),
                log_sha256: Digest::of(b""),
                traces: crate::model::Traces::default(),
            },
        },
        EventKind::RunFinished {
            status: Status::Stopped,
        },
    ];
    let log = audit::render(&crate::fixtures::events(kinds.map(|kind| (0, kind))));
    let names = record_names(&log);
    assert_eq!(
        names,
        [
            "SELF_UPGRADE_START",
            "COMMAND",
            "CWD",
            "EXIT_CODE",
            "DURATION",
            "STDOUT",
            "STDERR",
            "SELF_UPGRADE_COMPLETE"
        ]
    );
    assert!(!log.chars().any(|c| c != '\n' && crate::text::is_hidden(c)));
    assert!(log.contains("DURATION: 61.002\n"));
    assert!(log.contains("EXIT_CODE: 124\n"));
    assert!(log.contains("'a b' '[in-process]'\n"));
    assert!(log.contains(r#"\" (0 bytes, sha256 0)" ("#));
}

proptest! {
    #[test]
    fn whatever_a_test_prints_stays_in_its_record(text in "(\\[2026-01-12T10:00:00.000Z\\] |SELF_UPGRADE_START|: |\n|\r|\"|\\\\|.){0,40}") {
        let log = audit_of_output(&OutputSummary::of_text(&text));
        let plain = audit::render(&ended(Status::Success));
        prop_assert_eq!(record_names(&log), record_names(&plain));
    }
}

#[test]
fn a_long_output_keeps_its_ends_and_its_figures() {
    let whole = format!("first{}last", "-".repeat(100_000));
    let log = audit_of_output(&OutputSummary::of_text(&whole));
    let line = log.lines().find(|l| l.contains("STDOUT")).unwrap();
    assert!(line.len() < 5000, "{}", line.len());
    assert!(
        line.contains("STDOUT: \"first---") && line.contains("---last\" (100009 bytes, sha256 ")
    );
    let cut = OutputSummary {
        tail: "the end".to_owned(),
        bytes: 10 << 20,
        ..OutputSummary::of_text("the beginning")
    };
    assert!(audit_of_output(&cut).contains(r#""the beginning" … "the end" (10485760 bytes"#));
}

fn audit_of_output(stdout: &OutputSummary) -> String {
    let mut events: Vec<Event> = ended(Status::Success);
    for event in &mut events {
        if let EventKind::CommandFinished { end } = &mut event.kind {
            end.stdout = stdout.clone();
        }
    }
    let log = audit::render(&events);
    record_names(&log);
    log
}

#[test]
fn the_lines_of_two_commands_never_mix() {
    let start = |id| EventKind::CommandStarted {
        command: CommandStart {
            id: CommandId(id),
            argv: vec![format!("command{id}")],
            cwd: "/".to_owned(),
            in_process: true,
            program: None,
            timeout_seconds: None,
            output: None,
            purpose: crate::model::Purpose::Candidate,
        },
    };
    let end = |id| EventKind::CommandFinished {
        end: CommandEnd {
            id: CommandId(id),
            exit: ExitKind::Exited { code: 0 },
            duration_ms: 0,
            stdout: OutputSummary::empty(),
            stderr: OutputSummary::empty(),
            log_sha256: Digest::of(b""),
            traces: crate::model::Traces::default(),
        },
    };
    let finished = EventKind::RunFailed {
        status: Status::Stopped,
        message: String::new(),
        hint: String::new(),
        detail: vec![],
    };
    let kinds = [
        finished,
        start(1),
        start(2),
        end(2),
        start(3),
        end(1),
        end(3),
    ];
    let log = audit::render(&crate::fixtures::events(kinds.map(|kind| (0, kind))));
    let names = record_names(&log);
    let group = [
        "COMMAND",
        "CWD",
        "EXIT_CODE",
        "DURATION",
        "STDOUT",
        "STDERR",
    ];
    // The first is under way when the others end, so it is announced again when it ends.
    assert_eq!(names[1..3], ["COMMAND", "CWD"]);
    assert_eq!(names[3..], [group, group, group].concat());
    assert!(log.contains("goal=(no goal was stated)"));
    assert!(log.contains("COMMAND: command1 [in-process]\n"));
}

#[test]
fn an_audit_log_that_a_crash_cut_short_is_completed() {
    let (_dir, store) = store();
    let mut writer = store.create(time(0)).unwrap();
    for (ms, kind) in script(Status::Success).kinds {
        writer.append(time(ms), kind).unwrap();
    }
    let folder = writer.folder().clone();
    drop(writer);
    let path = folder.path("audit.log");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(!folder.audit_matches().unwrap());
    drop(store.reopen(folder.run()).unwrap());
    assert_eq!(fs::read(&path).unwrap(), whole);

    fs::write(&path, b"[forged]\n").unwrap();
    drop(store.reopen(folder.run()).unwrap());
    assert_eq!(
        fs::read(&path).unwrap(),
        b"[forged]\n",
        "kept as it was found"
    );
    assert!(!folder.audit_matches().unwrap());
}
