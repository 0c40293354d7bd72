//! The state of the screen: the run as far as its events tell it, and what only the view knows
//! (focus, cursor, overlays). Nothing in here does I/O; what the screen needs read from files is
//! asked for by [`App::jobs`].

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ratatui_textarea::TextArea;

use crate::model::event::PatchRef;
use crate::model::review::CommentKind;
use crate::model::{CommandId, Decision, ItemId, RunState, Status, TestOutcome};
use crate::tui::diff::{Diff, HunkPaint};
use crate::tui::keymap::Pane;
use crate::tui::layout::Screen;
use crate::tui::log::{Place, Window};
use crate::tui::theme::Theme;
use crate::tui::{Mode, Session};

/// Keys so soon after a dialog opened were meant for what was there before.
pub(crate) const GUARD: Duration = Duration::from_millis(400);

/// The moment of a message, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// For the guard.
    pub(crate) instant: Instant,
    /// For durations of what runs.
    pub(crate) wall: Timestamp,
}

/// What a row of a pane stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    File(String),
    Command(CommandId),
    Failure(usize),
    Item(ItemId),
    Finding(usize),
    Comment(u32),
}

/// Where a list stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    /// The selected thing; rows may move, it stays.
    pub(crate) target: Option<Target>,
    /// Its row as of the last [`crate::tui::update::settle`].
    pub(crate) row: usize,
    /// The first row on screen.
    pub(crate) top: usize,
    /// Whether the selection was moved last (and not the rows scrolled), so it must be on screen.
    pub(crate) moved: bool,
}

/// Something that stands between two lines of the diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    Comment(u32),
    Finding(usize),
}

/// What the diff pane holds.
#[derive(Debug, Default)]
pub(crate) enum Patch {
    /// There is no patch yet.
    #[default]
    Nothing,
    /// It is being read.
    Loading,
    /// It could not be read.
    Failed(String),
    /// Here it is.
    Ready(Arc<Diff>),
}

/// Whether a job of a kind is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Work {
    #[default]
    Idle,
    UnderWay,
}

/// The diff pane.
#[derive(Debug, Default)]
pub(crate) struct DiffView {
    pub(crate) patch: Patch,
    /// What `patch` was read from.
    pub(crate) source: Option<PatchRef>,
    /// Whether the file on disk is not the one that was recorded.
    pub(crate) mismatch: bool,
    pub(crate) cursor: usize,
    pub(crate) top: usize,
    pub(crate) left: usize,
    pub(crate) wrap: bool,
    /// Whether the patch is shown although there are reasons to show.
    pub(crate) prefer_patch: bool,
    pub(crate) painted: HashMap<usize, Arc<HunkPaint>>,
    pub(crate) painting: Work,
    /// Which lines were on screen.
    pub(crate) seen: Vec<bool>,
    /// For each hunk how many of its lines were not on screen.
    pub(crate) unseen: Vec<usize>,
    /// Comments and findings by the line they stand under.
    pub(crate) notes: BTreeMap<usize, Vec<Note>>,
    /// The lines on screen as of the last settling.
    pub(crate) visible: std::ops::Range<usize>,
}

impl DiffView {
    /// The parsed diff, when it is there.
    pub(crate) fn diff(&self) -> Option<&Arc<Diff>> {
        match &self.patch {
            Patch::Ready(diff) => Some(diff),
            Patch::Nothing | Patch::Loading | Patch::Failed(_) => None,
        }
    }
}

/// What the log pane shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogMode {
    /// The running command's output, or the list of commands.
    Auto,
    /// The list of commands.
    List,
    /// One command's output.
    Output(CommandId),
    /// One failed test.
    Failure(usize),
}

/// The log pane.
#[derive(Debug)]
pub(crate) struct LogView {
    pub(crate) mode: LogMode,
    /// Whether the end is kept in view.
    pub(crate) follow: bool,
    pub(crate) window: Option<(CommandId, Window)>,
    /// Why the output could not be read.
    pub(crate) error: Option<String>,
    /// The byte where the first line on screen begins.
    pub(crate) top: u64,
    pub(crate) left: usize,
    /// The sizes that were announced.
    pub(crate) sizes: BTreeMap<CommandId, u64>,
    /// While a read is under way: the size that was announced when it began.
    pub(crate) reading: Option<u64>,
    /// A place that was asked for and is not in the window.
    pub(crate) wanted: Option<Place>,
    /// First row of a failure's text.
    pub(crate) failure_top: usize,
}

