//! Keys and what they mean: the one table from which dispatch, the help screen and every hint on
//! the screen are made.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

mod table;

pub(crate) use table::TABLE;

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
    /// Only the view changes.
    Look(Look),
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
    Comment,
    CommentFile,
    EditComment,
    DeleteComment,
    Copy,
    Approve,
    Send,
    Abandon,
    Restore,
    TestChoices,
    MergeCommand,
    Stop,
    Quit,
}

/// What changes only the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Focus(Pane),
    NextPane,
    PreviousPane,
    Back,
    Reasons,
    Wrap,
    Zoom,
    Follow,
    Search,
    SearchNext,
    SearchPrevious,
    Theme,
    Help,
}

/// One key press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chord {
    code: KeyCode,
    control: bool,
    /// Whether the key is pressed twice (`dd`).
    twice: bool,
}

impl Chord {
    /// The key as people write it.
    pub(crate) fn name(self) -> String {
        let named = [
            (KeyCode::Char(' '), "Space"),
            (KeyCode::Tab, "Tab"),
            (KeyCode::BackTab, "Shift-Tab"),
            (KeyCode::Enter, "Enter"),
            (KeyCode::Esc, "Esc"),
            (KeyCode::Up, "↑"),
            (KeyCode::Down, "↓"),
            (KeyCode::Left, "←"),
            (KeyCode::Right, "→"),
            (KeyCode::PageDown, "PgDn"),
            (KeyCode::PageUp, "PgUp"),
        ];
        let named = named.iter().find(|(code, _)| *code == self.code);
        let plain = named.map_or_else(|| self.code.to_string(), |(_, name)| (*name).to_owned());
        if self.twice {
            return plain.repeat(2);
        }
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

/// The keys that dialogs know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Press {
    Enter,
    Backspace,
    Up,
    Down,
    PageUp,
    PageDown,
    /// A character without Ctrl or Alt.
    Char(char),
    Other,
}

impl Press {
    /// The key of an event.
    pub(crate) fn of(event: KeyEvent) -> Self {
        let named = [
            (KeyCode::Enter, Self::Enter),
            (KeyCode::Backspace, Self::Backspace),
            (KeyCode::Up, Self::Up),
            (KeyCode::Down, Self::Down),
            (KeyCode::PageUp, Self::PageUp),
            (KeyCode::PageDown, Self::PageDown),
        ];
        let plain = event.modifiers.difference(KeyModifiers::SHIFT).is_empty();
        if let (KeyCode::Char(c), true) = (event.code, plain) {
            return Self::Char(c);
        }
        let found = named.iter().find(|(code, _)| *code == event.code);
        found.map_or(Self::Other, |(_, press)| *press)
    }
}

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
