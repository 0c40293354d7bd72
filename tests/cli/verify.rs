//! `milton verify`: every change of a byte of the record is found, and the repository is compared.

use std::fs;
use std::path::{Path, PathBuf};

use milton::model::CheckOutcome;
use milton::record::{RunFolder, Store};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::environment::{Called, Environment};
use crate::proposals::{BREAKING, GOOD, writing};

/// The exit code of a run that is not as it was recorded.
const CHANGED: i32 = 24;

/// A place with one run that was abandoned: every kind of file is there.
fn decided() -> (Environment, String) {
    let place = Environment::with_project();
    let run = run_of(&place.run_patch(GOOD, &["--topic", "x"]));
    assert_eq!(place.milton(&["abandon", &run]).code, 0);
    (place, run)
}

fn run_of(called: &Called) -> String {
    called.verdict()["run"].as_str().unwrap().to_owned()
}

fn folder(place: &Environment) -> RunFolder {
    let store = Store::look(&place.state(), &[]).unwrap();
    let newest = store.runs().unwrap().remove(0);
    store.folder(&newest)
}

/// The names of the failed checks.
fn failed(folder: &RunFolder) -> Vec<String> {
    let checks = folder.verify().checks;
    let failed = checks
        .into_iter()
        .filter(|c| c.outcome == CheckOutcome::Failed);
    failed.map(|check| check.subject).collect()
}

fn verify(place: &Environment, more: &[&str]) -> (i32, Value) {
    let mut arguments = vec!["verify", "latest", "--format", "json"];
    arguments.extend(more);
    let called = place.milton(&arguments);
    let report = serde_json::from_str(&called.out);
    (
        called.code,
        report.unwrap_or_else(|e| panic!("{e}: {}{}", called.out, called.err)),
    )
}

/// The outcome and the detail of a check.
fn check(report: &Value, subject: &str) -> (String, String) {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|c| c["subject"] == subject);
    let found = found.unwrap_or_else(|| panic!("no check of {subject}: {report}"));
    let text = |key: &str| found[key].as_str().unwrap().to_owned();
    (text("outcome"), text("detail"))
}

/// Every file of a run's folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn a_run_of_any_status_verifies_when_nobody_touched_it() {
    let place = Environment::with_project();
    for (patch, code) in [(GOOD, 0), (BREAKING, 21), ("nonsense\n", 23)] {
        assert_eq!(place.run_patch(patch, &[]).code, code);
        let (code, report) = verify(&place, &[]);
        assert_eq!((code, &report["ok"]), (0, &Value::Bool(true)), "{report}");
        assert_eq!(report["state"], "finished");
    }
    assert_eq!(place.run_proposal(&writing(".env", "A=1\n"), &[]).code, 20);
    assert_eq!(verify(&place, &[]).0, 0, "a refused run has a record too");
    let called = place.milton(&["verify", "latest"]);
    assert_eq!(called.code, 0);
    assert!(called.out.contains("as recorded: "), "{}", called.out);
    assert!(called.out.contains("the run built none"), "{}", called.out);
}

#[test]
fn any_single_byte_that_is_changed_added_or_removed_is_found() {
    let (place, _) = decided();
    let folder = folder(&place);
    assert_eq!(failed(&folder), [""; 0]);
    let files = files(folder.dir());
    assert!(files.len() >= 9, "{files:?}");
    let mut runner = TestRunner::new(Config {
        cases: 1000,
        failure_persistence: None,
        ..Config::default()
    });
    let attempts = (
        0..files.len(),
        any::<prop::sample::Index>(),
        0..3_u8,
        1..=255_u8,
    );
    runner
        .run(&attempts, |(file, at, how, byte)| {
            let path = &files[file];
            let before = fs::read(path).unwrap();
            let mut bytes = before.clone();
            match how {
                0 if !bytes.is_empty() => {
                    let at = at.index(bytes.len());
                    bytes[at] ^= byte;
                }
                1 if !bytes.is_empty() => {
                    bytes.remove(at.index(bytes.len()));
                }
                _ => bytes.insert(at.index(bytes.len() + 1), byte),
            }
            fs::write(path, &bytes).unwrap();
            let found = failed(&folder);
            fs::write(path, &before).unwrap();
            prop_assert!(!found.is_empty(), "{} at {at:?} by {how}", path.display());
            Ok(())
        })
        .unwrap();
    assert_eq!(failed(&folder), [""; 0], "and nothing is left of it");
}

