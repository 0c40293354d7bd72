//! A unified diff in git's format, as lines that can be drawn one by one.
//!
//! The text is parsed once, in one pass; a line is a few numbers and a range of the text, so a
//! diff of a hundred thousand lines opens at once and only what is visible is ever laid out.
//! Nothing of the text is dropped silently: what is not understood is shown as it is.

use std::ops::Range;

mod names;
mod paint;

pub(crate) use paint::{HunkPaint, LinePaint, paint};

/// What a line of the diff is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// The head of a file.
    File,
    /// A line about the file: its mode, a rename, "Binary files differ", or text not understood.
    Meta,
    /// The head of a hunk.
    Hunk,
    /// An unchanged line.
    Context,
    /// An added line.
    Added,
    /// A removed line.
    Removed,
    /// "No newline at end of file".
    NoNewline,
}

/// One line of the diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DiffLine {
    pub(crate) kind: LineKind,
    /// The line in the old file, from 1; 0 where there is none.
    pub(crate) old: u32,
    /// The line in the new file, from 1; 0 where there is none.
    pub(crate) new: u32,
    /// The text without its first character, as bytes of [`Diff::text`].
    range: Range<usize>,
    /// The index of its file.
    pub(crate) file: usize,
    /// The index of its hunk in the whole diff.
    pub(crate) hunk: Option<usize>,
}

/// One file of the diff.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DiffFile {
    /// The new path, or the old one of a deletion.
    pub(crate) path: String,
    /// The old path, where it differs.
    pub(crate) old_path: Option<String>,
    /// Git's letter.
    pub(crate) letter: char,
    /// Its lines, by index.
    pub(crate) lines: Range<usize>,
    /// Its hunks, by index.
    pub(crate) hunks: Range<usize>,
    /// Added lines.
    pub(crate) added: u64,
    /// Removed lines.
    pub(crate) removed: u64,
}

/// One hunk of the diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hunk {
    /// The index of its file.
    pub(crate) file: usize,
    /// Its lines by index; the first is its head.
    pub(crate) lines: Range<usize>,
}

/// A parsed diff.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Diff {
    text: String,
    /// All lines, in order.
    pub(crate) lines: Vec<DiffLine>,
    /// All files, in order.
    pub(crate) files: Vec<DiffFile>,
    /// All hunks, in order.
    pub(crate) hunks: Vec<Hunk>,
}

impl Diff {
    /// Parses a patch; bytes that are not UTF-8 are replaced.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mut parser = Parser {
            diff: Self {
                text: String::from_utf8_lossy(bytes).into_owned(),
                ..Self::default()
            },
            ..Parser::default()
        };
        let text = std::mem::take(&mut parser.diff.text);
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let shown = line.strip_suffix('\n').unwrap_or(line);
            parser.line(shown, start);
            start += line.len();
        }
        parser.diff.text = text;
        parser.finish()
    }

    /// The text of a line, without the `+`, `-` or space before it.
    pub(crate) fn text(&self, line: &DiffLine) -> &str {
        self.text.get(line.range.clone()).unwrap_or_default()
    }

    /// The file that a line belongs to.
    pub(crate) fn file_of(&self, line: usize) -> Option<&DiffFile> {
        self.files.get(self.lines.get(line)?.file)
    }

    /// The index of the file with this path.
    pub(crate) fn file_named(&self, path: &str) -> Option<usize> {
        self.files.iter().position(|f| f.path == path)
    }

    /// The index of the line that shows `number` of the new file (the old one for `removed`); the
    /// nearest line before it when the diff does not show it, else the file's head.
    pub(crate) fn line_at(&self, path: &str, number: Option<u32>, removed: bool) -> Option<usize> {
        let file = self.files.get(self.file_named(path)?)?;
        let Some(number) = number else {
            return Some(file.lines.start);
        };
        let side = |line: &DiffLine| if removed { line.old } else { line.new };
        let mut best = file.lines.start;
        for index in file.lines.clone() {
            let Some(line) = self.lines.get(index) else {
                break;
            };
            let shown = side(line);
            let wanted_kind = !removed || line.kind != LineKind::Added;
            if shown == number && wanted_kind {
                return Some(index);
            }
            if shown != 0 && shown < number {
                best = index;
            }
        }
        Some(best)
    }
}

#[derive(Default)]
struct Parser {
    diff: Diff,
    /// Lines of the old and the new file that the current hunk still promises.
    left_old: u32,
    left_new: u32,
    old: u32,
    new: u32,
    in_hunk: bool,
    /// The `---` path of the current file.
    minus: Option<String>,
}

impl Parser {
    fn line(&mut self, text: &str, start: usize) {
        if self.left_old > 0 || self.left_new > 0 {
            self.body(text, start);
        } else if self.in_hunk && text.starts_with('\\') {
            self.push(LineKind::NoNewline, (0, 0), start + 1..start + text.len());
        } else if let Some(names) = text.strip_prefix("diff --git ") {
            self.open_file(names::from_header(names), start..start);
        } else if text.starts_with("@@ ") && self.open_hunk(text, start) {
        } else {
            self.in_hunk = false;
            self.head(text, start);
        }
    }

