//! The comments pane: what goes back to the proposer.

use crate::model::Comment;
use crate::model::review::CommentKind;
use crate::tui::app::{App, Target};
use crate::tui::row::Row;
use crate::tui::theme::Role;
use crate::tui::view::{PaneRow, wrapped};

/// The word of a kind.
pub(crate) fn kind(kind: CommentKind) -> &'static str {
    match kind {
        CommentKind::Question => "question",
        CommentKind::Change => "change",
        CommentKind::Nit => "nit",
    }
}

/// Where a comment stands.
pub(crate) fn place(path: Option<&str>, line: Option<u32>, on_removed: bool) -> String {
    match (path, line) {
        (Some(path), Some(line)) if on_removed => format!("{path}:{line} (removed)"),
        (Some(path), Some(line)) => format!("{path}:{line}"),
        (Some(path), None) => path.to_owned(),
        (None, _) => "the whole change".to_owned(),
    }
}

/// What stands right in the title.
pub(crate) fn title(app: &App) -> String {
    match app.run.comments.len() {
        0 => String::new(),
        open => format!("{open} open"),
    }
}

/// The rows.
pub(crate) fn rows(app: &App, width: usize) -> Vec<PaneRow> {
    if app.run.comments.is_empty() {
        return wrapped(app, Role::Dim, "none; c writes one", (0, width));
    }
    let mut rows = Vec::new();
    for comment in app.run.comments.values() {
        rows.push(PaneRow::of(
            Target::Comment(comment.id),
            head(app, comment, width),
        ));
        rows.extend(wrapped(app, Role::Text, &comment.text, (2, width)));
    }
    rows
}

fn head(app: &App, comment: &Comment, width: usize) -> Row {
    let kind = Row::new(app.theme).put(Role::Comment, kind(comment.kind));
    let place = place(comment.path.as_deref(), comment.line, comment.on_removed);
    let room = width.saturating_sub(kind.width() + 4);
    Row::new(app.theme)
        .put(Role::Dim, format!("{} ", comment.id))
        .path(Role::Strong, &place, room)
        .right(kind, width)
}
