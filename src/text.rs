//! The one sanitiser: every text from outside passes it before a person sees it.
//!
//! What a reader cannot see, or would take for something else, is written out: control characters
//! as their Unicode pictures, invisible and reordering characters as `<U+200B>`, look-alikes as
//! `<а U+0430>`. The result never holds a byte that a terminal would act on.

mod look_alikes;

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use look_alikes::look_alikes;

/// The tab stops of texts that have none of their own, in columns.
pub const TAB_WIDTH: usize = 4;

/// Marks on one letter that are shown; more are cut with a note. Vietnamese and Hebrew need two or
/// three, a mark tower that hides the lines around it needs dozens.
const MAX_MARKS: usize = 4;

/// Tab stops above this are taken as this.
const MAX_TAB_WIDTH: usize = 16;
const SPACES: &str = "                ";

/// A piece of a sanitised text, so that a screen can draw the marked ones in reverse video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Shown as it is.
    Plain(&'a str),
    /// What stands for characters that would not show, or would show as something else.
    Marked(String),
}

impl Piece<'_> {
    /// The text to draw.
    pub fn text(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Marked(text) => text,
        }
    }
}

/// What becomes of a tab.
#[derive(Clone, Copy)]
enum Tabs {
    /// Spaces up to the next stop.
    Expand(usize),
    /// Kept: in a patch the difference between a tab and spaces matters.
    Keep,
    /// Shown as a picture.
    Mark,
}

/// Makes one line of text safe to show: newlines too become pictures, tabs become spaces.
pub fn visible(text: &str) -> Cow<'_, str> {
    if is_clean(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(joined(&cut_into_pieces(text, Tabs::Expand(TAB_WIDTH))))
}

/// Makes a text of several lines safe to show: newlines are kept, tabs become spaces.
pub fn visible_block(text: &str) -> Cow<'_, str> {
    block(text, Tabs::Expand(TAB_WIDTH))
}

/// As [`visible_block`], with tabs kept as they are (for files that are not shown in columns).
pub fn visible_block_with_tabs(text: &str) -> Cow<'_, str> {
    block(text, Tabs::Keep)
}

/// Cuts one line into pieces to draw; a `tab_width` of 0 shows tabs as pictures.
pub fn pieces(text: &str, tab_width: usize) -> Vec<Piece<'_>> {
    if text.is_empty() {
        return Vec::new();
    }
    if is_clean(text) {
        return vec![Piece::Plain(text)];
    }
    let tabs = match tab_width {
        0 => Tabs::Mark,
        width => Tabs::Expand(width.min(MAX_TAB_WIDTH)),
    };
    cut_into_pieces(text, tabs)
}

/// Makes one line that is at most `max_columns` wide; what does not fit is replaced by `…`.
pub fn one_line(text: &str, max_columns: usize) -> String {
    let text = visible(text);
    if text.width() <= max_columns {
        return text.into_owned();
    }
    let mut line = String::new();
    let mut columns = 0;
    for grapheme in text.graphemes(true) {
        columns += grapheme.width();
        // One column is kept for the ellipsis.
        if columns >= max_columns {
            break;
        }
        line.push_str(grapheme);
    }
    if max_columns > 0 {
        line.push('…');
    }
    line
}

/// A wall time for people: `0.2s`, `14.2s`, `2:14`, `1:02:14`. Cut, not rounded, so that a limit
/// that was not reached never looks reached.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    let (minutes, rest) = (seconds / 60, seconds % 60);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{rest}.{}s", ms % 1000 / 100),
        (0, minutes) => format!("{minutes}:{rest:02}"),
        (hours, minutes) => format!("{hours}:{minutes:02}:{rest:02}"),
    }
}

/// Program and arguments as one line that a shell would read back: plain words as they are, others
/// quoted, and words with characters that do not show as `$'…'` with escapes.
pub fn command_line(argv: &[String]) -> String {
    let mut line = String::new();
    for argument in argv {
        if !line.is_empty() {
            line.push(' ');
        }
        match shlex::try_quote(argument) {
            Ok(quoted) if !argument.chars().any(is_hidden) => line.push_str(&quoted),
            Ok(_) | Err(_) => {
                line.push_str("$'");
                escape_into(argument, Some('\''), &mut line);
                line.push('\'');
            }
        }
    }
    line
}

/// Escapes a text into one line that can be read back: `\n`, `\t`, `\\`, the quote, and `\u200b`
/// style escapes for everything that does not show.
pub fn escape_into(text: &str, quote: Option<char>, line: &mut String) {
    for c in text.chars() {
        // Writing to a String cannot fail.
        let _ = match c {
            '\n' => write!(line, "\\n"),
            '\r' => write!(line, "\\r"),
            '\t' => write!(line, "\\t"),
            '\\' => write!(line, "\\\\"),
            c if Some(c) == quote => write!(line, "\\{c}"),
            '\0'..='\u{1f}' | '\u{7f}' => write!(line, "\\x{:02x}", u32::from(c)),
            c if !is_hidden(c) => write!(line, "{c}"),
            c if u32::from(c) <= 0xffff => write!(line, "\\u{:04x}", u32::from(c)),
            c => write!(line, "\\U{:08x}", u32::from(c)),
        };
    }
}

/// Writes the characters of a JSON text that do not show as `\u` escapes: the same document, and safe
/// to look at in a terminal. (They stand only inside strings: outside, JSON is ASCII.)
pub fn json_escaped(json: String) -> String {
    if !json.chars().any(|c| c != '\n' && is_hidden(c)) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if c == '\n' || !is_hidden(c) {
            escaped.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    escaped
}

/// The last guard before a terminal, for text that was made of sanitised parts: whatever hides or
/// moves something is written out, line ends and tabs stay.
pub fn guarded(text: &str) -> Cow<'_, str> {
    let passes = |c: char| matches!(c, '\n' | '\t') || !is_hidden(c);
    if text.chars().all(passes) {
        return Cow::Borrowed(text);
    }
    let mut result = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        if passes(c) {
            result.push(c);
        } else {
            result.push_str(&stand_in(c));
        }
    }
    Cow::Owned(result)
}

