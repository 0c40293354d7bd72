//! The diff pane: only the lines on screen are laid out.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::tui::app::{App, Patch};
use crate::tui::diff::{Diff, DiffLine, LineKind};
use crate::tui::glyph::{glyphs, is_plain};
use crate::tui::keymap::Pane;
use crate::tui::row::{Row, wrap};
use crate::tui::theme::Role;
use crate::tui::view::{note, put};

/// The most columns of one line that are looked at: a minified file's only line may have millions.
const MAX_COLUMNS: usize = 20_000;

/// What the pane is called now.
pub(crate) fn name(app: &App) -> &'static str {
    if app.shows_reasons() {
        "Why"
    } else if app.diff.source.is_some() && !app.shows_result() {
        "Proposed patch"
    } else {
        "Diff"
    }
}

/// What stands in the title: the path, and the place within the whole.
pub(crate) fn title(app: &App) -> (String, String) {
    if app.shows_reasons() {
        let other = if app.patch_wanted().is_some() {
            "p shows the patch"
        } else {
            ""
        };
        return (String::new(), other.to_owned());
    }
    let Some(diff) = app.diff.diff() else {
        return (String::new(), String::new());
    };
    let Some(index) = diff.lines.get(app.diff.cursor).map(|l| l.file) else {
        return (String::new(), String::new());
    };
    let Some(file) = diff.files.get(index) else {
        return (String::new(), String::new());
    };
    let place = format!(
        "file {}/{}  +{} -{}",
        index + 1,
        diff.files.len(),
        file.added,
        file.removed
    );
    (file.path.clone(), place)
}

/// Draws the pane's inside.
pub(crate) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let mut area = area;
    if app.diff.mismatch {
        let text = "the patch file on disk is not the recorded one: do not trust it";
        let row = Row::new(app.theme).put(Role::Alarm, text);
        put(app, row, Rect { height: 1, ..area }, buffer);
        area.y += 1;
        area.height = area.height.saturating_sub(1);
    }
    let diff = match &app.diff.patch {
        Patch::Ready(diff) if !diff.lines.is_empty() => diff,
        Patch::Ready(_) => return say(app, "the patch is empty", area, buffer),
        Patch::Nothing => return say(app, waiting(app), area, buffer),
        Patch::Loading => return say(app, "reading the patch …", area, buffer),
        Patch::Failed(error) => {
            let text = format!("the patch cannot be shown: {error}");
            return say(app, &text, area, buffer);
        }
    };
    let width = usize::from(area.width);
    let mut y = area.y;
    for index in app.diff.top..diff.lines.len() {
        if y >= area.bottom() {
            break;
        }
        let left = usize::from(area.bottom() - y);
        for row in rows_of(app, diff, index, (width, left)) {
            if y >= area.bottom() {
                break;
            }
            put(app, row, Rect::new(area.x, y, area.width, 1), buffer);
            y += 1;
        }
    }
}

fn waiting(app: &App) -> &'static str {
    if app.run.is_busy() {
        "the proposed patch appears here as soon as the plan is made"
    } else {
        "there is no patch"
    }
}

fn say(app: &App, text: &str, area: Rect, buffer: &mut Buffer) {
    let rows = wrap(text, usize::from(area.width).saturating_sub(2));
    for (part, y) in rows.into_iter().zip(area.y + 1..area.bottom()) {
        let row = Row::new(app.theme).put(Role::Dim, format!(" {part}"));
        put(app, row, Rect::new(area.x, y, area.width, 1), buffer);
    }
}

/// The rows that a line of the diff takes on screen, its notes included.
pub(crate) fn height_of(app: &App, diff: &Diff, index: usize, width: usize) -> usize {
    let notes = app.diff.notes.contains_key(&index);
    if !app.diff.wrap && !notes {
        return 1;
    }
    // A line that fills a screen is high enough; nobody needs the rest of the sum.
    rows_of(app, diff, index, (width, 500)).len()
}

/// Whether a part of a line is not on screen: it runs past the right edge, or wraps to more rows
/// than there are.
pub(crate) fn is_cut(app: &App, diff: &Diff, index: usize, (width, rows): (usize, usize)) -> bool {
    let Some(line) = diff.lines.get(index) else {
        return false;
    };
    match line.kind {
        LineKind::Context | LineKind::Added | LineKind::Removed => {}
        LineKind::File | LineKind::Meta | LineKind::Hunk | LineKind::NoNewline => return false,
    }
    let room = width.saturating_sub(Gutter::new(diff, line, width).width);
    let on_screen = if app.diff.wrap {
        room.saturating_mul(rows).min(MAX_COLUMNS)
    } else {
        room + app.diff.left
    };
    let text = visible_end(diff.text(line), line.kind);
    if is_plain(text) {
        return text.len() > on_screen;
    }
    let glyphs = glyphs(text, on_screen.saturating_add(1));
    glyphs.iter().map(|glyph| glyph.width).sum::<usize>() > on_screen
}

