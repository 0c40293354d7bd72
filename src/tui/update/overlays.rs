//! Keys and pasted text while something lies over the panes.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui_textarea::TextArea;

use crate::model::review::{CommentKind, Need, needs};
use crate::model::{Decision, ReviewCommand};
use crate::tui::app::{App, Editor, Overlay, Target};
use crate::tui::keymap::{Pane, Press};
use crate::tui::update::comments::{save_comment, text_area};
use crate::tui::update::keys::Intent;
use crate::tui::update::review::may_change;
use crate::tui::update::{Effect, jumps, review, search as find};
use crate::tui::view::approval::approval_fits;
use crate::tui::view::dialogs::last_finding_top;

/// How many characters of the tree id approve.
pub(crate) const TYPED: usize = 4;

/// The choices after failing tests, in the order of the dialog.
pub(crate) const TEST_CHOICES: [(&str, &str); 3] = [
    ("r", "run the tests again on the same tree"),
    ("a", "acknowledge with a note and go on with the review"),
    ("X", "abandon: the branch goes, its tip is kept"),
];

/// Applies a key to the overlay.
pub(super) fn pressed(app: &mut App, key: KeyEvent, intent: Intent) -> Vec<Effect> {
    let Some(overlay) = app.overlay.take() else {
        return Vec::new();
    };
    let leave = key.code == KeyCode::Esc || is_control(key, 'c');
    match overlay {
        Overlay::Editor(mut editor) => {
            if leave {
                if !editor.area.is_empty() && editor.id.is_none() {
                    app.say("kept as a draft: c on the same place brings it back");
                    app.draft = Some(*editor);
                }
                return Vec::new();
            }
            if is_control(key, 's') {
                return save_comment(app, *editor);
            }
            edit(&mut editor, key);
            app.overlay = Some(Overlay::Editor(editor));
            Vec::new()
        }
        Overlay::Note(area) if !leave => note(app, area, key, intent),
        Overlay::Search { text } if !leave => {
            search(app, text, key);
            Vec::new()
        }
        Overlay::Approve { typed, wrong } if !leave => approve(app, (typed, wrong), key, intent),
        Overlay::TestChoices { selected } if !leave => choose(app, selected, key, intent),
        Overlay::Needs { selected } if !leave => {
            need(app, selected, key);
            Vec::new()
        }
        Overlay::Help { top } if !leave => {
            help(app, top, key);
            Vec::new()
        }
        Overlay::Finding { index, top } if !leave => {
            finding(app, (index, top), key);
            Vec::new()
        }
        Overlay::Merge if key.code == KeyCode::Char('q') => super::leave(app),
        Overlay::Merge if !leave && key.code != KeyCode::Enter => {
            app.overlay = Some(Overlay::Merge);
            Vec::new()
        }
        Overlay::Note(_)
        | Overlay::Search { .. }
        | Overlay::Approve { .. }
        | Overlay::TestChoices { .. }
        | Overlay::Needs { .. }
        | Overlay::Help { .. }
        | Overlay::Finding { .. }
        | Overlay::Merge => Vec::new(),
    }
}

fn is_control(key: KeyEvent, c: char) -> bool {
    key.code == KeyCode::Char(c) && key.modifiers.contains(KeyModifiers::CONTROL)
}

/// Puts pasted text where text is being written; it never does anything else.
pub(super) fn paste(app: &mut App, text: &str) {
    match &mut app.overlay {
        Some(Overlay::Editor(editor)) => {
            editor.area.insert_str(text);
        }
        Some(Overlay::Note(area)) => {
            area.insert_str(text);
        }
        Some(Overlay::Search { text: search }) => {
            search.push_str(text.lines().next().unwrap_or_default());
        }
        Some(Overlay::Approve { .. }) => {
            app.say("pasted text does not approve: type the four characters");
        }
        Some(
            Overlay::Help { .. }
            | Overlay::Needs { .. }
            | Overlay::TestChoices { .. }
            | Overlay::Finding { .. }
            | Overlay::Merge,
        )
        | None => app.say("pasted text was ignored"),
    }
}

fn edit(editor: &mut Editor, key: KeyEvent) {
    if key.code == KeyCode::Tab {
        editor.kind = match editor.kind {
            CommentKind::Question => CommentKind::Change,
            CommentKind::Change => CommentKind::Nit,
            CommentKind::Nit => CommentKind::Question,
        };
    } else {
        editor.area.input(key);
    }
}

fn note(
    app: &mut App,
    mut area: Box<TextArea<'static>>,
    key: KeyEvent,
    intent: Intent,
) -> Vec<Effect> {
    if !is_control(key, 's') {
        area.input(key);
        app.overlay = Some(Overlay::Note(area));
        return Vec::new();
    }
    let note = area.lines().join("\n").trim().to_owned();
    if note.is_empty() || intent == Intent::Stray {
        app.say(if note.is_empty() {
            "say why: an empty note does not acknowledge"
        } else {
            "ignored: that key came too early; press it again"
        });
        app.overlay = Some(Overlay::Note(area));
        return Vec::new();
    }
    vec![Effect::Send(ReviewCommand::AcknowledgeTestFailure { note })]
}

fn search(app: &mut App, mut text: String, key: KeyEvent) {
    match Press::of(key) {
        Press::Enter => {
            app.search = text;
            find::search(app, true);
            return;
        }
        Press::Backspace => {
            text.pop();
        }
        Press::Char(c) => text.push(c),
        Press::Up | Press::Down | Press::PageUp | Press::PageDown | Press::Other => {}
    }
    app.overlay = Some(Overlay::Search { text });
}

