//! The checklist pane: what milton measured, what the reviewer ticks, and the findings to read.

use crate::model::{ItemId, TickedBy};
use crate::tui::app::{App, Target};
use crate::tui::keymap::Pane;
use crate::tui::row::Row;
use crate::tui::theme::Role;
use crate::tui::view::{PaneRow, wrapped, wrapped_start};

/// From this width on the evidence of every item is shown, below it only that of the selected one.
const ROOMY: usize = 42;

/// The most rows of a finding's text in a list.
pub(super) const FINDING_ROWS: usize = 4;

/// What stands right in the title.
pub(crate) fn title(app: &App) -> String {
    if app.run.checklist.is_empty() {
        return String::new();
    }
    let (ticked, total) = counts(app);
    format!("{ticked}/{total}")
}

/// Ticked items and all items.
pub(crate) fn counts(app: &App) -> (usize, usize) {
    let ticked = ItemId::ALL
        .iter()
        .filter(|id| app.run.is_ticked(**id))
        .count();
    (ticked, ItemId::ALL.len())
}

/// The rows.
pub(crate) fn rows(app: &App, width: usize) -> Vec<PaneRow> {
    let mut rows = Vec::new();
    let head = |text: &str| PaneRow::text(Row::new(app.theme).put(Role::Dim, text));
    rows.push(head("measured by milton"));
    for id in ItemId::ALL
        .into_iter()
        .filter(|id| id.by() == TickedBy::Machine)
    {
        item(app, id, width, &mut rows);
    }
    rows.push(head("yours"));
    for id in ItemId::ALL
        .into_iter()
        .filter(|id| id.by() == TickedBy::Human)
    {
        item(app, id, width, &mut rows);
    }
    findings(app, width, &mut rows);
    rows
}

fn is_selected(app: &App, target: &Target) -> bool {
    app.focus == Pane::Checklist && app.list(Pane::Checklist).target.as_ref() == Some(target)
}

/// The policy's words, and shorter ones for a narrow rail.
fn text(id: ItemId, width: usize) -> &'static str {
    if width >= 40 {
        return id.text();
    }
    match id {
        ItemId::BranchCreated => "On its own branch",
        ItemId::TestsPass => "Tests pass",
        ItemId::NoForbiddenFiles => "No forbidden files",
        ItemId::NoSecrets => "No secrets exposed",
        ItemId::Minimal => "Minimal and surgical",
        ItemId::Documentation => "Documentation updated",
    }
}

fn item(app: &App, id: ItemId, width: usize, rows: &mut Vec<PaneRow>) {
    let ticked = app.run.is_ticked(id);
    let (role, mark) = match (ticked, id.by()) {
        (true, _) => (Role::Ok, "[x]"),
        (false, TickedBy::Machine) if !app.run.checklist.is_empty() => (Role::Bad, "[ ]"),
        (false, TickedBy::Machine | TickedBy::Human) => (Role::Text, "[ ]"),
    };
    let target = Target::Item(id);
    let evidence = app.run.checklist.iter().find(|i| i.id == id);
    let evidence = evidence.map_or("", |i| i.evidence.as_str());
    let row = Row::new(app.theme)
        .put(role, mark)
        .put(Role::Text, format!(" {}", text(id, width)));
    let shows_evidence = width >= ROOMY || is_selected(app, &target);
    let stale = app.run.ticks.contains_key(&id) && !ticked;
    rows.push(PaneRow::of(target, row));
    if stale {
        rows.extend(wrapped(
            app,
            Role::Warn,
            "ticked on another tree",
            (4, width),
        ));
    }
    if shows_evidence && !evidence.is_empty() {
        rows.extend(wrapped(app, Role::Dim, evidence, (4, width)));
    }
}

fn findings(app: &App, width: usize, rows: &mut Vec<PaneRow>) {
    let total = app.run.findings.len();
    if total == 0 {
        return;
    }
    let read = app.run.findings.iter().filter(|f| f.read).count();
    let head = format!("findings {read}/{total} read");
    rows.push(PaneRow::text(Row::new(app.theme).put(Role::Dim, head)));
    for (index, finding) in app.run.findings.iter().enumerate() {
        let (role, mark) = if finding.read {
            (Role::Ok, "[x]")
        } else {
            (Role::Warn, "(!)")
        };
        let target = Target::Finding(index);
        let shows_detail = width >= ROOMY || is_selected(app, &target) || !finding.read;
        let id = format!(" {} ", finding.risk.id);
        let room = width.saturating_sub(4 + id.len());
        let row = Row::new(app.theme)
            .put(role, mark)
            .put(Role::Text, id)
            .path(Role::Dim, &finding.risk.subject, room);
        rows.push(PaneRow::of(target, row));
        if shows_detail {
            let text = &finding.risk.detail;
            rows.extend(wrapped_start(
                app,
                Role::Dim,
                text,
                (4, width, FINDING_ROWS),
            ));
        }
    }
}
