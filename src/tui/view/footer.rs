//! The bottom of the screen: where the reviewer is, what approval still needs, and the keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::review::{Need, needs};
use crate::model::{Decision, Status};
use crate::tui::Mode;
use crate::tui::app::{App, LogMode, Overlay};
use crate::tui::keymap::{self, Action, Look, Pane};
use crate::tui::layout::Class;
use crate::tui::row::Row;
use crate::tui::theme::Role;
use crate::tui::update::place_of_cursor;
use crate::tui::view::{checklist, comments, put, words};

/// The strip of all panes, where one is shown at a time.
pub(crate) fn strip(app: &App, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let build = |long: bool| {
        let mut row = Row::new(app.theme).put(Role::Text, " ");
        for pane in Pane::ALL {
            let extra = if long {
                extra(app, pane)
            } else {
                String::new()
            };
            let text = format!("{} {}{extra}", pane.number(), short(pane));
            row = if app.focus == pane {
                row.put(Role::TitleFocus, format!("[{text}]"))
                    .put(Role::Text, " ")
            } else {
                row.put(Role::Text, format!(" {text}  "))
            };
        }
        row
    };
    let long = build(true);
    let row = if long.width() <= width {
        long
    } else {
        build(false)
    };
    put(app, row, area, buffer);
}

fn short(pane: Pane) -> &'static str {
    match pane {
        Pane::Checklist => "Check",
        Pane::Plan | Pane::Files | Pane::Diff | Pane::Log | Pane::Comments => pane.title(),
    }
}

fn extra(app: &App, pane: Pane) -> String {
    match pane {
        Pane::Files if !app.run.changed_files.is_empty() => {
            let (viewed, total) = viewed(app);
            format!(" {viewed}/{total}")
        }
        Pane::Checklist if !app.run.checklist.is_empty() => {
            let (ticked, total) = checklist::counts(app);
            let unread = app.run.findings.iter().any(|f| !f.read);
            format!(" {ticked}/{total}{}", if unread { " (!)" } else { "" })
        }
        Pane::Comments if !app.run.comments.is_empty() => format!(" {}", app.run.comments.len()),
        Pane::Plan | Pane::Files | Pane::Diff | Pane::Log | Pane::Checklist | Pane::Comments => {
            String::new()
        }
    }
}

fn viewed(app: &App) -> (usize, usize) {
    let files = &app.run.changed_files;
    let viewed = files
        .iter()
        .filter(|f| app.run.viewed.contains(&f.path))
        .count();
    (viewed, files.len())
}

/// The decision line: never hidden.
pub(crate) fn decision(app: &App, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let candidates = sentences(app);
    let room = width.saturating_sub(2);
    let fitting = candidates.iter().find(|row| row.width() <= room);
    let sentence = fitting.or(candidates.last()).cloned();
    let sentence = sentence.unwrap_or_else(|| Row::new(app.theme));
    let pad = |row: Row| Row::new(app.theme).put(Role::Text, " ").join(row);
    let row = if app.screen.class >= Class::Two {
        let right = sentence.put(Role::Text, " ");
        let context = context(app, width.saturating_sub(right.width() + 3));
        pad(context).right(right, width)
    } else {
        pad(sentence)
    };
    put(app, row, area, buffer);
}

/// The decision sentence, the longest first.
fn sentences(app: &App) -> Vec<Row> {
    let row = |role, text: String| Row::new(app.theme).put(role, text);
    if let Mode::ReadOnly { reason } = &app.mode {
        return vec![
            row(Role::Warn, format!("read only: {reason}")),
            row(Role::Warn, "read only".to_owned()),
        ];
    }
    match app.run.decision {
        Decision::Approved => {
            return vec![
                row(
                    Role::Ok,
                    "approved; m shows the merge command, q leaves".to_owned(),
                ),
                row(Role::Ok, "approved".to_owned()),
            ];
        }
        Decision::ChangesRequested => {
            return vec![
                row(Role::Warn, "changes requested; q leaves".to_owned()),
                row(Role::Warn, "changes requested".to_owned()),
            ];
        }
        Decision::Abandoned => {
            return vec![
                row(Role::Warn, "abandoned; press U to restore".to_owned()),
                row(Role::Warn, "abandoned".to_owned()),
            ];
        }
        Decision::Pending => {}
    }
    if app.run.is_busy() {
        return running(app);
    }
    let open = needs(&app.run);
    if let Some(Need::NotReady(status)) = open.first() {
        return not_ready(app, *status);
    }
    if open.is_empty() {
        return vec![
            row(Role::Ok, "A approves: nothing is missing".to_owned()),
            row(Role::Ok, "A approves".to_owned()),
        ];
    }
    approval_needs(app, &open)
}