/// A comment being written.
#[derive(Clone, Debug)]
pub(crate) struct Editor {
    pub(crate) area: TextArea<'static>,
    pub(crate) kind: CommentKind,
    pub(crate) path: Option<String>,
    pub(crate) line: Option<u32>,
    pub(crate) on_removed: bool,
    /// The comment that is edited; `None` for a new one.
    pub(crate) id: Option<u32>,
}

/// What lies over the panes.
#[derive(Clone, Debug)]
pub(crate) enum Overlay {
    Help {
        top: usize,
    },
    Needs {
        selected: usize,
    },
    Approve {
        typed: String,
        wrong: bool,
    },
    TestChoices {
        selected: usize,
    },
    Note(Box<TextArea<'static>>),
    Editor(Box<Editor>),
    Search {
        text: String,
    },
    Merge,
    /// The whole of a finding, to be scrolled.
    Finding {
        index: usize,
        top: usize,
    },
}

/// The type-ahead guard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    pub(crate) since: Instant,
    /// The next key was typed without looking: the terminal just got the focus back.
    pub(crate) skip_next: bool,
}

impl Guard {
    /// Whether a key pressed now may decide.
    pub(crate) fn allows(self, now: Instant) -> bool {
        !self.skip_next && now.saturating_duration_since(self.since) >= GUARD
    }
}

/// The whole screen.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) run: RunState,
    pub(crate) folder: PathBuf,
    pub(crate) mode: Mode,
    pub(crate) theme: Theme,
    /// Columns and rows of the terminal.
    pub(crate) size: (u16, u16),
    pub(crate) now: Now,
    pub(crate) focus: Pane,
    pub(crate) zoom: bool,
    pub(crate) lists: HashMap<Pane, List>,
    pub(crate) diff: DiffView,
    pub(crate) log: LogView,
    pub(crate) overlay: Option<Overlay>,
    /// A comment that was left with Esc; opening the same place again brings it back.
    pub(crate) draft: Option<Editor>,
    pub(crate) search: String,
    pub(crate) flash: Option<String>,
    pub(crate) count: Option<usize>,
    pub(crate) first_key: Option<char>,
    pub(crate) guard: Guard,
    pub(crate) stop_asked: bool,
    /// The smallest number that no comment had yet.
    pub(crate) next_comment: u32,
    /// The finding or comment that was jumped to last.
    pub(crate) last_mark: Option<Target>,
    /// Where everything is, as of the last settling.
    pub(crate) screen: Screen,
}

impl App {
    /// The screen over a run.
    pub(crate) fn new(session: Session, size: (u16, u16), now: Now) -> Self {
        let theme = Theme::new(session.settings.theme, session.settings.no_color);
        let next_comment = session.run.comments.keys().last().map_or(1, |id| id + 1);
        Self {
            run: session.run,
            folder: session.folder,
            mode: session.mode,
            theme,
            size,
            now,
            focus: Pane::Diff,
            zoom: false,
            lists: HashMap::new(),
            diff: DiffView {
                // What runs past the edge is where a change hides best.
                wrap: true,
                ..DiffView::default()
            },
            log: LogView {
                mode: LogMode::Auto,
                follow: true,
                window: None,
                error: None,
                top: 0,
                left: 0,
                sizes: BTreeMap::new(),
                reading: None,
                wanted: None,
                failure_top: 0,
            },
            overlay: None,
            draft: None,
            search: String::new(),
            flash: None,
            count: None,
            first_key: None,
            // Keys typed before the screen was there were meant for the shell.
            guard: Guard {
                since: now.instant,
                skip_next: false,
            },
            stop_asked: false,
            next_comment,
            last_mark: None,
            screen: Screen::empty(),
        }
    }

