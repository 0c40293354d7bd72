//! Why a run did not come to its review: every violation with its rule, subject, reason, source
//! and remedy, or the failure with what to do next and its details.

use crate::model::Violation;
use crate::tui::app::App;
use crate::tui::row::{Row, width_of, wrap};
use crate::tui::theme::Role;
use crate::tui::view::{PaneRow, words, wrapped};

/// The rows.
pub(super) fn rows(app: &App, width: usize) -> Vec<PaneRow> {
    let mut rows = Vec::new();
    let violations: Vec<&Violation> = app.run.violations().collect();
    if let Some(failure) = &app.run.failure {
        let label = failure.status.as_str();
        rows.extend(hanging(
            app,
            (Role::StateBad, label),
            &failure.message,
            width,
        ));
        if !failure.hint.is_empty() {
            rows.extend(hanging(
                app,
                (Role::Dim, "what to do"),
                &failure.hint,
                width,
            ));
        }
    } else if !violations.is_empty() {
        rows.push(PaneRow::text(
            Row::new(app.theme).put(Role::StateBad, "BLOCKED_BY_POLICY"),
        ));
    }
    if !violations.is_empty() {
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
    let source = Row::new(app.theme).put(Role::Dim, format!("rule from {}", violation.source));
    let subject = width_of(&violation.subject);
    let mut rows = Vec::new();
    if head.width() + subject + source.width() + 2 <= width {
        let head = head.put(Role::Strong, &violation.subject);
        rows.push(PaneRow::text(head.right(source, width)));
    } else {
        rows.push(PaneRow::text(head));
        rows.extend(wrapped(app, Role::Strong, &violation.subject, (3, width)));
        rows.push(PaneRow::text(Row::new(app.theme).pad_to(3).join(source)));
    }
    rows.extend(wrapped(app, Role::Text, &violation.detail, (3, width)));
    rows.extend(hanging(
        app,
        (Role::Dim, "   remedy"),
        &violation.remedy,
        width,
    ));
    rows
}

/// A label, and a text that wraps beside it.
fn hanging(app: &App, (role, label): (Role, &str), text: &str, width: usize) -> Vec<PaneRow> {
    let indent = width_of(label) + 2;
    let parts = wrap(text, width.saturating_sub(indent).max(1));
    let rows = parts.into_iter().enumerate().map(|(index, part)| {
        let label = if index == 0 { label } else { "" };
        PaneRow::text(
            Row::new(app.theme)
                .put(role, label)
                .pad_to(indent)
                .put(Role::Text, part),
        )
    });
    rows.collect()
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
