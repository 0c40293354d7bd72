//! The log pane: the commands of the run, or the output of one of them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::run::CommandState;
use crate::model::{CommandId, OtherRun, Since, TestOutcome, TestReport};
use crate::text::command_line;
use crate::tui::app::{App, LogMode, Target};
use crate::tui::glyph::glyphs;
use crate::tui::row::{Row, width_of, wrap};
use crate::tui::theme::Role;
use crate::tui::view::{PaneRow, header, put, words};

/// The columns before a command: time, state, exit code, duration.
const COLUMNS: usize = 24;

/// What stands in the title.
pub(crate) fn title(app: &App) -> (String, String) {
    match app.log_shown() {
        LogMode::Output(id) => {
            let command = app.run.commands.iter().rfind(|c| c.start.id == id);
            let argv = command.map_or(String::new(), |c| {
                words::command_parts(&app.run, &c.start.argv).0
            });
            let size = app.log.window.as_ref().filter(|(have, _)| *have == id);
            let size = size.map_or(0, |(_, window)| window.size);
            let size = size.max(app.log.sizes.get(&id).copied().unwrap_or(0));
            let follow = match (command.is_some_and(|c| c.end.is_none()), app.log.follow) {
                (true, true) => "following  ",
                (true, false) => "paused, F follows  ",
                (false, _) => "Esc commands  ",
            };
            (argv, format!("{follow}{}", words::bytes(size)))
        }
        LogMode::Failure(index) => {
            let failures = app.run.tests.as_ref().map_or(0, |t| t.failures.len());
            let place = format!(
                "failure {}/{failures}  Enter its place  Esc back",
                index + 1
            );
            (String::new(), place)
        }
        LogMode::List | LogMode::Auto => {
            let failed = app.run.commands.iter().filter(|c| is_failed(c)).count();
            let commands = words::count(app.run.commands.len(), "command", "commands");
            (String::new(), format!("{commands} · {failed} failed"))
        }
    }
}

fn is_failed(command: &CommandState) -> bool {
    command.end.as_ref().is_some_and(|e| !e.exit.is_success())
}

/// The rows of the list.
pub(crate) fn rows(app: &App, width: usize) -> Vec<PaneRow> {
    let mut rows = Vec::new();
    for command in &app.run.commands {
        let row = command_row(app, command, width);
        rows.push(PaneRow::of(Target::Command(command.start.id), row));
        if let Some(report) = deciding(app, command.start.id) {
            failures(app, report, width, &mut rows);
        }
    }
    for (argv, reason) in &app.run.skipped {
        let row = Row::new(app.theme)
            .put(Role::Dim, "      [--]             ")
            .put(Role::Text, format!(" {}", command_line(argv)))
            .put(Role::Dim, format!("  not run: {reason}"));
        rows.push(PaneRow::text(row));
    }
    if rows.is_empty() {
        let text = "no command has run yet";
        rows.push(PaneRow::text(Row::new(app.theme).put(Role::Dim, text)));
    } else if !app.run.is_busy() {
        let (role, word) = header::state(app);
        let row = Row::new(app.theme).put(Role::Dim, "      ").put(role, word);
        rows.push(PaneRow::text(row.put(Role::Dim, closing(app))));
    }
    rows
}

fn closing(app: &App) -> &'static str {
    use crate::model::{Decision, Status};
    match (app.run.decision, app.run.status) {
        (Decision::Pending, Some(Status::Success | Status::TestFailure)) => {
            " waiting for the reviewer"
        }
        (Decision::Pending, _) => " the run ended",
        (Decision::Approved | Decision::ChangesRequested | Decision::Abandoned, _) => " decided",
    }
}

/// The test report, when this command is the one that it came from.
fn deciding(app: &App, id: CommandId) -> Option<&TestReport> {
    let report = app.run.tests.as_ref()?;
    let command = app.run.command_of(&report.argv)?;
    (command.start.id == id && command.end.is_some()).then_some(report)
}

fn command_row(app: &App, command: &CommandState, width: usize) -> Row {
    let started = app.run.started.unwrap_or(command.started);
    let at = words::clock(words::between(started, command.started) / 1_000);
    let (role, word) = words::command(command);
    let (code, time) = if let Some(end) = &command.end {
        (end.exit.code().to_string(), end.duration_ms)
    } else {
        (String::new(), words::between(command.started, app.now.wall))
    };
    let time = words::duration(time);
    let right = Row::new(app.theme).put(Role::Dim, summary(app, command));
    let row = Row::new(app.theme)
        .put(Role::Dim, format!("{at:>5} "))
        .put(role, word)
        .put(
            if is_failed(command) {
                Role::Bad
            } else {
                Role::Dim
            },
            format!(" {code:>3}"),
        )
        .put(Role::Dim, format!(" {time:>7} "));
    let room = width.saturating_sub(row.width() + right.width() + 2);
    let (planned, appended) = words::command_parts(&app.run, &command.start.argv);
    let row = row.fitted(Role::Text, &planned, room);
    let room = width.saturating_sub(row.width() + right.width() + 3);
    // What milton appended is shown whole or not at all: half of it would only be noise.
    let row = if appended.is_empty() || width_of(&appended) > room {
        row
    } else {
        row.put(Role::Dim, format!(" {appended}"))
    };
    row.right(right, width)
}

fn summary(app: &App, command: &CommandState) -> String {
    if let Some(report) = deciding(app, command.start.id) {
        return result(report);
    }
    if command.start.in_process {
        return "in milton".to_owned();
    }
    let label = command.start.purpose.label();
    if !label.is_empty() {
        return match beside(app, command.start.id) {
            Some(run) => format!("{label}: {} passed, {} failed", run.passed, run.failed),
            None => label.to_owned(),
        };
    }
    let bytes = command
        .end
        .as_ref()
        .map(|e| e.stdout.bytes + e.stderr.bytes);
    bytes.map_or(String::new(), words::bytes)
}

