//! A door for the benchmarks: the review screen on a terminal in memory, fed with keys and output.
//!
//! Not part of the interface of the crate; everything goes the way it goes on a real terminal,
//! except that reading and colouring happen on the same thread and are counted.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tempfile::TempDir;

use crate::model::event::{ChangedFile, PatchRef, SCHEMA};
use crate::model::{
    CommandId, CommandStart, Digest, Event, EventKind, LineStat, RunId, RunState, Stats,
};
use crate::pipeline::Update;
use crate::tui::app::{App, Now};
use crate::tui::runner::perform;
use crate::tui::update::{Msg, settle, update};
use crate::tui::{Mode, ScreenSettings, Session, ThemeChoice, view};

/// The size of the terminal in memory.
const SIZE: (u16, u16) = (120, 40);
/// Lines of one hunk and hunks of one file of the made-up patch.
const HUNK: usize = 20;
const HUNKS: usize = 20;
const PATCH: &str = "diff.patch";
const OUTPUT: &str = "001.log";
const COMMAND: CommandId = CommandId(1);

/// The review screen over a run that has a patch and a command that prints.
#[derive(Debug)]
pub struct Bench {
    app: App,
    terminal: Terminal<TestBackend>,
    output: File,
    printed: u64,
    /// The run's folder lives as long as the screen.
    _folder: TempDir,
}

impl Bench {
    /// Opens the screen on a patch of about so many lines, and draws it once.
    ///
    /// # Errors
    /// When the temporary folder cannot be written.
    pub fn open(lines: usize) -> io::Result<Self> {
        let folder = TempDir::new()?;
        let (patch, files) = made_up_patch(lines);
        std::fs::write(folder.path().join(PATCH), &patch)?;
        let output = File::create(folder.path().join(OUTPUT))?;
        let run = RunId::parse("20260112-100000-7f3a").map_err(io::Error::other)?;
        let events = events(&run, &patch, files);
        let settings = ScreenSettings {
            no_color: false,
            theme: ThemeChoice::Dark,
            mouse: false,
        };
        let session = Session {
            run: RunState::replay(&events).unwrap_or_else(|| RunState::new(run)),
            folder: folder.path().to_owned(),
            mode: Mode::Live,
            settings,
        };
        let Ok(terminal) = Terminal::new(TestBackend::new(SIZE.0, SIZE.1));
        let mut bench = Self {
            app: App::new(session, SIZE, now()),
            terminal,
            output,
            printed: 0,
            _folder: folder,
        };
        bench.frame();
        Ok(bench)
    }

    /// Presses a key and draws until nothing is left to read or colour.
    pub fn press(&mut self, key: char) {
        self.take(Msg::Key(KeyEvent::new(
            KeyCode::Char(key),
            KeyModifiers::NONE,
        )));
        self.frame();
    }

    /// As [`Bench::press`], for the key that goes a page down.
    pub fn page_down(&mut self) {
        let key = KeyEvent::new(KeyCode::PageDown, KeyModifiers::NONE);
        self.take(Msg::Key(key));
        self.frame();
    }

    /// Lets the running command print so many lines, and draws until they are on screen.
    ///
    /// # Errors
    /// When the output file cannot be written.
    pub fn print(&mut self, lines: usize) -> io::Result<()> {
        let mut text = String::new();
        for line in 0..lines {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "tests/test_part_{line:04}.py::test_it PASSED [{line:>5}]"
            );
        }
        self.output.write_all(text.as_bytes())?;
        self.printed += text.len() as u64;
        self.take(Msg::Update(Update::Output {
            command: COMMAND,
            bytes: self.printed,
        }));
        self.frame();
        Ok(())
    }

    /// The screen as text, to see that there is something to measure.
    pub fn text(&self) -> String {
        let cells = self.terminal.backend().buffer().content();
        cells.iter().map(ratatui::buffer::Cell::symbol).collect()
    }

    fn take(&mut self, msg: Msg) {
        // Nobody listens to what the reviewer decides.
        let _effects = update(&mut self.app, msg, now());
    }

    fn frame(&mut self) {
        loop {
            settle(&mut self.app);
            let jobs = self.app.jobs();
            let Ok(_drawn) = self.terminal.draw(|frame| view::draw(&self.app, frame));
            if jobs.is_empty() {
                return;
            }
            for job in jobs {
                self.take(perform(job));
            }
        }
    }
}

fn now() -> Now {
    Now {
        instant: Instant::now() + Duration::from_secs(1),
        wall: Timestamp::now(),
    }
}

fn events(run: &RunId, patch: &str, files: Vec<ChangedFile>) -> Vec<Event> {
    let started = EventKind::RunStarted {
        request: "measure".to_owned(),
        source: "made up".to_owned(),
        repository: String::new(),
        version: String::new(),
    };
    let lines = files.iter().map(|file| file.lines.added).sum();
    let written = EventKind::DiffWritten {
        patch: PatchRef {
            file: PATCH.to_owned(),
            bytes: patch.len() as u64,
            sha256: Digest::of(patch.as_bytes()),
        },
        stats: Stats {
            files: files.len() as u64,
            added: lines,
            removed: lines,
        },
        files,
    };
    let runs = EventKind::CommandStarted {
        command: CommandStart {
            id: COMMAND,
            argv: vec!["pytest".to_owned(), "-q".to_owned()],
            cwd: String::new(),
            in_process: false,
            program: None,
            timeout_seconds: Some(300),
            output: Some(OUTPUT.to_owned()),
            purpose: crate::model::Purpose::Candidate,
        },
    };
    let kinds = [started, written, runs];
    let events = kinds.into_iter().zip(1..).map(|(kind, seq)| Event {
        schema: SCHEMA,
        seq,
        at: Timestamp::now(),
        run: run.clone(),
        kind,
    });
    events.collect()
}

/// Python files in which every second line changes a little.
fn made_up_patch(lines: usize) -> (String, Vec<ChangedFile>) {
    let mut patch = String::new();
    let mut files = Vec::new();
    for number in 0..lines.div_ceil(HUNK * HUNKS) {
        let name = format!("src/module_{number:04}.py");
        // Writing to a String cannot fail.
        let _ = writeln!(
            patch,
            "diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}"
        );
        for hunk in 0..HUNKS {
            let (first, length) = (hunk * 100 + 1, HUNK / 2);
            let _ = writeln!(patch, "@@ -{first},{length} +{first},{length} @@");
            for line in 0..HUNK / 2 {
                let _ = writeln!(
                    patch,
                    "-    total_{line} = round(price * {hunk}, 2)  # in euro\n+    total_{line} = round(amount * {hunk}, 2)  # in cents"
                );
            }
        }
        let changed = (HUNK * HUNKS / 2) as u64;
        files.push(ChangedFile {
            letter: 'M',
            path: name,
            old_path: None,
            lines: LineStat {
                added: changed,
                removed: changed,
            },
        });
    }
    (patch, files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_on_the_screen() {
        let mut bench = Bench::open(400).unwrap();
        assert!(bench.text().contains("round(amount * 0, 2)"));
        bench.print(50).unwrap();
        assert!(bench.text().contains("test_part_0049.py"));
        let before = bench.text();
        bench.page_down();
        bench.press('j');
        assert_ne!(bench.text(), before);
    }
}
