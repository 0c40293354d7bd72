//! What the reviewer does: marks, comments, decisions. Everything that changes the run goes out
//! as a [`ReviewCommand`]; the screen waits for the event.

use crate::model::review::needs;
use crate::model::{Decision, ItemId, ReviewCommand, TickedBy};
use crate::tui::app::{App, LogMode, Note, Overlay, Target};
use crate::tui::keymap::Pane;
use crate::tui::update::comments::{comment_under_cursor, edit_comment};
use crate::tui::update::keys::Intent;
use crate::tui::update::{Effect, jumps, moves};
use crate::tui::view::approval::approval_fits;

/// Whether this screen may change the run now; says why not.
pub(super) fn may_change(app: &mut App) -> bool {
    if let crate::tui::Mode::ReadOnly { reason } = &app.mode {
        let text = format!("read only: {reason}");
        app.say(text);
        return false;
    }
    match app.run.decision {
        Decision::Pending => true,
        Decision::Approved => {
            app.say("already approved; m shows the merge command");
            false
        }
        Decision::ChangesRequested => {
            app.say("changes were requested already");
            false
        }
        Decision::Abandoned => {
            app.say("abandoned; press U to restore");
            false
        }
    }
}

/// Whether a decision may be taken now; says why not.
fn may_decide(app: &mut App, intent: Intent) -> bool {
    if !may_change(app) {
        return false;
    }
    if intent == Intent::Stray {
        app.say("ignored: that key came before you could see this; press it again");
        return false;
    }
    if app.run.is_busy() {
        app.say("the run is still working; Ctrl-C stops it");
        return false;
    }
    true
}

/// The file that the focused pane's cursor is on.
pub(super) fn file_under_cursor(app: &App) -> Option<String> {
    if app.in_patch() {
        return jumps::place_of_cursor(app).map(|(path, ..)| path);
    }
    match selected(app)? {
        Target::File(path) => Some(path),
        Target::Finding(index) => app.finding_place(index).map(|(path, _)| path),
        Target::Comment(id) => app.run.comments.get(&id)?.path.clone(),
        Target::Command(_) | Target::Failure(_) | Target::Item(_) => None,
    }
}

/// What Space does.
pub(super) fn toggle_mark(app: &mut App) -> Vec<Effect> {
    let target = if app.in_patch() {
        file_under_cursor(app).map(Target::File)
    } else {
        selected(app)
    };
    match target {
        Some(Target::File(path)) => toggle_viewed(app, path),
        Some(Target::Item(item)) => toggle_item(app, item),
        Some(Target::Finding(index)) => read_finding(app, index),
        Some(Target::Command(_) | Target::Failure(_) | Target::Comment(_)) | None => Vec::new(),
    }
}

/// What is selected in the focused list.
pub(super) fn selected(app: &App) -> Option<Target> {
    app.list(app.focus).target
}

fn toggle_viewed(app: &mut App, path: String) -> Vec<Effect> {
    if !may_change(app) {
        return Vec::new();
    }
    if !app.run.changed_files.iter().any(|f| f.path == path) {
        app.say("files are marked when the commit is built");
        return Vec::new();
    }
    let viewed = !app.run.viewed.contains(&path);
    let unseen = unseen_hunks(app, &path);
    if viewed && unseen > 0 {
        let hunks = if unseen == 1 {
            "hunk was"
        } else {
            "hunks were"
        };
        app.say(format!(
            "viewed, though {unseen} {hunks} never wholly on screen (u)"
        ));
    }
    vec![Effect::Send(ReviewCommand::View { path, viewed })]
}

/// How many hunks of a file were never wholly on screen.
pub(crate) fn unseen_hunks(app: &App, path: &str) -> usize {
    let Some(diff) = app.diff.diff() else {
        return 0;
    };
    let file = diff
        .file_named(path)
        .and_then(|index| diff.files.get(index));
    let unseen = file.and_then(|f| app.diff.unseen.get(f.hunks.clone()));
    unseen.map_or(0, |left| left.iter().filter(|n| **n > 0).count())
}

fn toggle_item(app: &mut App, item: ItemId) -> Vec<Effect> {
    if !may_change(app) {
        return Vec::new();
    }
    if item.by() == TickedBy::Machine {
        app.say("milton ticks this from measured facts; Enter shows them");
        return Vec::new();
    }
    if app.run.tree.is_none() {
        app.say("there is no tree to tick this for");
        return Vec::new();
    }
    vec![Effect::Send(ReviewCommand::Toggle(item))]
}

