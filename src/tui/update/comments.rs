//! Comments: written, edited and deleted in an editor over the panes.

use ratatui_textarea::TextArea;

use crate::model::review::CommentKind;
use crate::model::{Comment, ReviewCommand};
use crate::tui::app::{App, Editor, Note, Overlay, Target};
use crate::tui::keymap::Pane;
use crate::tui::update::review::{file_under_cursor, may_change, selected};
use crate::tui::update::{Effect, jumps};

/// What a new comment stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Line,
    File,
}

/// Opens the editor for a new comment.
pub(super) fn comment(app: &mut App, place: Place) {
    if !may_change(app) {
        return;
    }
    let (path, line, on_removed) = match (app.focus, place) {
        (Pane::Diff, Place::Line) if !app.shows_reasons() => {
            jumps::place_of_cursor(app).map_or((None, None, false), |(p, l, r)| (Some(p), l, r))
        }
        (_, Place::Line) => (None, None, false),
        (_, Place::File) => (file_under_cursor(app), None, false),
    };
    if place == Place::File && path.is_none() {
        app.say("there is no file under the cursor");
        return;
    }
    let same = |d: &Editor| {
        d.id.is_none() && d.path == path && d.line == line && d.on_removed == on_removed
    };
    let editor = match app.draft.take().filter(same) {
        Some(draft) => draft,
        None => Editor {
            area: text_area(Vec::new()),
            kind: CommentKind::Question,
            path,
            line,
            on_removed,
            id: None,
        },
    };
    app.open(Overlay::Editor(Box::new(editor)));
}

/// An empty text area without colours of its own.
pub(super) fn text_area(lines: Vec<String>) -> TextArea<'static> {
    let mut area = TextArea::new(lines);
    area.set_cursor_line_style(ratatui::style::Style::new());
    area.set_wrap_mode(ratatui_textarea::WrapMode::WordOrGlyph);
    area.set_tab_length(0);
    area.move_cursor(ratatui_textarea::CursorMove::Bottom);
    area.move_cursor(ratatui_textarea::CursorMove::End);
    area
}

/// The comment under the cursor.
pub(super) fn comment_under_cursor(app: &App) -> Option<u32> {
    if app.in_patch() {
        let notes = app.diff.notes.get(&app.diff.cursor)?;
        return notes.iter().rev().find_map(|note| match note {
            Note::Comment(id) => Some(*id),
            Note::Finding(_) => None,
        });
    }
    match selected(app)? {
        Target::Comment(id) => Some(id),
        Target::File(_)
        | Target::Command(_)
        | Target::Failure(_)
        | Target::Item(_)
        | Target::Finding(_) => None,
    }
}

/// Opens the editor on the comment under the cursor.
pub(super) fn edit_comment(app: &mut App) {
    let Some(comment) = comment_under_cursor(app).and_then(|id| app.run.comments.get(&id).cloned())
    else {
        app.say("no comment under the cursor");
        return;
    };
    if !may_change(app) {
        return;
    }
    let lines = comment.text.lines().map(str::to_owned).collect();
    app.open(Overlay::Editor(Box::new(Editor {
        area: text_area(lines),
        kind: comment.kind,
        path: comment.path,
        line: comment.line,
        on_removed: comment.on_removed,
        id: Some(comment.id),
    })));
}

/// Saves what was written; an empty text is not a comment.
pub(super) fn save_comment(app: &mut App, editor: Editor) -> Vec<Effect> {
    let text = editor.area.lines().join("\n").trim_end().to_owned();
    if text.trim().is_empty() {
        app.say("an empty comment is not saved");
        app.overlay = Some(Overlay::Editor(Box::new(editor)));
        return Vec::new();
    }
    let id = editor.id.unwrap_or(app.next_comment);
    app.next_comment = app.next_comment.max(id.saturating_add(1));
    vec![Effect::Send(ReviewCommand::Comment(Comment {
        id,
        kind: editor.kind,
        path: editor.path,
        line: editor.line,
        on_removed: editor.on_removed,
        text,
    }))]
}

/// Deletes the comment under the cursor.
pub(super) fn delete_comment(app: &mut App) -> Vec<Effect> {
    let Some(id) = comment_under_cursor(app) else {
        app.say("no comment under the cursor");
        return Vec::new();
    };
    if !may_change(app) {
        return Vec::new();
    }
    vec![Effect::Send(ReviewCommand::DeleteComment(id))]
}
