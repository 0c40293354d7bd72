//! One row of text as it is built up for the screen: measured in columns, cut by grapheme,
//! sanitised. Every view goes through [`Row`], so no text reaches a cell in any other way.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

pub(crate) use crate::tui::glyph::width_of;
use crate::tui::glyph::{glyphs, is_plain};
use crate::tui::theme::{Role, Theme};

/// Breaks a text into lines of at most `width` columns, at spaces where there are some. The
/// parts are slices of the text; line feeds break too.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<&str> {
    let width = width.max(1);
    text.split('\n')
        .flat_map(|line| wrap_line(line.trim_end_matches('\r'), width))
        .collect()
}

fn wrap_line(line: &str, width: usize) -> Vec<&str> {
    if is_plain(line) && line.len() <= width {
        return vec![line];
    }
    let mut parts = Vec::new();
    let mut from = 0;
    let mut column = 0;
    let mut last_space: Option<usize> = None;
    for glyph in glyphs(line, usize::MAX) {
        if column + glyph.width > width && glyph.offset > from {
            let (end, next) = match last_space {
                Some(space) if space > from => (space, space + 1),
                Some(_) | None => (glyph.offset, glyph.offset),
            };
            parts.push(line.get(from..end).unwrap_or_default());
            from = next;
            column = line.get(from..glyph.offset).map_or(0, width_of);
            last_space = None;
        }
        if glyph.text == " " {
            last_space = Some(glyph.offset);
        }
        column += glyph.width;
    }
    parts.push(line.get(from..).unwrap_or_default());
    parts
}

/// A row under construction.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    theme: Theme,
    spans: Vec<Span<'static>>,
    width: usize,
}

impl Row {
    /// An empty row.
    pub(crate) fn new(theme: Theme) -> Self {
        Self {
            theme,
            spans: Vec::new(),
            width: 0,
        }
    }

    /// The columns so far.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The text without its styles.
    pub(crate) fn text(&self) -> String {
        self.spans.iter().map(|s| s.content.as_ref()).collect()
    }

    /// Adds a text of some role; hidden characters in it are marked.
    #[must_use]
    pub(crate) fn put(self, role: Role, text: impl AsRef<str>) -> Self {
        let style = self.theme.style(role);
        self.styled(style, text.as_ref())
    }

    /// Adds a text of some style; hidden characters in it are marked.
    #[must_use]
    pub(crate) fn styled(mut self, style: Style, text: &str) -> Self {
        if is_plain(text) {
            self.push(style, text, text.len());
            return self;
        }
        for glyph in glyphs(text, usize::MAX) {
            let style = if glyph.marked {
                self.theme.style(Role::Marked)
            } else {
                style
            };
            self.push(style, &glyph.text, glyph.width);
        }
        self
    }

    /// Adds one glyph that is already sanitised.
    pub(crate) fn push(&mut self, style: Style, text: &str, width: usize) {
        self.width += width;
        match self.spans.last_mut() {
            Some(last) if last.style == style => last.content.to_mut().push_str(text),
            Some(_) | None => self.spans.push(Span::styled(text.to_owned(), style)),
        }
    }

    /// Adds a text cut to `width` columns and filled up to them.
    #[must_use]
    pub(crate) fn cell(self, role: Role, text: &str, width: usize) -> Self {
        let end = self.width + width;
        self.fitted(role, text, width).pad_to(end)
    }

    /// Adds a text cut to `width` columns, with `…` where something is missing.
    #[must_use]
    pub(crate) fn fitted(self, role: Role, text: &str, width: usize) -> Self {
        if width_of(text) <= width {
            return self.put(role, text);
        }
        let mut row = Self::new(self.theme).put(role, text);
        row.cut(width);
        self.join(row)
    }

    /// Adds a path cut from the left to `width` columns: the file's name matters most.
    #[must_use]
    pub(crate) fn path(self, role: Role, path: &str, width: usize) -> Self {
        let total = width_of(path);
        if total <= width {
            return self.put(role, path);
        }
        if width == 0 {
            return self;
        }
        let mut row = self.put(role, "…");
        let mut missing = total + 1 - width;
        for glyph in glyphs(path, usize::MAX) {
            if missing == 0 {
                let role = if glyph.marked { Role::Marked } else { role };
                row.push(row.theme.style(role), &glyph.text, glyph.width);
            }
            missing = missing.saturating_sub(glyph.width);
        }
        row
    }

