//! Key presses on the main screen.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::model::ReviewCommand;
use crate::tui::app::{App, LogMode, Overlay};
use crate::tui::keymap::{self, Action, Look, Lookup, Pane};
use crate::tui::update::{Effect, comments, jumps, leave, moves, overlays, review, search};

/// Whether a key may decide, or came so early or blindly that it was not meant to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    Deliberate,
    Stray,
}

/// Applies a key press.
pub(super) fn pressed(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    let intent = if app.guard.allows(app.now.instant) && key.kind == KeyEventKind::Press {
        Intent::Deliberate
    } else {
        Intent::Stray
    };
    app.guard.skip_next = false;
    app.flash = None;
    let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    if control_c && app.run.is_busy() {
        return stop(app);
    }
    if app.overlay.is_some() {
        return overlays::pressed(app, key, intent);
    }
    if control_c {
        return quit(app);
    }
    if counted(app, key) {
        return Vec::new();
    }
    let first = app.first_key.take();
    match keymap::lookup(&key, first) {
        Lookup::Action(action) => {
            let count = app.count.take();
            act(app, action, count, intent)
        }
        Lookup::First(c) => {
            app.first_key = Some(c);
            app.say(format!("{c} …"));
            Vec::new()
        }
        Lookup::Unknown => {
            app.count = None;
            Vec::new()
        }
    }
}

/// Takes a digit of a count: 1-6 begin none, they are the panes.
fn counted(app: &mut App, key: KeyEvent) -> bool {
    let KeyCode::Char(c) = key.code else {
        return false;
    };
    let Some(digit) = c.to_digit(10) else {
        return false;
    };
    if !key.modifiers.is_empty() || app.count.is_none() && (1..=6).contains(&digit) {
        return false;
    }
    let count = app.count.unwrap_or(0).saturating_mul(10);
    let count = count.saturating_add(digit as usize).min(9_999_999);
    app.count = Some(count);
    app.say(format!("{count} …"));
    true
}

fn act(app: &mut App, action: Action, count: Option<usize>, intent: Intent) -> Vec<Effect> {
    let times = count.filter(|n| *n > 0).unwrap_or(1);
    let rows = isize::try_from(times).unwrap_or(isize::MAX);
    let page = isize::try_from(moves::page(app)).unwrap_or(1);
    match action {
        Action::Down => moves::by(app, rows),
        Action::Up => moves::by(app, -rows),
        Action::HalfDown => moves::by(app, (page / 2).max(1)),
        Action::HalfUp => moves::by(app, -(page / 2).max(1)),
        Action::PageDown => moves::by(app, page),
        Action::PageUp => moves::by(app, -page),
        Action::Top | Action::Bottom => match count {
            Some(line) => moves::to_line(app, line),
            None => moves::to_end(app, action == Action::Bottom),
        },
        Action::Left => moves::sideways(app, -8),
        Action::Right => moves::sideways(app, 8),
        Action::NextHunk | Action::PreviousHunk => {
            let forward = action == Action::NextHunk;
            if app.focus == Pane::Log {
                moves::command(app, forward);
            } else {
                jumps::hunk(app, forward, times);
            }
        }
        Action::NextFile => jumps::file(app, true, times),
        Action::PreviousFile => jumps::file(app, false, times),
        Action::NextUnviewed => jumps::unviewed(app),
        Action::NextMark => return review::next_mark(app, true),
        Action::PreviousMark => return review::next_mark(app, false),
        Action::Mark => return review::toggle_mark(app),
        Action::Open => return review::open(app),
        Action::Comment => comments::comment(app, comments::Place::Line),
        Action::CommentFile => comments::comment(app, comments::Place::File),
        Action::EditComment => comments::edit_comment(app),
        Action::DeleteComment => return comments::delete_comment(app),
        Action::Approve => review::approve(app, intent),
        Action::Send => return review::send(app, intent),
        Action::Abandon => return review::abandon(app, intent),
        Action::Restore => return review::restore(app, intent),
        Action::TestChoices => review::test_choices(app),
        Action::MergeCommand => return review::merge_command(app),
        Action::Copy => return review::copy_reference(app),
        Action::Stop | Action::Quit => return quit(app),
        Action::Look(change) => look(app, change),
    }
    Vec::new()
}

/// What changes only the view.
fn look(app: &mut App, change: Look) {
    match change {
        Look::Focus(pane) => moves::focus(app, pane),
        Look::NextPane => moves::focus(app, neighbour(app.focus, 1)),
        Look::PreviousPane => moves::focus(app, neighbour(app.focus, Pane::ALL.len() - 1)),
        Look::Back => {
            if app.in_output() {
                app.log.mode = LogMode::List;
            } else if app.zoom {
                app.zoom = false;
            }
        }
        Look::Reasons => {
            if app.has_reasons() {
                app.diff.prefer_patch = !app.diff.prefer_patch;
                app.focus = Pane::Diff;
            } else {
                app.say("nothing was refused and nothing failed");
            }
        }
        Look::Wrap => {
            app.diff.wrap = !app.diff.wrap;
            app.diff.left = 0;
            app.say(if app.diff.wrap {
                "long lines wrap"
            } else {
                "long lines are cut; h and l scroll sideways"
            });
        }
        Look::Zoom => app.zoom = !app.zoom,
        Look::Follow => {
            app.log.follow = true;
            app.log.mode = LogMode::Auto;
            app.focus = Pane::Log;
            app.say("following the log");
        }
        Look::Search => search::open_search(app),
        Look::SearchNext => search::search(app, true),
        Look::SearchPrevious => search::search(app, false),
        Look::Theme => {
            let (theme, name) = app.theme.next();
            app.theme = theme;
            app.say(format!("theme: {name}"));
        }
        Look::Help => app.open(Overlay::Help { top: 0 }),
    }
}

fn neighbour(pane: Pane, steps: usize) -> Pane {
    let at = pane.number() - 1 + steps;
    Pane::ALL
        .get(at % Pane::ALL.len())
        .copied()
        .unwrap_or(Pane::Diff)
}

fn stop(app: &mut App) -> Vec<Effect> {
    if !app.is_live() {
        return leave(app);
    }
    app.say(if app.stop_asked {
        "killing what runs"
    } else {
        "stopping; Ctrl-C again kills"
    });
    app.stop_asked = true;
    vec![Effect::Send(ReviewCommand::Stop)]
}

fn quit(app: &mut App) -> Vec<Effect> {
    if app.is_live() && app.run.is_busy() {
        app.say("the run is still working; Ctrl-C stops it");
        return Vec::new();
    }
    let mut effects = Vec::new();
    if app.is_live() && app.is_pending() {
        effects.push(Effect::Send(ReviewCommand::Leave));
    }
    effects.extend(leave(app));
    effects
}