fn read_finding(app: &mut App, index: usize) -> Vec<Effect> {
    let unread = app.run.findings.get(index).is_some_and(|f| !f.read);
    if !unread || !app.is_live() || !app.is_pending() {
        return Vec::new();
    }
    match u32::try_from(index) {
        Ok(index) => vec![Effect::Send(ReviewCommand::ReadFinding(index))],
        Err(_) => Vec::new(),
    }
}

/// Goes to the next finding or comment; a finding shown this way is read.
pub(super) fn next_mark(app: &mut App, forward: bool) -> Vec<Effect> {
    match jumps::mark(app, forward) {
        Some(Target::Finding(index)) => read_finding(app, index),
        Some(
            Target::File(_)
            | Target::Command(_)
            | Target::Failure(_)
            | Target::Item(_)
            | Target::Comment(_),
        )
        | None => Vec::new(),
    }
}

/// What Enter does.
pub(super) fn open(app: &mut App) -> Vec<Effect> {
    if app.in_patch() {
        if comment_under_cursor(app).is_some() {
            edit_comment(app);
        } else if let Some(index) = finding_under_cursor(app) {
            return open_finding(app, index);
        }
        return Vec::new();
    }
    if let (Pane::Log, LogMode::Failure(index)) = (app.focus, app.log_shown()) {
        open_failure_place(app, index);
        return Vec::new();
    }
    match selected(app) {
        Some(Target::Finding(index)) => {
            let place = app.finding_place(index);
            let shown = place.is_some_and(|(path, line)| jumps::jump(app, &path, line, false));
            if shown {
                Vec::new()
            } else {
                open_finding(app, index)
            }
        }
        Some(target) => {
            open_target(app, target);
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// The finding that stands under the cursor's line; of several the first unread one.
fn finding_under_cursor(app: &App) -> Option<usize> {
    let notes = app.diff.notes.get(&app.diff.cursor)?;
    let findings = notes.iter().filter_map(|note| match note {
        Note::Finding(index) => Some(*index),
        Note::Comment(_) => None,
    });
    let is_read = |index: &usize| app.run.findings.get(*index).is_some_and(|f| f.read);
    findings.min_by_key(is_read)
}

/// Shows the whole of a finding, which reads it.
fn open_finding(app: &mut App, index: usize) -> Vec<Effect> {
    app.flash = None;
    app.open(Overlay::Finding { index, top: 0 });
    read_finding(app, index)
}

/// Shows the place of a thing.
pub(super) fn open_target(app: &mut App, target: Target) {
    match target {
        Target::File(path) => {
            jumps::jump(app, &path, None, false);
        }
        Target::Command(id) => {
            let has_output = app
                .run
                .commands
                .iter()
                .any(|c| c.start.id == id && c.start.output.is_some());
            if has_output {
                app.focus = Pane::Log;
                moves::show_output(app, id);
            } else {
                app.say("done inside milton: no process, no output");
            }
        }
        Target::Failure(index) => {
            app.focus = Pane::Log;
            app.log.mode = LogMode::Failure(index);
            app.log.failure_top = 0;
        }
        Target::Item(item) => open_evidence(app, item),
        Target::Finding(index) => match app.finding_place(index) {
            Some((path, line)) => {
                jumps::jump(app, &path, line, false);
            }
            None => jumps::select(app, Pane::Checklist, Target::Finding(index)),
        },
        Target::Comment(id) => {
            let place = app
                .run
                .comments
                .get(&id)
                .map(|c| (c.path.clone(), c.line, c.on_removed));
            match place {
                Some((Some(path), line, removed)) => {
                    jumps::jump(app, &path, line, removed);
                }
                Some((None, ..)) => app.say("a comment on the whole change"),
                None => {}
            }
        }
    }
}

fn open_failure_place(app: &mut App, index: usize) {
    let failure = app.run.tests.as_ref().and_then(|t| t.failures.get(index));
    let Some(failure) = failure else { return };
    let reported = failure.file.clone().map(|file| (file, failure.line));
    // The assertion often stands in a file that is not part of the change; then the innermost
    // frame that is.
    let traceback = failure.traceback.lines().rev().filter_map(frame_place);
    let in_diff = |path: &str| app.run.changed_files.iter().any(|f| f.path == path);
    let place = reported.iter().cloned().chain(traceback);
    let place = place.into_iter().find(|(path, _)| in_diff(path));
    match (place, reported) {
        (Some((path, line)), _) => {
            jumps::jump(app, &path, line, false);
        }
        (None, Some((path, line))) => {
            let line = line.map_or(String::new(), |line| format!(":{line}"));
            app.say(format!("failed at {path}{line}, which is not in this diff"));
        }
        (None, None) => app.say("the report does not say where this failed"),
    }
}

/// The file and line of a traceback's line: `src/calc.py:4: AssertionError`.
fn frame_place(line: &str) -> Option<(String, Option<u32>)> {
    let mut parts = line.split(':');
    let (path, line) = (parts.next()?, parts.next()?);
    Some((path.to_owned(), Some(line.parse().ok()?)))
}

fn open_evidence(app: &mut App, item: ItemId) {
    let is_doc = |path: &str| {
        let lower = path.to_lowercase();
        lower.contains("doc") || [".md", ".rst", ".txt"].iter().any(|e| lower.ends_with(e))
    };
    match item {
        ItemId::TestsPass => {
            let argv = app.run.tests.as_ref().map(|t| t.argv.clone());
            let command = argv.and_then(|argv| app.run.command_of(&argv).map(|c| c.start.id));
            match command {
                Some(id) => open_target(app, Target::Command(id)),
                None => app.say("no test command was run"),
            }
        }
        ItemId::BranchCreated => {
            app.focus = Pane::Log;
            app.log.mode = LogMode::List;
        }
        ItemId::NoForbiddenFiles | ItemId::Minimal => app.focus = Pane::Files,
        ItemId::NoSecrets => app.focus = Pane::Diff,
        ItemId::Documentation => {
            let doc = app.run.changed_files.iter().find(|f| is_doc(&f.path));
            if let Some(path) = doc.map(|f| f.path.clone()) {
                jumps::jump(app, &path, None, false);
            } else {
                app.focus = Pane::Files;
                app.say("no documentation among the changed files");
            }
        }
    }
}

/// Opens the dialog that approves, or the list of what is missing.
pub(super) fn approve(app: &mut App, intent: Intent) {
    if app.run.is_busy() && app.is_live() {
        app.say("the run is still working; Ctrl-C stops it");
        return;
    }
    if !may_decide(app, intent) {
        return;
    }
    if !needs(&app.run).is_empty() {
        app.open(Overlay::Needs { selected: 0 });
    } else if app.diff.mismatch {
        app.say("the patch on disk is not the recorded one: nothing can be approved from it");
    } else if !app.shows_result() || app.diff.diff().is_none() {
        app.say("the diff is not on screen yet");
    } else if !approval_fits(app) {
        app.say("make this window larger: all that is approved must be on screen");
    } else {
        app.open(Overlay::Approve {
            typed: String::new(),
            wrong: false,
        });
    }
}

/// Sends the comments back.
pub(super) fn send(app: &mut App, intent: Intent) -> Vec<Effect> {
    if !may_decide(app, intent) {
        return Vec::new();
    }
    if app.run.comments.is_empty() {
        app.say("nothing to send: write a comment with c first");
        return Vec::new();
    }
    app.say("sending the comments …");
    vec![Effect::Send(ReviewCommand::RequestChanges)]
}

/// Abandons.
pub(super) fn abandon(app: &mut App, intent: Intent) -> Vec<Effect> {
    if !may_decide(app, intent) {
        return Vec::new();
    }
    app.say("abandoning …");
    vec![Effect::Send(ReviewCommand::Abandon)]
}

/// Takes an abandon back.
pub(super) fn restore(app: &mut App, intent: Intent) -> Vec<Effect> {
    if app.run.decision != Decision::Abandoned {
        app.say("nothing was abandoned");
        return Vec::new();
    }
    if !app.is_live() {
        let _said = may_change(app);
        return Vec::new();
    }
    if intent == Intent::Stray {
        app.say("ignored: that key came before you could see this; press it again");
        return Vec::new();
    }
    app.say("restoring …");
    vec![Effect::Send(ReviewCommand::Restore)]
}

/// Opens the choices after failing tests.
pub(super) fn test_choices(app: &mut App) {
    if !app.tests_failed() {
        app.say("the tests did not fail");
    } else if may_change(app) {
        app.open(Overlay::TestChoices { selected: 0 });
    }
}

/// Shows and copies the merge command.
pub(super) fn merge_command(app: &mut App) -> Vec<Effect> {
    let Some(command) = app.run.merge_command.clone() else {
        app.say("there is a merge command after approval");
        return Vec::new();
    };
    app.open(Overlay::Merge);
    vec![Effect::Copy(command)]
}

/// Copies `path:line` of what is under the cursor.
pub(super) fn copy_reference(app: &mut App) -> Vec<Effect> {
    let place = if app.in_patch() {
        jumps::place_of_cursor(app).map(|(path, line, _)| (path, line))
    } else {
        file_under_cursor(app).map(|path| (path, None))
    };
    let Some((path, line)) = place else {
        app.say("there is no file under the cursor");
        return Vec::new();
    };
    let reference = line.map_or(path.clone(), |line| format!("{path}:{line}"));
    app.say(format!("copied {reference}"));
    vec![Effect::Copy(reference)]
}
