//! The text behind `@@`: which function or section a hunk is in, chosen as git chooses it.

/// The longest heading, in bytes.
const MAX_LENGTH: usize = 80;

/// Which lines are headings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Git's default: lines that begin with a letter, `_` or `$`.
    Plain,
    /// Files with the attribute `diff=python`: `class`, `def` and `async def` at any depth.
    Python,
}

/// Finds the heading of each hunk: the last heading line before it.
pub(super) struct Headings<'a> {
    lines: Vec<&'a [u8]>,
    style: Style,
    seen: usize,
    found: &'a [u8],
}

impl<'a> Headings<'a> {
    pub(super) fn new(content: &'a [u8], style: Style) -> Self {
        Self {
            lines: content.split_inclusive(|b| *b == b'\n').collect(),
            style,
            seen: 0,
            found: &[],
        }
    }

    /// The heading of a hunk that begins at `line` (from 0); hunks come in order.
    pub(super) fn before(&mut self, line: usize) -> &'a [u8] {
        let range = self.lines.get(self.seen..line).unwrap_or_default();
        let heading = |line: &&'a [u8]| match self.style {
            Style::Plain => plain(line),
            Style::Python => python(line),
        };
        if let Some(text) = range.iter().rev().find_map(heading) {
            let cut = text.get(..MAX_LENGTH).unwrap_or(text);
            let last = cut.iter().rposition(|b| !is_space(*b));
            self.found = last.and_then(|last| cut.get(..=last)).unwrap_or_default();
        }
        self.seen = self.seen.max(line);
        self.found
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn plain(line: &[u8]) -> Option<&[u8]> {
    let first = line.first()?;
    (first.is_ascii_alphabetic() || matches!(first, b'_' | b'$')).then_some(line)
}

/// Git's pattern: `^[ \t]*((class|(async[ \t]+)?def)[ \t].*)$`.
fn python(line: &[u8]) -> Option<&[u8]> {
    let is_blank = |b: &u8| matches!(b, b' ' | b'\t');
    let text = line.get(line.iter().position(|b| !is_blank(b))?..)?;
    let end = text.iter().position(is_blank)?;
    let (word, rest) = text.split_at_checked(end)?;
    let known = match word {
        b"class" | b"def" => true,
        b"async" => {
            let next = rest.get(rest.iter().position(|b| !is_blank(b))?..)?;
            next.starts_with(b"def") && next.get(3).is_some_and(is_blank)
        }
        _ => false,
    };
    known.then_some(text)
}
