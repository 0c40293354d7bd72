//! Moving about: cursor, scrolling, the log, the mouse.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use crate::model::CommandId;
use crate::tui::app::{App, LogMode};
use crate::tui::keymap::Pane;
use crate::tui::log::Place;
use crate::tui::view;

/// The rows inside a pane, at least one.
fn height(app: &App, pane: Pane) -> usize {
    let rows = app.screen.inner(pane).map_or(1, |r| r.height);
    usize::from(rows).max(1)
}

/// A page of the focused pane, with two rows of overlap.
pub(super) fn page(app: &App) -> usize {
    height(app, app.focus).saturating_sub(2).max(1)
}

/// Focuses a pane.
pub(super) fn focus(app: &mut App, pane: Pane) {
    app.focus = pane;
}

/// Moves by rows in the focused pane.
pub(super) fn by(app: &mut App, rows: isize) {
    if app.in_patch() {
        app.diff.cursor = shifted(app.diff.cursor, rows);
        clamp_cursor(app);
    } else if app.in_output() {
        log_by(app, rows);
    } else {
        list_by(app, app.focus, rows);
    }
}

fn clamp_cursor(app: &mut App) {
    let lines = app.diff.diff().map_or(0, |d| d.lines.len());
    app.diff.cursor = app.diff.cursor.min(lines.saturating_sub(1));
}

fn shifted(from: usize, by: isize) -> usize {
    from.saturating_add_signed(by)
}

fn list_by(app: &mut App, pane: Pane, rows: isize) {
    let width = app.screen.inner(pane).map_or(40, |r| usize::from(r.width));
    let all = view::rows(app, pane, width);
    let list = app.lists.entry(pane).or_default();
    let wanted = shifted(list.row, rows);
    let selectable = |(row, r): (usize, &view::PaneRow)| r.target.is_some().then_some(row);
    let next = if rows >= 0 {
        let mut rest = all
            .iter()
            .enumerate()
            .skip(list.row + 1)
            .filter_map(selectable);
        let mut found = rest.next();
        for row in rest {
            if row <= wanted {
                found = Some(row);
            }
        }
        found
    } else {
        let mut rest = all
            .iter()
            .enumerate()
            .take(list.row)
            .rev()
            .filter_map(selectable);
        let mut found = rest.next();
        for row in rest {
            if row >= wanted {
                found = Some(row);
            }
        }
        found
    };
    let reachable = next.filter(|row| row.abs_diff(list.row) <= rows.unsigned_abs().max(8));
    if let Some(row) = reachable {
        list.row = row;
        list.target = all.get(row).and_then(|r| r.target.clone());
        list.moved = true;
    } else {
        // Nothing to select there: the text scrolls.
        list.top = shifted(list.top, rows);
        list.moved = false;
    }
}

/// Goes to the first or the last row.
pub(super) fn to_end(app: &mut App, last: bool) {
    if app.in_patch() {
        app.diff.cursor = if last { usize::MAX } else { 0 };
        clamp_cursor(app);
    } else if app.in_output() {
        output_end(app, last);
    } else {
        list_end(app, app.focus, last);
    }
}

fn output_end(app: &mut App, last: bool) {
    app.log.follow = last;
    app.log.failure_top = if last { usize::MAX } else { 0 };
    if last {
        app.log.wanted = Some(Place::Tail);
    } else {
        pin_output(app);
        app.log.top = 0;
        app.log.wanted = Some(Place::Around(0));
    }
}

fn list_end(app: &mut App, pane: Pane, last: bool) {
    let width = app.screen.inner(pane).map_or(40, |r| usize::from(r.width));
    let all = view::rows(app, pane, width);
    let found = if last {
        all.iter().rposition(|r| r.target.is_some())
    } else {
        all.iter().position(|r| r.target.is_some())
    };
    let state = app.lists.entry(pane).or_default();
    state.top = if last { all.len() } else { 0 };
    state.row = found.unwrap_or(0);
    state.target = all.get(state.row).and_then(|r| r.target.clone());
    state.moved = false;
}

/// Goes to a line of the current file (or a row of the list).
pub(super) fn to_line(app: &mut App, number: usize) {
    if !app.in_patch() {
        to_end(app, false);
        by(app, isize::try_from(number.saturating_sub(1)).unwrap_or(0));
        return;
    }
    let Some(diff) = app.diff.diff().cloned() else {
        return;
    };
    let number = u32::try_from(number).ok();
    let file = diff.file_of(app.diff.cursor);
    if let Some(at) = file.and_then(|f| diff.line_at(&f.path, number, false)) {
        app.diff.cursor = at;
    }
}

