//! The diff of a commit against its base, byte for byte what `git diff base...commit` prints with
//! git's default configuration.
//!
//! Attributes that would hide changes from the reviewer (`-diff`, `binary`, a textconv program) are
//! not followed. The hunks come from libgit2's xdiff (the same code as git's); everything around them
//! is written here, because libgit2 differs from git in rename detection, in the length of ids and
//! in the text behind `@@`.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use git2::{AttrCheckFlags, DiffOptions, Patch};

use crate::git::abbreviate::Abbreviator;
use crate::git::changes::Side;
use crate::git::heading::{Headings, Style};
use crate::git::rename::{MAX_SCORE, Pair};
use crate::git::{Error, Repository, git_oid};
use crate::model::event::ChangedFile;
use crate::model::{FileMode, LineStat, Oid, Stats};

/// How far git looks for a NUL before it takes a file for text, in bytes.
const BINARY_LOOK: usize = 8000;
/// How many single-parent commits are followed before the merge base is searched.
const MAX_CHAIN: usize = 100;

/// A diff with its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffText {
    /// The patch. Not always UTF-8: it holds the bytes of the files.
    pub text: Vec<u8>,
    /// The files in the order of the patch.
    pub files: Vec<ChangedFile>,
    /// Files and lines as git counts them; a rename is one file.
    pub stats: Stats,
}

impl Repository {
    /// The diff from the merge base of the two commits to `commit`.
    pub fn diff(&self, base: &Oid, commit: &Oid) -> Result<DiffText, Error> {
        let from = self.merge_base(base, commit)?;
        let (_, old) = self.commit_and_tree(&from)?;
        let (_, new) = self.commit_and_tree(commit)?;
        let pairs = self.find_renames(self.changed_paths(&old, &new)?)?;
        let mut writer = Writer {
            repository: self,
            attributes: self.without_index()?,
            ids: Abbreviator::new(&self.inner).map_err(|e| Error::git("read the objects", &e))?,
            text: Vec::new(),
        };
        let mut files = Vec::new();
        let mut stats = Stats::default();
        for pair in pairs {
            let lines = writer.pair(&pair)?;
            stats.files += 1;
            stats.added += lines.added;
            stats.removed += lines.removed;
            files.push(changed_file(&pair, lines));
        }
        Ok(DiffText {
            text: writer.text,
            files,
            stats,
        })
    }

    /// The merge base. A chain of single parents is followed in the raw objects first: that is the
    /// usual case, works in a shallow clone, and no graft can bend it.
    fn merge_base(&self, base: &Oid, commit: &Oid) -> Result<Oid, Error> {
        let (base_id, commit_id) = (git_oid(base)?, git_oid(commit)?);
        let mut at = commit_id;
        for _ in 0..MAX_CHAIN {
            if at == base_id {
                return Ok(base.clone());
            }
            match self.raw_parents(at)?.as_slice() {
                [parent] if self.has(*parent) => at = *parent,
                _ => break,
            }
        }
        let found = self.inner.merge_base(base_id, commit_id);
        found.map(super::model_oid).map_err(|e| {
            if e.code() == git2::ErrorCode::NotFound {
                Error::NoMergeBase {
                    base: base.clone(),
                    commit: commit.clone(),
                }
            } else {
                Error::git("find the merge base", &e)
            }
        })
    }

    fn has(&self, oid: git2::Oid) -> bool {
        self.inner.odb().is_ok_and(|odb| odb.exists(oid))
    }
}

fn changed_file(pair: &Pair, lines: LineStat) -> ChangedFile {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let letter = match (&pair.renamed, pair.changed.old, pair.changed.new) {
        (Some(_), _, _) => 'R',
        (None, None, _) => 'A',
        (None, Some(_), None) => 'D',
        (None, Some(old), Some(new)) if kind(old.mode) != kind(new.mode) => 'T',
        (None, Some(_), Some(_)) => 'M',
    };
    ChangedFile {
        letter,
        path: text(&pair.changed.path),
        old_path: pair.renamed.as_ref().map(|renamed| text(&renamed.from)),
        lines,
    }
}

/// The kind of a file: its mode without the permissions.
fn kind(mode: FileMode) -> &'static str {
    match mode {
        FileMode::Regular | FileMode::Executable => "file",
        FileMode::Symlink => "symlink",
        FileMode::Gitlink => "submodule",
        FileMode::Tree => "folder",
    }
}

/// One side of an entry: its path and, unless it is missing, what stands there.
#[derive(Clone, Copy)]
struct End<'a> {
    path: &'a [u8],
    side: Option<Side>,
}

struct Writer<'r> {
    repository: &'r Repository,
    /// A second handle for attributes; see [`Repository::without_index`].
    attributes: git2::Repository,
    ids: Abbreviator<'r>,
    text: Vec<u8>,
}

