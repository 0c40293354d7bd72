//! Draws the screen from `&App`; nothing in here changes anything.
//!
//! Panes that are lists are made of [`PaneRow`]s, which [`crate::tui::update`] reads too: what is
//! selected, searched and clicked is exactly what is drawn.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, BorderType, Widget as _};

use crate::tui::app::{App, LogMode, Target};
use crate::tui::keymap::Pane;
use crate::tui::layout::Class;
use crate::tui::row::{Row, wrap};
use crate::tui::theme::Role;

pub(crate) mod approval;
pub(crate) mod checklist;
pub(crate) mod comments;
pub(crate) mod dialogs;
pub(crate) mod diff;
pub(crate) mod files;
pub(crate) mod footer;
pub(crate) mod header;
pub(crate) mod log;
mod note;
pub(crate) mod plan;
mod reasons;
mod words;

/// One row of a list, and what it stands for.
#[derive(Clone, Debug)]
pub(crate) struct PaneRow {
    pub(crate) row: Row,
    pub(crate) target: Option<Target>,
}

impl PaneRow {
    fn text(row: Row) -> Self {
        Self { row, target: None }
    }

    fn of(target: Target, row: Row) -> Self {
        Self {
            row,
            target: Some(target),
        }
    }
}

/// A text wrapped into rows, each behind `indent` spaces.
fn wrapped(app: &App, role: Role, text: &str, (indent, width): (usize, usize)) -> Vec<PaneRow> {
    let parts = wrap(text, width.saturating_sub(indent).max(1));
    let rows = parts
        .into_iter()
        .map(|part| PaneRow::text(Row::new(app.theme).pad_to(indent).put(role, part)));
    rows.collect()
}

/// As [`wrapped`], but at most `most` rows; when text is missing, the last one says how to see it.
fn wrapped_start(
    app: &App,
    role: Role,
    text: &str,
    (indent, width, most): (usize, usize, usize),
) -> Vec<PaneRow> {
    let mut rows = wrapped(app, role, text, (indent, width));
    if rows.len() > most {
        rows.truncate(most.saturating_sub(1));
        let more = Row::new(app.theme).pad_to(indent).join(more_row(app));
        rows.push(PaneRow::text(more));
    }
    rows
}

/// What stands where a finding's text was cut.
fn more_row(app: &App) -> Row {
    Row::new(app.theme)
        .put(Role::Dim, "… (")
        .put(Role::Key, "Enter")
        .put(Role::Dim, " shows all)")
}

/// The rows of a list pane at some width.
pub(crate) fn rows(app: &App, pane: Pane, width: usize) -> Vec<PaneRow> {
    match pane {
        Pane::Plan => plan::rows(app, width),
        Pane::Files => files::rows(app, width),
        Pane::Diff => reasons::rows(app, width),
        Pane::Log => log::rows(app, width),
        Pane::Checklist => checklist::rows(app, width),
        Pane::Comments => comments::rows(app, width),
    }
}

/// Draws a frame.
pub(crate) fn draw(app: &App, frame: &mut Frame<'_>) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    if area.as_size() != ratatui::layout::Size::from(app.size) {
        // The terminal was resized after settling; the next frame fits.
        return;
    }
    let screen = &app.screen;
    if screen.class == Class::TooSmall {
        too_small(app, area, buffer);
        return;
    }
    header::draw(app, screen.header, buffer);
    if let Some(strip) = screen.strip {
        footer::strip(app, strip, buffer);
    }
    for (pane, rect) in &screen.panes {
        draw_pane(app, *pane, *rect, buffer);
    }
    if let Some(line) = screen.log_line {
        log::line(app, line, buffer);
    }
    footer::decision(app, screen.decision, buffer);
    if let Some(hints) = screen.hints {
        footer::hints(app, hints, buffer);
    }
    let cursor = dialogs::draw(app, area, buffer);
    if let Some(position) = cursor {
        frame.set_cursor_position(position);
    }
}

