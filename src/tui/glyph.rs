//! What a text looks like on the screen, grapheme by grapheme: the pieces of the one sanitiser,
//! measured in columns, each with its place in the source.

use std::borrow::Cow;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use crate::text::{Piece, TAB_WIDTH, pieces};

/// One grapheme as it will be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glyph<'a> {
    /// What is printed.
    pub(crate) text: Cow<'a, str>,
    /// Its columns.
    pub(crate) width: usize,
    /// Where it comes from, in bytes of the source text.
    pub(crate) offset: usize,
    /// Whether it stands for a character that would not show as itself.
    pub(crate) marked: bool,
}

/// Whether every byte is a character of one column that shows as itself.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' '..=b'~'))
}

/// The columns that a text takes on screen.
pub(crate) fn width_of(text: &str) -> usize {
    if is_plain(text) {
        return text.len();
    }
    glyphs(text, usize::MAX).iter().map(|g| g.width).sum()
}

/// The first `columns` columns of a text as glyphs. Only as much of the text is looked at as they
/// need: a minified file's only line may have millions.
pub(crate) fn glyphs(text: &str, columns: usize) -> Vec<Glyph<'_>> {
    let mut bytes = columns.saturating_mul(2).saturating_add(64);
    loop {
        let start = start_of(text, bytes);
        let mut found = all_glyphs(start);
        let mut column = 0;
        let enough = found.iter().position(|glyph| {
            column += glyph.width;
            column >= columns
        });
        match enough {
            Some(last) => found.truncate(last + 1),
            None if start.len() < text.len() => {
                bytes = bytes.saturating_mul(4);
                continue;
            }
            None => {}
        }
        return found;
    }
}

/// About the first `bytes` bytes of a text, ending before a character.
fn start_of(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    text.get(..end).unwrap_or(text)
}

fn all_glyphs(text: &str) -> Vec<Glyph<'_>> {
    let glyph = |text, width, offset| Glyph {
        text: Cow::Borrowed(text),
        width,
        offset,
        marked: false,
    };
    if is_plain(text) {
        let characters = text.char_indices();
        let one = |(at, _)| glyph(text.get(at..=at).unwrap_or_default(), 1, at);
        return characters.map(one).collect();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    let mut mark: Option<String> = None;
    for piece in pieces(text, TAB_WIDTH) {
        let plain = match piece {
            Piece::Marked(text) => {
                mark = Some(text);
                continue;
            }
            Piece::Plain(plain) => plain,
        };
        let slice = place_of(plain, text);
        // Spaces that are no slice of the text stand for its next tab.
        let rest = text.get(at..).unwrap_or_default();
        let from = slice.unwrap_or_else(|| at + rest.find('\t').unwrap_or(0));
        if let Some(mark) = mark.take() {
            marked_glyphs(&mark, text, at..from, &mut out);
        }
        if slice.is_some() {
            let graphemes = plain.grapheme_indices(true);
            out.extend(graphemes.map(|(within, g)| glyph(g, g.width(), from + within)));
            at = from + plain.len();
        } else {
            out.push(glyph(plain, plain.len(), from));
            at = from + 1;
        }
    }
    if let Some(mark) = mark {
        marked_glyphs(&mark, text, at..text.len(), &mut out);
    }
    out
}

/// Where in a text a slice of it begins; `None` for what is no slice of it.
fn place_of(slice: &str, text: &str) -> Option<usize> {
    let from = slice.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    (from + slice.len() <= text.len()).then_some(from)
}

/// The stand-ins of neighbouring characters, one glyph each.
fn marked_glyphs(mark: &str, text: &str, source: Range<usize>, out: &mut Vec<Glyph<'_>>) {
    let stand_ins = stand_ins(mark);
    let start = source.start;
    let sources = text.get(source).unwrap_or_default();
    // A note such as `<12 marks cut>` stands for several characters; then all share one place.
    let exact = sources.chars().count() == stand_ins.len();
    let mut places = sources.char_indices().map(|(at, _)| at);
    for text in stand_ins {
        let within = places.next().filter(|_| exact).unwrap_or(0);
        out.push(Glyph {
            width: text.width(),
            text: Cow::Owned(text.to_owned()),
            offset: start + within,
            marked: true,
        });
    }
}

/// Cuts `␛<U+200B><U+200B>` into its three stand-ins.
fn stand_ins(mark: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = mark;
    while let Some(first) = rest.chars().next() {
        let end = match rest.find('>') {
            Some(end) if first == '<' => end + 1,
            Some(_) | None => first.len_utf8(),
        };
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::visible;
    use proptest::prelude::*;

    fn shown(text: &str) -> Vec<(String, usize, bool)> {
        let glyphs = glyphs(text, usize::MAX).into_iter();
        glyphs
            .map(|g| (g.text.into_owned(), g.offset, g.marked))
            .collect()
    }

    #[test]
    fn every_stand_in_knows_its_character() {
        let glyph = |text: &str, offset, marked| (text.to_owned(), offset, marked);
        assert_eq!(
            shown("a\u{202e}\u{1b}b\tc"),
            [
                glyph("a", 0, false),
                glyph("<U+202E>", 1, true),
                glyph("␛", 4, true),
                glyph("b", 5, false),
                // a, eight columns, a picture and b make eleven.
                glyph(" ", 6, false),
                glyph("c", 7, false),
            ]
        );
    }

    #[test]
    fn only_the_wanted_columns_of_a_long_line_are_made() {
        let line = "é".repeat(1_000_000);
        assert_eq!(glyphs(&line, 80).len(), 80);
        let hostile = "a\u{301}\u{301}\u{301}\u{301}".repeat(10_000);
        assert_eq!(glyphs(&hostile, 80).len(), 80);
    }

    proptest! {
        #[test]
        fn the_screen_shows_what_the_sanitiser_says(
            text in "([a-z ]|\u{200b}|\u{301}|\u{1b}|日|а|é|\t){0,40}",
        ) {
            let glyphs = glyphs(&text, usize::MAX);
            let drawn: String = glyphs.iter().map(|g| g.text.as_ref()).collect();
            prop_assert_eq!(drawn.replace(' ', ""), visible(&text).replace(' ', ""));
            for glyph in &glyphs {
                prop_assert!(text.is_char_boundary(glyph.offset));
            }
            prop_assert!(glyphs.is_sorted_by_key(|g| g.offset));
        }
    }
}