/// The run of the suite on another tree that a command was.
fn beside(app: &App, id: CommandId) -> Option<&OtherRun> {
    let facts = &app.run.tests.as_ref()?.integrity;
    let mut runs = facts.base.iter().chain(&facts.deciding);
    runs.find(|run| run.command == Some(id))
}

/// What the suite said, in a few words.
fn result(report: &TestReport) -> String {
    let counts = format!("{} passed, {} failed", report.passed, report.failed);
    match report.outcome {
        TestOutcome::Passed | TestOutcome::Failed => counts,
        TestOutcome::TimedOut => format!("timed out, {counts}"),
        TestOutcome::NoneCounted => "no test counted".to_owned(),
        TestOutcome::NoReport => "no report".to_owned(),
        TestOutcome::NotStarted => "not started".to_owned(),
        TestOutcome::Skipped => "skipped".to_owned(),
    }
}

fn failures(app: &App, report: &TestReport, width: usize, rows: &mut Vec<PaneRow>) {
    for (index, failure) in report.failures.iter().enumerate() {
        let place = match (&failure.file, failure.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            (Some(file), None) => file.clone(),
            (None, _) => String::new(),
        };
        let indent = COLUMNS.min(width / 8);
        let row = Row::new(app.theme)
            .pad_to(indent)
            .put(Role::Bad, "x ")
            .put(
                Role::Warn,
                match failure.since {
                    Since::Unknown => "",
                    Since::New => "new ",
                    Since::Base => "old ",
                },
            )
            .put(Role::Text, format!("{}  ", failure.name))
            .put(Role::Dim, &failure.message)
            .right(Row::new(app.theme).put(Role::Dim, place), width);
        rows.push(PaneRow::of(Target::Failure(index), row));
    }
}

/// How many rows the output has inside the pane.
pub(crate) fn output_height(_app: &App, inner: Rect) -> usize {
    usize::from(inner.height)
}

/// Draws the output of a command, or a failure.
pub(crate) fn draw_output(app: &App, area: Rect, buffer: &mut Buffer) {
    match app.log_shown() {
        LogMode::Output(id) => output(app, id, area, buffer),
        LogMode::Failure(index) => failure(app, index, area, buffer),
        LogMode::List | LogMode::Auto => {}
    }
}

fn output(app: &App, id: CommandId, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let window = app.log.window.as_ref().filter(|(have, _)| *have == id);
    let lines = window.map_or(&[][..], |(_, window)| window.lines.as_slice());
    let first = window.map_or(0, |(_, window)| window.line_of(app.log.top));
    if lines.is_empty() {
        let text = match (&app.log.error, window) {
            (Some(error), _) => format!("the output cannot be read: {error}"),
            (None, Some(_)) => "no output yet".to_owned(),
            (None, None) => "reading …".to_owned(),
        };
        let row = Row::new(app.theme).put(Role::Dim, text);
        put(
            app,
            row,
            Rect {
                height: 1.min(area.height),
                ..area
            },
            buffer,
        );
        return;
    }
    for (line, y) in lines.iter().skip(first).zip(area.y..area.bottom()) {
        let style = app.theme.style(line_role(&line.text));
        let mut row = Row::new(app.theme);
        let mut column = 0;
        for glyph in glyphs(&line.text, app.log.left + width + 1) {
            column += glyph.width;
            if column > app.log.left {
                let marked = app.theme.style(Role::Marked);
                row.push(
                    if glyph.marked { marked } else { style },
                    &glyph.text,
                    glyph.width,
                );
            }
        }
        put(app, row, Rect::new(area.x, y, area.width, 1), buffer);
    }
}

/// pytest's own marks; the words themselves stay what they are.
fn line_role(text: &str) -> Role {
    if text.starts_with("FAILED") || text.starts_with("ERROR") || text.starts_with("E  ") {
        Role::Bad
    } else if text.starts_with("===") || text.starts_with("___") {
        Role::Strong
    } else {
        Role::Text
    }
}

/// The rows of a failed test.
fn failure_rows(app: &App, index: usize, width: usize) -> Vec<Row> {
    let Some(failure) = app.run.tests.as_ref().and_then(|t| t.failures.get(index)) else {
        return vec![Row::new(app.theme).put(Role::Dim, "no such failure")];
    };
    let mut rows = Vec::new();
    let lines = std::iter::once((Role::Strong, failure.name.as_str()))
        .chain(std::iter::once((Role::Bad, failure.message.as_str())))
        .chain(std::iter::once((Role::Text, "")))
        .chain(failure.traceback.lines().map(|l| (line_role(l), l)));
    for (role, line) in lines {
        let parts = wrap(line, width);
        rows.extend(
            parts
                .into_iter()
                .map(|part| Row::new(app.theme).put(role, part)),
        );
    }
    rows
}

fn failure(app: &App, index: usize, area: Rect, buffer: &mut Buffer) {
    let rows = failure_rows(app, index, usize::from(area.width));
    let last_top = rows.len().saturating_sub(usize::from(area.height));
    let top = app.log.failure_top.min(last_top);
    for (row, y) in rows.into_iter().skip(top).zip(area.y..area.bottom()) {
        put(app, row, Rect::new(area.x, y, area.width, 1), buffer);
    }
}

/// The log in one line.
pub(crate) fn line(app: &App, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let row = Row::new(app.theme).put(Role::Dim, " log ");
    let row = match app.run.commands.last() {
        None => row.put(Role::Dim, "no command has run yet"),
        Some(command) => row.join(command_row(app, command, width.saturating_sub(6))),
    };
    put(app, row, area, buffer);
}
