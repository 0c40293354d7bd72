//! The screen on a real terminal: this test program starts itself under a pseudo-terminal.

use std::io::{Read as _, Write as _};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use tokio::sync::mpsc;

use crate::model::{ReviewCommand, RunState};
use crate::tui::fixture::{PATCH, Story, ready, running};
use crate::tui::{Mode, Outcome, ScreenSettings, Session, ThemeChoice};

/// How long a screen may take to show something before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the screen and prints how it ended; started by the tests below, in a terminal.
async fn show(story: Story, no_color: bool) {
    // As in milton itself the hang-up of the terminal does not simply end the process.
    let _hang_up = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in ["plan.patch", "diff.patch"] {
        std::fs::write(folder.path().join(name), PATCH).unwrap();
    }
    std::fs::create_dir(folder.path().join("output")).unwrap();
    std::fs::write(folder.path().join("output/003.log"), "collected 128\n").unwrap();
    let session = Session {
        run: RunState::replay(&story.events).unwrap(),
        folder: folder.path().to_owned(),
        mode: Mode::Live,
        settings: ScreenSettings {
            no_color,
            theme: ThemeChoice::Dark,
            mouse: true,
        },
    };
    let (_updates, updates) = mpsc::channel(8);
    let (commands, mut sent) = mpsc::channel(8);
    let outcome = crate::tui::run(session, updates, commands).await.unwrap();
    let mut words: Vec<String> = Vec::new();
    while let Ok(command) = sent.try_recv() {
        words.push(if let ReviewCommand::Approve { typed, .. } = command {
            format!("approve {typed}")
        } else {
            format!("{command:?}").to_lowercase()
        });
    }
    println!("ended {outcome:?}: {}", words.join(", "));
    assert_eq!(outcome, Outcome::Left);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the other tests, in a terminal"]
async fn screen_ready() {
    show(ready(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the other tests, in a terminal"]
async fn screen_running_without_colour() {
    show(running(), true).await;
}

struct Pty {
    parser: vt100::Parser,
    raw: Vec<u8>,
    bytes: Receiver<Vec<u8>>,
    writer: Option<Box<dyn std::io::Write + Send>>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Pty {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test program starts itself in a terminal"
    )]
    fn start(test: &str) -> Self {
        let size = PtySize {
            rows: 36,
            cols: 120,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "--nocapture"]);
        command.arg(format!("tui::runner::tests::{test}"));
        command.env("TERM", "xterm-256color");
        command.env("NO_COLOR", "1");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (send, bytes) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        let writer = Some(pair.master.take_writer().unwrap());
        Self {
            parser: vt100::Parser::new(36.try_into().unwrap(), 120.try_into().unwrap(), 0),
            raw: Vec::new(),
            bytes,
            writer,
            child,
            master: pair.master,
        }
    }

    fn wait_until(&mut self, what: &str, seen: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !seen(self.parser.screen()) {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.bytes.recv_timeout(left) else {
                panic!("{what}:\n{}", self.parser.screen().contents());
            };
            self.parser.process(&bytes);
            self.raw.extend(bytes);
        }
    }

    fn wait_for(&mut self, text: &str) {
        self.wait_until(text, |screen| screen.contents().contains(text));
    }

    /// Presses a key until `shown` is there; `harmless` is a key that only clears the message.
    fn insist(&mut self, key: &str, shown: &str, harmless: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            self.keys(key);
            self.wait_until(shown, |screen| {
                let text = screen.contents();
                text.contains(shown) || text.contains("ignored: that")
            });
            if self.parser.screen().contents().contains(shown) {
                return;
            }
            assert!(Instant::now() < end, "{shown} does not come");
            self.keys(harmless);
            self.wait_until("the message goes", |screen| {
                !screen.contents().contains("ignored: that")
            });
        }
    }

    fn keys(&mut self, keys: &str) {
        let writer = self.writer.as_mut().unwrap();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }
}

#[test]
fn a_reviewer_approves_and_leaves_on_a_real_terminal() {
    let mut pty = Pty::start("screen_ready");
    pty.wait_for("A approves: nothing is missing");
    pty.wait_for("return int(a) + int(b)");
    assert!(pty.parser.screen().alternate_screen());
    // The guard asks for a human's pace: a key that came too early is pressed again.
    pty.insist("A", "Approve this exact change?", "j");
    pty.insist("5", "[5___]", " ");
    pty.insist("c", "[5c__]", " ");
    pty.insist("0", "[5c0_]", " ");
    pty.keys("d");
    pty.wait_for("approving");
    pty.keys("q");
    pty.wait_for("ended Left: approve 5c0d, leave");
    assert!(!pty.parser.screen().alternate_screen());
    assert!(!pty.parser.screen().bracketed_paste());
    assert!(!pty.parser.screen().hide_cursor());
    assert!(pty.child.wait().unwrap().success());
}

#[test]
fn no_color_keeps_bold_and_reverse_and_prints_no_colour() {
    let mut pty = Pty::start("screen_running_without_colour");
    pty.wait_for("running pytest -q");
    pty.wait_for("collected 128");
    let screen = pty.parser.screen();
    let (rows, columns) = screen.size();
    let mut bold = 0;
    for row in 0..rows.get() {
        for column in 0..columns.get() {
            let cell = screen.cell(row, column).unwrap();
            assert_eq!(cell.fgcolor(), vt100::Color::Default);
            assert_eq!(cell.bgcolor(), vt100::Color::Default);
            bold += usize::from(cell.bold());
        }
    }
    assert!(bold > 20, "the focus and the state are bold");
    pty.keys("q");
    pty.wait_for("the run is still working");
    // The terminal goes away: the screen must end by itself.
    let mut child = pty.child;
    // Nobody takes the next output, so the reader's own handle of the terminal goes too.
    drop(pty.bytes);
    let mut writer = pty.writer.take().unwrap();
    writer.write_all(b"2").unwrap();
    drop(writer);
    drop(pty.master);
    let end = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "it spins without a terminal");
        std::thread::yield_now();
    }
}
