//! Keys and what they mean: the one table from which dispatch, the help screen and every hint on
//! the screen are made.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The panes, in the order of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Pane {
    Plan,
    Files,
    Diff,
    Log,
    Checklist,
    Comments,
}

impl Pane {
    /// All panes.
    pub(crate) const ALL: [Self; 6] = [
        Self::Plan,
        Self::Files,
        Self::Diff,
        Self::Log,
        Self::Checklist,
        Self::Comments,
    ];

    /// The pane's key, from 1.
    pub(crate) fn number(self) -> usize {
        Self::ALL.iter().position(|p| *p == self).unwrap_or(0) + 1
    }

    /// The pane's name.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Plan => "Plan",
            Self::Files => "Files",
            Self::Diff => "Diff",
            Self::Log => "Log",
            Self::Checklist => "Checklist",
            Self::Comments => "Comments",
        }
    }
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Focus(Pane),
    NextPane,
    PreviousPane,
    Down,
    Up,
    HalfDown,
    HalfUp,
    PageDown,
    PageUp,
    Top,
    Bottom,
    Left,
    Right,
    NextHunk,
    PreviousHunk,
    NextFile,
    PreviousFile,
    NextMark,
    PreviousMark,
    NextUnviewed,
    Mark,
    Open,
    Back,
    Comment,
    CommentFile,
    EditComment,
    DeleteComment,
    Reasons,
    Wrap,
    Zoom,
    Follow,
    Search,
    SearchNext,
    SearchPrevious,
    Copy,
    Theme,
    Help,
    Approve,
    Send,
    Abandon,
    Restore,
    TestChoices,
    MergeCommand,
    Stop,
    Quit,
}

/// One key press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chord {
    code: KeyCode,
    control: bool,
    /// Whether the key is pressed twice (`dd`).
    twice: bool,
}

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

impl Chord {
    /// The key as people write it.
    pub(crate) fn name(self) -> String {
        let plain = match self.code {
            KeyCode::Char(' ') => "Space".to_owned(),
            KeyCode::Char(c) if self.twice => format!("{c}{c}"),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::Tab => "Tab".to_owned(),
            KeyCode::BackTab => "Shift-Tab".to_owned(),
            KeyCode::Enter => "Enter".to_owned(),
            KeyCode::Esc => "Esc".to_owned(),
            KeyCode::Up => "↑".to_owned(),
            KeyCode::Down => "↓".to_owned(),
            KeyCode::Left => "←".to_owned(),
            KeyCode::Right => "→".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            KeyCode::PageUp => "PgUp".to_owned(),
            other => format!("{other}"),
        };
        if self.control {
            format!("Ctrl-{}", plain.to_uppercase())
        } else {
            plain
        }
    }
}

/// The parts of the help screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Move,
    Review,
    View,
    Decide,
}

impl Group {
    /// All parts, in order.
    pub(crate) const ALL: [Self; 4] = [Self::Decide, Self::Review, Self::Move, Self::View];

    /// The part's heading.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Move => "Move",
            Self::Review => "Review",
            Self::View => "View",
            Self::Decide => "Decide",
        }
    }
}

/// One row of the table: keys that belong together.
pub(crate) struct Binding {
    /// The keys with what each does.
    pub(crate) keys: &'static [(Chord, Action)],
    /// What the help says.
    pub(crate) help: &'static str,
    /// What a hint says behind the keys; empty for keys that no hint names.
    pub(crate) hint: &'static str,
    /// Where the help shows it.
    pub(crate) group: Group,
}

impl Binding {
    /// Every key of the row, for the help.
    pub(crate) fn all_keys(&self) -> String {
        let names: Vec<String> = self.keys.iter().map(|(chord, _)| chord.name()).collect();
        names.join(" ")
    }