    /// Whether this screen may change anything.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.mode, Mode::Live)
    }

    /// Whether there are reasons to show instead of a diff: the run ended without anything to
    /// review.
    pub(crate) fn has_reasons(&self) -> bool {
        let refused = self.run.violations().next().is_some();
        let broken = self.run.failure.is_some() && self.run.status != Some(Status::TestFailure);
        (refused || broken) && self.run.diff.is_none()
            || broken && self.run.status.is_some_and(|s| s != Status::Success)
    }

    /// Whether the diff pane shows the reasons now.
    pub(crate) fn shows_reasons(&self) -> bool {
        self.has_reasons() && !self.diff.prefer_patch
    }

    /// Whether the focus is on the lines of a patch.
    pub(crate) fn in_patch(&self) -> bool {
        self.focus == Pane::Diff && !self.shows_reasons()
    }

    /// Whether the focus is on output rather than on a list.
    pub(crate) fn in_output(&self) -> bool {
        self.focus == Pane::Log && self.log_shown() != LogMode::List
    }

    /// Whether tests ended without a plain pass and the human is asked.
    pub(crate) fn tests_failed(&self) -> bool {
        let asked = self.run.tests.as_ref().is_some_and(|t| match t.outcome {
            TestOutcome::Skipped => false,
            TestOutcome::Passed => self.tests_open(),
            TestOutcome::Failed
            | TestOutcome::TimedOut
            | TestOutcome::NoneCounted
            | TestOutcome::NoReport
            | TestOutcome::NotStarted => true,
        });
        asked && !self.run.is_busy()
    }

    /// Whether the suite passed and something speaks against it all the same.
    pub(crate) fn tests_open(&self) -> bool {
        let passed = self.run.tests.as_ref().is_some_and(|t| t.outcome.is_pass());
        let filled = !self.run.checklist.is_empty();
        passed && filled && !self.run.is_ticked(ItemId::TestsPass)
    }

    /// Why "Tests pass" is not ticked, in words.
    pub(crate) fn tests_reason(&self) -> String {
        let Some(report) = &self.run.tests else {
            return String::new();
        };
        if !report.outcome.is_pass() {
            return report.reason.clone();
        }
        let mut items = self.run.checklist.iter();
        let item = items.find(|item| item.id == ItemId::TestsPass);
        let evidence = item.map_or("", |item| item.evidence.as_str());
        // The item's last part says why.
        let why = evidence.split("not ticked: ").last().unwrap_or(evidence);
        format!("The suite passed, and something speaks against it: {why}")
    }

    /// Whether the human may still decide.
    pub(crate) fn is_pending(&self) -> bool {
        self.run.decision == Decision::Pending
    }

    /// The patch that belongs on the screen: the real diff, until there is one the proposed one.
    pub(crate) fn patch_wanted(&self) -> Option<&PatchRef> {
        self.run.diff.as_ref().or(self.run.plan_patch.as_ref())
    }

    /// Whether the diff pane shows the real diff, so that marks mean something.
    pub(crate) fn shows_result(&self) -> bool {
        self.diff.source.is_some() && self.diff.source == self.run.diff
    }

    /// What the log pane shows.
    pub(crate) fn log_shown(&self) -> LogMode {
        match self.log.mode {
            LogMode::Auto => match self.run.running_command() {
                Some(command) if command.start.output.is_some() => {
                    LogMode::Output(command.start.id)
                }
                Some(_) | None => LogMode::List,
            },
            mode @ (LogMode::List | LogMode::Output(_) | LogMode::Failure(_)) => mode,
        }
    }

    /// The list of a pane.
    pub(crate) fn list(&self, pane: Pane) -> List {
        self.lists.get(&pane).cloned().unwrap_or_default()
    }

    /// The path that a finding is about, and its line where it names one.
    pub(crate) fn finding_place(&self, index: usize) -> Option<(String, Option<u32>)> {
        let subject = &self.run.findings.get(index)?.risk.subject;
        let known = |path: &str| {
            let changed = self.run.changed_files.iter().any(|f| f.path == path);
            let planned = self.run.plan.iter().flat_map(|p| &p.files);
            changed || planned.into_iter().any(|f| f.path == path)
        };
        if known(subject) {
            return Some((subject.clone(), None));
        }
        let (path, line) = subject.rsplit_once(':')?;
        known(path).then(|| (path.to_owned(), line.parse().ok()))
    }

    /// Puts every comment and finding under its line.
    pub(crate) fn place_notes(&mut self) {
        let mut notes: BTreeMap<usize, Vec<Note>> = BTreeMap::new();
        if let Some(diff) = self.diff.diff() {
            for index in 0..self.run.findings.len() {
                let at = self
                    .finding_place(index)
                    .and_then(|(path, line)| diff.line_at(&path, line, false));
                if let Some(at) = at {
                    notes.entry(at).or_default().push(Note::Finding(index));
                }
            }
            for comment in self.run.comments.values() {
                let at = comment
                    .path
                    .as_ref()
                    .and_then(|path| diff.line_at(path, comment.line, comment.on_removed));
                if let Some(at) = at {
                    notes.entry(at).or_default().push(Note::Comment(comment.id));
                }
            }
        }
        self.diff.notes = notes;
    }

    /// Opens an overlay; from now on the guard counts.
    pub(crate) fn open(&mut self, overlay: Overlay) {
        self.overlay = Some(overlay);
        self.guard.since = self.now.instant;
    }

    /// Shows a short message until the next key.
    pub(crate) fn say(&mut self, text: impl Into<String>) {
        self.flash = Some(text.into());
    }
}
