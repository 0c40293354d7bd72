//! Unified diffs: git's format and plain `diff -u`, read strictly.
//!
//! A patch is hostile input. The parser is one pass over the lines, keeps one copy of the hunk
//! bodies, and refuses whatever it does not understand instead of guessing.

mod hunk;
mod names;
mod parse;
mod section;

#[cfg(test)]
mod tests;

use crate::model::FileMode;

pub(in crate::plan) use hunk::{Hunk, LineKind};
pub(in crate::plan) use parse::parse;

/// A parsed patch: at least one file, and at least one of them changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    pub(in crate::plan) files: Vec<FilePatch>,
}

impl Patch {
    /// The paths that the patch touches, as written, in its order.
    pub fn paths(&self) -> Vec<&str> {
        self.files.iter().flat_map(|f| f.target.paths()).collect()
    }
}

/// What a patch does to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan) struct FilePatch {
    /// The line of the patch where the file's section begins.
    pub(in crate::plan) line: usize,
    pub(in crate::plan) target: Target,
    pub(in crate::plan) old_mode: Option<FileMode>,
    pub(in crate::plan) new_mode: Option<FileMode>,
    /// The section says that the content is binary, and holds no readable lines.
    pub(in crate::plan) binary: bool,
    pub(in crate::plan) hunks: Vec<Hunk>,
}

/// Which paths a section is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Target {
    /// A new file.
    Create(String),
    /// A file that goes away.
    Delete(String),
    /// A file that is there (a plain diff cannot tell it from an empty or missing one).
    Edit(String),
    /// A file that moves.
    Rename { from: String, to: String },
    /// A copy of a file.
    Copy { from: String, to: String },
}

impl Target {
    /// The paths that change, the old one of a rename included.
    pub(in crate::plan) fn paths(&self) -> Vec<&str> {
        match self {
            Self::Create(path) | Self::Delete(path) | Self::Edit(path) => vec![path],
            Self::Rename { from, to } => vec![from, to],
            Self::Copy { from: _, to } => vec![to],
        }
    }
}

impl FilePatch {
    /// Whether the section says that anything is different afterwards.
    fn changes(&self) -> bool {
        let moves = match self.target {
            Target::Edit(_) => false,
            Target::Create(_) | Target::Delete(_) | Target::Rename { .. } | Target::Copy { .. } => {
                true
            }
        };
        let mode = self.new_mode.is_some() && self.new_mode != self.old_mode;
        moves || self.binary || mode || self.hunks.iter().any(Hunk::changes)
    }
}

/// The lines of a patch with their numbers.
#[derive(Clone, Copy)]
pub(in crate::plan) struct Cursor<'a> {
    rest: &'a [u8],
    /// The number of the line that [`Cursor::peek`] shows, from 1.
    number: usize,
}

impl<'a> Cursor<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            number: 1,
        }
    }

    /// The next line with its line end; `None` at the end.
    fn peek(&self) -> Option<&'a [u8]> {
        self.rest.split_inclusive(|b| *b == b'\n').next()
    }

    /// Goes past the line that [`Cursor::peek`] shows.
    fn advance(&mut self) {
        let length = self.peek().map_or(0, <[u8]>::len);
        self.rest = self.rest.get(length..).unwrap_or_default();
        self.number += 1;
    }

    /// What follows `prefix` on the next line, without the line end.
    fn peek_after(&self, prefix: &[u8]) -> Option<&'a [u8]> {
        self.peek().and_then(|l| header(l).strip_prefix(prefix))
    }

    /// The cursor behind the next line.
    fn after(mut self) -> Self {
        self.advance();
        self
    }
}

/// A header line without its line end; headers may end in CRLF.
fn header(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