    /// The hint: the first key of each action, and the word.
    pub(crate) fn hint(&self) -> String {
        let mut names: Vec<String> = Vec::new();
        let mut actions = Vec::new();
        for (chord, action) in self.keys {
            if !actions.contains(action) {
                actions.push(*action);
                names.push(chord.name());
            }
        }
        // Only short pairs (`]/[`) are named together; of the rest the first key is enough.
        let pair = names.len() == 2 && names.iter().all(|name| name.chars().count() == 1);
        if !pair {
            names.truncate(1);
        }
        format!("{} {}", names.join("/"), self.hint)
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
        "open, or jump to the place: file, line, command, failure",
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
            (key('1'), Action::Focus(Pane::Plan)),
            (key('2'), Action::Focus(Pane::Files)),
            (key('3'), Action::Focus(Pane::Diff)),
            (key('4'), Action::Focus(Pane::Log)),
            (key('5'), Action::Focus(Pane::Checklist)),
            (key('6'), Action::Focus(Pane::Comments)),
        ],
        "",
        "plan, files, diff, log, checklist, comments",
    ),
    row(
        Group::View,
        &[
            (code(KeyCode::Tab), Action::NextPane),
            (code(KeyCode::BackTab), Action::PreviousPane),
        ],
        "pane",
        "next / previous pane",
    ),
    row(
        Group::View,
        &[(key('f'), Action::Zoom)],
        "zoom",
        "the pane alone on the screen, and back",
    ),
    row(
        Group::View,
        &[(key('F'), Action::Follow)],
        "follow",
        "follow the log (moving up pauses it)",
    ),
    row(
        Group::View,
        &[(code(KeyCode::Esc), Action::Back)],
        "back",
        "back: from output to the commands, from a search",
    ),
    row(
        Group::View,
        &[(key('p'), Action::Reasons)],
        "reasons/patch",
        "when the run failed: the reasons, or the proposed patch",
    ),
    row(
        Group::View,
        &[(key('w'), Action::Wrap)],
        "wrap",
        "wrap long lines",
    ),
    row(
        Group::View,
        &[
            (key('/'), Action::Search),
            (key('n'), Action::SearchNext),
            (key('N'), Action::SearchPrevious),
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
    row(Group::View, &[(key('T'), Action::Theme)], "", "next theme"),
    row(
        Group::View,
        &[(key('?'), Action::Help)],
        "keys",
        "this help",
    ),
];

/// What a key press means on the main screen; `first` is the key that waits for its second press.
pub(crate) fn lookup(event: &KeyEvent, first: Option<char>) -> Lookup {
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    if event.modifiers.contains(KeyModifiers::ALT) {
        return Lookup::Unknown;
    }
    let all = TABLE.iter().flat_map(|b| b.keys);
    let fitting: Vec<_> = all
        .filter(|(chord, _)| chord.code == event.code && chord.control == control)
        .collect();
    if let Some((_, action)) = fitting.iter().find(|(chord, _)| !chord.twice) {
        return Lookup::Action(*action);
    }
    match (fitting.first(), event.code) {
        (Some((_, action)), KeyCode::Char(c)) if first == Some(c) => Lookup::Action(*action),
        (Some(_), KeyCode::Char(c)) => Lookup::First(c),
        _ => Lookup::Unknown,
    }
}

/// The answer of [`lookup`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// A whole command.
    Action(Action),
    /// The first half of one.
    First(char),
    /// Nothing.
    Unknown,
}

/// The row of an action.
pub(crate) fn binding(action: Action) -> Option<&'static Binding> {
    let has = |b: &&Binding| b.keys.iter().any(|(_, a)| *a == action);
    TABLE.iter().find(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things() {
        let all: Vec<_> = TABLE.iter().flat_map(|b| b.keys).collect();
        for (index, (chord, _)) in all.iter().enumerate() {
            for (other, _) in &all[index + 1..] {
                let same = chord.code == other.code && chord.control == other.control;
                assert!(!same, "{} twice", chord.name());
            }
        }
    }

    #[test]
    fn every_row_has_help_and_known_names() {
        for binding in TABLE {
            assert!(!binding.help.is_empty());
            assert!(!binding.all_keys().is_empty());
        }
    }

    #[test]
    fn a_double_key_needs_both_presses() {
        let d = KeyEvent::new(KeyCode::Char('d'), KeyModifiers::NONE);
        assert_eq!(lookup(&d, None), Lookup::First('d'));
        assert_eq!(lookup(&d, Some('d')), Lookup::Action(Action::DeleteComment));
        let half = KeyEvent::new(KeyCode::Char('d'), KeyModifiers::CONTROL);
        assert_eq!(lookup(&half, None), Lookup::Action(Action::HalfDown));
    }
}