impl Writer<'_> {
    fn pair(&mut self, pair: &Pair) -> Result<LineStat, Error> {
        let path = pair.changed.path.as_slice();
        let from = pair
            .renamed
            .as_ref()
            .map_or(path, |renamed| renamed.from.as_slice());
        let score = pair.renamed.as_ref().map(|renamed| renamed.score);
        let old = End {
            path: from,
            side: pair.changed.old,
        };
        let new = End {
            path,
            side: pair.changed.new,
        };
        let retyped =
            matches!((old.side, new.side), (Some(a), Some(b)) if kind(a.mode) != kind(b.mode));
        if !retyped {
            return self.entry(old, new, score);
        }
        // A file that becomes a symbolic link is shown as deleted and created.
        let gone = self.entry(old, End { path, side: None }, None)?;
        let come = self.entry(End { path, side: None }, new, None)?;
        Ok(LineStat {
            added: gone.added + come.added,
            removed: gone.removed + come.removed,
        })
    }

    fn entry(&mut self, old: End<'_>, new: End<'_>, score: Option<u64>) -> Result<LineStat, Error> {
        self.header(old, new, score);
        let same = |a: Side, b: Side| a.oid == b.oid;
        if matches!((old.side, new.side), (Some(a), Some(b)) if same(a, b)) {
            return Ok(LineStat::default());
        }
        let before = self.content(old)?;
        let after = self.content(new)?;
        if before == after {
            return Ok(LineStat::default());
        }
        let label = |prefix: &[u8], end: End<'_>| match end.side {
            Some(_) => quoted(prefix, end.path),
            None => b"/dev/null".to_vec(),
        };
        let (old_label, new_label) = (label(b"a/", old), label(b"b/", new));
        if is_binary(&before) || is_binary(&after) {
            for part in [
                &b"Binary files "[..],
                &old_label,
                b" and ",
                &new_label,
                b" differ\n",
            ] {
                self.text.extend_from_slice(part);
            }
            return Ok(LineStat::default());
        }
        for (sign, label) in [(&b"--- "[..], &old_label), (b"+++ ", &new_label)] {
            self.text.extend_from_slice(sign);
            self.text.extend_from_slice(label);
            // Git ends a name with a space in it with a tab, for other tools.
            let tab: &[u8] = if label.contains(&b' ') { b"\t" } else { b"" };
            self.text.extend_from_slice(tab);
            self.text.push(b'\n');
        }
        let style = self.heading_style(old.path, new.path);
        self.hunks(&before, &after, style)
    }

    fn header(&mut self, old: End<'_>, new: End<'_>, score: Option<u64>) {
        // A created or deleted file has one name on both sides of the first line.
        self.line(&[
            b"diff --git ",
            &quoted(b"a/", old.path),
            b" ",
            &quoted(b"b/", new.path),
        ]);
        match (old.side, new.side) {
            (None, Some(new)) => self.line(&[b"new file mode ", new.mode.as_str().as_bytes()]),
            (Some(old), None) => self.line(&[b"deleted file mode ", old.mode.as_str().as_bytes()]),
            (Some(old), Some(new)) if old.mode != new.mode => {
                self.line(&[b"old mode ", old.mode.as_str().as_bytes()]);
                self.line(&[b"new mode ", new.mode.as_str().as_bytes()]);
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        if let Some(score) = score {
            let percent = (score * 100 / MAX_SCORE).to_string();
            self.line(&[b"similarity index ", percent.as_bytes(), b"%"]);
            self.line(&[b"rename from ", &quoted(b"", old.path)]);
            self.line(&[b"rename to ", &quoted(b"", new.path)]);
        }
        let id = |end: End<'_>| end.side.map_or(git2::Oid::ZERO_SHA1, |side| side.oid);
        if id(old) != id(new) {
            let mut ids = format!(
                "index {}..{}",
                self.ids.short(id(old)),
                self.ids.short(id(new))
            );
            if let (Some(old), Some(new)) = (old.side, new.side)
                && old.mode == new.mode
            {
                ids.push(' ');
                ids.push_str(old.mode.as_str());
            }
            self.line(&[ids.as_bytes()]);
        }
    }

    fn line(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.text.extend_from_slice(part);
        }
        self.text.push(b'\n');
    }

    /// How the lines behind `@@` are chosen. This is the only thing that an attribute decides, and
    /// it hides nothing: `diff=python` makes git name methods and not only classes.
    fn heading_style(&self, old: &[u8], new: &[u8]) -> Style {
        let is_python = |path: &[u8]| {
            let path = Path::new(OsStr::from_bytes(path));
            let flags = AttrCheckFlags::FILE_THEN_INDEX;
            let value = self.attributes.get_attr(path, "diff", flags);
            value.is_ok_and(|value| value == Some("python"))
        };
        if is_python(old) || is_python(new) {
            Style::Python
        } else {
            Style::Plain
        }
    }

    fn content(&self, end: End<'_>) -> Result<Vec<u8>, Error> {
        match end.side {
            None => Ok(Vec::new()),
            Some(side) if side.mode == FileMode::Gitlink => {
                Ok(format!("Subproject commit {}\n", side.oid).into_bytes())
            }
            Some(side) => self.repository.blob(side.oid),
        }
    }

    fn hunks(&mut self, before: &[u8], after: &[u8], style: Style) -> Result<LineStat, Error> {
        let patch = patch(before, after)?;
        let mut headings = Headings::new(before, style);
        let mut stat = LineStat::default();
        let read = |e| Error::git("compare two files", &e);
        for index in 0..patch.num_hunks() {
            let (hunk, lines) = patch.hunk(index).map_err(read)?;
            let range = |start, lines| match lines {
                1 => format!("{start}"),
                lines => format!("{start},{lines}"),
            };
            let mut head = format!(
                "@@ -{} +{} @@",
                range(hunk.old_start(), hunk.old_lines()),
                range(hunk.new_start(), hunk.new_lines())
            )
            .into_bytes();
            // An empty range is counted from the line before it.
            let first = hunk.old_start() as usize - usize::from(hunk.old_lines() > 0);
            let function = headings.before(first);
            if !function.is_empty() {
                head.push(b' ');
                head.extend_from_slice(function);
            }
            self.line(&[&head]);
            for line in 0..lines {
                let line = patch.line_in_hunk(index, line).map_err(read)?;
                stat.added += u64::from(line.origin() == '+');
                stat.removed += u64::from(line.origin() == '-');
                // A missing newline at the end has a sign of its own, which git does not print.
                if let sign @ ('+' | '-' | ' ') = line.origin() {
                    self.text.push(sign as u8);
                }
                self.text.extend_from_slice(line.content());
            }
        }
        Ok(stat)
    }
}

