//! Moving about: cursor, scrolling, jumps, search, the mouse.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use crate::model::CommandId;
use crate::tui::app::{App, LogMode, Note, Overlay, Target};
use crate::tui::diff::LineKind;
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
    match app.focus {
        Pane::Diff if !app.shows_reasons() => {
            app.diff.cursor = shifted(app.diff.cursor, rows);
            clamp_cursor(app);
        }
        Pane::Log if app.log_shown() != LogMode::List => log_by(app, rows),
        pane => list_by(app, pane, rows),
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
    match app.focus {
        Pane::Diff if !app.shows_reasons() => {
            app.diff.cursor = if last { usize::MAX } else { 0 };
            clamp_cursor(app);
        }
        Pane::Log if app.log_shown() != LogMode::List => {
            app.log.follow = last;
            if !last {
                pin_output(app);
                app.log.top = 0;
                app.log.wanted = Some(Place::Around(0));
            } else {
                app.log.wanted = Some(Place::Tail);
            }
            app.log.failure_top = if last { usize::MAX } else { 0 };
        }
        pane => {
            let width = app.screen.inner(pane).map_or(40, |r| usize::from(r.width));
            let all = view::rows(app, pane, width);
            let found = if last {
                all.iter().rposition(|r| r.target.is_some())
            } else {
                all.iter().position(|r| r.target.is_some())
            };
            let list = app.lists.entry(pane).or_default();
            list.top = if last { all.len() } else { 0 };
            list.row = found.unwrap_or(0);
            list.target = all.get(list.row).and_then(|r| r.target.clone());
            list.moved = false;
        }
    }
}

