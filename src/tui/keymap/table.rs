//! The table itself.

use crossterm::event::KeyCode;

use crate::tui::keymap::{Action, Binding, Chord, Group, Look, Pane};

const fn key(c: char) -> Chord {
    code(KeyCode::Char(c))
}

const fn code(code: KeyCode) -> Chord {
    Chord {
        code,
        control: false,
        twice: false,
    }
}

const fn control(c: char) -> Chord {
    Chord {
        code: KeyCode::Char(c),
        control: true,
        twice: false,
    }
}

const fn twice(c: char) -> Chord {
    Chord {
        code: KeyCode::Char(c),
        control: false,
        twice: true,
    }
}

const fn row(
    group: Group,
    keys: &'static [(Chord, Action)],
    hint: &'static str,
    help: &'static str,
) -> Binding {
    Binding {
        keys,
        help,
        hint,
        group,
    }
}

/// The keys of the main screen.
pub(crate) static TABLE: &[Binding] = &[
    row(
        Group::Decide,
        &[(key('A'), Action::Approve)],
        "approve",
        "approve: shows exactly what, asks for the tree id; or what is still missing",
    ),
    row(
        Group::Decide,
        &[(key('S'), Action::Send)],
        "send",
        "send the comments back: request changes",
    ),
    row(
        Group::Decide,
        &[(key('X'), Action::Abandon)],
        "abandon",
        "abandon: the branch goes, its tip is kept",
    ),
    row(
        Group::Decide,
        &[(key('U'), Action::Restore)],
        "restore",
        "restore an abandoned branch",
    ),
    row(
        Group::Decide,
        &[(key('t'), Action::TestChoices)],
        "test choices",
        "when tests failed: run again, acknowledge with a note, abandon",
    ),
    row(
        Group::Decide,
        &[(key('m'), Action::MergeCommand)],
        "merge command",
        "after approval: the merge command, copied",
    ),
    row(
        Group::Decide,
        &[(control('c'), Action::Stop)],
        "stop",
        "while running: stop (twice: kill); in review: leave",
    ),
    row(
        Group::Decide,
        &[(key('q'), Action::Quit)],
        "leave",
        "leave and keep for later; never decides",
    ),
    row(
        Group::Review,
        &[(key(' '), Action::Mark)],
        "mark",
        "toggle what is under the cursor: viewed, tick, finding read",
    ),
    row(
        Group::Review,
        &[(key('c'), Action::Comment)],
        "comment",
        "comment on the line (elsewhere: on the whole change)",
    ),
    row(
        Group::Review,
        &[(key('C'), Action::CommentFile)],
        "",
        "comment on the file",
    ),
    row(
        Group::Review,
        &[(key('e'), Action::EditComment)],
        "edit",
        "edit the comment under the cursor",
    ),
    row(
        Group::Review,
        &[(twice('d'), Action::DeleteComment)],
        "delete",
        "delete the comment under the cursor",
    ),
    row(
        Group::Review,
        &[(code(KeyCode::Enter), Action::Open)],
        "open",
        "open, or jump to the place: file, line, command, failure; a finding in full",
    ),
    row(
        Group::Review,
        &[(key('u'), Action::NextUnviewed)],
        "unviewed",
        "next hunk that was not on screen yet, or file that is not marked viewed",
    ),
    row(
        Group::Review,
        &[
            (key(')'), Action::NextMark),
            (key('('), Action::PreviousMark),
        ],
        "finding",
        "next / previous finding or comment; a finding shown this way is read",
    ),
    row(
        Group::Move,
        &[
            (key(']'), Action::NextHunk),
            (key('['), Action::PreviousHunk),
        ],
        "hunk",
        "next / previous hunk, across files; in the log: command",
    ),
    row(
        Group::Move,
        &[
            (key('}'), Action::NextFile),
            (key('{'), Action::PreviousFile),
        ],
        "file",
        "next / previous file",
    ),
    row(
        Group::Move,
        &[
            (key('j'), Action::Down),
            (key('k'), Action::Up),
            (code(KeyCode::Down), Action::Down),
            (code(KeyCode::Up), Action::Up),
        ],
        "line",
        "line down / up; a count may stand before (7-9 or 0 first: 1-6 are the panes)",
    ),
    row(
        Group::Move,
        &[
            (control('d'), Action::HalfDown),
            (control('u'), Action::HalfUp),
        ],
        "",
        "half a page",
    ),
    row(
        Group::Move,
        &[
            (code(KeyCode::PageDown), Action::PageDown),
            (code(KeyCode::PageUp), Action::PageUp),
        ],
        "",
        "a page",
    ),
    row(
        Group::Move,
        &[
            (key('g'), Action::Top),
            (key('G'), Action::Bottom),
            (code(KeyCode::Home), Action::Top),
            (code(KeyCode::End), Action::Bottom),
        ],
        "",
        "top / bottom; with a count: to that line",
    ),
    row(
        Group::Move,
        &[
            (key('h'), Action::Left),
            (key('l'), Action::Right),
            (code(KeyCode::Left), Action::Left),
            (code(KeyCode::Right), Action::Right),
        ],
        "",
        "scroll sideways",
    ),
    row(
        Group::View,
        &[
            (key('1'), Action::Look(Look::Focus(Pane::Plan))),
            (key('2'), Action::Look(Look::Focus(Pane::Files))),
            (key('3'), Action::Look(Look::Focus(Pane::Diff))),
            (key('4'), Action::Look(Look::Focus(Pane::Log))),
            (key('5'), Action::Look(Look::Focus(Pane::Checklist))),
            (key('6'), Action::Look(Look::Focus(Pane::Comments))),
        ],
        "",
        "plan, files, diff, log, checklist, comments",
    ),
    row(
        Group::View,
        &[
            (code(KeyCode::Tab), Action::Look(Look::NextPane)),
            (code(KeyCode::BackTab), Action::Look(Look::PreviousPane)),
        ],
        "pane",
        "next / previous pane",
    ),
    row(
        Group::View,
        &[(key('f'), Action::Look(Look::Zoom))],
        "zoom",
        "the pane alone on the screen, and back",
    ),
    row(
        Group::View,
        &[(key('F'), Action::Look(Look::Follow))],
        "follow",
        "follow the log (moving up pauses it)",
    ),
    row(
        Group::View,
        &[(code(KeyCode::Esc), Action::Look(Look::Back))],
        "back",
        "back: from output to the commands, from a search",
    ),
    row(
        Group::View,
        &[(key('p'), Action::Look(Look::Reasons))],
        "reasons/patch",
        "when the run failed: the reasons, or the proposed patch",
    ),
    row(
        Group::View,
        &[(key('w'), Action::Look(Look::Wrap))],
        "wrap",
        "wrap long lines",
    ),
    row(
        Group::View,
        &[
            (key('/'), Action::Look(Look::Search)),
            (key('n'), Action::Look(Look::SearchNext)),
            (key('N'), Action::Look(Look::SearchPrevious)),
        ],
        "find",
        "search in the pane; next, previous",
    ),
    row(
        Group::View,
        &[(key('y'), Action::Copy)],
        "",
        "copy the reference of the line (src/a.py:12)",
    ),
    row(
        Group::View,
        &[(key('T'), Action::Look(Look::Theme))],
        "",
        "next theme",
    ),
    row(
        Group::View,
        &[(key('?'), Action::Look(Look::Help))],
        "keys",
        "this help",
    ),
];
