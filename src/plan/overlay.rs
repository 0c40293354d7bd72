//! The base commit with a proposal laid over it, file by file.

use std::collections::HashMap;

use super::draft::{ApplyFailure, Draft};
use super::edits;
use super::lines;
use crate::model::{
    BaseTree, ChangeSet, FileChange, FileMode, FileState, LineStat, TreeEntry, TreeError,
};

/// One path of the overlay.
pub(super) struct Slot {
    pub(super) path: String,
    /// The file in the base commit.
    pub(super) before: Option<FileState>,
    /// The file as proposed so far.
    pub(super) now: Option<FileState>,
    /// The base commit has a directory there.
    pub(super) is_directory: bool,
    renamed_from: Option<String>,
    /// Set once an edit could not be applied: the lines that such edits name.
    pub(super) failed: Option<LineStat>,
    /// The new lines of the edits that could not be applied.
    unapplied: Vec<u8>,
    failures: Vec<ApplyFailure>,
}

impl Slot {
    /// Puts a file at a path that must be free.
    pub(super) fn place(&mut self, state: FileState, renamed_from: Option<&str>) {
        if self.is_directory {
            self.fail(edits::is_directory(&self.path));
        } else if self.now.is_some() {
            self.fail(ApplyFailure {
                path: self.path.clone(),
                message: "the file is already there".to_owned(),
                hint: "change the existing file instead of creating it".to_owned(),
                detail: Vec::new(),
            });
        }
        self.now = Some(state);
        self.renamed_from = renamed_from.map(str::to_owned);
    }

    /// Notes that the proposal does not fit; what it asked for stays in the draft for the policy.
    pub(super) fn fail(&mut self, failure: ApplyFailure) {
        self.failed.get_or_insert_default();
        self.failures.push(failure);
    }

    /// The same, for an edit whose lines are known but could not be placed: they are counted and
    /// kept, so that the policy can judge what it can see of the change.
    pub(super) fn fail_lines(&mut self, failure: ApplyFailure, removed: &str, added: &str) {
        let asked = |text: &str| FileState::proposed(FileMode::Regular, text.as_bytes().to_vec());
        let stat = lines::stat(Some(&asked(removed)), Some(&asked(added)));
        self.fail(failure);
        self.count(stat);
        self.show(added.as_bytes());
    }

    /// Counts lines of an edit that could not be applied.
    pub(super) fn count(&mut self, stat: LineStat) {
        let total = self.failed.get_or_insert_default();
        total.added += stat.added;
        total.removed += stat.removed;
    }

    /// Keeps what an edit that could not be applied would have brought.
    pub(super) fn show(&mut self, content: &[u8]) {
        self.unapplied.extend_from_slice(content);
    }

    /// Counted lines: of the edits that were applied, and of those that could not be.
    fn lines(&self) -> LineStat {
        let mut stat = lines::stat(self.before.as_ref(), self.now.as_ref());
        let failed = self.failed.unwrap_or_default();
        stat.added += failed.added;
        stat.removed += failed.removed;
        stat
    }

    /// The file as proposed. Where an edit failed, the lines that it would have brought stand behind
    /// what is there: the policy can judge them, counts nothing as removed that is not, and nobody
    /// commits it.
    fn after(&mut self) -> Option<FileState> {
        if self.unapplied.is_empty() {
            return self.now.take();
        }
        let now = self.now.take();
        let mode = now.as_ref().map_or(FileMode::Regular, |state| state.mode);
        let mut content = now.map_or_else(Vec::new, |state| state.bytes().to_vec());
        if !content.is_empty() && !content.ends_with(b"\n") {
            content.push(b'\n');
        }
        content.append(&mut self.unapplied);
        Some(FileState::proposed(mode, content))
    }

