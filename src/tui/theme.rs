//! Roles and their styles. Colour is never the only carrier of a meaning: every state is a word
//! or a glyph as well, and the monochrome theme uses modifiers only.

use ratatui::style::{Color, Modifier, Style};

use crate::tui::ThemeChoice;

/// What a piece of text is, independent of how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Text,
    Dim,
    Strong,
    Border,
    BorderFocus,
    Title,
    TitleFocus,
    Selected,
    Ok,
    Running,
    Bad,
    Warn,
    /// A warning that must not be overlooked: overrides, skipped tests.
    Alarm,
    StateRunning,
    StateGood,
    StateBad,
    LineNumber,
    FileHeader,
    HunkHeader,
    Context,
    Added,
    Removed,
    AddedWord,
    RemovedWord,
    Marked,
    Match,
    Comment,
    Key,
    Syntax(Syntax),
}

/// The few kinds of source text that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Syntax {
    Comment,
    Text,
    Number,
    Keyword,
    Function,
    Type,
}

/// Which side of a change.
#[derive(Clone, Copy)]
enum Side {
    Added,
    Removed,
}

/// The palettes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theme {
    /// The terminal's own sixteen colours and no backgrounds: readable on dark and light.
    Ansi,
    /// With tinted backgrounds for a dark terminal.
    Dark,
    /// With tinted backgrounds for a light terminal.
    Light,
    /// Modifiers only.
    Mono,
}

impl Theme {
    /// The palette of the settings; `NO_COLOR` wins.
    pub(crate) fn new(choice: ThemeChoice, no_color: bool) -> Self {
        match (no_color, choice) {
            (true, _) | (false, ThemeChoice::Mono) => Self::Mono,
            (false, ThemeChoice::Auto) => Self::Ansi,
            (false, ThemeChoice::Dark) => Self::Dark,
            (false, ThemeChoice::Light) => Self::Light,
        }
    }

    /// The next palette and its name, for the key that walks through them.
    pub(crate) fn next(self) -> (Self, &'static str) {
        match self {
            Self::Ansi => (Self::Dark, "dark"),
            Self::Dark => (Self::Light, "light"),
            Self::Light => (Self::Mono, "monochrome"),
            Self::Mono => (Self::Ansi, "the terminal's own colours"),
        }
    }

    /// The style of a role.
    pub(crate) fn style(self, role: Role) -> Style {
        match self {
            Self::Mono => mono(role),
            Self::Ansi | Self::Dark | Self::Light => self.coloured(role),
        }
    }

    fn coloured(self, role: Role) -> Style {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        match role {
            Role::Text | Role::Context | Role::Title => plain,
            Role::Dim | Role::Border | Role::LineNumber => plain.fg(self.dim()),
            Role::Strong | Role::TitleFocus | Role::FileHeader => bold,
            Role::BorderFocus | Role::Running | Role::HunkHeader => plain.fg(Color::Cyan),
            Role::Selected => self.selection(),
            Role::Ok => plain.fg(Color::Green),
            Role::Bad | Role::StateBad => bold.fg(Color::Red),
            Role::Warn => plain.fg(self.yellow()),
            Role::Alarm => bold.fg(Color::Red).add_modifier(Modifier::REVERSED),
            Role::StateRunning | Role::Key => bold.fg(Color::Cyan),
            Role::StateGood => bold.fg(Color::Green),
            Role::Added => self.diff(Side::Added, false),
            Role::Removed => self.diff(Side::Removed, false),
            Role::AddedWord => self.diff(Side::Added, true),
            Role::RemovedWord => self.diff(Side::Removed, true),
            Role::Marked => plain.fg(Color::Red).add_modifier(Modifier::REVERSED),
            Role::Match => plain.add_modifier(Modifier::REVERSED),
            Role::Comment => plain.fg(Color::Magenta),
            Role::Syntax(syntax) => self.syntax(syntax),
        }
    }

