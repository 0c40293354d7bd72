//! Why a run did not come to its review: every violation with its rule, subject, reason, source
//! and remedy, or the failure with what to do next and its details.

use crate::model::Violation;
use crate::tui::app::App;
use crate::tui::row::Row;
use crate::tui::theme::Role;
use crate::tui::view::{PaneRow, words, wrapped};

/// The rows.
pub(super) fn rows(app: &App, width: usize) -> Vec<PaneRow> {
    let mut rows = Vec::new();
    let violations: Vec<&Violation> = app.run.violations().collect();
    if let Some(failure) = &app.run.failure {
        rows.push(PaneRow::text(
            Row::new(app.theme).put(Role::StateBad, failure.status.as_str()),
        ));
        rows.extend(wrapped(app, Role::Strong, &failure.message, (0, width)));
        if !failure.hint.is_empty() {
            rows.push(PaneRow::text(Row::new(app.theme)));
            rows.extend(hanging(app, "what to do", &failure.hint, width));
        }
    } else if !violations.is_empty() {
        rows.push(PaneRow::text(
            Row::new(app.theme).put(Role::StateBad, "BLOCKED_BY_POLICY"),
        ));
    }
    if !violations.is_empty() {
        rows.push(PaneRow::text(Row::new(app.theme)));
        let count = words::count(violations.len(), "violation", "violations");
        let text = format!("{count}; nothing was committed");
        rows.push(PaneRow::text(Row::new(app.theme).put(Role::Dim, text)));
    }
    for (index, violation) in violations.into_iter().enumerate() {
        rows.push(PaneRow::text(Row::new(app.theme)));
        rows.extend(block(app, index + 1, violation, width));
    }
    details(app, width, &mut rows);
    rows
}

fn block(app: &App, number: usize, violation: &Violation, width: usize) -> Vec<PaneRow> {
    let head = Row::new(app.theme)
        .put(Role::Dim, format!("{number:>2} "))
        .put(Role::Bad, &violation.rule)
        .put(Role::Text, "  ");
    let room = width.saturating_sub(head.width());
    let mut rows = Vec::new();
    if crate::tui::row::width_of(&violation.subject) <= room {
        rows.push(PaneRow::text(head.put(Role::Strong, &violation.subject)));
    } else {
        rows.push(PaneRow::text(head));
        rows.extend(wrapped(app, Role::Strong, &violation.subject, (3, width)));
    }
    rows.extend(wrapped(app, Role::Text, &violation.detail, (3, width)));
    rows.extend(hanging(app, "   rule from", &violation.source, width));
    rows.extend(hanging(app, "   remedy   ", &violation.remedy, width));
    rows
}

/// A label, and a text that wraps beside it.
fn hanging(app: &App, label: &str, text: &str, width: usize) -> Vec<PaneRow> {
    let indent = crate::tui::row::width_of(label) + 2;
    let mut rows = wrapped(app, Role::Text, text, (indent, width));
    if let Some(first) = rows.first_mut() {
        let text = crate::tui::row::wrap(text, width.saturating_sub(indent).max(1));
        let text = text.first().copied().unwrap_or_default();
        first.row = Row::new(app.theme)
            .put(Role::Dim, label)
            .put(Role::Text, "  ")
            .put(Role::Text, text);
    }
    rows
}

fn details(app: &App, width: usize, rows: &mut Vec<PaneRow>) {
    let detail = app.run.failure.iter().flat_map(|f| &f.detail);
    let mut first = true;
    for line in detail {
        if std::mem::take(&mut first) {
            rows.push(PaneRow::text(Row::new(app.theme)));
        }
        let role = match line.chars().next() {
            Some('+') => Role::Added,
            Some('-') => Role::Removed,
            Some('@') => Role::HunkHeader,
            Some(_) | None => Role::Text,
        };
        rows.extend(wrapped(app, role, line, (3, width)));
    }
}