    fn is_changed(&self) -> bool {
        let same = match (&self.before, &self.now) {
            (None, None) => true,
            (Some(before), Some(now)) => {
                before.mode == now.mode && before.size == now.size && before.content == now.content
            }
            (Some(_), None) | (None, Some(_)) => false,
        };
        self.failed.is_some() || !same
    }
}

/// The files that a proposal names, in its order.
pub(super) struct Overlay<'a> {
    base: &'a dyn BaseTree,
    slots: Vec<Slot>,
    by_path: HashMap<String, usize>,
    /// Bytes loaded from the base so far.
    loaded: u64,
}

impl<'a> Overlay<'a> {
    /// The most bytes that are loaded for one proposal (256 MiB): a proposal that names many large
    /// files must not fill the memory. Files beyond it stay unloaded, and so cannot be edited.
    const MAX_LOADED: u64 = 4 * FileState::MAX_LOADED;

    pub(super) fn new(base: &'a dyn BaseTree) -> Self {
        Self {
            base,
            slots: Vec::new(),
            by_path: HashMap::new(),
            loaded: 0,
        }
    }

    /// The slot of a path, loaded from the base when it is named for the first time.
    pub(super) fn slot(&mut self, path: &str) -> Result<&mut Slot, TreeError> {
        let index = match self.by_path.get(path) {
            Some(index) => *index,
            None => self.open(path)?,
        };
        self.slots.get_mut(index).ok_or_else(|| TreeError {
            what: path.to_owned(),
            detail: "the overlay lost its slot".to_owned(),
        })
    }

    fn open(&mut self, path: &str) -> Result<usize, TreeError> {
        let (before, is_directory) = match self.base.entry(path)? {
            None => (None, false),
            Some(entry) if entry.mode == FileMode::Tree => (None, true),
            Some(entry) => (Some(self.load(entry)?), false),
        };
        let index = self.slots.len();
        self.by_path.insert(path.to_owned(), index);
        self.slots.push(Slot {
            path: path.to_owned(),
            now: before.clone(),
            before,
            is_directory,
            renamed_from: None,
            failed: None,
            unapplied: Vec::new(),
            failures: Vec::new(),
        });
        Ok(index)
    }

    fn load(&mut self, entry: TreeEntry) -> Result<FileState, TreeError> {
        if entry.mode == FileMode::Gitlink {
            // A submodule has no blob here; git's own diff shows it as this line.
            let content = format!("Subproject commit {}\n", entry.oid);
            let mut state = FileState::proposed(entry.mode, content.into_bytes());
            state.oid = Some(entry.oid);
            return Ok(state);
        }
        let size = self.base.blob_size(&entry.oid)?;
        let fits = size <= FileState::MAX_LOADED && self.loaded + size <= Self::MAX_LOADED;
        let content = if fits {
            self.loaded += size;
            Some(self.base.blob(&entry.oid)?.into())
        } else {
            None
        };
        Ok(FileState {
            mode: entry.mode,
            size,
            content,
            oid: Some(entry.oid),
        })
    }

    /// What the proposal makes of the base. Files that end as they began are left out; when
    /// nothing is left, that is a failure.
    pub(super) fn finish(self) -> Draft {
        let mut draft = Draft {
            changes: ChangeSet::default(),
            failures: Vec::new(),
        };
        let mut unchanged = Vec::new();
        for mut slot in self.slots {
            if !slot.is_changed() {
                unchanged.push(slot.path);
                continue;
            }
            draft.changes.files.push(FileChange {
                lines: slot.lines(),
                after: slot.after(),
                path: slot.path,
                before: slot.before,
                renamed_from: slot.renamed_from,
            });
            draft.failures.extend(slot.failures);
        }
        if draft.changes.files.is_empty() {
            draft
                .failures
                .extend(unchanged.into_iter().map(|path| ApplyFailure {
                    path,
                    message: "the proposal leaves the file as it is in the base commit".to_owned(),
                    hint: "propose a change that is not there yet".to_owned(),
                    detail: Vec::new(),
                }));
        }
        draft
    }
}