fn approval_needs(app: &App, open: &[Need]) -> Vec<Row> {
    let long = need_words(open).join(", ");
    let prefix = |text: String| {
        Row::new(app.theme)
            .put(Role::Key, "A")
            .put(Role::Text, " needs: ")
            .put(Role::Warn, text)
    };
    // The same without the adjectives.
    let short = long
        .replace("t (tests failed)", "t")
        .replace("unviewed ", "")
        .replace("unread ", "");
    vec![
        prefix(long),
        prefix(short),
        prefix(words::count(open.len(), "thing", "things")),
        Row::new(app.theme).put(Role::Warn, format!("A: {} open", open.len())),
    ]
}

/// `2 ticks`, `1 unviewed file`, `1 unread finding`.
fn need_words(open: &[Need]) -> Vec<String> {
    let count = |wanted: fn(&Need) -> bool| open.iter().filter(|n| wanted(n)).count();
    let kinds: [(usize, &str, &str); 5] = [
        (
            count(|n| matches!(n, Need::TestFailure)),
            "t (tests failed)",
            "",
        ),
        (
            count(|n| matches!(n, Need::MachineItem(_))),
            "measured item",
            "measured items",
        ),
        (count(|n| matches!(n, Need::Tick(_))), "tick", "ticks"),
        (
            count(|n| matches!(n, Need::UnviewedFile(_))),
            "unviewed file",
            "unviewed files",
        ),
        (
            count(|n| matches!(n, Need::UnreadFinding(_))),
            "unread finding",
            "unread findings",
        ),
    ];
    let present = kinds.into_iter().filter(|(n, ..)| *n > 0);
    present
        .map(|(n, one, many)| {
            if many.is_empty() {
                one.to_owned()
            } else {
                words::count(n, one, many)
            }
        })
        .collect()
}

fn running(app: &App) -> Vec<Row> {
    let phase = app.run.phases.iter().rfind(|p| p.outcome.is_none());
    let what = match (app.run.running_command(), phase) {
        (Some(command), _) => words::command_parts(&app.run, &command.start.argv).0,
        (None, Some(phase)) => phase.phase.title().to_owned(),
        (None, None) => "starting".to_owned(),
    };
    let row = |text: String| {
        Row::new(app.theme)
            .put(Role::Running, "running ")
            .put(Role::Text, text)
    };
    let stop = if app.stop_asked {
        "stopping, Ctrl-C kills"
    } else {
        "Ctrl-C stops"
    };
    vec![
        row(format!("{what} · {stop}")),
        row(stop.to_owned()),
        Row::new(app.theme).put(Role::Running, "running"),
    ]
}

fn not_ready(app: &App, status: Option<Status>) -> Vec<Row> {
    let row = |text: String| Row::new(app.theme).put(Role::Bad, text);
    let status = status.map_or("NOT READY", Status::as_str);
    let count = app.run.violations().count();
    let what = if count > 0 {
        words::count(count, "violation", "violations")
    } else {
        "see pane 3".to_owned()
    };
    vec![
        row(format!("{status}: {what} · X abandons, q leaves")),
        row(format!("{status}: {what}")),
        row(status.to_owned()),
    ]
}

/// Where the reviewer is, in as many words as fit.
fn context(app: &App, room: usize) -> Row {
    let place = match (app.focus, place_of_cursor(app)) {
        (Pane::Diff, _) if app.shows_reasons() => String::new(),
        (Pane::Diff, Some((path, Some(line), _))) => format!("{path}:{line}"),
        (Pane::Diff, Some((path, None, _))) => path,
        _ => String::new(),
    };
    let mut row = Row::new(app.theme).put(Role::Strong, app.focus.title().to_uppercase());
    let mut parts = vec![place];
    let (seen, files) = viewed(app);
    if files > 0 {
        parts.push(format!("viewed {seen}/{files} files"));
    }
    if !app.run.checklist.is_empty() {
        let (ticked, items) = checklist::counts(app);
        parts.push(format!("checklist {ticked}/{items}"));
    }
    if !app.run.comments.is_empty() {
        parts.push(format!("comments {}", comments::title(app)));
    }
    for part in parts.into_iter().filter(|p| !p.is_empty()) {
        let next = row.clone().put(Role::Text, format!("  {part}"));
        if next.width() > room {
            break;
        }
        row = next;
    }
    row
}

