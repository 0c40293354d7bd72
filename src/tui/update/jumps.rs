//! Jumps in the diff: hunks, files, what was not viewed, findings and comments.

use crate::tui::app::{App, Note, Target};
use crate::tui::diff::LineKind;
use crate::tui::keymap::Pane;

/// The path, line and side of the line under the cursor.
pub(crate) fn place_of_cursor(app: &App) -> Option<(String, Option<u32>, bool)> {
    let diff = app.diff.diff()?;
    let line = diff.lines.get(app.diff.cursor)?;
    let file = diff.files.get(line.file)?;
    let removed = line.kind == LineKind::Removed;
    let number = if removed { line.old } else { line.new };
    let number = match line.kind {
        LineKind::Context | LineKind::Added | LineKind::Removed => Some(number),
        LineKind::File | LineKind::Meta | LineKind::Hunk | LineKind::NoNewline => None,
    };
    Some((file.path.clone(), number, removed))
}

/// Shows a line of the diff with something above it.
pub(super) fn jump_to(app: &mut App, line: usize) {
    app.diff.cursor = line;
    app.diff.prefer_patch = true;
    if !app.diff.visible.contains(&line) {
        app.diff.top = line.saturating_sub(3);
    }
}

/// Shows a place of the diff and focuses it.
pub(super) fn jump(app: &mut App, path: &str, line: Option<u32>, removed: bool) -> bool {
    let at = app.diff.diff().and_then(|d| d.line_at(path, line, removed));
    let Some(at) = at else {
        app.say(format!("{path} is not in this diff"));
        return false;
    };
    jump_to(app, at);
    app.focus = Pane::Diff;
    true
}

/// The next or previous hunk, across files.
pub(super) fn hunk(app: &mut App, forward: bool, times: usize) {
    let Some(diff) = app.diff.diff().cloned() else {
        return;
    };
    for _ in 0..times {
        let at = app.diff.cursor;
        let mut starts = diff.hunks.iter().map(|h| h.lines.start);
        let next = if forward {
            starts.find(|start| *start > at)
        } else {
            starts.rfind(|start| *start < at)
        };
        let Some(next) = next else {
            app.say(if forward { "last hunk" } else { "first hunk" });
            return;
        };
        jump_to(app, next);
    }
}

/// The next or previous file.
pub(super) fn file(app: &mut App, forward: bool, times: usize) {
    let Some(diff) = app.diff.diff().cloned() else {
        return;
    };
    for _ in 0..times {
        let at = app.diff.cursor;
        let mut starts = diff.files.iter().map(|f| f.lines.start);
        let next = if forward {
            starts.find(|start| *start > at)
        } else {
            starts.rfind(|start| *start < at)
        };
        let Some(next) = next else {
            app.say(if forward { "last file" } else { "first file" });
            return;
        };
        jump_to(app, next);
        app.diff.top = next;
    }
}

/// The next hunk with lines that were not on screen, else the next file not marked viewed.
pub(super) fn unviewed(app: &mut App) {
    let Some(diff) = app.diff.diff().cloned() else {
        return;
    };
    let start = app.diff.cursor;
    let unseen = |index: usize| app.diff.unseen.get(index).is_some_and(|left| *left > 0);
    let hunks = diff
        .hunks
        .iter()
        .enumerate()
        .filter(|(index, _)| unseen(*index));
    let mut starts: Vec<usize> = hunks.map(|(_, h)| h.lines.start).collect();
    if starts.is_empty() {
        let files = diff
            .files
            .iter()
            .filter(|f| !app.run.viewed.contains(&f.path));
        starts = files.map(|f| f.lines.start).collect();
    }
    let next = starts.iter().find(|s| **s > start).or(starts.first());
    app.focus = Pane::Diff;
    match next {
        Some(next) => jump_to(app, *next),
        None => app.say("everything was on screen and every file is marked viewed"),
    }
}

/// Findings and comments in the order of the diff, those without a place last.
pub(super) fn marks(app: &App) -> Vec<(Option<usize>, Target)> {
    let mut marks: Vec<(Option<usize>, Target)> = Vec::new();
    for (line, notes) in &app.diff.notes {
        for note in notes {
            let target = match note {
                Note::Comment(id) => Target::Comment(*id),
                Note::Finding(index) => Target::Finding(*index),
            };
            marks.push((Some(*line), target));
        }
    }
    let findings = (0..app.run.findings.len()).map(Target::Finding);
    let comments = app.run.comments.keys().map(|id| Target::Comment(*id));
    for target in findings.chain(comments) {
        if !marks.iter().any(|(_, known)| *known == target) {
            marks.push((None, target));
        }
    }
    marks
}

/// The next or previous finding or comment; the answer is what was jumped to.
pub(super) fn mark(app: &mut App, forward: bool) -> Option<Target> {
    let marks = marks(app);
    if marks.is_empty() {
        app.say("no findings and no comments");
        return None;
    }
    let last = app.last_mark.as_ref();
    let at = marks.iter().position(|(_, target)| Some(target) == last);
    let next = match (at, forward) {
        (Some(at), true) => (at + 1) % marks.len(),
        (Some(at), false) => at.checked_sub(1).unwrap_or(marks.len() - 1),
        (None, true) => 0,
        (None, false) => marks.len() - 1,
    };
    let (line, target) = marks.into_iter().nth(next)?;
    if let Some(line) = line {
        jump_to(app, line);
        app.focus = Pane::Diff;
    } else {
        let pane = if matches!(target, Target::Comment(_)) {
            Pane::Comments
        } else {
            Pane::Checklist
        };
        select(app, pane, target.clone());
    }
    app.last_mark = Some(target.clone());
    Some(target)
}

/// Focuses a pane with something selected in it.
pub(super) fn select(app: &mut App, pane: Pane, target: Target) {
    app.focus = pane;
    let list = app.lists.entry(pane).or_default();
    list.target = Some(target);
    list.moved = true;
}
