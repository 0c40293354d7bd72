//! The plan pane: how far the run has come, and what it sets out to do.

use crate::model::event::PhaseOutcome;
use crate::model::run::PhaseState;
use crate::model::{Decision, Phase, Status};
use crate::text::command_line;
use crate::tui::app::{App, Target};
use crate::tui::row::Row;
use crate::tui::theme::Role;
use crate::tui::view::{PaneRow, checklist, header, words, wrapped, wrapped_start};

/// What stands right in the title.
pub(crate) fn title(app: &App) -> String {
    let done = |p: &PhaseState| p.outcome == Some(PhaseOutcome::Done);
    let done = Phase::ALL
        .iter()
        .filter(|phase| {
            app.run
                .phases
                .iter()
                .rfind(|p| p.phase == **phase)
                .is_some_and(done)
        })
        .count();
    format!("{done}/{}", Phase::ALL.len())
}

/// The rows.
pub(crate) fn rows(app: &App, width: usize) -> Vec<PaneRow> {
    let mut rows: Vec<PaneRow> = Vec::new();
    for (index, phase) in Phase::ALL.into_iter().enumerate() {
        rows.push(PaneRow::text(phase_row(app, index + 1, phase, width)));
    }
    failure(app, width, &mut rows);
    if !app.run.goal().is_empty() {
        heading(app, "goal", &mut rows);
        rows.extend(wrapped(app, Role::Strong, app.run.goal(), (1, width)));
    }
    if !app.run.source.is_empty() {
        rows.extend(wrapped(
            app,
            Role::Dim,
            &format!("from {}", app.run.source),
            (1, width),
        ));
    }
    planned_files(app, width, &mut rows);
    verification(app, width, &mut rows);
    risks(app, width, &mut rows);
    budget(app, &mut rows);
    rows
}

fn heading(app: &App, text: &str, rows: &mut Vec<PaneRow>) {
    rows.push(PaneRow::text(Row::new(app.theme)));
    rows.push(PaneRow::text(Row::new(app.theme).put(Role::Dim, text)));
}

fn phase_row(app: &App, number: usize, phase: Phase, width: usize) -> Row {
    let state = app.run.phases.iter().rfind(|p| p.phase == phase);
    let waiting = phase == Phase::Review && state.is_none() && is_waiting(app);
    let decided = decision(app).filter(|_| phase == Phase::Review);
    let (role, word) = match decided {
        Some(_) => (Role::Ok, "[ok]"),
        None if waiting => (Role::Running, "[>>]"),
        None => words::phase(state),
    };
    let time = match state {
        Some(_) | None if decided.is_some() => decided.unwrap_or_default().to_owned(),
        Some(state) if state.outcome == Some(PhaseOutcome::Skipped) => "skipped".to_owned(),
        // A review takes as long as it takes; a clock would only hurry.
        Some(state) if phase == Phase::Review && state.finished.is_none() => String::new(),
        Some(state) => {
            let end = state.finished.unwrap_or(app.now.wall);
            words::duration(words::between(state.started, end))
        }
        None => String::new(),
    };
    let text = if state.is_some() || waiting {
        Role::Text
    } else {
        Role::Dim
    };
    let left = Row::new(app.theme)
        .put(role, word)
        .put(text, format!(" {number} {}", phase.title()));
    left.right(Row::new(app.theme).put(Role::Dim, time), width)
}

/// How the review ended; the phase itself ends when the reviewer leaves.
fn decision(app: &App) -> Option<&'static str> {
    match app.run.decision {
        Decision::Pending => None,
        Decision::Approved => Some("approved"),
        Decision::ChangesRequested => Some("sent back"),
        Decision::Abandoned => Some("abandoned"),
    }
}

fn is_waiting(app: &App) -> bool {
    let reviewable = matches!(app.run.status, Some(Status::Success | Status::TestFailure));
    reviewable && app.is_pending() && !app.run.is_busy()
}

