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
    CursorLine,
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
            Role::Text | Role::Context => plain,
            Role::Dim | Role::Border | Role::LineNumber => plain.fg(self.dim()),
            Role::Strong | Role::TitleFocus => bold,
            Role::BorderFocus => plain.fg(Color::Cyan),
            Role::Title => plain,
            Role::Selected | Role::CursorLine => self.selection(role),
            Role::Ok => plain.fg(Color::Green),
            Role::Running => plain.fg(Color::Cyan),
            Role::Bad => bold.fg(Color::Red),
            Role::Warn => plain.fg(self.yellow()),
            Role::Alarm => bold.fg(Color::Red).add_modifier(Modifier::REVERSED),
            Role::StateRunning => bold.fg(Color::Cyan),
            Role::StateGood => bold.fg(Color::Green),
            Role::StateBad => bold.fg(Color::Red),
            Role::FileHeader => bold,
            Role::HunkHeader => plain.fg(Color::Cyan),
            Role::Added | Role::Removed | Role::AddedWord | Role::RemovedWord => self.diff(role),
            Role::Marked => plain.fg(Color::Red).add_modifier(Modifier::REVERSED),
            Role::Match => plain.add_modifier(Modifier::REVERSED),
            Role::Comment => plain.fg(Color::Magenta),
            Role::Key => bold.fg(Color::Cyan),
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

    fn selection(self, role: Role) -> Style {
        match (self, role) {
            (Self::Dark, _) => Style::new().bg(Color::Indexed(238)),
            (Self::Light, _) => Style::new().bg(Color::Indexed(252)),
            // The line under the cursor keeps its own colours: the gutter's `>` shows it.
            (_, Role::CursorLine) => Style::new().add_modifier(Modifier::BOLD),
            _ => Style::new().add_modifier(Modifier::REVERSED),
        }
    }

    fn diff(self, role: Role) -> Style {
        let tint = |fg: Color, bg: u8| Style::new().fg(fg).bg(Color::Indexed(bg));
        match (self, role) {
            (Self::Dark, Role::Added) => Style::new().bg(Color::Indexed(22)),
            (Self::Dark, Role::Removed) => Style::new().bg(Color::Indexed(52)),
            (Self::Dark, Role::AddedWord) => tint(Color::White, 28),
            (Self::Dark, _) => tint(Color::White, 88),
            (Self::Light, Role::Added) => Style::new().bg(Color::Indexed(194)),
            (Self::Light, Role::Removed) => Style::new().bg(Color::Indexed(224)),
            (Self::Light, Role::AddedWord) => tint(Color::Black, 157),
            (Self::Light, _) => tint(Color::Black, 217),
            (_, Role::Added) => Style::new().fg(Color::Green),
            (_, Role::Removed) => Style::new().fg(Color::Red),
            (_, Role::AddedWord) => Style::new()
                .fg(Color::Green)
                .add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            _ => Style::new()
                .fg(Color::Red)
                .add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
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
        | Role::Warn
        | Role::StateRunning
        | Role::StateGood
        | Role::FileHeader
        | Role::HunkHeader
        | Role::CursorLine
        | Role::Key => plain.add_modifier(Modifier::BOLD),
        Role::TitleFocus => plain.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        Role::AddedWord | Role::RemovedWord => plain.add_modifier(Modifier::UNDERLINED),
        Role::Bad => plain.add_modifier(Modifier::BOLD),
        Role::Selected | Role::Alarm | Role::StateBad | Role::Marked | Role::Match => {
            plain.add_modifier(Modifier::REVERSED)
        }
    }
}