#[test]
fn every_byte_of_the_head_counts() {
    let (place, _) = decided();
    let folder = folder(&place);
    let path = folder.path("events.head");
    let before = fs::read(&path).unwrap();
    for at in 0..before.len() {
        let mut bytes = before.clone();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(failed(&folder), ["events.head"], "byte {at}");
        fs::write(&path, &before[..at]).unwrap();
        assert_eq!(failed(&folder), ["events.head"], "cut at {at}");
    }
}

#[test]
fn a_file_that_is_gone_or_new_is_named() {
    let (place, run) = decided();
    let folder = folder(&place);
    for path in files(folder.dir()) {
        let before = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let name = path
            .strip_prefix(folder.dir())
            .unwrap()
            .display()
            .to_string();
        let called = place.milton(&["verify", &run]);
        fs::write(&path, &before).unwrap();
        assert_eq!(called.code, CHANGED, "{name}: {}{}", called.out, called.err);
        let line = called.out.lines().find(|line| line.starts_with("FAILED"));
        let line = line.unwrap();
        assert!(
            line.contains(&name) && line.contains("it is gone"),
            "{line}"
        );
    }
    for name in ["note.txt", "output/999.log", "plan.patch.orig"] {
        fs::write(folder.path(name), "x").unwrap();
        assert_eq!(failed(&folder), [name]);
        fs::remove_file(folder.path(name)).unwrap();
    }
    fs::remove_dir_all(folder.path("output")).unwrap();
    assert!(failed(&folder).contains(&"output".to_owned()));
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for() {
    let (place, run) = decided();
    let path = folder(&place).path("diff.patch");
    fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let called = place.milton(&["verify", &run]);
    assert_eq!(called.code, CHANGED);
    assert!(
        called.out.contains("neither a file nor a folder"),
        "{}",
        called.out
    );
}

#[test]
fn lines_that_are_swapped_repeated_or_taken_out_are_found_with_their_place() {
    let (place, _) = decided();
    let folder = folder(&place);
    for name in ["events.jsonl", "audit.log"] {
        let path = folder.path(name);
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for at in 0..lines.len() {
            let mut without = lines.clone();
            without.remove(at);
            let mut twice = lines.clone();
            twice.insert(at, lines[at]);
            let mut swapped = lines.clone();
            swapped.swap(at, (at + 1) % lines.len());
            for changed in [without, twice, swapped] {
                if changed == lines {
                    continue;
                }
                fs::write(&path, changed.join("\n") + "\n").unwrap();
                assert!(!failed(&folder).is_empty(), "{name} line {}", at + 1);
            }
        }
        fs::write(&path, &text).unwrap();
    }
    let path = folder.path("events.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let third = text.match_indices('\n').nth(1).unwrap().0 + 1;
    fs::write(&path, text.replacen("\"seq\":3,", "\"seq\":4,", 1)).unwrap();
    let (_, report) = verify(&place, &[]);
    let (outcome, detail) = check(&report, "events.jsonl");
    assert_eq!(outcome, "failed");
    assert!(
        detail.contains(&format!("line 3, byte {third}")),
        "{detail}"
    );
}

/// Writes the log anew from these lines, every digest of the chain made again, and the head too.
fn forge(folder: &RunFolder, lines: &[String]) -> Vec<String> {
    let mut previous = "0".repeat(64);
    let mut forged = Vec::new();
    for line in lines {
        let begin = line.find("\"prev\":\"").unwrap() + 8;
        let line = format!("{}{previous}{}", &line[..begin], &line[begin + 64..]);
        previous = milton::model::Digest::of(line.as_bytes()).to_string();
        forged.push(line);
    }
    fs::write(folder.path("events.jsonl"), forged.join("\n") + "\n").unwrap();
    let head = format!("{:020} {previous}\n", forged.len());
    fs::write(folder.path("events.head"), head).unwrap();
    forged
}

fn lines_of(folder: &RunFolder) -> Vec<String> {
    let text = fs::read_to_string(folder.path("events.jsonl")).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn an_end_that_was_cut_off_is_found_even_with_a_forged_head() {
    let (place, _) = decided();
    let folder = folder(&place);
    let lines = lines_of(&folder);
    let text = fs::read_to_string(folder.path("events.jsonl")).unwrap();
    for keep in 1..lines.len() {
        fs::write(folder.path("events.jsonl"), lines[..keep].join("\n") + "\n").unwrap();
        assert!(!failed(&folder).is_empty(), "{keep} lines are left");
    }
    fs::write(folder.path("events.jsonl"), &text[..text.len() - 1]).unwrap();
    assert_eq!(
        failed(&folder),
        ["events.jsonl"],
        "without its last newline"
    );
    for keep in 1..lines.len() {
        forge(&folder, &lines[..keep]);
        assert!(
            !failed(&folder).is_empty(),
            "{keep} lines are left, and the head says so: the other files know better"
        );
    }
}

#[test]
fn an_edit_with_only_a_part_of_the_chain_made_again_is_found() {
    let (place, _) = decided();
    let folder = folder(&place);
    let original = lines_of(&folder);
    let mut edited = original.clone();
    edited[0] = edited[0].replacen("Change the calculator", "Change the calculaton", 1);
    let forged = forge(&folder, &edited);
    // The forged chain up to some line, the original from there on; the head is the forged one.
    for keep in 1..original.len() {
        let mixed: Vec<String> = [&forged[..keep], &original[keep..]].concat();
        fs::write(folder.path("events.jsonl"), mixed.join("\n") + "\n").unwrap();
        assert!(!failed(&folder).is_empty(), "forged up to line {keep}");
    }
}

#[test]
fn a_record_that_was_rewritten_as_a_whole_is_found_by_its_seal() {
    let place = Environment::with_project();
    let verdict = place.run_patch(GOOD, &[]).verdict();
    let seal = verdict["seal"]["sha256"].as_str().unwrap().to_owned();
    let (code, report) = verify(&place, &["--seal", &seal]);
    assert_eq!((code, check(&report, "seal").0.as_str()), (0, "ok"));
    // An edit that nothing but the log holds, with the whole chain made again.
    let folder = folder(&place);
    let mut lines = lines_of(&folder);
    lines[0] = lines[0].replacen("\"version\":\"", "\"version\":\"9", 1);
    forge(&folder, &lines);
    assert_eq!(
        verify(&place, &[]).0,
        0,
        "the limit of a chain without an anchor"
    );
    let (code, report) = verify(&place, &["--seal", &seal]);
    assert_eq!(
        (code, check(&report, "seal").0.as_str()),
        (CHANGED, "failed")
    );
}

#[test]
fn the_seal_still_holds_when_the_record_goes_on() {
    let place = Environment::with_project();
    let verdict = place.run_patch(GOOD, &[]).verdict();
    let seal = verdict["seal"]["sha256"].as_str().unwrap().to_owned();
    let run = verdict["run"].as_str().unwrap();
    assert_eq!(place.milton(&["abandon", run]).code, 0);
    assert_eq!(verify(&place, &["--seal", &seal]).0, 0);
}

#[test]
fn what_became_of_the_branch_is_told() {
    let place = Environment::with_project();
    let verdict = place.run_patch(GOOD, &["--topic", "x"]).verdict();
    let commit = verdict["commit"].as_str().unwrap();
    let branch = |place: &Environment| {
        let (code, report) = verify(place, &[]);
        let (outcome, detail) = check(&report, "branch");
        assert_eq!(code == CHANGED, outcome == "failed", "{report}");
        (outcome, detail)
    };
    assert_eq!(branch(&place).0, "ok");

    place.git(&["branch", "-f", "self-upgrade/x", "main"]);
    let (outcome, detail) = branch(&place);
    assert_eq!(outcome, "failed");
    assert!(detail.contains("points at"), "{detail}");

    place.git(&["branch", "-D", "self-upgrade/x"]);
    let (outcome, detail) = branch(&place);
    assert_eq!(outcome, "failed");
    assert!(detail.contains("self-upgrade/x is gone"), "{detail}");

    place.git(&["merge", "-q", "--no-ff", "-m", "merge", commit]);
    let (outcome, detail) = branch(&place);
    assert_eq!(outcome, "ok", "a human merged it and removed the branch");
    assert!(detail.contains("merged into main"), "{detail}");
}

#[test]
fn the_kept_ref_of_an_abandoned_run_is_looked_at() {
    let (place, run) = decided();
    assert_eq!(verify(&place, &[]).0, 0);
    place.git(&["update-ref", "-d", &format!("refs/milton/abandoned/{run}")]);
    let (code, report) = verify(&place, &[]);
    assert_eq!(
        (code, check(&report, "branch").0.as_str()),
        (CHANGED, "failed")
    );
}

#[test]
fn a_commit_whose_objects_are_gone_or_damaged_is_found() {
    let place = Environment::with_project();
    let verdict = place.run_patch(GOOD, &[]).verdict();
    for name in ["commit", "tree"] {
        let id = verdict[name].as_str().unwrap();
        let path = place
            .repo()
            .join(format!(".git/objects/{}/{}", &id[..2], &id[2..]));
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let (code, report) = verify(&place, &[]);
        assert_eq!(
            (code, check(&report, "commit").0.as_str()),
            (CHANGED, "failed"),
            "{name}"
        );
        // Another object under the same name: its hash tells.
        let base = place.git(&[
            "rev-parse",
            if name == "tree" {
                "main^{tree}"
            } else {
                "main"
            },
        ]);
        let other = place
            .repo()
            .join(format!(".git/objects/{}/{}", &base[..2], &base[2..]));
        fs::copy(&other, &path).unwrap();
        let (code, _) = verify(&place, &[]);
        assert_eq!(code, CHANGED, "{name} was exchanged");
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        assert_eq!(verify(&place, &[]).0, 0);
    }
}

#[test]
fn a_record_that_was_forged_for_another_commit_does_not_fit_the_repository() {
    let place = Environment::with_project();
    let verdict = place.run_patch(GOOD, &["--topic", "x"]).verdict();
    let (commit, base) = (
        verdict["commit"].as_str().unwrap(),
        verdict["base"].as_str().unwrap(),
    );
    let tree = verdict["tree"].as_str().unwrap();
    let main_tree = place.git(&["rev-parse", "main^{tree}"]);
    let folder = folder(&place);
    let lines = lines_of(&folder);
    // Chain, head and every other file fit each other; only git knows better.
    for (from, to, fails) in [
        (
            format!("\"tree\":\"{tree}\""),
            format!("\"tree\":\"{main_tree}\""),
            "tree",
        ),
        (
            format!("\"commit\":\"{base}\""),
            format!("\"commit\":\"{commit}\""),
            "commit",
        ),
    ] {
        let edited: Vec<String> = lines.iter().map(|line| line.replace(&from, &to)).collect();
        assert_ne!(edited, lines);
        forge(&folder, &edited);
        let (code, report) = verify(&place, &[]);
        assert_eq!(
            (code, check(&report, fails).0.as_str()),
            (CHANGED, "failed"),
            "{report}"
        );
    }
}

#[test]
fn a_policy_that_is_not_the_recorded_one_is_told_with_the_reason() {
    let place = Environment::with_project();
    assert_eq!(place.run_patch(GOOD, &[]).code, 0);
    let own = place.home().join(".config/milton/policy.toml");
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    fs::write(&own, "[limits]\nmax_files = 5\n").unwrap();
    let (code, report) = verify(&place, &[]);
    let (outcome, detail) = check(&report, "policy");
    assert_eq!((code, outcome.as_str()), (CHANGED, "failed"));
    assert!(detail.contains("policy.toml"), "{detail}");
}

#[test]
fn the_overrides_of_the_run_count_and_not_those_of_today() {
    let place = Environment::with_project().set("MILTON_SELF_UPGRADE_MAX_FILES", "7");
    assert_eq!(place.run_patch(GOOD, &[]).code, 0);
    assert_eq!(verify(&place, &[]).0, 0);
    let without = place
        .command(&["verify", "latest"])
        .env_remove("MILTON_SELF_UPGRADE_MAX_FILES")
        .output();
    assert_eq!(without.unwrap().status.code(), Some(0));
}

#[test]
fn what_is_typed_wrong_is_an_error_of_usage_and_says_what_to_do() {
    let place = Environment::with_project();
    for arguments in [&["verify"][..], &["verify", "latest"], &["verify", "7f3a"]] {
        let called = place.milton(arguments);
        assert_eq!(called.code, 2, "{arguments:?}: {}", called.out);
        assert!(!called.err.is_empty());
    }
    let run = run_of(&place.run_patch(GOOD, &[]));
    let called = place.milton(&["verify", &run, "--seal", "4711"]);
    assert_eq!(called.code, 2);
    assert!(called.err.contains("64 digits"), "{}", called.err);
    let short = &run[run.len() - 4..];
    for name in [&run, short, "latest", &run[..20]] {
        assert_eq!(place.milton(&["verify", name]).code, 0, "{name}");
    }
    // From anywhere: the record says which repository.
    let elsewhere = place
        .command(&["verify", &run])
        .current_dir(place.root())
        .output()
        .unwrap();
    assert_eq!(elsewhere.status.code(), Some(0));
    // The repository was moved.
    fs::rename(place.repo(), place.root().join("moved")).unwrap();
    let called = place
        .command(&["verify", &run])
        .current_dir(place.root())
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&called.stdout).into_owned();
    assert_eq!(called.status.code(), Some(CHANGED), "{out}");
    assert!(out.contains("--repo"), "{out}");
    let called = place
        .command(&["verify", &run, "--repo", "moved"])
        .current_dir(place.root())
        .output()
        .unwrap();
    assert_eq!(called.status.code(), Some(0));
}

#[test]
fn a_run_that_is_still_going_is_said_to_be() {
    let place = Environment::with_project();
    let (mut child, _lines) = crate::stop::endless(&place);
    let (code, report) = verify(&place, &[]);
    assert_eq!(
        (code, report["state"].as_str()),
        (0, Some("running")),
        "{report}"
    );
    let called = place.milton(&["verify", "latest"]);
    assert!(called.out.contains("still going"), "{}", called.out);
    child.kill().unwrap();
    child.wait().unwrap();
    let (code, report) = verify(&place, &[]);
    assert_eq!(
        (code, report["state"].as_str()),
        (0, Some("interrupted")),
        "{report}"
    );
    // Reviewing writes its end; then nothing is open any more.
    assert_eq!(place.milton(&["abandon", "latest"]).code, 0);
    let (code, report) = verify(&place, &[]);
    assert_eq!(
        (code, report["state"].as_str()),
        (0, Some("finished")),
        "{report}"
    );
}

#[test]
fn a_torn_line_that_was_moved_aside_cannot_be_changed_either() {
    let place = Environment::with_project();
    let run = run_of(&place.run_patch(GOOD, &[]));
    let folder = folder(&place);
    let log = folder.path("events.jsonl");
    let mut bytes = fs::read(&log).unwrap();
    bytes.extend(br#"{"type":"event","sche"#);
    fs::write(&log, &bytes).unwrap();
    assert_eq!(failed(&folder), ["events.jsonl"]);
    assert_eq!(place.milton(&["abandon", &run]).code, 0);
    assert_eq!(failed(&folder), [""; 0]);
    let torn = fs::read(folder.path("events.torn")).unwrap();
    fs::write(folder.path("events.torn"), &torn[1..]).unwrap();
    assert_eq!(failed(&folder), ["events.torn"]);
    fs::remove_file(folder.path("events.torn")).unwrap();
    assert_eq!(failed(&folder), ["events.torn"]);
}
