//! Lines of two contents: which are new, which are gone.
//!
//! The comparison is a multiset difference, not a diff: a line that only moved is neither new nor
//! gone. That cannot be fooled by the choice of a diff algorithm, and costs one pass.

use std::collections::HashMap;

/// One line without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// The number of the line as git and editors count it (by LF), from 1.
    pub(super) number: usize,
    /// Its bytes.
    pub(super) text: &'a [u8],
    /// Whether a carriage return without a line feed ends it.
    pub(super) lone_cr: bool,
}

/// The lines of a content; LF, CRLF and a lone CR all end one.
pub(super) fn split(content: &[u8]) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut number = 1;
    let mut rest = content;
    while !rest.is_empty() {
        let length = rest.iter().position(|b| matches!(b, b'\n' | b'\r'));
        let (text, tail) = rest
            .split_at_checked(length.unwrap_or(rest.len()))
            .unwrap_or((rest, &[]));
        let crlf = tail.starts_with(b"\r\n");
        let lone_cr = !crlf && tail.starts_with(b"\r");
        lines.push(Line {
            number,
            text,
            lone_cr,
        });
        number += usize::from(!lone_cr);
        rest = tail.get(if crlf { 2 } else { 1 }..).unwrap_or_default();
    }
    lines
}

/// How many ends inside a line git does not see and an editor or a language does: vertical tab, form
/// feed, next line, line and paragraph separator. One at the very end adds no line, and a form feed
/// of its own on a line is how old sources turn the page.
pub(super) fn inner_ends(line: &[u8]) -> usize {
    let mut ends = 0;
    let mut rest = line;
    while let Some((_, tail)) = rest.split_first() {
        let length = match rest {
            [0x0b | 0x0c, ..] => 1,
            [0xc2, 0x85, ..] => 2,
            [0xe2, 0x80, 0xa8 | 0xa9, ..] => 3,
            _ => {
                rest = tail;
                continue;
            }
        };
        rest = rest.get(length..).unwrap_or_default();
        ends += usize::from(!rest.is_empty());
    }
    ends
}

/// The lines of `content` that `other` does not have, counting repetitions.
pub(super) fn only_in<'a>(content: &'a [u8], other: &[u8]) -> Vec<Line<'a>> {
    let mut known: HashMap<&[u8], usize> = HashMap::new();
    for line in split(other) {
        *known.entry(line.text).or_default() += 1;
    }
    split(content)
        .into_iter()
        .filter(|line| match known.get_mut(line.text) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            Some(_) | None => true,
        })
        .collect()
}

/// How often each kind of line end occurs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LineEnds {
    pub(super) lf: usize,
    pub(super) crlf: usize,
    pub(super) lone_cr: usize,
}

/// Counts the line ends of a content.
pub(super) fn ends(content: &[u8]) -> LineEnds {
    let mut ends = LineEnds::default();
    let mut bytes = content.iter().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\n' => ends.lf += 1,
            b'\r' if bytes.peek() == Some(&&b'\n') => {
                bytes.next();
                ends.crlf += 1;
            }
            b'\r' => ends.lone_cr += 1,
            _ => {}
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(lines: &[Line<'a>]) -> Vec<(usize, &'a str)> {
        let text = |l: &Line<'a>| (l.number, std::str::from_utf8(l.text).unwrap());
        lines.iter().map(text).collect()
    }

    #[test]
    fn every_kind_of_line_end_ends_a_line() {
        assert_eq!(
            texts(&split(b"a\nb\r\nc\rd")),
            [(1, "a"), (2, "b"), (3, "c"), (3, "d")]
        );
        assert!(split(b"").is_empty());
        assert_eq!(split(b"a\n\n").len(), 2);
        assert!(split(b"c\rd")[0].lone_cr);
        assert_eq!(
            ends(b"a\nb\r\nc\rd"),
            LineEnds {
                lf: 1,
                crlf: 1,
                lone_cr: 1
            }
        );
    }

    #[test]
    fn a_line_that_moved_is_neither_new_nor_gone() {
        assert!(only_in(b"b\na\n", b"a\nb\n").is_empty());
        assert_eq!(texts(&only_in(b"a\nx\na\n", b"a\n")), [(2, "x"), (3, "a")]);
    }
}