/// A line of the diff as rows: the line, wrapped where that is wanted, and its notes.
fn rows_of(app: &App, diff: &Diff, index: usize, (width, most): (usize, usize)) -> Vec<Row> {
    let Some(line) = diff.lines.get(index) else {
        return Vec::new();
    };
    let gutter = Gutter::new(diff, line, width);
    let mut rows = match line.kind {
        LineKind::File => vec![file_row(app, diff, (index, line), width)],
        LineKind::Hunk => vec![hunk_row(app, diff, (index, line), width)],
        LineKind::Meta | LineKind::NoNewline => {
            let text = diff.text(line).trim_start();
            let mut row = Row::new(app.theme).put(Role::Text, cursor(app, index));
            row = row.pad_to(gutter.width).put(Role::Dim, text);
            vec![row]
        }
        LineKind::Context | LineKind::Added | LineKind::Removed => {
            text_rows(app, diff, (index, line), (&gutter, width, most))
        }
    };
    rows.extend(note::rows(app, index, (gutter.width, width)));
    rows.truncate(most.max(1));
    rows
}

fn cursor(app: &App, index: usize) -> &'static str {
    match (app.diff.cursor == index, app.focus == Pane::Diff) {
        (true, true) => ">",
        (true, false) => "·",
        (false, _) => " ",
    }
}

fn file_row(app: &App, diff: &Diff, (index, line): (usize, &DiffLine), width: usize) -> Row {
    let Some(file) = diff.files.get(line.file) else {
        return Row::new(app.theme);
    };
    let viewed = app.run.viewed.contains(&file.path);
    let mark = if !app.shows_result() {
        ""
    } else if viewed {
        "[x] viewed "
    } else {
        "[ ] viewed "
    };
    let right = Row::new(app.theme)
        .put(Role::Added, format!(" +{}", file.added))
        .put(Role::Removed, format!(" -{} ", file.removed))
        .put(if viewed { Role::Ok } else { Role::Text }, mark);
    let mut left = Row::new(app.theme)
        .put(Role::Text, cursor(app, index))
        .put(Role::FileHeader, format!("{} ", file.letter));
    let room = width.saturating_sub(left.width() + right.width() + 3);
    left = left.path(Role::FileHeader, &file.path, room);
    if let Some(old) = &file.old_path {
        let room = width.saturating_sub(left.width() + right.width() + 10);
        if room > 8 {
            left = left.put(Role::Dim, " from ").path(Role::Dim, old, room);
        }
    }
    let end = width.saturating_sub(right.width());
    left.put(Role::Border, " ")
        .rule_to(Role::Border, "─", end)
        .join(right)
}

fn hunk_row(app: &App, diff: &Diff, (index, line): (usize, &DiffLine), width: usize) -> Row {
    let hunk = line.hunk.unwrap_or(0);
    let first = diff.files.get(line.file).map_or(0, |f| f.hunks.start);
    let total = diff.files.get(line.file).map_or(0, |f| f.hunks.len());
    let unseen = app.diff.unseen.get(hunk).is_some_and(|left| *left > 0);
    let cut = || {
        let shown = app.diff.visible.clone();
        let here = |index: &usize| diff.lines.get(*index).and_then(|l| l.hunk) == line.hunk;
        let rows = usize::from(app.size.1);
        shown
            .filter(here)
            .any(|index| is_cut(app, diff, index, (width, rows)))
    };
    let seen = if !app.shows_result() {
        ""
    } else if unseen && !app.diff.wrap && cut() {
        "  cut, w wraps"
    } else if unseen {
        "  not seen"
    } else {
        "  seen"
    };
    let right = Row::new(app.theme)
        .put(
            Role::Dim,
            format!(" hunk {}/{total}", hunk + 1 - first.min(hunk)),
        )
        .put(
            if unseen { Role::Warn } else { Role::Dim },
            format!("{seen} "),
        );
    let room = width.saturating_sub(right.width() + 2);
    Row::new(app.theme)
        .put(Role::Text, cursor(app, index))
        .fitted(Role::HunkHeader, diff.text(line), room)
        .right(right, width)
}

/// The columns before the text of a line.
struct Gutter {
    digits: usize,
    /// Whether both line numbers are shown.
    both: bool,
    width: usize,
}

impl Gutter {
    fn new(diff: &Diff, line: &DiffLine, width: usize) -> Self {
        let last = diff.files.get(line.file).and_then(|f| {
            let last = diff.lines.get(f.lines.clone())?.last()?;
            Some(last.old.max(last.new))
        });
        let digits = last.unwrap_or(0).to_string().len().max(4);
        let both = width >= 60;
        let numbers = if both { 2 * digits + 1 } else { digits };
        Self {
            digits,
            both,
            width: 1 + numbers + 3,
        }
    }

