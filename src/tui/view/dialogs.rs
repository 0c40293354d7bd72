//! What lies over the panes: dialogs made of [`Clear`] and a frame.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::widgets::{Block, BorderType, Clear, Widget as _};
use ratatui_textarea::TextArea;

use crate::model::review::{Need, needs};
use crate::tui::app::{App, Editor, Overlay};
use crate::tui::keymap::{Group, TABLE};
use crate::tui::row::{Row, wrap};
use crate::tui::theme::Role;
use crate::tui::update::TEST_CHOICES;
use crate::tui::view::{approval, caret, comments, put, words};

/// The most columns of a finding's text: longer lines are hard to read.
const FINDING_WIDTH: usize = 76;

/// Draws the overlay; the answer is where the terminal's cursor belongs.
pub(crate) fn draw(app: &App, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    match app.overlay.as_ref()? {
        Overlay::Help { top } => {
            help(app, *top, area, buffer);
            None
        }
        Overlay::Needs { selected } => {
            needs_list(app, *selected, area, buffer);
            None
        }
        Overlay::Approve { typed, wrong } => approval::approve(app, (typed, *wrong), area, buffer),
        Overlay::TestChoices { selected } => {
            test_choices(app, *selected, area, buffer);
            None
        }
        Overlay::Note(text) => {
            let title = "Why do you take the failing tests on yourself?";
            typing(
                app,
                (title, "Ctrl-s acknowledge  Esc cancel"),
                text,
                (area, buffer),
            );
            None
        }
        Overlay::Editor(editor) => {
            let title = editor_title(editor);
            let keys = "Ctrl-s save  Tab question/change/nit  Esc keep as draft";
            typing(app, (&title, keys), &editor.area, (area, buffer));
            None
        }
        Overlay::Search { text } => {
            let hints = app.screen.hints?;
            Some(caret(hints, 2 + crate::tui::row::width_of(text)))
        }
        Overlay::Merge => {
            approval::merge(app, area, buffer);
            None
        }
        Overlay::Finding { index, top } => {
            finding(app, (*index, *top), area, buffer);
            None
        }
    }
}

/// A frame in the middle of `area` for `rows` rows of `width` columns.
pub(super) fn frame(
    app: &App,
    (title, keys): (&str, &str),
    (width, rows): (usize, usize),
    (area, buffer): (Rect, &mut Buffer),
) -> Rect {
    let width = u16::try_from(width + 4).unwrap_or(u16::MAX).min(area.width);
    let width = if area.width - width <= 4 {
        area.width
    } else {
        width
    };
    let height = u16::try_from(rows + 2).unwrap_or(u16::MAX).min(area.height);
    let rect = Rect::new(
        area.x + (area.width - width) / 2,
        area.y + (area.height - height) / 2,
        width,
        height,
    );
    Clear.render(rect, buffer);
    let room = usize::from(width).saturating_sub(4);
    let title = Row::new(app.theme)
        .put(Role::Text, " ")
        .put(Role::TitleFocus, title)
        .put(Role::Text, " ");
    // Keys are dropped whole, like everywhere.
    let mut hint = Row::new(app.theme).put(Role::Text, " ");
    for key in keys.split("  ") {
        let (name, word) = key.split_once(' ').unwrap_or((key, ""));
        let next = hint
            .clone()
            .put(Role::Key, name)
            .put(Role::Dim, format!(" {word} "));
        if next.width() > room {
            break;
        }
        hint = next.put(Role::Text, " ");
    }
    Block::bordered()
        .border_type(BorderType::Thick)
        .border_style(app.theme.style(Role::BorderFocus))
        .title_top(title.line(room))
        .title_bottom(hint.line(room).right_aligned())
        .render(rect, buffer);
    Rect::new(
        rect.x + 2.min(width),
        rect.y + 1.min(height),
        width.saturating_sub(4),
        height.saturating_sub(2),
    )
}

pub(super) fn draw_rows(app: &App, rows: Vec<Row>, inner: Rect, buffer: &mut Buffer) {
    for (row, y) in rows.into_iter().zip(inner.y..inner.bottom()) {
        put(app, row, Rect::new(inner.x, y, inner.width, 1), buffer);
    }
}

