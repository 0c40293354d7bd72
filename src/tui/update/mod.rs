//! What a message does to the screen. Pure: no I/O, no clock of its own; what must happen outside
//! comes back as [`Effect`]s.

use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};

use crate::model::event::PatchRef;
use crate::model::{CommandId, Decision, EventKind, Phase, ReviewAct, ReviewCommand, Status};
use crate::tui::app::{App, LogMode, Now, Overlay, Patch, Work};
use crate::tui::diff::{Diff, HunkPaint};
use crate::tui::log::Window;
use crate::tui::{Outcome, Update};

mod comments;
mod jumps;
mod keys;
mod moves;
mod overlays;
mod review;
mod search;
mod settle;

pub(crate) use jumps::place_of_cursor;
pub(crate) use overlays::{TEST_CHOICES, TYPED};
pub(crate) use review::unseen_hunks;
pub(crate) use settle::settle;

/// What can happen to the screen.
#[derive(Debug)]
pub(crate) enum Msg {
    Update(Update),
    /// No more updates come.
    UpdatesEnded,
    Key(KeyEvent),
    Paste(String),
    Mouse(MouseEvent),
    FocusGained,
    Resize(u16, u16),
    Tick,
    /// A patch was read: parsed, and whether its digest is the recorded one.
    Patch {
        source: PatchRef,
        result: Result<(Diff, bool), String>,
    },
    /// Hunks got their colours.
    Painted {
        diff: Arc<Diff>,
        painted: Vec<(usize, HunkPaint)>,
    },
    /// A part of an output file was read.
    Log {
        command: CommandId,
        result: Result<Window, String>,
    },
}

/// What the screen asks its surroundings to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Send(ReviewCommand),
    Copy(String),
    Leave(Outcome),
}

/// Hunks whose colours are kept; more means that somebody scrolled through a very large diff.
const MAX_PAINTED: usize = 2_000;

/// Applies a message.
pub(crate) fn update(app: &mut App, msg: Msg, now: Now) -> Vec<Effect> {
    app.now = now;
    match msg {
        Msg::Update(Update::Event(event)) => event_happened(app, &event),
        Msg::Update(Update::Output { command, bytes }) => {
            app.log.sizes.insert(command, bytes);
            Vec::new()
        }
        Msg::Update(Update::Closed) => leave(app),
        Msg::UpdatesEnded => {
            // A read-only run has no more news, a decided one neither: they stay to be looked at.
            // An undecided one cannot be decided any more.
            if app.is_live() && app.is_pending() {
                leave(app)
            } else {
                Vec::new()
            }
        }
        Msg::Key(key) => keys::pressed(app, key),
        Msg::Paste(text) => {
            app.guard.since = now.instant;
            overlays::paste(app, &text);
            Vec::new()
        }
        Msg::Mouse(mouse) => {
            moves::mouse(app, mouse);
            Vec::new()
        }
        Msg::FocusGained => {
            app.guard.skip_next = true;
            Vec::new()
        }
        Msg::Resize(width, height) => {
            app.size = (width, height);
            Vec::new()
        }
        Msg::Tick => Vec::new(),
        Msg::Patch { source, result } => {
            patch_read(app, &source, result);
            Vec::new()
        }
        Msg::Painted { diff, painted } => {
            hunks_painted(app, &diff, painted);
            Vec::new()
        }
        Msg::Log { command, result } => {
            log_read(app, command, result);
            Vec::new()
        }
    }
}

/// Leaves, saying whether this session decided.
pub(crate) fn leave(app: &App) -> Vec<Effect> {
    let decided = app.is_live() && !app.is_pending();
    let outcome = if decided {
        Outcome::Decided
    } else {
        Outcome::Left
    };
    vec![Effect::Leave(outcome)]
}

