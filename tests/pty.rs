//! The real binary on a real pseudo-terminal: what a reviewer sees, types and gets back.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "test helpers"
)]

mod claims;

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Milton on a pseudo-terminal, with the screen as a terminal would show it.
struct Terminal {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    writer: Box<dyn std::io::Write + Send>,
    screen: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    closing: Arc<AtomicBool>,
}

/// A hermetic place: a repository of one commit and a patch for it.
struct Place {
    root: tempfile::TempDir,
}

const PATCH: &str = "\
--- a/calc.py
+++ b/calc.py
@@ -1,2 +1,2 @@
 def add(a, b):
-    return a + b
+    return int(a) + int(b)
--- a/test_calc.py
+++ b/test_calc.py
@@ -2,3 +2,7 @@ from calc import add
 
 def test_add():
     assert add(1, 2) == 3
+
+
+def test_add_text():
+    assert add(\"1\", 2) == 3
";

const ENDLESS: &str = "\
--- a/calc.py
+++ b/calc.py
@@ -1,2 +1,4 @@
 def add(a, b):
+    while True:
+        print(\"as fast as it can\")
     return a + b
";

impl Place {
    fn new() -> Self {
        let place = Self {
            root: tempfile::tempdir().unwrap(),
        };
        let repo = place.repo();
        std::fs::create_dir_all(&repo).unwrap();
        std::fs::write(repo.join("calc.py"), "def add(a, b):\n    return a + b\n").unwrap();
        std::fs::write(
            repo.join("test_calc.py"),
            "from calc import add\n\ndef test_add():\n    assert add(1, 2) == 3\n",
        )
        .unwrap();
        for (name, patch) in [("good.patch", PATCH), ("endless.patch", ENDLESS)] {
            std::fs::write(place.path(name), patch).unwrap();
        }
        place.git(&["init", "-q", "-b", "main"]);
        place.git(&["config", "user.name", "Test Person"]);
        place.git(&["config", "user.email", "test@example.com"]);
        place.git(&["add", "-A"]);
        place.git(&["commit", "-q", "-m", "start"]);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    fn repo(&self) -> PathBuf {
        self.path("repo")
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(self.repo())
            .env("HOME", self.path(""))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    fn has_branch(&self, topic: &str) -> bool {
        !self
            .git(&["for-each-ref", &format!("refs/heads/self-upgrade/{topic}")])
            .is_empty()
    }

    /// Starts milton on a terminal of this size.
    fn milton(&self, arguments: &[&str], columns: u16, rows: u16) -> Terminal {
        let pty = native_pty_system();
        let pair = pty
            .openpty(PtySize {
                rows,
                cols: columns,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_milton"));
        command.args(arguments);
        command.cwd(self.repo());
        command.env_clear();
        command.env("PATH", std::env::var("PATH").unwrap());
        command.env("HOME", self.path(""));
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env("MILTON_STATE_DIR", self.path("state"));
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(
            rows.try_into().unwrap(),
            columns.try_into().unwrap(),
            0,
        )));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let closing = Arc::new(AtomicBool::new(false));
        let (feed, keep, stop) = (screen.clone(), raw.clone(), closing.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                feed.lock().unwrap().process(&buffer[..read]);
                keep.lock().unwrap().extend_from_slice(&buffer[..read]);
                // The reader holds the terminal open too.
                if stop.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        let writer = pair.master.take_writer().unwrap();
        Terminal {
            master: pair.master,
            child,
            writer,
            screen,
            raw,
            closing,
        }
    }

    fn run(&self, patch: &str, columns: u16, rows: u16) -> Terminal {
        let patch = self.path(patch).display().to_string();
        self.milton(
            &[
                "run",
                "Add numbers in text",
                "--patch",
                &patch,
                "--topic",
                "x",
            ],
            columns,
            rows,
        )
    }
}

impl Terminal {
    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    fn keys(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    /// Waits until the screen holds something; the limit only bounds a broken test.
    fn wait_for(&self, what: &str) {
        self.wait_until(&format!("the screen shows {what:?}"), |text| {
            text.contains(what)
        });
    }

    fn wait_until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            if holds(&self.text()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("waited in vain until {what}; the screen:\n{}", self.text());
    }

    /// Presses a key until the screen holds something. The type-ahead guard swallows a decision key
    /// that comes too early, on purpose, so a test presses it again as a person would.
    fn press_until(&mut self, keys: &str, what: &str) {
        for _ in 0..40 {
            if self.text().contains(what) {
                return;
            }
            self.keys(keys);
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(700) {
                if self.text().contains(what) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        panic!(
            "pressed {keys:?} in vain for {what:?}; the screen:\n{}",
            self.text()
        );
    }

    fn exit_code(&mut self) -> u32 {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("milton did not end; the screen:\n{}", self.text());
    }

    /// After the end: out of the alternate screen, cursor visible, mouse and paste modes off.
    fn assert_restored(&self) {
        // The reader thread may still have the last bytes in hand.
        self.wait_until("the terminal is restored", |_| {
            let screen = self.screen.lock().unwrap();
            let screen = screen.screen();
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        });
    }
}

/// Does everything a reviewer has to do before `A` opens the dialog.
fn review_everything(terminal: &mut Terminal) {
    terminal.wait_for("[REVIEW]");
    // Files: mark each viewed; checklist: tick the human items; findings: read each.
    for _ in 0..80 {
        if !terminal.text().contains("A needs:") {
            return;
        }
        // `A` lists what is open, Enter jumps to the first, Space does it.
        terminal.keys("A");
        std::thread::sleep(Duration::from_millis(500));
        terminal.keys("\r");
        std::thread::sleep(Duration::from_millis(150));
        terminal.keys(" ");
        std::thread::sleep(Duration::from_millis(150));
    }
    panic!("something stays open:\n{}", terminal.text());
}

#[test]
fn a_reviewer_approves_a_run_and_gets_the_merge_command() {
    let place = Place::new();
    let mut terminal = place.run("good.patch", 120, 36);
    review_everything(&mut terminal);
    terminal.press_until("A", "Type the first 4 characters");
    let tree = place.git(&["rev-parse", "self-upgrade/x^{tree}"]);
    std::thread::sleep(Duration::from_millis(500));
    terminal.keys(&tree[..4]);
    terminal.keys("\r");
    terminal.wait_for("[APPROVED]");
    terminal.press_until("q", "merge it yourself");
    assert_eq!(terminal.exit_code(), 0);
    terminal.assert_restored();
    let commit = place.git(&["rev-parse", "self-upgrade/x"]);
    let text = terminal.text().replace('\n', "");
    assert!(
        text.contains(&commit),
        "the command names the commit: {text}"
    );
    assert_eq!(place.git(&["rev-parse", "--abbrev-ref", "HEAD"]), "main");
    assert_ne!(
        place.git(&["rev-parse", "main"]),
        commit,
        "milton never merges"
    );
}

#[test]
fn one_key_abandons_and_another_takes_it_back() {
    let place = Place::new();
    let mut terminal = place.run("good.patch", 80, 24);
    terminal.wait_for("[REVIEW]");
    terminal.press_until("X", "[ABANDONED]");
    assert!(!place.has_branch("x"));
    terminal.press_until("U", "[REVIEW]");
    assert!(place.has_branch("x"));
    terminal.press_until("X", "[ABANDONED]");
    terminal.keys("q");
    assert_eq!(terminal.exit_code(), 11);
    terminal.assert_restored();
    assert!(!place.has_branch("x"));
}

#[test]
fn leaving_keeps_the_run_and_it_opens_again_with_the_same_state() {
    let place = Place::new();
    let mut terminal = place.run("good.patch", 120, 36);
    terminal.wait_for("[REVIEW]");
    terminal.keys("q");
    assert_eq!(terminal.exit_code(), 12);
    terminal.assert_restored();
    let mut terminal = place.milton(&["review"], 120, 36);
    terminal.wait_for("[REVIEW]");
    terminal.wait_for("self-upgrade/x");
    terminal.press_until("X", "[ABANDONED]");
    terminal.keys("q");
    assert_eq!(terminal.exit_code(), 11);
}

#[test]
fn ctrl_c_stops_a_command_that_prints_as_fast_as_it_can() {
    let place = Place::new();
    let patch = place.path("endless.patch").display().to_string();
    let mut terminal = place.milton(
        &[
            "run",
            "Loop",
            "--patch",
            &patch,
            "--topic",
            "x",
            "--test",
            "pytest -q -s",
        ],
        120,
        36,
    );
    terminal.wait_for("as fast as it can");
    // The screen answers while the child floods it.
    terminal.press_until("?", "approve");
    terminal.press_until("\u{1b}", "[RUNNING]");
    terminal.keys("\u{3}");
    assert_eq!(terminal.exit_code(), 130);
    terminal.assert_restored();
}

#[test]
fn a_flood_of_keys_and_pasted_text_decides_nothing() {
    let place = Place::new();
    let mut terminal = place.run("good.patch", 120, 36);
    terminal.wait_for("[REVIEW]");
    terminal.keys("\u{1b}[200~AXSyyyy\nX\nA\u{1b}[201~");
    let (_, claimed) = claims::LISTS
        .iter()
        .find(|(name, _)| *name == "terminal")
        .unwrap();
    for id in *claimed {
        let line = include_str!("data/bypasses.jsonl").lines();
        let entry = line.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let entry = entry.into_iter().find(|entry| entry["id"] == *id).unwrap();
        assert_eq!(entry["expected"], serde_json::json!({"approved": false}));
        terminal.keys(entry["input"]["bytes"].as_str().unwrap());
    }
    terminal.press_until("?", "approve");
    terminal.press_until("\u{1b}", "[REVIEW]");
    assert!(place.has_branch("x"), "pasted text abandons nothing");
    terminal.press_until("q", "open it again");
    assert_eq!(terminal.exit_code(), 12);
    let run = std::fs::read_dir(place.path("state/runs")).unwrap().next();
    let evidence = std::fs::read_to_string(run.unwrap().unwrap().path().join("events.jsonl"));
    let evidence = evidence.unwrap();
    assert!(
        !evidence.contains("\"approved\"") && !evidence.contains("item_ticked"),
        "{evidence}"
    );
}

#[test]
fn the_screen_follows_a_resize_down_to_nothing_and_back() {
    let place = Place::new();
    let mut terminal = place.run("good.patch", 120, 36);
    terminal.wait_for("[REVIEW]");
    for (columns, rows) in [
        (80, 24),
        (40, 12),
        (20, 5),
        (5, 2),
        (1, 1),
        (200, 60),
        (80, 24),
    ] {
        terminal
            .screen
            .lock()
            .unwrap()
            .screen_mut()
            .set_size(rows.try_into().unwrap(), columns.try_into().unwrap());
        terminal
            .master
            .resize(PtySize {
                rows,
                cols: columns,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
        if columns >= 40 {
            terminal.wait_for("A needs");
        }
    }
    terminal.press_until("q", "open it again");
    assert_eq!(terminal.exit_code(), 12);
    terminal.assert_restored();
}

#[test]
fn a_closed_terminal_ends_the_run_with_its_evidence() {
    let place = Place::new();
    let patch = place.path("endless.patch").display().to_string();
    let terminal = place.milton(
        &[
            "run",
            "Loop",
            "--patch",
            &patch,
            "--topic",
            "x",
            "--test",
            "pytest -q -s",
        ],
        120,
        36,
    );
    terminal.wait_for("as fast as it can");
    let Terminal {
        master,
        mut child,
        writer,
        closing,
        ..
    } = terminal;
    closing.store(true, Ordering::SeqCst);
    drop(writer);
    drop(master);
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "milton outlives its terminal"
        );
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.exit_code(), 143, "{status:?}");
    let runs = std::fs::read_dir(place.path("state/runs"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let audit = std::fs::read_to_string(runs.join("audit.log")).unwrap();
    assert!(
        audit.contains("SELF_UPGRADE_COMPLETE: status=STOPPED"),
        "{audit}"
    );
}

#[test]
fn hostile_output_never_reaches_the_terminal_raw() {
    let place = Place::new();
    let patch = "\
--- a/calc.py
+++ b/calc.py
@@ -1,2 +1,3 @@
 def add(a, b):
+    print(\"\\x1b]52;c;cm0=\\x07\\x1b[2J\\x1b[8mhidden 500 passed\")
     return a + b
";
    std::fs::write(place.path("hostile.patch"), patch).unwrap();
    let patch = place.path("hostile.patch").display().to_string();
    let mut terminal = place.milton(
        &[
            "run",
            "Print",
            "--patch",
            &patch,
            "--topic",
            "x",
            "--test",
            "pytest -q -s",
        ],
        120,
        36,
    );
    terminal.wait_for("[REVIEW]");
    terminal.press_until("4", "hidden 500 passed");
    terminal.press_until("q", "open it again");
    let raw = terminal.raw.lock().unwrap().clone();
    let raw = String::from_utf8_lossy(&raw);
    assert!(
        !raw.contains("\u{1b}]52;c;cm0=") && !raw.contains("\u{1b}[8m"),
        "an escape sequence of the tests went through"
    );
    assert_eq!(terminal.exit_code(), 12);
}
