//! Signals and kills: everything ends at once, nothing is left, the record is complete.

use std::io::{BufRead as _, BufReader};
use std::process::Child;

use crate::environment::Environment;
use crate::proposals::{ENDLESS, GOOD};

/// Starts a run whose test never ends, and waits until that test runs.
pub(crate) fn endless(place: &Environment) -> (Child, BufReader<std::process::ChildStdout>) {
    std::fs::write(place.root().join("endless.patch"), ENDLESS).unwrap();
    let patch = place.root().join("endless.patch").display().to_string();
    let mut child = place.start(&[
        "run",
        "Loop",
        "--patch",
        &patch,
        "--format",
        "json",
        "--test",
        "pytest -q -s",
    ]);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        let is_process =
            line.contains("\"command_started\"") && line.contains("\"in_process\":false");
        line.clear();
        if is_process {
            break;
        }
    }
    wait_until("the test prints", || {
        let dir = place.newest_run().join("output");
        std::fs::read_dir(dir).is_ok_and(|mut files| {
            files.any(|f| {
                std::fs::read_to_string(f.unwrap().path())
                    .is_ok_and(|t| t.contains("the endless loop"))
            })
        })
    });
    (child, lines)
}

/// Polls until something holds; the limit only bounds a broken test.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1500 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("waited in vain until {what}");
}

/// Whether any process still works in this test's run store.
fn processes_left(place: &Environment) -> Vec<String> {
    let marker = place.state().display().to_string();
    let mut left = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        if name.bytes().all(|b| b.is_ascii_digit()) {
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let cwd = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            if cwd.display().to_string().contains(&marker) {
                left.push(String::from_utf8_lossy(&command).replace('\0', " "));
            }
        }
    }
    left
}

fn send(child: &Child, signal: &str) {
    let sent = std::process::Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

#[test]
fn term_and_interrupt_stop_the_run_and_leave_no_process() {
    for (signal, code) in [("-TERM", 143), ("-INT", 130), ("-HUP", 143)] {
        let place = Environment::with_project();
        let (mut child, _lines) = endless(&place);
        send(&child, signal);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
        assert_eq!(processes_left(&place), Vec::<String>::new(), "{signal}");
        let audit = place.run_file("audit.log");
        assert!(
            audit.contains("SELF_UPGRADE_COMPLETE: status=STOPPED"),
            "{audit}"
        );
        assert!(place.run_file("evidence.json").contains("STOPPED"));
        assert_eq!(place.git(&["fsck", "--strict"]), "");
    }
}

#[test]
fn a_killed_milton_leaves_no_process_and_the_run_can_be_abandoned() {
    let place = Environment::with_project();
    let before = place.digest();
    let (mut child, _lines) = endless(&place);
    send(&child, "-KILL");
    child.wait().unwrap();
    wait_until("the supervisor has ended everything", || {
        processes_left(&place).is_empty()
    });
    assert_eq!(place.git(&["fsck", "--strict"]), "");
    let listed = place.milton(&["list"]);
    assert!(listed.out.contains("interrupted"), "{}", listed.out);
    let called = place.milton(&["abandon", "latest"]);
    assert_eq!(called.code, 0, "{}\n{}", called.out, called.err);
    assert!(
        place.run_file("evidence.json").contains("STOPPED"),
        "the evidence is made up for"
    );
    assert_eq!(place.git(&["for-each-ref", "refs/heads/self-upgrade"]), "");
    assert_eq!(place.digest(), before);
}

#[test]
fn two_miltons_on_one_repository_do_not_disturb_each_other() {
    let place = Environment::with_project();
    std::fs::write(place.root().join("good.patch"), GOOD).unwrap();
    let patch = place.root().join("good.patch").display().to_string();
    let arguments = [
        "run", "Change", "--patch", &patch, "--topic", "same", "--format", "json",
    ];
    let children: Vec<Child> = (0..4).map(|_| place.start(&arguments)).collect();
    let mut branches = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let verdict: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
        branches.push(verdict["branch"].as_str().unwrap().to_owned());
    }
    branches.sort();
    assert_eq!(
        branches,
        [
            "self-upgrade/same",
            "self-upgrade/same-2",
            "self-upgrade/same-3",
            "self-upgrade/same-4"
        ]
    );
}