fn event_happened(app: &mut App, event: &crate::model::Event) -> Vec<Effect> {
    app.run.apply(event);
    match &event.kind {
        EventKind::RunFinished { status } => {
            // Keys typed while it ran were not meant for the review.
            app.guard.since = app.now.instant;
            if *status == Status::Stopped && app.stop_asked {
                return leave(app);
            }
            app.stop_asked = false;
            let tested = app.run.phases.iter().filter(|p| p.phase == Phase::Tests);
            if tested.count() > 1 {
                app.say(format!("the tests ran again: {status}"));
            }
        }
        EventKind::Reviewed { act } => return acted(app, act),
        EventKind::Noticed { text, hint } if hint.is_empty() => app.say(text.clone()),
        EventKind::Noticed { text, hint } => app.say(format!("{text}; {hint}")),
        EventKind::CommandFinished { end } => {
            // Announcements may be lost on the way; the end is not.
            let bytes = end.stdout.bytes.saturating_add(end.stderr.bytes);
            let known = app.log.sizes.entry(end.id).or_default();
            *known = (*known).max(bytes);
        }
        EventKind::PlanMade { .. }
        | EventKind::GateJudged { .. }
        | EventKind::RisksNoted { .. }
        | EventKind::DiffWritten { .. } => app.place_notes(),
        EventKind::RunStarted { .. }
        | EventKind::PolicyLoaded { .. }
        | EventKind::BaseResolved { .. }
        | EventKind::PhaseStarted { .. }
        | EventKind::PhaseFinished { .. }
        | EventKind::CommandStarted { .. }
        | EventKind::CommitBuilt { .. }
        | EventKind::BranchCreated { .. }
        | EventKind::SandboxChosen { .. }
        | EventKind::VerificationSkipped { .. }
        | EventKind::TestsFinished { .. }
        | EventKind::ChecklistFilled { .. }
        | EventKind::EvidenceWritten { .. }
        | EventKind::RunFailed { .. } => {}
    }
    Vec::new()
}

fn acted(app: &mut App, act: &ReviewAct) -> Vec<Effect> {
    match act {
        ReviewAct::Approved { merge_command, .. } => {
            let copy = Effect::Copy(merge_command.clone());
            app.flash = None;
            app.open(Overlay::Merge);
            return vec![copy];
        }
        ReviewAct::ChangesRequested { .. } => app.say("sent: changes requested; q leaves"),
        ReviewAct::Abandoned { .. } => {
            // The decision line says how to take it back; the keys are shown again.
            app.overlay = None;
            app.flash = None;
        }
        ReviewAct::Restored { branch, .. } => app.say(format!("restored {branch}")),
        ReviewAct::TestFailureAcknowledged { .. } => {
            app.say("test failure acknowledged; it stays in the record");
        }
        ReviewAct::TestsRestarted => {
            app.log.mode = LogMode::Auto;
            app.log.follow = true;
        }
        ReviewAct::Commented { comment } => {
            app.next_comment = app.next_comment.max(comment.id.saturating_add(1));
            app.place_notes();
        }
        ReviewAct::CommentDeleted { .. } => app.place_notes(),
        ReviewAct::ItemTicked { .. }
        | ReviewAct::FileViewed { .. }
        | ReviewAct::FindingRead { .. } => {}
    }
    if app.run.decision == Decision::Pending {
        return Vec::new();
    }
    app.guard.since = app.now.instant;
    Vec::new()
}

fn patch_read(app: &mut App, source: &PatchRef, result: Result<(Diff, bool), String>) {
    if app.diff.source.as_ref() != Some(source) {
        return;
    }
    // The same file and line stay under the cursor when the real diff replaces the proposed one.
    let place = jumps::place_of_cursor(app);
    app.diff.painted.clear();
    app.diff.painting = Work::Idle;
    match result {
        Ok((diff, matches)) => {
            app.diff.mismatch = !matches;
            app.diff.seen = vec![false; diff.lines.len()];
            app.diff.unseen = diff.hunks.iter().map(|h| h.lines.len()).collect();
            let at = place.and_then(|(path, line, old)| diff.line_at(&path, line, old));
            app.diff.cursor = at.unwrap_or(0);
            app.diff.top = app.diff.top.min(app.diff.cursor);
            app.diff.patch = Patch::Ready(Arc::new(diff));
        }
        Err(error) => app.diff.patch = Patch::Failed(error),
    }
    app.place_notes();
}

fn hunks_painted(app: &mut App, diff: &Arc<Diff>, painted: Vec<(usize, HunkPaint)>) {
    let current = app.diff.diff().is_some_and(|d| Arc::ptr_eq(d, diff));
    if !current {
        return;
    }
    app.diff.painting = Work::Idle;
    if app.diff.painted.len() > MAX_PAINTED {
        app.diff.painted.clear();
    }
    let painted = painted.into_iter().map(|(hunk, p)| (hunk, Arc::new(p)));
    app.diff.painted.extend(painted);
}

fn log_read(app: &mut App, command: CommandId, result: Result<Window, String>) {
    let asked = app.log.reading.take();
    let announced = app.log.sizes.get(&command).copied();
    match result {
        Ok(window) => {
            app.log.error = None;
            if announced == asked {
                // The file is what counts; an announcement it does not bear out is not waited for.
                app.log.sizes.insert(command, window.size);
            }
            app.log.window = Some((command, window));
        }
        Err(error) => {
            app.log.error = Some(error);
            app.log.sizes.remove(&command);
            app.log.window = Some((command, Window::default()));
        }
    }
}

#[cfg(test)]
mod tests;