fn approve(
    app: &mut App,
    (mut typed, wrong): (String, bool),
    key: KeyEvent,
    intent: Intent,
) -> Vec<Effect> {
    if !needs(&app.run).is_empty() || app.run.decision != Decision::Pending {
        app.say("something changed meanwhile: look again before you approve");
        return Vec::new();
    }
    if !approval_fits(app) {
        app.say("make this window larger: all that is approved must be on screen");
        return Vec::new();
    }
    if wrong {
        typed.clear();
    }
    match (Press::of(key), intent) {
        (Press::Char(c), Intent::Stray) if c != ' ' => {
            app.say("ignored: that key came before you could read this; type it again");
        }
        (Press::Char(c), Intent::Deliberate) if c != ' ' => typed.push(c.to_ascii_lowercase()),
        (Press::Backspace, _) => {
            typed.pop();
        }
        (
            Press::Char(_)
            | Press::Enter
            | Press::Up
            | Press::Down
            | Press::PageUp
            | Press::PageDown
            | Press::Other,
            _,
        ) => {}
    }
    let Some(tree) = app.run.tree.clone() else {
        return Vec::new();
    };
    let complete = typed.chars().count() >= TYPED;
    if complete && tree.as_str().starts_with(&typed) {
        app.say("approving …");
        return vec![Effect::Send(ReviewCommand::Approve { tree, typed })];
    }
    app.overlay = Some(Overlay::Approve {
        typed,
        wrong: complete,
    });
    Vec::new()
}

/// The row after `key` in a list of `len`.
fn stepped(selected: usize, len: usize, key: KeyEvent) -> usize {
    let next = match Press::of(key) {
        Press::Down | Press::Char('j') => selected.saturating_add(1),
        Press::Up | Press::Char('k') => selected.saturating_sub(1),
        Press::Char(_)
        | Press::Enter
        | Press::Backspace
        | Press::PageUp
        | Press::PageDown
        | Press::Other => selected,
    };
    next.min(len.saturating_sub(1))
}

fn choose(app: &mut App, selected: usize, key: KeyEvent, intent: Intent) -> Vec<Effect> {
    let moved = stepped(selected, TEST_CHOICES.len(), key);
    let by_key = TEST_CHOICES
        .iter()
        .position(|(name, _)| key.code == KeyCode::Char(name.chars().next().unwrap_or(' ')));
    // Enter runs the tests again or opens the note, but never abandons: it never decides.
    let by_enter = (key.code == KeyCode::Enter && selected < 2).then_some(selected);
    match by_key.or(by_enter) {
        Some(0) if intent == Intent::Deliberate && may_change(app) => {
            app.say("running the tests again …");
            vec![Effect::Send(ReviewCommand::RerunTests)]
        }
        Some(1) if may_change(app) => {
            app.open(Overlay::Note(Box::new(text_area(Vec::new()))));
            Vec::new()
        }
        Some(2) if intent == Intent::Deliberate => review::abandon(app, intent),
        Some(_) | None => {
            if key.code == KeyCode::Enter && selected == 2 {
                app.say("Enter never decides: press X to abandon");
            }
            if key.code != KeyCode::Char('q') {
                app.overlay = Some(Overlay::TestChoices { selected: moved });
            }
            Vec::new()
        }
    }
}

fn need(app: &mut App, selected: usize, key: KeyEvent) {
    let open = needs(&app.run);
    if key.code == KeyCode::Char('q') {
        return;
    }
    if key.code == KeyCode::Enter {
        if let Some(need) = open.get(selected) {
            go_to(app, need.clone());
        }
        return;
    }
    let selected = stepped(selected, open.len(), key);
    app.overlay = Some(Overlay::Needs { selected });
}

/// Goes to the place where a need can be met.
fn go_to(app: &mut App, need: Need) {
    match need {
        Need::NotReady(_) => {
            app.diff.prefer_patch = false;
            app.focus = Pane::Diff;
        }
        Need::TestFailure => review::test_choices(app),
        Need::MachineItem(item) | Need::Tick(item) => {
            jumps::select(app, Pane::Checklist, Target::Item(item));
        }
        Need::UnviewedFile(path) => {
            jumps::jump(app, &path, None, false);
        }
        Need::UnreadFinding(index) => {
            jumps::select(app, Pane::Checklist, Target::Finding(index));
        }
        Need::Decided => {}
    }
}

/// The first row on screen after `key` in a text that is scrolled.
fn scrolled(top: usize, key: KeyEvent) -> usize {
    match Press::of(key) {
        Press::Down | Press::Char('j') => top + 1,
        Press::Up | Press::Char('k') => top.saturating_sub(1),
        Press::PageDown | Press::Char(' ') => top + 10,
        Press::PageUp => top.saturating_sub(10),
        Press::Char(_) | Press::Enter | Press::Backspace | Press::Other => top,
    }
}

fn finding(app: &mut App, (index, top): (usize, usize), key: KeyEvent) {
    if matches!(Press::of(key), Press::Char('q') | Press::Enter) {
        return;
    }
    let top = scrolled(top, key).min(last_finding_top(app, index));
    app.overlay = Some(Overlay::Finding { index, top });
}

fn help(app: &mut App, top: usize, key: KeyEvent) {
    if matches!(Press::of(key), Press::Char('q' | '?')) {
        return;
    }
    let top = scrolled(top, key);
    let last = crate::tui::view::dialogs::help_rows(app).saturating_sub(1);
    app.overlay = Some(Overlay::Help { top: top.min(last) });
}