/// Added and removed lines of two contents, all line ends. Where git sees none (a lone CR), one is
/// put in for the count, so that a file cannot hide its lines from the limits.
pub(super) fn count_lines(before: &[u8], after: &[u8]) -> Result<LineStat, Error> {
    let (before, after) = (split_lone_cr(before), split_lone_cr(after));
    if before == after {
        return Ok(LineStat::default());
    }
    let patch = patch(&before, &after)?;
    let (_, added, removed) = patch
        .line_stats()
        .map_err(|e| Error::git("compare two files", &e))?;
    Ok(LineStat {
        added: added as u64,
        removed: removed as u64,
    })
}

/// Puts a line end behind every CR that is not followed by LF. The mark before it keeps `\r`
/// different from `\r\n`, so that a change of line ends still counts.
fn split_lone_cr(content: &[u8]) -> Vec<u8> {
    let mut split = Vec::with_capacity(content.len());
    let mut bytes = content.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        split.push(byte);
        if byte == b'\r' && bytes.peek() != Some(&b'\n') {
            split.extend_from_slice(b"\0\n");
        }
    }
    split
}

fn patch<'b>(before: &'b [u8], after: &'b [u8]) -> Result<Patch<'b>, Error> {
    let mut options = DiffOptions::new();
    // No repository is involved, so no attribute is read; whether it is text was decided before.
    options
        .context_lines(3)
        .indent_heuristic(true)
        .force_text(true)
        .max_size(-1);
    let name = Path::new("file");
    Patch::from_buffers(before, Some(name), after, Some(name), Some(&mut options))
        .map_err(|e| Error::git("compare two files", &e))
}

/// Git's rule: a NUL near the beginning makes a file binary.
pub(super) fn is_binary(content: &[u8]) -> bool {
    content.iter().take(BINARY_LOOK).any(|b| *b == 0)
}

/// A path as git prints it: in quotes, with octal escapes, where it has special bytes.
fn quoted(prefix: &[u8], path: &[u8]) -> Vec<u8> {
    let plain = |b: &u8| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\');
    if path.iter().all(plain) {
        return [prefix, path].concat();
    }
    let mut text = String::from("\"");
    for &byte in prefix.iter().chain(path) {
        let escaped = match byte {
            0x07 => "\\a",
            0x08 => "\\b",
            b'\t' => "\\t",
            b'\n' => "\\n",
            0x0b => "\\v",
            0x0c => "\\f",
            b'\r' => "\\r",
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b' '..=b'~' => {
                text.push(char::from(byte));
                continue;
            }
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(text, "\\{byte:03o}");
                continue;
            }
        };
        text.push_str(escaped);
    }
    text.push('"');
    text.into_bytes()
}

#[cfg(test)]
mod tests;
