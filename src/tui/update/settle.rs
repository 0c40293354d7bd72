//! Brings the view in line with what is there to show: layout, clamped cursors, what was seen.
//! Called once before each frame, so that messages stay cheap however many arrive.

use ratatui::layout::Rect;

use crate::tui::app::{App, LogMode, Target};
use crate::tui::keymap::Pane;
use crate::tui::layout::{Class, Needs, class, screen};
use crate::tui::view;

/// Settles the view.
pub(crate) fn settle(app: &mut App) {
    let rail = match class(app.size) {
        Class::Three => 37,
        Class::Two => 31,
        Class::TooSmall | Class::Tiny | Class::Single => 1,
    };
    let rows = |pane| {
        let rows = view::rows(app, pane, rail).len();
        u16::try_from(rows).unwrap_or(u16::MAX)
    };
    let needs = Needs {
        focus: app.focus,
        zoom: app.zoom,
        busy: app.run.is_busy(),
        output: app.log_shown() != LogMode::List,
        header: view::header::height(app),
        rows: if rail == 1 {
            [0; 6]
        } else {
            [
                rows(Pane::Plan),
                rows(Pane::Files),
                0,
                rows(Pane::Log),
                rows(Pane::Checklist),
                rows(Pane::Comments),
            ]
        },
    };
    app.screen = screen(app.size, &needs);
    for pane in Pane::ALL {
        let Some(inner) = app.screen.inner(pane) else {
            continue;
        };
        match pane {
            Pane::Diff if !app.shows_reasons() => diff(app, inner),
            Pane::Log if app.log_shown() != LogMode::List => log(app, inner),
            Pane::Plan
            | Pane::Files
            | Pane::Diff
            | Pane::Log
            | Pane::Checklist
            | Pane::Comments => list(app, pane, inner),
        }
    }
}

fn list(app: &mut App, pane: Pane, inner: Rect) {
    let rows = view::rows(app, pane, usize::from(inner.width));
    let height = usize::from(inner.height);
    let follows = pane == Pane::Log && app.log.follow && app.run.is_busy();
    let list = app.lists.entry(pane).or_default();
    let known = |target| rows.iter().position(|r| r.target.as_ref() == Some(target));
    let found = list.target.as_ref().and_then(known);
    if let Some(row) = found {
        list.row = row;
    } else {
        let first = rows.iter().position(|r| r.target.is_some());
        // Whoever looks at the log after failing tests looks for the failure.
        let failure = |r: &view::PaneRow| matches!(r.target, Some(Target::Failure(_)));
        let failed = rows.iter().position(failure);
        let same = rows
            .get(list.row)
            .filter(|r| r.target.is_some())
            .map(|_| list.row);
        list.row = failed.or(same).or(first).unwrap_or(0);
        // The first thing is selected as soon as somebody looks at the pane; until then the place
        // follows new rows.
        if app.focus == pane {
            list.target = rows.get(list.row).and_then(|r| r.target.clone());
        }
    }
    let last_top = rows.len().saturating_sub(height);
    if follows {
        list.top = last_top;
    }
    list.top = list.top.min(last_top);
    if found.is_some() && app.focus == pane {
        // A thing and the lines that belong to it stay together on screen where they fit.
        let next = rows
            .iter()
            .skip(list.row + 1)
            .position(|r| r.target.is_some());
        let end = next.map_or(rows.len(), |n| list.row + 1 + n);
        let end = end.min(list.row + height);
        if end > list.top + height && list.moved {
            list.top = end - height;
        }
        if list.row < list.top && list.moved {
            list.top = list.row;
        }
    }
}

fn diff(app: &mut App, inner: Rect) {
    let Some(diff) = app.diff.diff().cloned() else {
        return;
    };
    let height = usize::from(inner.height);
    let last = diff.lines.len().saturating_sub(1);
    app.diff.cursor = app.diff.cursor.min(last);
    let cursor = app.diff.cursor;
    let width = usize::from(inner.width);
    if cursor < app.diff.top {
        app.diff.top = cursor;
    }
    // Going up from the cursor, the first line from which it still fits on the screen.
    let mut used = view::diff::height_of(app, &diff, cursor, width).min(height);
    let mut first = cursor;
    while first > app.diff.top {
        used += view::diff::height_of(app, &diff, first - 1, width);
        if used > height {
            break;
        }
        first -= 1;
    }
    app.diff.top = app.diff.top.max(first);
    let mut bottom = app.diff.top;
    let mut rows = 0;
    while bottom <= last && rows < height {
        rows += view::diff::height_of(app, &diff, bottom, width);
        bottom += 1;
    }
    // No emptiness below the last line while there are lines above.
    while rows < height && app.diff.top > 0 {
        let more = view::diff::height_of(app, &diff, app.diff.top - 1, width);
        if rows + more > height {
            break;
        }
        rows += more;
        app.diff.top -= 1;
    }
    app.diff.visible = app.diff.top..bottom;
    for line in app.diff.visible.clone() {
        let known = app.diff.seen.get(line).copied().unwrap_or(true);
        if !known && view::diff::is_cut(app, &diff, line, (width, height)) {
            continue;
        }
        let Some(seen) = app.diff.seen.get_mut(line) else {
            break;
        };
        if !*seen {
            *seen = true;
            let hunk = diff.lines.get(line).and_then(|l| l.hunk);
            if let Some(unseen) = hunk.and_then(|h| app.diff.unseen.get_mut(h)) {
                *unseen = unseen.saturating_sub(1);
            }
        }
    }
}

fn log(app: &mut App, inner: Rect) {
    let LogMode::Output(command) = app.log_shown() else {
        return;
    };
    let height = view::log::output_height(app, inner);
    let Some((id, window)) = &app.log.window else {
        return;
    };
    if *id != command {
        return;
    }
    let last_top = window.lines.len().saturating_sub(height);
    let line = if app.log.follow {
        last_top
    } else {
        window.line_of(app.log.top).min(last_top)
    };
    if let Some(first) = window.lines.get(line) {
        app.log.top = first.offset;
    }
}
