//! The files pane: the real diff's files beside what the plan named.

use crate::tui::app::{App, Target};
use crate::tui::row::Row;
use crate::tui::theme::Role;
use crate::tui::view::{PaneRow, wrapped};

/// What stands right in the title.
pub(crate) fn title(app: &App) -> String {
    let files = &app.run.changed_files;
    if files.is_empty() {
        let planned = app.run.plan.as_ref().map_or(0, |p| p.files.len());
        return if planned == 0 {
            String::new()
        } else {
            format!("{planned} planned")
        };
    }
    let viewed = files
        .iter()
        .filter(|f| app.run.viewed.contains(&f.path))
        .count();
    format!("{viewed}/{} viewed", files.len())
}

/// The rows.
pub(crate) fn rows(app: &App, width: usize) -> Vec<PaneRow> {
    let mut rows = Vec::new();
    for file in &app.run.changed_files {
        let viewed = app.run.viewed.contains(&file.path);
        let (role, mark) = if viewed {
            (Role::Ok, "[x]")
        } else {
            (Role::Text, "[ ]")
        };
        let lines = (file.lines.added, file.lines.removed);
        let row = file_row(app, (role, mark), (file.letter, &file.path), lines, width);
        rows.push(PaneRow::of(Target::File(file.path.clone()), row));
        if let Some(old) = &file.old_path {
            rows.extend(wrapped(app, Role::Dim, &format!("from {old}"), (6, width)));
        }
        findings(app, &file.path, width, &mut rows);
        let planned = app
            .run
            .plan
            .as_ref()
            .is_none_or(|p| p.files.iter().any(|f| f.path == file.path));
        if !planned {
            rows.extend(wrapped(
                app,
                Role::Warn,
                "(!) touched, not planned",
                (6, width),
            ));
        }
    }
    planned_only(app, width, &mut rows);
    if rows.is_empty() {
        rows.extend(wrapped(app, Role::Dim, "no plan yet", (0, width)));
    }
    rows
}

fn file_row(
    app: &App,
    (role, mark): (Role, &str),
    (letter, path): (char, &str),
    (added, removed): (u64, u64),
    width: usize,
) -> Row {
    let stat = Row::new(app.theme)
        .put(Role::Added, format!("+{added}"))
        .put(Role::Removed, format!(" -{removed}"));
    let room = width.saturating_sub(stat.width() + 7);
    Row::new(app.theme)
        .put(role, mark)
        .put(Role::Text, format!(" {letter} "))
        .path(Role::Text, path, room)
        .right(stat, width)
}

fn findings(app: &App, path: &str, width: usize, rows: &mut Vec<PaneRow>) {
    for (index, finding) in app.run.findings.iter().enumerate() {
        let here = app.finding_place(index).is_some_and(|(p, _)| p == path);
        if here {
            let (role, mark) = if finding.read {
                (Role::Dim, "[x]")
            } else {
                (Role::Warn, "(!)")
            };
            let row = Row::new(app.theme)
                .put(Role::Text, "      ")
                .put(role, mark)
                .put(Role::Text, " ")
                .fitted(role, &finding.risk.id, width.saturating_sub(10));
            rows.push(PaneRow::of(Target::Finding(index), row));
        }
    }
}

fn planned_only(app: &App, width: usize, rows: &mut Vec<PaneRow>) {
    let Some(plan) = &app.run.plan else {
        return;
    };
    let built = !app.run.changed_files.is_empty();
    for file in &plan.files {
        let renamed_away = app
            .run
            .changed_files
            .iter()
            .any(|f| f.old_path.as_deref() == Some(file.path.as_str()));
        let touched = app.run.changed_files.iter().any(|f| f.path == file.path);
        if touched || renamed_away {
            continue;
        }
        let lines = (file.added, file.removed);
        let row = file_row(
            app,
            (Role::Dim, " - "),
            (file.letter, &file.path),
            lines,
            width,
        );
        rows.push(PaneRow::of(Target::File(file.path.clone()), row));
        if built {
            rows.extend(wrapped(
                app,
                Role::Warn,
                "(!) planned, not touched",
                (6, width),
            ));
        }
    }
}
