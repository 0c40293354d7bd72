//! Things that move, go or are shared while milton works: the base, the branch, the objects, the
//! run's folder, the store. milton is held by a signal meanwhile, so that nothing is left to chance.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command};

use serde_json::{Value, json};

use crate::environment::Environment;
use crate::proposals::{GOOD, writing};

/// A run that is held while its test runs.
struct Held {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

/// Starts a run and stops milton itself as soon as its test was started.
fn held(place: &Environment) -> Held {
    let test = "import time\n\n\ndef test_slow():\n    time.sleep(1)\n";
    let change = place.root().join("slow.json");
    std::fs::write(&change, writing("tests/test_slow.py", test).to_string()).unwrap();
    let change = change.display().to_string();
    let mut child = place.start(&[
        "run",
        "--proposal",
        &change,
        "--topic",
        "x",
        "--format",
        "json",
    ]);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        if line.contains("\"command_started\"") && line.contains("\"in_process\":false") {
            break;
        }
        line.clear();
    }
    signal(&child, "STOP");
    Held { child, lines }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

impl Held {
    /// Lets milton go on; its exit code, the rest of its lines, and what it said on the side.
    fn go_on(mut self) -> (i32, String, String) {
        signal(&self.child, "CONT");
        let mut out = String::new();
        self.lines.read_to_string(&mut out).unwrap();
        let mut err = String::new();
        let side = self.child.stderr.take();
        side.unwrap().read_to_string(&mut err).unwrap();
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        (code, out, err)
    }
}

fn verdict(out: &str) -> Value {
    serde_json::from_str(out.lines().last().unwrap()).unwrap()
}

#[test]
fn a_base_branch_that_moves_meanwhile_is_told_and_changes_nothing() {
    let place = Environment::with_project();
    let base = place.git(&["rev-parse", "main"]);
    let held = held(&place);
    place.git(&[
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "somebody else was faster",
    ]);
    let moved = place.git(&["rev-parse", "main"]);
    let (code, out, err) = held.go_on();
    assert_eq!(code, 0, "{out}{err}");
    let verdict = verdict(&out);
    assert_eq!(verdict["base"], base.as_str());
    assert_eq!(place.git(&["rev-parse", "self-upgrade/x^"]), base);
    assert_eq!(
        place.git(&["rev-parse", "main"]),
        moved,
        "and nobody moves it back"
    );
    let risks = verdict["risks"].as_array().unwrap();
    let told = risks
        .iter()
        .find(|risk| risk["id"] == "base_moved")
        .unwrap();
    assert_eq!(told["subject"], "main");
    let detail = told["detail"].as_str().unwrap();
    assert!(
        detail.contains(&base[..7]) && detail.contains(&moved[..7]),
        "{detail}"
    );
    assert_eq!(place.milton(&["verify", "latest"]).code, 0);
}

#[test]
fn garbage_collection_meanwhile_takes_nothing_away() {
    let place = Environment::with_project();
    let held = held(&place);
    place.git(&["reflog", "expire", "--expire=now", "--all"]);
    place.git(&["gc", "-q", "--prune=now"]);
    let (code, out, err) = held.go_on();
    assert_eq!(code, 0, "{out}{err}");
    place.git(&["gc", "-q", "--prune=now"]);
    let called = place.milton(&["verify", "latest"]);
    assert_eq!(called.code, 0, "{}", called.out);
    assert_eq!(place.milton(&["abandon", "latest"]).code, 0);
    place.git(&["gc", "-q", "--prune=now"]);
    assert_eq!(place.milton(&["verify", "latest"]).code, 0);
}

#[test]
fn a_work_branch_that_is_deleted_by_hand_is_missed_and_its_commit_can_be_kept() {
    let place = Environment::with_project();
    let held = held(&place);
    let commit = place.git(&["rev-parse", "self-upgrade/x"]);
    place.git(&["branch", "-q", "-D", "self-upgrade/x"]);
    let (code, out, err) = held.go_on();
    assert_eq!(code, 0, "the tests passed all the same: {out}{err}");
    let called = place.milton(&["verify", "latest"]);
    assert_eq!(called.code, 24);
    assert!(
        called.out.contains("self-upgrade/x is gone"),
        "{}",
        called.out
    );
    // Abandoning keeps the commit, as long as git has it.
    assert_eq!(place.milton(&["abandon", "latest"]).code, 0);
    let kept = place.git(&["for-each-ref", "--format=%(objectname)", "refs/milton"]);
    assert_eq!(kept, commit);
    assert_eq!(place.milton(&["verify", "latest"]).code, 0);
}

#[test]
fn a_run_whose_folder_is_deleted_under_it_ends_with_a_clear_word() {
    let place = Environment::with_project();
    let before = place.digest();
    let held = held(&place);
    std::fs::remove_dir_all(place.newest_run()).unwrap();
    let (code, out, err) = held.go_on();
    assert_eq!(code, 1, "a run without a record is no success: {out}{err}");
    assert!(!out.contains("\"verdict\""), "{out}");
    assert!(err.contains("the record cannot be written"), "{err}");
    assert!(err.contains("hint:") && !err.contains("panicked"), "{err}");
    assert_eq!(place.digest(), before);
}

#[test]
fn a_run_that_one_milton_works_on_is_left_alone_by_another() {
    let place = Environment::with_project();
    let held = held(&place);
    for arguments in [&["abandon", "latest"][..], &["restore", "latest"]] {
        let called = place.milton(arguments);
        assert_eq!(called.code, 2, "{arguments:?}: {}", called.out);
        assert!(
            called.err.contains("is open in another milton (process"),
            "{}",
            called.err
        );
    }
    let called = place.milton(&["show", "latest"]);
    assert_eq!(called.code, 0, "looking is always possible: {}", called.err);
    let (code, out, err) = held.go_on();
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(place.milton(&["abandon", "latest"]).code, 0);
}

#[test]
fn two_repositories_share_one_store_and_each_sees_its_own_runs() {
    let place = Environment::with_project();
    let other = Environment::with_project();
    let patch = place.root().join("good.patch");
    std::fs::write(&patch, GOOD).unwrap();
    let patch = patch.display().to_string();
    let arguments = ["run", "Change", "--patch", &patch, "--format", "json"];
    let children: Vec<Child> = (0..4)
        .map(|n| {
            let mut command = if n % 2 == 0 {
                place.command(&arguments)
            } else {
                other.command(&arguments)
            };
            command
                .env("MILTON_STATE_DIR", place.state())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut runs = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{out}");
        runs.push(verdict(&out)["run"].as_str().unwrap().to_owned());
    }
    for (n, run) in runs.iter().enumerate() {
        assert_eq!(place.milton(&["verify", run]).code, 0, "{run}");
        let listed = place.milton(&["list", "--format", "json"]).out;
        let list: Value = serde_json::from_str(&listed).unwrap();
        let mine = list["runs"].as_array().unwrap();
        assert_eq!(
            mine.iter().any(|listed| listed["run"] == json!(run)),
            n % 2 == 0
        );
    }
}