    fn dim(self) -> Color {
        match self {
            Self::Light => Color::Indexed(242),
            Self::Ansi | Self::Dark | Self::Mono => Color::DarkGray,
        }
    }

    fn yellow(self) -> Color {
        match self {
            // Plain yellow on white cannot be read.
            Self::Light => Color::Indexed(130),
            Self::Ansi | Self::Dark | Self::Mono => Color::Yellow,
        }
    }

    fn selection(self) -> Style {
        match self {
            Self::Dark => Style::new()
                .bg(Color::Indexed(238))
                .add_modifier(Modifier::BOLD),
            Self::Light => Style::new()
                .bg(Color::Indexed(252))
                .add_modifier(Modifier::BOLD),
            Self::Ansi | Self::Mono => Style::new().add_modifier(Modifier::REVERSED),
        }
    }

    /// The style of a changed line, or of the words that differ in it.
    fn diff(self, side: Side, word: bool) -> Style {
        let tint = |background: u8| Style::new().bg(Color::Indexed(background));
        let strong = Modifier::BOLD | Modifier::UNDERLINED;
        match (self, side, word) {
            (Self::Dark, Side::Added, false) => tint(22),
            (Self::Dark, Side::Removed, false) => tint(52),
            (Self::Dark, Side::Added, true) => tint(28).fg(Color::White),
            (Self::Dark, Side::Removed, true) => tint(88).fg(Color::White),
            (Self::Light, Side::Added, false) => tint(194),
            (Self::Light, Side::Removed, false) => tint(224),
            (Self::Light, Side::Added, true) => tint(157).fg(Color::Black),
            (Self::Light, Side::Removed, true) => tint(217).fg(Color::Black),
            (Self::Ansi | Self::Mono, Side::Added, false) => Style::new().fg(Color::Green),
            (Self::Ansi | Self::Mono, Side::Removed, false) => Style::new().fg(Color::Red),
            (Self::Ansi | Self::Mono, Side::Added, true) => {
                Style::new().fg(Color::Green).add_modifier(strong)
            }
            (Self::Ansi | Self::Mono, Side::Removed, true) => {
                Style::new().fg(Color::Red).add_modifier(strong)
            }
        }
    }

    fn syntax(self, syntax: Syntax) -> Style {
        let plain = Style::new();
        match syntax {
            Syntax::Comment => plain.fg(self.dim()).add_modifier(Modifier::ITALIC),
            Syntax::Text => plain.fg(self.yellow()),
            Syntax::Number => plain.fg(Color::Magenta),
            Syntax::Keyword => plain.fg(Color::Blue).add_modifier(Modifier::BOLD),
            Syntax::Function => plain.fg(Color::Cyan),
            Syntax::Type => plain.fg(Color::Cyan).add_modifier(Modifier::BOLD),
        }
    }

    /// Whether syntax colours are shown on added and removed lines too: only where a tinted
    /// background keeps the two apart; otherwise the foreground is what tells them.
    pub(crate) fn tints(self) -> bool {
        matches!(self, Self::Dark | Self::Light)
    }
}

fn mono(role: Role) -> Style {
    let plain = Style::new();
    match role {
        Role::Text
        | Role::Border
        | Role::Title
        | Role::Ok
        | Role::LineNumber
        | Role::Context
        | Role::Added
        | Role::Removed
        | Role::Comment
        | Role::Syntax(_) => plain,
        Role::Dim => plain.add_modifier(Modifier::DIM),
        Role::Strong
        | Role::BorderFocus
        | Role::Running
        | Role::Bad
        | Role::Warn
        | Role::StateRunning
        | Role::StateGood
        | Role::FileHeader
        | Role::HunkHeader
        | Role::Key => plain.add_modifier(Modifier::BOLD),
        Role::TitleFocus => plain.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        Role::AddedWord | Role::RemovedWord => plain.add_modifier(Modifier::UNDERLINED),
        Role::Selected | Role::Alarm | Role::StateBad | Role::Marked | Role::Match => {
            plain.add_modifier(Modifier::REVERSED)
        }
    }
}
