//! One hunk: its header, and a body whose counts were checked.

use super::{Cursor, header};
use crate::plan::Error;
use crate::plan::text::visible;

/// What a line of a hunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plan) enum LineKind {
    /// On both sides.
    Context,
    /// Only on the new side.
    Added,
    /// Only on the old side.
    Removed,
}

/// A hunk whose body holds exactly what its header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan) struct Hunk {
    /// The line of the patch where it begins.
    pub(in crate::plan) line: usize,
    /// How many lines of the old file lie before it.
    pub(in crate::plan) start: usize,
    /// The header line, as a message shows it.
    pub(in crate::plan) header: String,
    /// How many lines of the old file it covers.
    pub(in crate::plan) old_count: usize,
    /// How many lines of the new file it covers.
    pub(in crate::plan) new_count: usize,
    /// The body as written, markers of a missing line end included.
    body: Vec<u8>,
}

impl Hunk {
    /// The lines of the body. The text has its line end, unless the patch says that it has none.
    pub(in crate::plan) fn lines(&self) -> impl Iterator<Item = (LineKind, &[u8])> {
        let mut raw = self.body.split_inclusive(|b| *b == b'\n').peekable();
        std::iter::from_fn(move || {
            let line = raw.next()?;
            let (kind, mut text) = match line.split_first() {
                Some((b'+', text)) => (LineKind::Added, text),
                Some((b'-', text)) => (LineKind::Removed, text),
                Some((b' ', text)) => (LineKind::Context, text),
                // An empty context line whose only blank was trimmed on the way.
                _ => (LineKind::Context, line),
            };
            if raw.next_if(|next| next.starts_with(b"\\")).is_some() {
                text = text.strip_suffix(b"\n").unwrap_or(text);
            }
            Some((kind, text))
        })
    }

    /// The lines of the old side.
    pub(in crate::plan) fn old_side(&self) -> Vec<&[u8]> {
        let old = self.lines().filter(|(kind, _)| *kind != LineKind::Added);
        old.map(|(_, text)| text).collect()
    }

    /// The lines of the new side.
    pub(in crate::plan) fn new_side(&self) -> Vec<&[u8]> {
        let new = self.lines().filter(|(kind, _)| *kind != LineKind::Removed);
        new.map(|(_, text)| text).collect()
    }

    /// Whether it adds or removes a line.
    pub(super) fn changes(&self) -> bool {
        self.lines().any(|(kind, _)| kind != LineKind::Context)
    }
}

/// Reads the hunks of one file, in order, up to the first line that belongs to none.
pub(super) fn parse_all(cursor: &mut Cursor<'_>) -> Result<Vec<Hunk>, Error> {
    let mut hunks: Vec<Hunk> = Vec::new();
    while cursor.peek().is_some_and(|line| line.starts_with(b"@@")) {
        let hunk = parse_one(cursor)?;
        let end = hunks.last().map_or(0, |last| last.start + last.old_count);
        if hunk.start < end {
            return Err(Error::at(
                hunk.line,
                "the hunk overlaps the one before it, or is out of order",
                "list the hunks of a file in the order of its lines, without overlap",
            ));
        }
        hunks.push(hunk);
    }
    if !hunks.is_empty() {
        refuse_surplus(cursor)?;
    }
    Ok(hunks)
}

/// A line that looks like hunk content behind a complete hunk means that the header's counts lie;
/// skipping it as noise would apply less than the patch shows.
fn refuse_surplus(cursor: &Cursor<'_>) -> Result<(), Error> {
    let Some(line) = cursor.peek() else {
        return Ok(());
    };
    let next_file = line.starts_with(b"--- ") && cursor.after().peek_after(b"+++ ").is_some();
    let signature = matches!(header(line), b"--" | b"-- ");
    let looks_inside = matches!(line.first(), Some(b'+' | b'-' | b' ' | b'\\'));
    if looks_inside && !next_file && !signature {
        return Err(Error::at(
            cursor.number,
            format!(
                "the hunk above has more lines than its header says: {:?}",
                visible(line)
            ),
            COUNTS_HINT,
        ));
    }
    Ok(())
}

const COUNTS_HINT: &str = "the counts in `@@ -line,count +line,count @@` must match the lines below it; make the patch \
     with `git diff`";