fn draw_pane(app: &App, pane: Pane, rect: Rect, buffer: &mut Buffer) {
    let focused = app.focus == pane;
    let Some(inner) = app.screen.inner(pane) else {
        return;
    };
    if app.screen.class > Class::Tiny {
        let (left, right) = titles(app, pane, usize::from(rect.width).saturating_sub(4));
        let (border, kind) = if focused {
            (Role::BorderFocus, BorderType::Thick)
        } else {
            (Role::Border, BorderType::Plain)
        };
        Block::bordered()
            .border_type(kind)
            .border_style(app.theme.style(border))
            .title_top(left)
            .title_top(right.right_aligned())
            .render(rect, buffer);
    }
    match pane {
        Pane::Diff if !app.shows_reasons() => diff::draw(app, inner, buffer),
        Pane::Log if app.log_shown() != LogMode::List => log::draw_output(app, inner, buffer),
        Pane::Plan | Pane::Files | Pane::Diff | Pane::Log | Pane::Checklist | Pane::Comments => {
            draw_list(app, pane, inner, buffer);
        }
    }
}

/// The two titles of a pane; the right one gives way first.
fn titles(app: &App, pane: Pane, room: usize) -> (Line<'static>, Line<'static>) {
    let role = if app.focus == pane {
        Role::TitleFocus
    } else {
        Role::Title
    };
    let name = match pane {
        Pane::Diff => diff::name(app),
        Pane::Plan | Pane::Files | Pane::Log | Pane::Checklist | Pane::Comments => pane.title(),
    };
    let head = Row::new(app.theme).put(role, format!(" {} {name} ", pane.number()));
    let (more, right) = match pane {
        Pane::Plan => (String::new(), plan::title(app)),
        Pane::Files => (String::new(), files::title(app)),
        Pane::Diff => diff::title(app),
        Pane::Log => log::title(app),
        Pane::Checklist => (String::new(), checklist::title(app)),
        Pane::Comments => (String::new(), comments::title(app)),
    };
    let right = if right.is_empty() {
        Row::new(app.theme)
    } else {
        Row::new(app.theme).put(role, format!(" {right} "))
    };
    let right = if head.width() + right.width() > room {
        Row::new(app.theme)
    } else {
        right
    };
    let left_room = room.saturating_sub(right.width() + head.width() + 1);
    let head = if more.is_empty() || left_room < 6 {
        head
    } else {
        head.put(Role::Text, " ")
            .path(Role::Text, &more, left_room.saturating_sub(2))
            .put(Role::Text, " ")
    };
    (head.line(room), right.line(room))
}

fn draw_list(app: &App, pane: Pane, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let rows = rows(app, pane, width);
    let list = app.list(pane);
    let total = rows.len();
    let selected = app.focus == pane && rows.iter().any(|r| r.target.is_some());
    let visible = rows.into_iter().enumerate().skip(list.top);
    let below = total.saturating_sub(list.top + usize::from(area.height));
    if below > 0 && app.screen.class > Class::Tiny {
        // On the frame, so that it costs no row.
        let note = Row::new(app.theme).put(Role::Dim, format!(" {below} more ↓ "));
        let columns = u16::try_from(note.width()).unwrap_or(u16::MAX);
        if let Some(x) = area.right().checked_sub(columns).filter(|x| *x > area.x) {
            buffer.set_line(x, area.bottom(), &note.line(width), columns);
        }
    }
    for ((index, row), y) in visible.zip(area.y..area.bottom()) {
        let is_selected = selected && index == list.row && row.target.is_some();
        buffer.set_line(area.x, y, &row.row.line(width), area.width);
        if is_selected {
            let line = Rect::new(area.x, y, area.width, 1);
            buffer.set_style(line, app.theme.style(Role::Selected));
        }
    }
}

/// Draws one row.
fn put(app: &App, row: Row, at: Rect, buffer: &mut Buffer) {
    let blank = Row::new(app.theme).pad_to(usize::from(at.width));
    buffer.set_line(at.x, at.y, &blank.line(usize::from(at.width)), at.width);
    buffer.set_line(at.x, at.y, &row.line(usize::from(at.width)), at.width);
}

fn too_small(app: &App, area: Rect, buffer: &mut Buffer) {
    let (_, word) = header::state(app);
    let sentence = format!("milton {word} goes on: make this window larger");
    let rows = wrap(&sentence, usize::from(area.width));
    for (row, y) in rows.into_iter().zip(area.y..area.bottom()) {
        let row = Row::new(app.theme).put(Role::Text, row);
        put(app, row, Rect::new(area.x, y, area.width, 1), buffer);
    }
}

/// The place of the cursor inside an area, for text that is typed at its end.
fn caret(area: Rect, column: usize) -> Position {
    let column = u16::try_from(column).unwrap_or(u16::MAX);
    let last = area.right().saturating_sub(1);
    Position::new(area.x.saturating_add(column).min(last), area.y)
}

#[cfg(test)]
mod tests;
