//! The review screen: a fold over a run's events, and the reviewer's commands.
//!
//! The screen never does git or policy work and never decides anything itself: a key becomes a
//! [`ReviewCommand`], the pipeline's machine judges it, and only the event that comes back changes
//! what is shown. `update` is pure; `view` draws `&App`; what must be read from the run's
//! folder is read off the screen's task.

use std::path::PathBuf;

use tokio::sync::mpsc;

use crate::model::{ReviewCommand, RunState};
pub use crate::pipeline::Update;

mod app;
#[doc(hidden)]
pub mod bench;
mod diff;
#[cfg(test)]
mod fixture;
mod glyph;
mod input;
mod jobs;
mod keymap;
mod layout;
mod log;
mod row;
mod runner;
mod terminal;
mod theme;
mod update;
mod view;

/// Whether the reviewer may decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Decisions are taken.
    Live,
    /// Decided already, or another milton writes the run: it is followed, nothing can be changed.
    ReadOnly {
        /// Why, in one phrase.
        reason: String,
    },
}

/// The choice of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThemeChoice {
    /// The terminal's own sixteen colours without backgrounds: fits dark and light terminals.
    #[default]
    Auto,
    /// Tinted backgrounds for a dark terminal (256 colours).
    Dark,
    /// Tinted backgrounds for a light terminal (256 colours).
    Light,
    /// No colour: modifiers and glyphs only.
    Mono,
}

/// What the user's configuration says about the screen.
#[derive(Clone, Debug, Default)]
pub struct ScreenSettings {
    /// Whether `NO_COLOR` is set; wins over `theme`.
    pub no_color: bool,
    /// The colours.
    pub theme: ThemeChoice,
    /// Whether the mouse is captured (the terminal's own selection then needs Shift).
    pub mouse: bool,
}

/// What the screen is opened on.
#[derive(Clone, Debug)]
pub struct Session {
    /// The run as far as its events were applied.
    pub run: RunState,
    /// The run's folder: the patches and output files that the events name.
    pub folder: PathBuf,
    /// Whether the reviewer may decide.
    pub mode: Mode,
    /// How the screen looks and behaves.
    pub settings: ScreenSettings,
}

/// How the screen was left; the exit code follows from the run's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Without a decision of this session.
    Left,
    /// After a decision (approved, changes requested, abandoned).
    Decided,
}

/// The screen could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no terminal.
    #[error("the review screen needs a terminal on standard input and output")]
    NoTerminal,
    /// The terminal did not do what it was asked.
    #[error("the terminal failed")]
    Terminal(#[from] std::io::Error),
}

/// Shows the screen until the reviewer leaves it, [`Update::Closed`] arrives, or the terminal is
/// gone.
///
/// When `updates` ends without [`Update::Closed`], the screen stays where there is something to
/// look at (read only, or decided) and leaves otherwise. `commands` is never waited for: when it
/// is full, the reviewer is told so and presses the key again.
///
/// # Errors
/// [`Error::NoTerminal`] without a terminal; [`Error::Terminal`] when drawing fails.
pub async fn run(
    session: Session,
    updates: mpsc::Receiver<Update>,
    commands: mpsc::Sender<ReviewCommand>,
) -> Result<Outcome, Error> {
    runner::run(session, updates, commands).await
}
