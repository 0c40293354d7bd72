//! Makes every character that a terminal would hide or obey visible.
//!
//! The shape (`Piece`, `pieces`, `visible`) is the one of the shared `text` module, so that this
//! file can be exchanged for it. Nothing from outside reaches the screen without passing here.

#[cfg(test)]
use std::borrow::Cow;

/// A part of a text as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Harmless characters, unchanged (spaces where a tab was).
    Plain(&'a str),
    /// A stand-in for a character that must not reach the terminal: `␛`, `⟨U+202E⟩`.
    Marked(String),
}

const SPACES: &str = "                ";

/// Cuts a text into what may be shown as it is and what needs a stand-in. Tabs become
/// `tab_width` spaces (at most 16).
pub(crate) fn pieces(text: &str, tab_width: usize) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut plain_from = 0;
    for (at, c) in text.char_indices() {
        let replaced = if c == '\t' {
            SPACES.get(..tab_width.min(SPACES.len())).map(Piece::Plain)
        } else {
            stand_in(c).map(Piece::Marked)
        };
        if let Some(piece) = replaced {
            push_plain(&mut pieces, text, plain_from, at);
            pieces.push(piece);
            plain_from = at + c.len_utf8();
        }
    }
    push_plain(&mut pieces, text, plain_from, text.len());
    pieces
}

fn push_plain<'a>(pieces: &mut Vec<Piece<'a>>, text: &'a str, from: usize, to: usize) {
    if let Some(plain) = text.get(from..to)
        && !plain.is_empty()
    {
        pieces.push(Piece::Plain(plain));
    }
}

/// The whole text as it may be shown, for places where the stand-ins need no style of their own.
#[cfg(test)]
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| c != '\t' && stand_in(c).is_none()) {
        return Cow::Borrowed(text);
    }
    let shown = pieces(text, 4).into_iter().map(|piece| match piece {
        Piece::Plain(plain) => Cow::Borrowed(plain),
        Piece::Marked(mark) => Cow::Owned(mark),
    });
    Cow::Owned(shown.collect())
}

fn stand_in(c: char) -> Option<String> {
    match c {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).map(String::from),
        '\u{7f}' => Some("␡".to_owned()),
        _ if is_hidden(c) => Some(format!("⟨U+{:04X}⟩", u32::from(c))),
        _ => None,
    }
}

/// C1 controls, bidirectional controls, zero-width and filler characters, line separators,
/// variation selectors other than the one of emoji, tags and interlinear marks.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_get_a_name() {
        assert_eq!(visible("a\u{202e}b"), "a⟨U+202E⟩b");
        assert_eq!(visible("\u{1b}[31m"), "␛[31m");
        assert_eq!(visible("x\u{200b}\u{e0041}"), "x⟨U+200B⟩⟨U+E0041⟩");
        assert_eq!(visible("\u{9b}2J"), "⟨U+009B⟩2J");
    }

    #[test]
    fn harmless_text_is_not_copied() {
        assert!(matches!(visible("naïve 日本 👍"), Cow::Borrowed(_)));
    }

    #[test]
    fn no_control_character_survives() {
        let every: String = ('\0'..='\u{ffff}').collect();
        assert!(
            visible(&every)
                .chars()
                .all(|c| !c.is_control() && !is_hidden(c))
        );
    }
}