    /// The gutter of a line; only the first of its rows carries the numbers.
    fn row(&self, app: &App, (index, line): (usize, &DiffLine), first: bool) -> Row {
        let number = |n: u32| match n {
            0 => String::new(),
            n if first => n.to_string(),
            _ => String::new(),
        };
        let digits = self.digits;
        let numbers = if self.both {
            format!(
                "{:>digits$} {:>digits$}",
                number(line.old),
                number(line.new)
            )
        } else {
            format!("{:>digits$}", number(line.old.max(line.new)))
        };
        let (role, sign) = match line.kind {
            LineKind::Added => (Role::Added, '+'),
            LineKind::Removed => (Role::Removed, '-'),
            LineKind::Context
            | LineKind::File
            | LineKind::Meta
            | LineKind::Hunk
            | LineKind::NoNewline => (Role::Context, ' '),
        };
        let sign = if first { sign } else { ' ' };
        let current = app.diff.cursor == index && app.focus == Pane::Diff;
        let numbers_role = if current {
            Role::Strong
        } else {
            Role::LineNumber
        };
        Row::new(app.theme)
            .put(Role::Strong, if first { cursor(app, index) } else { " " })
            .put(numbers_role, numbers)
            .put(role, format!(" {sign} "))
    }
}

fn text_rows(
    app: &App,
    diff: &Diff,
    (index, line): (usize, &DiffLine),
    (gutter, width, most): (&Gutter, usize, usize),
) -> Vec<Row> {
    let room = width.saturating_sub(gutter.width).max(1);
    let left = if app.diff.wrap { 0 } else { app.diff.left };
    let columns = if app.diff.wrap {
        room.saturating_mul(most).min(MAX_COLUMNS)
    } else {
        (left + room + 1).min(MAX_COLUMNS)
    };
    let text = visible_end(diff.text(line), line.kind);
    let styles = Styles::new(app, line, index, diff);
    let mut row = gutter.row(app, (index, line), true);
    let mut rows = Vec::new();
    let mut column = 0;
    for glyph in glyphs(text, columns) {
        column += glyph.width;
        if column <= left {
            continue;
        }
        if app.diff.wrap && row.width() + glyph.width > width {
            let next = gutter.row(app, (index, line), false);
            rows.push(filled(
                app,
                std::mem::replace(&mut row, next),
                line.kind,
                width,
            ));
        }
        let style = if glyph.marked {
            app.theme.style(Role::Marked)
        } else {
            styles.at(glyph.offset, &glyph.text)
        };
        row.push(style, &glyph.text, glyph.width);
    }
    rows.push(filled(app, row, line.kind, width));
    rows
}

/// A carriage return at the end of an unchanged line says nothing; on a changed one it may be the
/// change.
fn visible_end(text: &str, kind: LineKind) -> &str {
    match kind {
        LineKind::Context => text.strip_suffix('\r').unwrap_or(text),
        LineKind::Added
        | LineKind::Removed
        | LineKind::File
        | LineKind::Meta
        | LineKind::Hunk
        | LineKind::NoNewline => text,
    }
}

/// Lets a tinted line reach the right edge.
fn filled(app: &App, row: Row, kind: LineKind, width: usize) -> Row {
    let role = base_role(kind);
    if !app.theme.tints() || role == Role::Context || row.width() >= width {
        return row;
    }
    row.rule_to(role, " ", width)
}

fn base_role(kind: LineKind) -> Role {
    match kind {
        LineKind::Added => Role::Added,
        LineKind::Removed => Role::Removed,
        LineKind::Context
        | LineKind::File
        | LineKind::Meta
        | LineKind::Hunk
        | LineKind::NoNewline => Role::Context,
    }
}

/// The style of each byte of a line.
struct Styles<'a> {
    app: &'a App,
    kind: LineKind,
    paint: Option<&'a crate::tui::diff::LinePaint>,
    found: Vec<std::ops::Range<usize>>,
}

impl<'a> Styles<'a> {
    fn new(app: &'a App, line: &DiffLine, index: usize, diff: &Diff) -> Self {
        let paint = line.hunk.and_then(|hunk| {
            let first = diff.hunks.get(hunk)?.lines.start;
            app.diff.painted.get(&hunk)?.lines.get(index - first)
        });
        let text = diff.text(line);
        let found = if app.search.is_empty() {
            Vec::new()
        } else {
            let hits = text.match_indices(&app.search);
            hits.map(|(at, hit)| at..at + hit.len()).collect()
        };
        Self {
            app,
            kind: line.kind,
            paint,
            found,
        }
    }

    fn at(&self, offset: usize, text: &str) -> Style {
        let theme = self.app.theme;
        let base = theme.style(base_role(self.kind));
        if self.found.iter().any(|r| r.contains(&offset)) {
            return base.patch(theme.style(Role::Match));
        }
        let Some(paint) = self.paint else {
            return base;
        };
        let changed = paint.words.iter().any(|r| r.contains(&offset));
        if changed && (!text.trim().is_empty() || theme.tints()) {
            let role = if self.kind == LineKind::Added {
                Role::AddedWord
            } else {
                Role::RemovedWord
            };
            return base.patch(theme.style(role));
        }
        let syntax = paint.syntax.iter().find(|(r, _)| r.contains(&offset));
        match syntax {
            // Without a tinted background the line's own colour says added or removed.
            Some((_, kind)) if self.kind == LineKind::Context || theme.tints() => {
                base.patch(theme.style(Role::Syntax(*kind)))
            }
            Some(_) | None => base,
        }
    }
}