/// Whether a character does not show, moves what is around it, or looks like an ordinary space.
pub fn is_hidden(c: char) -> bool {
    match c {
        ' '..='~' => false,
        // Blanks that are not the space: code that holds them reads one way and runs another.
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}'
        // Zero width, direction, separators, invisible operators.
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
        // Letters that are drawn as nothing, and variation selectors (they can carry hidden bytes).
        | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}'
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        // Tag characters and the rest of that plane; private use: it shows whatever the font has.
        | '\u{e0000}'..='\u{e0fff}' | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => true,
        // Not characters at all, and controls (C0, DEL, C1).
        c if u32::from(c) & 0xfffe == 0xfffe || c.is_control() => true,
        // Whatever else takes no column and is not a mark on a letter.
        c => c.width() == Some(0) && !is_mark(c),
    }
}

/// A mark on the letter before it; the middle and end parts of decomposed Hangul behave like one.
fn is_mark(c: char) -> bool {
    is_combining_mark(c) || matches!(c, '\u{1161}'..='\u{11ff}' | '\u{d7b0}'..='\u{d7fb}')
}

fn is_clean(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' '..=b'~'))
}

fn block(text: &str, tabs: Tabs) -> Cow<'_, str> {
    let keep_tabs = matches!(tabs, Tabs::Keep);
    let clean = |b: u8| matches!(b, b' '..=b'~' | b'\n') || (keep_tabs && b == b'\t');
    if text.bytes().all(clean) {
        return Cow::Borrowed(text);
    }
    let mut result = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            result.push('\n');
        }
        if is_clean(line) {
            result.push_str(line);
        } else {
            result.push_str(&joined(&cut_into_pieces(line, tabs)));
        }
    }
    Cow::Owned(result)
}

fn joined(pieces: &[Piece<'_>]) -> String {
    pieces.iter().map(Piece::text).collect()
}

/// Walks one line and collects its pieces.
struct Cutter<'a> {
    text: &'a str,
    pieces: Vec<Piece<'a>>,
    /// Where the open plain piece begins.
    plain_from: usize,
    column: usize,
    /// Whether a visible letter stands before, for marks to sit on.
    has_base: bool,
    /// Marks on the present letter.
    marks: usize,
    /// Marks that were cut from it.
    cut: usize,
}

fn cut_into_pieces(text: &str, tabs: Tabs) -> Vec<Piece<'_>> {
    let look_alikes = look_alikes(text);
    let mut cutter = Cutter {
        text,
        pieces: Vec::new(),
        plain_from: 0,
        column: 0,
        has_base: false,
        marks: 0,
        cut: 0,
    };
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        if is_mark(c) && !is_hidden(c) && cutter.has_base {
            cutter.mark(at, end);
            continue;
        }
        cutter.note_cut_marks(at);
        cutter.marks = 0;
        if c == '\t' {
            cutter.tab(at, end, tabs);
        } else if is_hidden(c) || is_mark(c) {
            cutter.marked(at, end, stand_in(c));
        } else if look_alikes.binary_search(&at).is_ok() {
            cutter.marked(at, end, format!("<{c} U+{:04X}>", u32::from(c)));
        } else {
            cutter.column += c.width().unwrap_or(0);
            cutter.has_base = true;
        }
    }
    cutter.note_cut_marks(text.len());
    cutter.close_plain(text.len());
    cutter.pieces
}

impl<'a> Cutter<'a> {
    fn close_plain(&mut self, at: usize) {
        if let Some(plain) = self.text.get(self.plain_from..at)
            && !plain.is_empty()
        {
            self.pieces.push(Piece::Plain(plain));
        }
        self.plain_from = at;
    }

    fn marked(&mut self, at: usize, end: usize, text: String) {
        self.close_plain(at);
        self.plain_from = end;
        self.column += text.width();
        self.has_base = false;
        match self.pieces.last_mut() {
            Some(Piece::Marked(last)) => last.push_str(&text),
            Some(Piece::Plain(_)) | None => self.pieces.push(Piece::Marked(text)),
        }
    }

    fn mark(&mut self, at: usize, end: usize) {
        self.marks += 1;
        if self.marks > MAX_MARKS {
            if self.cut == 0 {
                self.close_plain(at);
            }
            self.cut += 1;
            self.plain_from = end;
        }
    }

    fn note_cut_marks(&mut self, at: usize) {
        if self.cut > 0 {
            let note = format!("<{} marks cut>", self.cut);
            self.cut = 0;
            self.marked(at, at, note);
        }
    }

    fn tab(&mut self, at: usize, end: usize, tabs: Tabs) {
        self.has_base = false;
        match tabs {
            Tabs::Mark => self.marked(at, end, stand_in('\t')),
            Tabs::Keep => {}
            Tabs::Expand(width) => {
                let spaces = width - self.column % width;
                self.close_plain(at);
                self.plain_from = end;
                self.column += spaces;
                let spaces: &'a str = SPACES.get(..spaces).unwrap_or(SPACES);
                self.pieces.push(Piece::Plain(spaces));
            }
        }
    }
}

/// What stands for a character that does not show.
fn stand_in(c: char) -> String {
    let picture = match c {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)),
        '\u{7f}' => Some('␡'),
        _ => None,
    };
    match picture {
        Some(picture) => picture.to_string(),
        None => format!("<U+{:04X}>", u32::from(c)),
    }
}

#[cfg(test)]
mod tests;