fn parse_one(cursor: &mut Cursor<'_>) -> Result<Hunk, Error> {
    let line = cursor.number;
    let text = header(cursor.peek().unwrap_or_default());
    let malformed = || {
        Error::at(
            line,
            format!("not a hunk header: {:?}", visible(text)),
            "a hunk begins with `@@ -line,count +line,count @@`",
        )
    };
    let numbers = text.strip_prefix(b"@@ -").ok_or_else(malformed)?;
    let (old, rest) = range(numbers).ok_or_else(malformed)?;
    let rest = rest.strip_prefix(b" +").ok_or_else(malformed)?;
    let (new, rest) = range(rest).ok_or_else(malformed)?;
    if !rest.starts_with(b" @@") {
        return Err(malformed());
    }
    let start = match (old.start, old.count) {
        (start, 0) => start,
        (0, _) => return Err(malformed()),
        (start, _) => start - 1,
    };
    cursor.advance();
    let body = parse_body(cursor, line, old.count, new.count)?;
    Ok(Hunk {
        line,
        start,
        header: visible(text),
        old_count: old.count,
        new_count: new.count,
        body: body.to_vec(),
    })
}

struct Range {
    start: usize,
    count: usize,
}

/// `12` or `12,3`, and what follows.
fn range(text: &[u8]) -> Option<(Range, &[u8])> {
    let (start, rest) = number(text)?;
    let (count, rest) = match rest.strip_prefix(b",") {
        Some(rest) => number(rest)?,
        None => (1, rest),
    };
    Some((Range { start, count }, rest))
}

/// A decimal number of at most nine digits (no real file has a billion lines, and sums of such
/// numbers cannot overflow).
fn number(text: &[u8]) -> Option<(usize, &[u8])> {
    let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(length)?;
    let plausible = (1..=9).contains(&length);
    let digits = plausible.then(|| std::str::from_utf8(digits).ok())??;
    Some((digits.parse().ok()?, rest))
}

/// What is still to come of a hunk's two sides.
struct Balance {
    old_left: usize,
    new_left: usize,
    /// The patch said that the old side's last line has no line end.
    old_ended: bool,
    new_ended: bool,
}

impl Balance {
    fn take(&mut self, kind: LineKind) -> bool {
        let (old, new) = match kind {
            LineKind::Context => (true, true),
            LineKind::Added => (false, true),
            LineKind::Removed => (true, false),
        };
        let fits = (!old || (self.old_left > 0 && !self.old_ended))
            && (!new || (self.new_left > 0 && !self.new_ended));
        if fits {
            self.old_left -= usize::from(old);
            self.new_left -= usize::from(new);
        }
        fits
    }

    fn end(&mut self, kind: LineKind) {
        self.old_ended |= kind != LineKind::Added;
        self.new_ended |= kind != LineKind::Removed;
    }
}

fn parse_body<'a>(
    cursor: &mut Cursor<'a>,
    hunk_line: usize,
    old_left: usize,
    new_left: usize,
) -> Result<&'a [u8], Error> {
    let all = cursor.rest;
    let mut balance = Balance {
        old_left,
        new_left,
        old_ended: false,
        new_ended: false,
    };
    let mut last: Option<LineKind> = None;
    loop {
        let line = cursor.peek().unwrap_or_default();
        if line.starts_with(b"\\ ") {
            let Some(kind) = last.take() else {
                return Err(unexpected(cursor.number, line, hunk_line));
            };
            balance.end(kind);
            cursor.advance();
            continue;
        }
        if balance.old_left == 0 && balance.new_left == 0 {
            break;
        }
        let kind = match line.first() {
            None => return Err(cut_short(cursor.number, hunk_line)),
            Some(b' ' | b'\n') => LineKind::Context,
            Some(b'+') => LineKind::Added,
            Some(b'-') => LineKind::Removed,
            Some(_) => return Err(unexpected(cursor.number, line, hunk_line)),
        };
        if !balance.take(kind) {
            return Err(unexpected(cursor.number, line, hunk_line));
        }
        if !line.ends_with(b"\n") {
            return Err(unfinished_line(cursor.number, line));
        }
        last = Some(kind);
        cursor.advance();
    }
    Ok(all.get(..all.len() - cursor.rest.len()).unwrap_or_default())
}

fn unexpected(number: usize, line: &[u8], hunk_line: usize) -> Error {
    let message = format!(
        "this line does not fit the counts of the hunk at line {hunk_line}: {:?}",
        visible(line)
    );
    Error::at(number, message, COUNTS_HINT)
}

fn cut_short(number: usize, hunk_line: usize) -> Error {
    let message = format!("the patch ends inside the hunk at line {hunk_line}");
    Error::at(number, message, COUNTS_HINT)
}

fn unfinished_line(number: usize, line: &[u8]) -> Error {
    Error::at(
        number,
        "the patch ends in the middle of a line",
        "end the patch with a line end; a file without one is marked by \
         `\\ No newline at end of file`",
    )
    .column(line.len() + 1)
}
