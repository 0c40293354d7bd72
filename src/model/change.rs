//! A proposed change: for every file what it was and what it would be.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{FileMode, Oid, Stats};

/// One side of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileState {
    /// The mode.
    pub mode: FileMode,
    /// The size in bytes.
    pub size: u64,
    /// The content; `None` when it is larger than [`FileState::MAX_LOADED`] (such a change is refused
    /// by the limits, so nobody needs the bytes).
    pub content: Option<Arc<[u8]>>,
    /// The object in the base tree, where there is one.
    pub oid: Option<Oid>,
}

impl FileState {
    /// The largest content that is loaded, in bytes (64 MiB): far above every limit of the policy,
    /// and small enough to hold a few of them.
    pub const MAX_LOADED: u64 = 64 << 20;

    /// A file as a proposal writes it.
    pub fn proposed(mode: FileMode, content: Vec<u8>) -> Self {
        Self {
            mode,
            size: content.len() as u64,
            content: Some(content.into()),
            oid: None,
        }
    }

    /// The content, empty when it was too large to load.
    pub fn bytes(&self) -> &[u8] {
        self.content.as_deref().unwrap_or_default()
    }
}

/// Added and removed lines of one file, all line-end kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineStat {
    /// Added lines.
    pub added: u64,
    /// Removed lines.
    pub removed: u64,
}

/// What happens to one path. A rename is two of these: a delete and an add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// The path exactly as proposed; judged by the policy before anything else trusts it.
    pub path: String,
    /// The file in the base tree; `None` for a new file.
    pub before: Option<FileState>,
    /// The file as proposed; `None` for a deletion.
    pub after: Option<FileState>,
    /// For the added half of a rename: the path it came from.
    pub renamed_from: Option<String>,
    /// Changed lines (from the two contents; from the hunks where they could not be applied).
    pub lines: LineStat,
}

impl FileChange {
    /// Git's letter: `A`, `M` or `D`.
    pub fn letter(&self) -> char {
        match (&self.before, &self.after) {
            (None, _) => 'A',
            (Some(_), Some(_)) => 'M',
            (Some(_), None) => 'D',
        }
    }
}

/// Everything that one proposal changes, in the order of the proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// One entry a path; no path twice.
    pub files: Vec<FileChange>,
}

impl ChangeSet {
    /// The size of the whole change.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats {
            files: self.files.len() as u64,
            ..Stats::default()
        };
        for file in &self.files {
            stats.added += file.lines.added;
            stats.removed += file.lines.removed;
        }
        stats
    }
}