/// Goes to a line of the current file (or a row of the list).
pub(super) fn to_line(app: &mut App, number: usize) {
    if app.focus != Pane::Diff || app.shows_reasons() {
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
fn pin_output(app: &mut App) {
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

/// The path, line and side of the line under the cursor.
pub(crate) fn place_of_cursor(app: &App) -> Option<(String, Option<u32>, bool)> {
    let diff = app.diff.diff()?;
    let line = diff.lines.get(app.diff.cursor)?;
    let file = diff.files.get(line.file)?;
    let removed = line.kind == LineKind::Removed;
    let number = if removed { line.old } else { line.new };
    let number = match line.kind {
        LineKind::Context | LineKind::Added | LineKind::Removed => Some(number),
        LineKind::File | LineKind::Meta | LineKind::Hunk | LineKind::NoNewline => None,
    };
    Some((file.path.clone(), number, removed))
}

/// Shows a line of the diff with something above it.
fn jump_to(app: &mut App, line: usize) {
    app.diff.cursor = line;
    app.diff.prefer_patch = true;
    if !app.diff.visible.contains(&line) {
        app.diff.top = line.saturating_sub(3);
    }
}

/// Shows a place of the diff and focuses it.
pub(super) fn jump(app: &mut App, path: &str, line: Option<u32>, removed: bool) -> bool {
    let at = app.diff.diff().and_then(|d| d.line_at(path, line, removed));
    let Some(at) = at else {
        app.say(format!("{path} is not in this diff"));
        return false;
    };
    jump_to(app, at);
    app.focus = Pane::Diff;
    true
}

/// The next or previous hunk, across files.
pub(super) fn hunk(app: &mut App, forward: bool, times: usize) {
    let Some(diff) = app.diff.diff().cloned() else {
        return;
    };
    for _ in 0..times {
        let at = app.diff.cursor;
        let mut starts = diff.hunks.iter().map(|h| h.lines.start);
        let next = if forward {
            starts.find(|start| *start > at)
        } else {
            starts.rfind(|start| *start < at)
        };
        let Some(next) = next else {
            app.say(if forward { "last hunk" } else { "first hunk" });
            return;
        };
        jump_to(app, next);
    }
}

/// The next or previous file.
pub(super) fn file(app: &mut App, forward: bool, times: usize) {
    let Some(diff) = app.diff.diff().cloned() else {
        return;
    };
    for _ in 0..times {
        let at = app.diff.cursor;
        let mut starts = diff.files.iter().map(|f| f.lines.start);
        let next = if forward {
            starts.find(|start| *start > at)
        } else {
            starts.rfind(|start| *start < at)
        };
        let Some(next) = next else {
            app.say(if forward { "last file" } else { "first file" });
            return;
        };
        jump_to(app, next);
        app.diff.top = next;
    }
}

/// The next hunk with lines that were not on screen, else the next file not marked viewed.
pub(super) fn unviewed(app: &mut App) {
    let Some(diff) = app.diff.diff().cloned() else {
        return;
    };
    let start = app.diff.cursor;
    let unseen = |index: usize| app.diff.unseen.get(index).is_some_and(|left| *left > 0);
    let hunks = diff
        .hunks
        .iter()
        .enumerate()
        .filter(|(index, _)| unseen(*index));
    let mut starts: Vec<usize> = hunks.map(|(_, h)| h.lines.start).collect();
    if starts.is_empty() {
        let files = diff
            .files
            .iter()
            .filter(|f| !app.run.viewed.contains(&f.path));
        starts = files.map(|f| f.lines.start).collect();
    }
    let next = starts.iter().find(|s| **s > start).or(starts.first());
    app.focus = Pane::Diff;
    match next {
        Some(next) => jump_to(app, *next),
        None => app.say("everything was on screen and every file is marked viewed"),
    }
}

/// Findings and comments in the order of the diff, those without a place last.
pub(super) fn marks(app: &App) -> Vec<(Option<usize>, Target)> {
    let mut marks: Vec<(Option<usize>, Target)> = Vec::new();
    for (line, notes) in &app.diff.notes {
        for note in notes {
            let target = match note {
                Note::Comment(id) => Target::Comment(*id),
                Note::Finding(index) => Target::Finding(*index),
            };
            marks.push((Some(*line), target));
        }
    }
    let findings = (0..app.run.findings.len()).map(Target::Finding);
    let comments = app.run.comments.keys().map(|id| Target::Comment(*id));
    for target in findings.chain(comments) {
        if !marks.iter().any(|(_, known)| *known == target) {
            marks.push((None, target));
        }
    }
    marks
}

/// The next or previous finding or comment; the answer is what was jumped to.
pub(super) fn mark(app: &mut App, forward: bool) -> Option<Target> {
    let marks = marks(app);
    if marks.is_empty() {
        app.say("no findings and no comments");
        return None;
    }
    let last = app.last_mark.as_ref();
    let at = marks.iter().position(|(_, target)| Some(target) == last);
    let next = match (at, forward) {
        (Some(at), true) => (at + 1) % marks.len(),
        (Some(at), false) => at.checked_sub(1).unwrap_or(marks.len() - 1),
        (None, true) => 0,
        (None, false) => marks.len() - 1,
    };
    let (line, target) = marks.into_iter().nth(next)?;
    match line {
        Some(line) => {
            jump_to(app, line);
            app.focus = Pane::Diff;
        }
        None => {
            let pane = if matches!(target, Target::Comment(_)) {
                Pane::Comments
            } else {
                Pane::Checklist
            };
            select(app, pane, target.clone());
        }
    }
    app.last_mark = Some(target.clone());
    Some(target)
}

/// Focuses a pane with something selected in it.
pub(super) fn select(app: &mut App, pane: Pane, target: Target) {
    app.focus = pane;
    let list = app.lists.entry(pane).or_default();
    list.target = Some(target);
    list.moved = true;
}

/// Finds the next or previous place with the searched text in the focused pane.
pub(super) fn search(app: &mut App, forward: bool) {
    if app.search.is_empty() {
        app.say("nothing to search for: press /");
        return;
    }
    let needle = app.search.clone();
    let fold = !needle.chars().any(char::is_uppercase);
    let hit = |text: &str| {
        if fold {
            text.to_lowercase().contains(&needle)
        } else {
            text.contains(&needle)
        }
    };
    let found = match app.focus {
        Pane::Diff if !app.shows_reasons() => search_diff(app, forward, hit),
        Pane::Log if app.log_shown() != LogMode::List => search_log(app, forward, hit),
        pane => search_list(app, pane, forward, hit),
    };
    if !found {
        app.say(format!("not found: {needle}"));
    }
}

/// The first index that fits, going around from behind `from`.
fn around(len: usize, from: usize, forward: bool, hit: impl Fn(usize) -> bool) -> Option<usize> {
    let after = (from + 1).min(len)..len;
    let before = 0..(from + 1).min(len);
    if forward {
        after.chain(before).find(|i| hit(*i))
    } else {
        let mut down = (0..from.min(len)).rev().chain((from.min(len)..len).rev());
        down.find(|i| hit(*i))
    }
}

fn search_diff(app: &mut App, forward: bool, hit: impl Fn(&str) -> bool) -> bool {
    let Some(diff) = app.diff.diff().cloned() else {
        return false;
    };
    let fits = |index: usize| {
        diff.lines.get(index).is_some_and(|line| match line.kind {
            LineKind::File => diff.files.get(line.file).is_some_and(|f| hit(&f.path)),
            LineKind::Meta
            | LineKind::Hunk
            | LineKind::Context
            | LineKind::Added
            | LineKind::Removed
            | LineKind::NoNewline => hit(diff.text(line)),
        })
    };
    let found = around(diff.lines.len(), app.diff.cursor, forward, fits);
    if let Some(line) = found {
        jump_to(app, line);
    }
    found.is_some()
}

fn search_log(app: &mut App, forward: bool, hit: impl Fn(&str) -> bool) -> bool {
    pin_output(app);
    let Some((_, window)) = &app.log.window else {
        return false;
    };
    let fits = |index: usize| window.lines.get(index).is_some_and(|l| hit(&l.text));
    let from = window.line_of(app.log.top);
    let found = around(window.lines.len(), from, forward, fits);
    if let Some(line) = found.and_then(|index| window.lines.get(index)) {
        app.log.top = line.offset;
        app.log.follow = false;
    }
    found.is_some()
}

fn search_list(app: &mut App, pane: Pane, forward: bool, hit: impl Fn(&str) -> bool) -> bool {
    let width = app.screen.inner(pane).map_or(40, |r| usize::from(r.width));
    let rows = view::rows(app, pane, width);
    let from = app.list(pane).row;
    let fits = |index: usize| rows.get(index).is_some_and(|r| hit(&r.row.text()));
    let found = around(rows.len(), from, forward, fits);
    if let Some(row) = found {
        let list = app.lists.entry(pane).or_default();
        list.row = row;
        list.target = rows.get(row).and_then(|r| r.target.clone());
        list.moved = true;
        list.top = row.saturating_sub(2);
    }
    found.is_some()
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

/// Opens the search prompt.
pub(super) fn open_search(app: &mut App) {
    app.open(Overlay::Search {
        text: String::new(),
    });
}