fn failure(app: &App, width: usize, rows: &mut Vec<PaneRow>) {
    let Some(failure) = &app.run.failure else {
        return;
    };
    heading(app, failure.status.as_str(), rows);
    rows.extend(wrapped(app, Role::Bad, &failure.message, (1, width)));
    rows.extend(wrapped(app, Role::Text, &failure.hint, (1, width)));
}

fn planned_files(app: &App, width: usize, rows: &mut Vec<PaneRow>) {
    let Some(plan) = &app.run.plan else {
        return;
    };
    heading(app, "files", rows);
    for file in &plan.files {
        let stat = Row::new(app.theme)
            .put(Role::Added, format!("+{}", file.added))
            .put(Role::Removed, format!(" -{}", file.removed));
        let room = width.saturating_sub(stat.width() + 4);
        let row = Row::new(app.theme)
            .put(Role::Text, format!(" {} ", file.letter))
            .path(Role::Text, &file.path, room);
        rows.push(PaneRow::of(
            Target::File(file.path.clone()),
            row.right(stat, width),
        ));
        if let Some(from) = &file.renamed_from {
            rows.extend(wrapped(app, Role::Dim, &format!("from {from}"), (3, width)));
        }
        rows.extend(wrapped(app, Role::Dim, &file.why, (3, width)));
    }
    if !plan.relevant.is_empty() {
        heading(app, "not touched, but near", rows);
    }
    for file in &plan.relevant {
        rows.push(PaneRow::text(
            Row::new(app.theme).put(Role::Text, "   ").path(
                Role::Text,
                &file.path,
                width.saturating_sub(3),
            ),
        ));
        rows.extend(wrapped(app, Role::Dim, &file.reason, (3, width)));
    }
}

fn verification(app: &App, width: usize, rows: &mut Vec<PaneRow>) {
    let Some(plan) = &app.run.plan else {
        return;
    };
    heading(app, "verification", rows);
    for command in &plan.verification {
        let state = app.run.command_of(&command.argv);
        let skipped = app
            .run
            .skipped
            .iter()
            .find(|(argv, _)| *argv == command.argv);
        let (role, word) = state.map_or((Role::Dim, "[--]"), words::command);
        let row = Row::new(app.theme)
            .put(role, word)
            .put(Role::Text, " ")
            .fitted(
                Role::Text,
                &command_line(&command.argv),
                width.saturating_sub(5),
            );
        rows.push(match state {
            Some(state) => PaneRow::of(Target::Command(state.start.id), row),
            None => PaneRow::text(row),
        });
        let why = skipped.map_or(command.why.clone(), |(_, reason)| {
            format!("not run: {reason}")
        });
        rows.extend(wrapped(app, Role::Dim, &why, (5, width)));
    }
}

fn risks(app: &App, width: usize, rows: &mut Vec<PaneRow>) {
    if app.run.findings.is_empty() {
        return;
    }
    heading(app, "risks", rows);
    for (index, finding) in app.run.findings.iter().enumerate() {
        let (role, word) = if finding.read {
            (Role::Ok, "[x]")
        } else {
            (Role::Warn, "(!)")
        };
        let row = Row::new(app.theme)
            .put(role, word)
            .put(Role::Text, format!(" {}", finding.risk.id));
        rows.push(PaneRow::of(Target::Finding(index), row));
        let text = format!("{}: {}", finding.risk.subject, finding.risk.detail);
        rows.extend(wrapped_start(
            app,
            Role::Dim,
            &text,
            (4, width, checklist::FINDING_ROWS),
        ));
    }
}

fn budget(app: &App, rows: &mut Vec<PaneRow>) {
    let Some(policy) = &app.run.policy else {
        return;
    };
    heading(app, "limits", rows);
    let mut row = Row::new(app.theme).put(Role::Text, " ");
    for budget in header::budgets(app) {
        row = row.join(budget).put(Role::Text, "  ");
    }
    let row = row.put(Role::Dim, format!("{} s a command", policy.timeout_seconds));
    rows.push(PaneRow::text(row));
    rows.push(PaneRow::text(Row::new(app.theme).put(
        Role::Dim,
        format!(" policy {} · {}", policy.version, policy.digest.short()),
    )));
}