/// Scrolls sideways.
pub(super) fn sideways(app: &mut App, columns: isize) {
    if app.focus == Pane::Log {
        app.log.left = shifted(app.log.left, columns);
    } else if app.diff.wrap {
        app.say("long lines wrap; w cuts them at the edge, then h and l scroll");
    } else {
        app.diff.left = shifted(app.diff.left, columns);
    }
}

fn log_by(app: &mut App, rows: isize) {
    if let LogMode::Failure(_) = app.log_shown() {
        app.log.failure_top = shifted(app.log.failure_top, rows);
        return;
    }
    if rows < 0 {
        pin_output(app);
        app.log.follow = false;
    }
    let Some((_, window)) = &app.log.window else {
        return;
    };
    let line = window.line_of(app.log.top);
    let wanted = shifted(line, rows).min(window.lines.len().saturating_sub(1));
    let near_start = wanted == 0 && !window.at_start();
    let near_end = wanted + height(app, Pane::Log) >= window.lines.len() && !window.at_end();
    if let Some(line) = window.lines.get(wanted) {
        app.log.top = line.offset;
    }
    if near_start || near_end {
        app.log.wanted = Some(Place::Around(app.log.top));
    }
}

/// Scrolling means this output: it stays when the next command starts.
pub(super) fn pin_output(app: &mut App) {
    if let LogMode::Output(id) = app.log_shown() {
        app.log.mode = LogMode::Output(id);
    }
}

/// Shows one command's output.
pub(super) fn show_output(app: &mut App, id: CommandId) {
    app.log.mode = LogMode::Output(id);
    let running = app.run.running_command().is_some_and(|c| c.start.id == id);
    app.log.follow = running;
    app.log.left = 0;
    let loaded = app.log.window.as_ref().is_some_and(|(have, _)| *have == id);
    if !loaded || !running {
        app.log.window = None;
        app.log.top = 0;
        app.log.wanted = Some(if running {
            Place::Tail
        } else {
            Place::Around(0)
        });
    }
}

/// The next or previous command whose output can be shown.
pub(super) fn command(app: &mut App, forward: bool) {
    if let LogMode::Failure(index) = app.log_shown() {
        let failures = app.run.tests.as_ref().map_or(0, |t| t.failures.len());
        let next = if forward {
            (index + 1).min(failures.saturating_sub(1))
        } else {
            index.saturating_sub(1)
        };
        app.log.mode = LogMode::Failure(next);
        app.log.failure_top = 0;
        return;
    }
    let LogMode::Output(id) = app.log_shown() else {
        by(app, if forward { 1 } else { -1 });
        return;
    };
    let with_output = app.run.commands.iter().filter(|c| c.start.output.is_some());
    let mut ids = with_output.map(|c| c.start.id);
    let next = if forward {
        ids.find(|other| *other > id)
    } else {
        ids.rfind(|other| *other < id)
    };
    match next {
        Some(id) => show_output(app, id),
        None => app.say("no further command with output"),
    }
}

/// The mouse: a click focuses a pane and selects the row, the wheel scrolls what is under it.
pub(super) fn mouse(app: &mut App, event: MouseEvent) {
    if app.overlay.is_some() {
        return;
    }
    let at = Position::new(event.column, event.row);
    let under = app.screen.panes.iter().find(|(_, rect)| rect.contains(at));
    let Some(pane) = under.map(|(pane, _)| *pane) else {
        return;
    };
    match event.kind {
        MouseEventKind::Down(MouseButton::Left) => {
            app.focus = pane;
            click(app, pane, at);
        }
        MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
            let focus = app.focus;
            app.focus = pane;
            let down = event.kind == MouseEventKind::ScrollDown;
            by(app, if down { 3 } else { -3 });
            app.focus = focus;
        }
        MouseEventKind::Down(_)
        | MouseEventKind::Up(_)
        | MouseEventKind::Drag(_)
        | MouseEventKind::Moved
        | MouseEventKind::ScrollLeft
        | MouseEventKind::ScrollRight => {}
    }
}

fn click(app: &mut App, pane: Pane, at: Position) {
    let Some(inner) = app.screen.inner(pane).filter(|r| r.contains(at)) else {
        return;
    };
    let row = usize::from(at.y - inner.y);
    let width = usize::from(inner.width);
    if pane == Pane::Diff && !app.shows_reasons() {
        let Some(diff) = app.diff.diff().cloned() else {
            return;
        };
        let mut used = 0;
        for line in app.diff.visible.clone() {
            used += view::diff::height_of(app, &diff, line, width);
            if row < used {
                app.diff.cursor = line;
                return;
            }
        }
    } else if pane != Pane::Log || app.log_shown() == LogMode::List {
        let rows = view::rows(app, pane, width);
        let list = app.lists.entry(pane).or_default();
        let Some(target) = rows.get(list.top + row).and_then(|r| r.target.clone()) else {
            return;
        };
        list.row = list.top + row;
        list.target = Some(target);
    }
}
