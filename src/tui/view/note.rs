//! Comments and findings as boxes between the lines of the diff.

use crate::tui::app::{App, Note};
use crate::tui::layout::Class;
use crate::tui::row::{Row, wrap};
use crate::tui::theme::Role;
use crate::tui::view::checklist::FINDING_ROWS;
use crate::tui::view::{comments, more_row};

/// The widest box: longer lines are hard to read.
const WIDEST: usize = 84;

/// The rows of the notes under a line, `indent` columns from the left.
pub(super) fn rows(app: &App, line: usize, (indent, width): (usize, usize)) -> Vec<Row> {
    let notes = app.diff.notes.get(&line).map_or(&[][..], Vec::as_slice);
    let mut rows = Vec::new();
    for note in notes {
        rows.extend(boxed(app, *note, (indent, width)));
    }
    rows
}

fn boxed(app: &App, note: Note, (indent, width): (usize, usize)) -> Vec<Row> {
    let indent = if width < indent + 30 { 1 } else { indent };
    if let Note::Finding(index) = note
        && let Some(row) = brief(app, index, (indent, width))
    {
        return vec![row];
    }
    let outer = width.saturating_sub(indent + 1).clamp(8, WIDEST);
    let Some((role, title, text)) = content(app, note) else {
        return Vec::new();
    };
    let blank = || Row::new(app.theme).pad_to(indent);
    let right = indent + outer - 1;
    let top = blank()
        .put(role, "┌ ")
        .fitted(role, &title, outer.saturating_sub(5))
        .put(role, " ")
        .rule_to(role, "─", right)
        .put(role, "┐");
    let mut rows = vec![top];
    let mut parts = wrap(&text, outer.saturating_sub(4).max(1));
    let is_cut = matches!(note, Note::Finding(_)) && parts.len() > FINDING_ROWS;
    if is_cut {
        parts.truncate(FINDING_ROWS - 1);
    }
    for part in parts {
        rows.push(
            blank()
                .put(role, "│ ")
                .put(Role::Text, part)
                .pad_to(right)
                .put(role, "│"),
        );
    }
    if is_cut {
        let more = blank().put(role, "│ ").join(more_row(app));
        rows.push(more.pad_to(right).put(role, "│"));
    }
    rows.push(
        blank()
            .put(role, "└")
            .rule_to(role, "─", right)
            .put(role, "┘"),
    );
    rows
}

/// A finding in one row: when it was read, and where a box would take half of the screen.
fn brief(app: &App, index: usize, (indent, width): (usize, usize)) -> Option<Row> {
    let finding = app.run.findings.get(index)?;
    if !finding.read && app.screen.class > Class::Tiny {
        return None;
    }
    let (role, mark) = if finding.read {
        (Role::Dim, "[x] ")
    } else {
        (Role::Warn, "(!) ")
    };
    let text = format!("{}: {}", finding.risk.id, finding.risk.detail);
    let row = Row::new(app.theme).pad_to(indent).put(role, mark);
    let room = width.saturating_sub(row.width() + 1);
    Some(row.fitted(Role::Dim, &text, room))
}

fn content(app: &App, note: Note) -> Option<(Role, String, String)> {
    match note {
        Note::Comment(id) => {
            let comment = app.run.comments.get(&id)?;
            let title = format!("{id} {}", comments::kind(comment.kind));
            Some((Role::Comment, title, comment.text.clone()))
        }
        Note::Finding(index) => {
            let finding = app.run.findings.get(index)?;
            let title = format!("(!) finding, unread · {}", finding.risk.id);
            Some((Role::Warn, title, finding.risk.detail.clone()))
        }
    }
}