/// How many columns a dialog's text may have.
pub(super) fn room(area: Rect, most: usize) -> usize {
    usize::from(area.width).saturating_sub(6).min(most)
}

fn help_lines(app: &App, width: usize) -> Vec<Row> {
    let keys = 24.min(width / 3);
    let mut rows = Vec::new();
    for group in Group::ALL {
        if !rows.is_empty() {
            rows.push(Row::new(app.theme));
        }
        rows.push(Row::new(app.theme).put(Role::Strong, group.title()));
        for binding in TABLE.iter().filter(|b| b.group == group) {
            let parts = wrap(binding.help, width.saturating_sub(keys + 1).max(1));
            for (index, part) in parts.into_iter().enumerate() {
                let names = if index == 0 {
                    binding.all_keys()
                } else {
                    String::new()
                };
                rows.push(
                    Row::new(app.theme)
                        .cell(Role::Key, &names, keys)
                        .put(Role::Text, " ")
                        .put(Role::Text, part),
                );
            }
        }
    }
    rows
}

/// How many rows of the help cannot be on screen at once, plus one.
pub(crate) fn help_rows(app: &App) -> usize {
    let area = Rect::new(0, 0, app.size.0, app.size.1);
    let rows = help_lines(app, room(area, 84)).len();
    (rows + 3).saturating_sub(usize::from(app.size.1)).max(1)
}

fn help(app: &App, top: usize, area: Rect, buffer: &mut Buffer) {
    let width = room(area, 84);
    let rows = help_lines(app, width);
    let keys = "j/k scroll  Esc close";
    let inner = frame(app, ("Keys", keys), (width, rows.len()), (area, buffer));
    draw_rows(app, rows.into_iter().skip(top).collect(), inner, buffer);
}

fn finding_lines(app: &App, index: usize, width: usize) -> Vec<Row> {
    let Some(finding) = app.run.findings.get(index) else {
        return Vec::new();
    };
    let text = [
        (Role::Strong, finding.risk.subject.as_str()),
        (Role::Text, ""),
        (Role::Text, finding.risk.detail.as_str()),
    ];
    let rows = text.into_iter().flat_map(|(role, text)| {
        let parts = wrap(text, width).into_iter();
        parts.map(move |part| Row::new(app.theme).put(role, part))
    });
    rows.collect()
}

/// The last row of a finding that may stand at the top.
pub(crate) fn last_finding_top(app: &App, index: usize) -> usize {
    let area = Rect::new(0, 0, app.size.0, app.size.1);
    let rows = finding_lines(app, index, room(area, FINDING_WIDTH)).len();
    (rows + 2).saturating_sub(usize::from(app.size.1))
}

fn finding(app: &App, (index, top): (usize, usize), area: Rect, buffer: &mut Buffer) {
    let width = room(area, FINDING_WIDTH);
    let rows = finding_lines(app, index, width);
    let id = app
        .run
        .findings
        .get(index)
        .map_or("", |f| f.risk.id.as_str());
    let title = format!("Finding {}/{}: {id}", index + 1, app.run.findings.len());
    let keys = if last_finding_top(app, index) > 0 {
        "j/k scroll  Esc close"
    } else {
        "Esc close"
    };
    let inner = frame(app, (&title, keys), (width, rows.len()), (area, buffer));
    draw_rows(app, rows.into_iter().skip(top).collect(), inner, buffer);
}

/// One need as a sentence.
fn need_text(app: &App, need: &Need) -> (&'static str, String) {
    match need {
        Need::NotReady(status) => (
            "state",
            status.map_or("the run is not finished".to_owned(), |s| {
                format!("the run ended with {s}")
            }),
        ),
        Need::TestFailure => (
            "tests",
            if app.tests_open() {
                "not a plain pass: run again, or acknowledge with a note"
            } else {
                "failed: run again, or acknowledge with a note"
            }
            .to_owned(),
        ),
        Need::MachineItem(item) => ("measured", format!("{}: open", item.text())),
        Need::Tick(item) => ("tick", item.text().to_owned()),
        Need::UnviewedFile(path) => ("view", path.clone()),
        Need::UnreadFinding(index) => {
            let finding = app.run.findings.get(*index);
            let text = finding.map_or(String::new(), |f| {
                format!("{} {}", f.risk.id, f.risk.subject)
            });
            ("read", text)
        }
        Need::Decided => ("done", "the decision is made".to_owned()),
    }
}