    fn body(&mut self, text: &str, start: usize) {
        let range = start + 1.min(text.len())..start + text.len();
        match text.as_bytes().first() {
            Some(b'+') => {
                self.push(LineKind::Added, (0, self.new), range);
                self.new += 1;
                self.left_new = self.left_new.saturating_sub(1);
                self.count(1, 0);
            }
            Some(b'-') => {
                self.push(LineKind::Removed, (self.old, 0), range);
                self.old += 1;
                self.left_old = self.left_old.saturating_sub(1);
                self.count(0, 1);
            }
            Some(b'\\') => self.push(LineKind::NoNewline, (0, 0), range),
            // Some mailers strip the space of an empty context line.
            Some(b' ') | None => {
                self.push(LineKind::Context, (self.old, self.new), range);
                self.old += 1;
                self.new += 1;
                self.left_old = self.left_old.saturating_sub(1);
                self.left_new = self.left_new.saturating_sub(1);
            }
            Some(_) => {
                self.left_old = 0;
                self.left_new = 0;
                self.line(text, start);
            }
        }
    }

    fn head(&mut self, text: &str, start: usize) {
        if let Some(path) = text.strip_prefix("--- ") {
            self.minus = names::side(path);
            let has_hunks = self.diff.files.last().is_none_or(|f| !f.hunks.is_empty());
            if has_hunks {
                // A plain `diff -u` has no "diff --git" line before it.
                self.open_file(String::new(), start..start);
            }
            return;
        }
        let minus = self.minus.take();
        let Some(file) = self.diff.files.last_mut() else {
            if !text.is_empty() {
                self.open_file("(text before the first file)".to_owned(), start..start);
                self.push(LineKind::Meta, (0, 0), start..start + text.len());
            }
            return;
        };
        if let Some(path) = text.strip_prefix("+++ ") {
            let plus = names::side(path);
            if minus.is_none() && plus.is_some() {
                file.letter = 'A';
            }
            if plus.is_none() {
                file.letter = 'D';
            }
            if let Some(path) = plus.or(minus) {
                file.path = path;
            }
            return;
        }
        if text.starts_with("new file mode ") {
            file.letter = 'A';
        } else if text.starts_with("deleted file mode ") {
            file.letter = 'D';
        } else if let Some(path) = text.strip_prefix("rename from ") {
            file.letter = 'R';
            file.old_path = Some(names::unquote(path));
        } else if let Some(path) = text.strip_prefix("rename to ") {
            file.path = names::unquote(path);
        }
        let noise = text.is_empty() || text.starts_with("index ");
        if !noise && text != "new file mode 100644" && text != "deleted file mode 100644" {
            self.push(LineKind::Meta, (0, 0), start..start + text.len());
        }
    }

    fn open_file(&mut self, path: String, range: Range<usize>) {
        let first = self.diff.lines.len();
        let hunks = self.diff.hunks.len();
        self.diff.files.push(DiffFile {
            path,
            letter: 'M',
            lines: first..first,
            hunks: hunks..hunks,
            ..DiffFile::default()
        });
        self.in_hunk = false;
        self.push(LineKind::File, (0, 0), range);
    }

    fn open_hunk(&mut self, text: &str, start: usize) -> bool {
        let Some((old, new)) = hunk_ranges(text) else {
            return false;
        };
        let Some(file) = self.diff.files.len().checked_sub(1) else {
            return false;
        };
        (self.old, self.left_old) = old;
        (self.new, self.left_new) = new;
        let first = self.diff.lines.len();
        self.diff.hunks.push(Hunk {
            file,
            lines: first..first,
        });
        self.in_hunk = true;
        self.push(
            LineKind::Hunk,
            (self.old, self.new),
            start..start + text.len(),
        );
        true
    }

    fn push(&mut self, kind: LineKind, (old, new): (u32, u32), range: Range<usize>) {
        let index = self.diff.lines.len();
        let file = self.diff.files.len().saturating_sub(1);
        let hunk = self
            .in_hunk
            .then(|| self.diff.hunks.len().saturating_sub(1));
        self.diff.lines.push(DiffLine {
            kind,
            old,
            new,
            range,
            file,
            hunk,
        });
        if let Some(file) = self.diff.files.last_mut() {
            file.lines.end = index + 1;
            file.hunks.end = self.diff.hunks.len();
        }
        if let (true, Some(hunk)) = (self.in_hunk, self.diff.hunks.last_mut()) {
            hunk.lines.end = index + 1;
        }
    }

    fn count(&mut self, added: u64, removed: u64) {
        if let Some(file) = self.diff.files.last_mut() {
            file.added += added;
            file.removed += removed;
        }
    }

    fn finish(self) -> Diff {
        self.diff
    }
}

/// `@@ -1,7 +1,8 @@ …` as two pairs of first line and count.
fn hunk_ranges(text: &str) -> Option<((u32, u32), (u32, u32))> {
    let rest = text.strip_prefix("@@ -")?;
    let (ranges, _) = rest.split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let range = |text: &str| {
        let (start, count) = text.split_once(',').unwrap_or((text, "1"));
        Some((start.parse().ok()?, count.parse().ok()?))
    };
    Some((range(old)?, range(new)?))
}

#[cfg(test)]
mod tests;
