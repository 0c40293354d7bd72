//! Search in the focused pane.

use crate::tui::app::{App, Overlay};
use crate::tui::diff::LineKind;
use crate::tui::keymap::Pane;
use crate::tui::update::jumps::jump_to;
use crate::tui::update::moves::pin_output;
use crate::tui::view;

/// Finds the next or previous place with the searched text in the focused pane.
pub(super) fn search(app: &mut App, forward: bool) {
    if app.search.is_empty() {
        app.say("nothing to search for: press /");
        return;
    }
    let needle = app.search.clone();
    let fold = !needle.chars().any(char::is_uppercase);
    let hit = |text: &str| {
        if fold {
            text.to_lowercase().contains(&needle)
        } else {
            text.contains(&needle)
        }
    };
    let found = if app.in_patch() {
        search_diff(app, forward, hit)
    } else if app.in_output() {
        search_log(app, forward, hit)
    } else {
        search_list(app, app.focus, forward, hit)
    };
    if !found {
        app.say(format!("not found: {needle}"));
    }
}

/// The first index that fits, going around from behind `from`.
fn around(len: usize, from: usize, forward: bool, hit: impl Fn(usize) -> bool) -> Option<usize> {
    let after = (from + 1).min(len)..len;
    let before = 0..(from + 1).min(len);
    if forward {
        after.chain(before).find(|i| hit(*i))
    } else {
        let mut down = (0..from.min(len)).rev().chain((from.min(len)..len).rev());
        down.find(|i| hit(*i))
    }
}

fn search_diff(app: &mut App, forward: bool, hit: impl Fn(&str) -> bool) -> bool {
    let Some(diff) = app.diff.diff().cloned() else {
        return false;
    };
    let fits = |index: usize| {
        diff.lines.get(index).is_some_and(|line| match line.kind {
            LineKind::File => diff.files.get(line.file).is_some_and(|f| hit(&f.path)),
            LineKind::Meta
            | LineKind::Hunk
            | LineKind::Context
            | LineKind::Added
            | LineKind::Removed
            | LineKind::NoNewline => hit(diff.text(line)),
        })
    };
    let found = around(diff.lines.len(), app.diff.cursor, forward, fits);
    if let Some(line) = found {
        jump_to(app, line);
    }
    found.is_some()
}

fn search_log(app: &mut App, forward: bool, hit: impl Fn(&str) -> bool) -> bool {
    pin_output(app);
    let Some((_, window)) = &app.log.window else {
        return false;
    };
    let fits = |index: usize| window.lines.get(index).is_some_and(|l| hit(&l.text));
    let from = window.line_of(app.log.top);
    let found = around(window.lines.len(), from, forward, fits);
    if let Some(line) = found.and_then(|index| window.lines.get(index)) {
        app.log.top = line.offset;
        app.log.follow = false;
    }
    found.is_some()
}

fn search_list(app: &mut App, pane: Pane, forward: bool, hit: impl Fn(&str) -> bool) -> bool {
    let width = app.screen.inner(pane).map_or(40, |r| usize::from(r.width));
    let rows = view::rows(app, pane, width);
    let from = app.list(pane).row;
    let fits = |index: usize| rows.get(index).is_some_and(|r| hit(&r.row.text()));
    let found = around(rows.len(), from, forward, fits);
    if let Some(row) = found {
        let list = app.lists.entry(pane).or_default();
        list.row = row;
        list.target = rows.get(row).and_then(|r| r.target.clone());
        list.moved = true;
        list.top = row.saturating_sub(2);
    }
    found.is_some()
}

/// Opens the search prompt.
pub(super) fn open_search(app: &mut App) {
    app.open(Overlay::Search {
        text: String::new(),
    });
}