fn needs_list(app: &App, selected: usize, area: Rect, buffer: &mut Buffer) {
    let open = needs(&app.run);
    let width = room(area, 70);
    let title = format!(
        "What approval needs: {}",
        words::count(open.len(), "thing", "things")
    );
    let keys = "Enter go there  j/k choose  Esc close";
    let inner = frame(app, (&title, keys), (width, open.len() + 2), (area, buffer));
    let visible = usize::from(inner.height).saturating_sub(2).max(1);
    let skip = (selected + 1).saturating_sub(visible);
    let mut rows = vec![Row::new(app.theme)];
    for (index, need) in open.iter().enumerate().skip(skip).take(visible) {
        let (kind, text) = need_text(app, need);
        let mark = if index == selected { "> " } else { "  " };
        rows.push(
            Row::new(app.theme)
                .put(Role::Strong, mark)
                .cell(Role::Warn, kind, 10)
                .fitted(Role::Text, &text, width.saturating_sub(12)),
        );
    }
    draw_rows(app, rows, inner, buffer);
    let y = inner.y + 1 + u16::try_from(selected.saturating_sub(skip)).unwrap_or(0);
    if y < inner.bottom() {
        let line = Rect::new(inner.x, y, inner.width, 1);
        buffer.set_style(line, app.theme.style(Role::Selected));
    }
}

fn test_choices(app: &App, selected: usize, area: Rect, buffer: &mut Buffer) {
    let width = room(area, 70);
    let reason = app.tests_reason();
    let mut rows = vec![Row::new(app.theme)];
    let parts = wrap(&reason, width);
    rows.extend(
        parts
            .into_iter()
            .map(|p| Row::new(app.theme).put(Role::Bad, p)),
    );
    rows.push(Row::new(app.theme));
    for (index, (key, text)) in TEST_CHOICES.iter().enumerate() {
        let mark = if index == selected { "> " } else { "  " };
        rows.push(
            Row::new(app.theme)
                .put(Role::Strong, mark)
                .put(Role::Key, key)
                .put(Role::Text, "  ")
                .fitted(
                    if index == selected {
                        Role::Strong
                    } else {
                        Role::Text
                    },
                    text,
                    width.saturating_sub(5),
                ),
        );
    }
    rows.push(Row::new(app.theme));
    let keys = "r a X choose  j/k move  Esc close";
    let title = if app.tests_open() {
        "The tests are no plain pass"
    } else {
        "The tests did not pass"
    };
    let inner = frame(app, (title, keys), (width, rows.len()), (area, buffer));
    draw_rows(app, rows, inner, buffer);
}

fn editor_title(editor: &Editor) -> String {
    let place = comments::place(editor.path.as_deref(), editor.line, editor.on_removed);
    format!("{} on {place}", comments::kind(editor.kind))
}

fn typing(
    app: &App,
    (title, keys): (&str, &str),
    text: &TextArea<'static>,
    (area, buffer): (Rect, &mut Buffer),
) {
    let width = room(area, 78);
    let rows = text.lines().len().clamp(6, 14) + 1;
    let inner = frame(app, (title, keys), (width, rows), (area, buffer));
    let mut typed = Rect {
        height: inner.height,
        ..inner
    };
    if let Some(flash) = &app.flash
        && inner.height > 2
    {
        typed.height -= 1;
        let row = Row::new(app.theme).fitted(Role::Warn, flash, width);
        let last = Rect::new(inner.x, inner.bottom() - 1, inner.width, 1);
        put(app, row, last, buffer);
    }
    if !typed.is_empty() {
        text.render(typed, buffer);
    }
}