/// The keys, or the message of the moment, or the search prompt.
pub(crate) fn hints(app: &App, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let row = Row::new(app.theme).put(Role::Text, " ");
    if let Some(Overlay::Search { text }) = &app.overlay {
        let row = row
            .put(Role::Key, "/")
            .put(Role::Text, text)
            .put(Role::Text, "▏");
        put(app, row, area, buffer);
        return;
    }
    if let Some(flash) = &app.flash {
        let row = row.fitted(Role::Strong, flash, width.saturating_sub(2));
        put(app, row, area, buffer);
        return;
    }
    let mut row = row;
    for action in hint_actions(app) {
        let Some(binding) = keymap::binding(action) else {
            continue;
        };
        let text = binding.hint();
        let (keys, word) = text.split_once(' ').unwrap_or((&text, ""));
        let word = if action == Action::Mark {
            mark_word(app)
        } else {
            word
        };
        let hint = Row::new(app.theme)
            .put(Role::Key, keys)
            .put(Role::Dim, format!(" {word}"));
        if row.width() + hint.width() + 2 > width {
            break;
        }
        row = row.join(hint).put(Role::Text, "  ");
    }
    put(app, row, area, buffer);
}

fn mark_word(app: &App) -> &'static str {
    match app.focus {
        Pane::Diff | Pane::Files => "viewed",
        Pane::Checklist => "tick/read",
        Pane::Plan => "read",
        Pane::Log | Pane::Comments => "mark",
    }
}

/// The keys that do something here, the most useful first.
fn hint_actions(app: &App) -> Vec<Action> {
    let mut actions = vec![Action::Look(Look::Help)];
    let decided = app.run.decision;
    if app.run.is_busy() && app.is_live() {
        actions.push(Action::Stop);
    } else if app.is_live() {
        match decided {
            Decision::Pending => {
                if app.tests_failed() && app.run.acknowledged.is_none() {
                    actions.push(Action::TestChoices);
                }
                let reviewable =
                    matches!(app.run.status, Some(Status::Success | Status::TestFailure));
                if reviewable {
                    actions.push(Action::Approve);
                }
                if !app.run.comments.is_empty() {
                    actions.push(Action::Send);
                }
                actions.push(Action::Abandon);
            }
            Decision::Approved => actions.push(Action::MergeCommand),
            Decision::Abandoned => actions.push(Action::Restore),
            Decision::ChangesRequested => {}
        }
    }
    actions.extend(pane_actions(app));
    actions.push(Action::Look(Look::Search));
    actions.push(Action::Look(Look::Zoom));
    actions.push(Action::Look(Look::NextPane));
    actions.push(Action::Quit);
    if app.run.is_busy() && app.is_live() {
        actions.retain(|a| *a != Action::Quit);
    }
    actions
}

fn pane_actions(app: &App) -> Vec<Action> {
    let may_mark = app.is_live() && app.is_pending() && !app.run.is_busy();
    let mut actions = Vec::new();
    match app.focus {
        Pane::Diff if app.shows_reasons() => {
            actions.push(Action::Down);
            if app.patch_wanted().is_some() {
                actions.push(Action::Look(Look::Reasons));
            }
        }
        Pane::Diff => {
            if may_mark && app.shows_result() {
                actions.push(Action::Mark);
            }
            actions.extend([Action::NextHunk, Action::NextFile]);
            if may_mark {
                actions.extend([Action::Comment, Action::NextUnviewed]);
            }
            if !app.run.findings.is_empty() || !app.run.comments.is_empty() {
                actions.push(Action::NextMark);
            }
            if app.has_reasons() {
                actions.push(Action::Look(Look::Reasons));
            }
            actions.push(Action::Look(Look::Wrap));
        }
        Pane::Files | Pane::Checklist => {
            if may_mark {
                actions.push(Action::Mark);
            }
            actions.extend([Action::Open, Action::Down]);
        }
        Pane::Plan => actions.extend([Action::Down, Action::Open]),
        Pane::Log => {
            if app.log_shown() != LogMode::List {
                actions.push(Action::Look(Look::Back));
            }
            actions.extend([Action::Open, Action::Down, Action::Look(Look::Follow)]);
        }
        Pane::Comments => {
            if may_mark && !app.run.comments.is_empty() {
                actions.extend([Action::EditComment, Action::DeleteComment]);
            }
            actions.extend([Action::Open, Action::Comment]);
        }
    }
    actions
}