    /// Fills with spaces up to a column.
    #[must_use]
    pub(crate) fn pad_to(mut self, column: usize) -> Self {
        if let Some(missing) = column.checked_sub(self.width)
            && missing > 0
        {
            self.push(Style::new(), &" ".repeat(missing), missing);
        }
        self
    }

    /// Fills with a glyph up to a column.
    #[must_use]
    pub(crate) fn rule_to(mut self, role: Role, glyph: &str, column: usize) -> Self {
        let style = self.theme.style(role);
        while self.width < column {
            self.push(style, glyph, 1);
        }
        self
    }

    /// Adds another row.
    #[must_use]
    pub(crate) fn join(mut self, other: Self) -> Self {
        for span in other.spans {
            let width = span.content.width();
            self.push(span.style, &span.content, width);
        }
        self
    }

    /// Puts another row at the right end of `total` columns; what is left of it gives way.
    #[must_use]
    pub(crate) fn right(mut self, other: Self, total: usize) -> Self {
        let room = total.saturating_sub(other.width + 1);
        self.cut(room);
        let start = total.saturating_sub(other.width);
        self.pad_to(start).join(other)
    }

    /// Cuts to `width` columns, by grapheme, with `…` as the last column where text is missing.
    pub(crate) fn cut(&mut self, width: usize) {
        if self.width <= width {
            return;
        }
        let spans = std::mem::take(&mut self.spans);
        self.width = 0;
        let room = width.saturating_sub(1);
        let mut last_style = Style::new();
        'all: for span in spans {
            last_style = span.style;
            for grapheme in span.content.graphemes(true) {
                let columns = grapheme.width();
                if self.width + columns > room {
                    break 'all;
                }
                self.push(span.style, grapheme, columns);
            }
        }
        if width > 0 {
            self.push(last_style, "…", 1);
        }
    }

    /// The finished line, at most `width` columns.
    pub(crate) fn line(mut self, width: usize) -> Line<'static> {
        self.cut(width);
        Line::from(self.spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(line: &Line<'_>) -> String {
        line.spans.iter().map(|s| s.content.as_ref()).collect()
    }

    #[test]
    fn a_row_is_cut_between_graphemes_and_says_so() {
        let row = Row::new(Theme::Mono).put(Role::Text, "日本語 text");
        assert_eq!(text(&row.clone().line(4)), "日…");
        assert_eq!(text(&row.line(40)), "日本語 text");
    }

    #[test]
    fn a_path_keeps_its_end() {
        let row = Row::new(Theme::Mono).path(Role::Text, "src/deep/folder/name.py", 10);
        assert_eq!(text(&row.line(80)), "…r/name.py");
    }

    #[test]
    fn words_are_not_torn_where_there_is_a_space() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("a\n\nb", 3), ["a", "", "b"]);
    }

    #[test]
    fn a_hidden_character_is_shown_in_reverse_video() {
        let line = Row::new(Theme::Mono).put(Role::Text, "a\u{202e}b").line(40);
        let mark = line.spans.iter().find(|s| s.content.contains("U+202E"));
        assert_eq!(mark.map(|s| s.style), Some(Theme::Mono.style(Role::Marked)));
    }

    proptest! {
        #[test]
        fn a_row_is_never_wider_than_asked(source in ".{0,60}", width in 0usize..40) {
            let line = Row::new(Theme::Ansi).put(Role::Text, &source).line(width);
            prop_assert!(line.width() <= width);
        }

        #[test]
        fn wrapped_parts_fit_and_lose_only_spaces(source in "[a-z 日é]{0,60}", width in 2usize..20) {
            let parts = wrap(&source, width);
            for part in &parts {
                prop_assert!(width_of(part) <= width, "{part:?}");
            }
            let kept: String = parts.concat().split(' ').collect();
            let all: String = source.split(' ').collect();
            prop_assert_eq!(kept, all);
        }
    }
}
