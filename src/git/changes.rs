//! What differs between two commits, read from their objects.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::git::commit::MAX_PATH;
use crate::git::diff::count_lines;
use crate::git::{Error, Repository, file_mode, model_oid};
use crate::model::{ChangeSet, FileChange, FileMode, FileState, Oid};

/// One side of a changed path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Side {
    pub mode: FileMode,
    pub oid: git2::Oid,
}

/// A path whose object or mode differs.
#[derive(Clone, Debug)]
pub(super) struct Changed {
    pub path: Vec<u8>,
    pub old: Option<Side>,
    pub new: Option<Side>,
}

impl Repository {
    /// Everything that differs between the trees of two commits, with contents. There is no rename
    /// detection: a rename is a deletion and an addition.
    pub fn delta(&self, base: &Oid, commit: &Oid) -> Result<ChangeSet, Error> {
        let (_, old) = self.commit_and_tree(base)?;
        let (_, new) = self.commit_and_tree(commit)?;
        let mut set = ChangeSet::default();
        for changed in self.changed_paths(&old, &new)? {
            set.files.push(self.file_change(changed)?);
        }
        Ok(set)
    }

    fn file_change(&self, changed: Changed) -> Result<FileChange, Error> {
        let path = String::from_utf8(changed.path).map_err(|e| Error::Path {
            path: String::from_utf8_lossy(e.as_bytes()).into_owned(),
            why: "the name is not UTF-8".to_owned(),
        })?;
        let before = changed.old.map(|side| self.state(side)).transpose()?;
        let after = changed.new.map(|side| self.state(side)).transpose()?;
        let bytes = |state: &Option<FileState>| {
            state
                .as_ref()
                .and_then(|state| state.content.clone())
                .unwrap_or_default()
        };
        // A side that is too large to load counts as empty: such a change is refused for its size.
        let lines = count_lines(&bytes(&before), &bytes(&after))?;
        Ok(FileChange {
            path,
            before,
            after,
            renamed_from: None,
            lines,
        })
    }

    /// A side with its content. A submodule has none: its object lives in another repository.
    fn state(&self, side: Side) -> Result<FileState, Error> {
        let oid = Some(model_oid(side.oid));
        if side.mode == FileMode::Gitlink {
            return Ok(FileState {
                mode: side.mode,
                size: 0,
                content: Some(Arc::default()),
                oid,
            });
        }
        let read = |e| Error::object(format!("blob {}", side.oid), &e);
        let odb = self.inner.odb().map_err(read)?;
        let (bytes, _) = odb.read_header(side.oid).map_err(read)?;
        let bytes = bytes as u64;
        let content = if bytes > FileState::MAX_LOADED {
            None
        } else {
            Some(self.blob(side.oid)?.into())
        };
        Ok(FileState {
            mode: side.mode,
            size: bytes,
            content,
            oid,
        })
    }

    /// The content of a blob.
    pub(super) fn blob(&self, oid: git2::Oid) -> Result<Vec<u8>, Error> {
        self.inner
            .find_blob(oid)
            .map(|blob| blob.content().to_vec())
            .map_err(|e| Error::object(format!("blob {oid}"), &e))
    }

    /// The paths that differ, in git's order. Only folders that differ are opened.
    pub(super) fn changed_paths(
        &self,
        old: &git2::Tree<'_>,
        new: &git2::Tree<'_>,
    ) -> Result<Vec<Changed>, Error> {
        let mut walk = Walk {
            repository: self,
            found: Vec::new(),
        };
        walk.folders(&mut Vec::new(), Some(old.id()), Some(new.id()))?;
        Ok(walk.found)
    }
}

struct Walk<'r> {
    repository: &'r Repository,
    found: Vec<Changed>,
}

/// An entry of a folder, taken out of libgit2.
struct Entry {
    name: Vec<u8>,
    side: Side,
}

impl Entry {
    fn is_folder(&self) -> bool {
        self.side.mode == FileMode::Tree
    }

    /// Git sorts a folder as if its name ended in `/`.
    fn order(&self, other: &Self) -> Ordering {
        let bytes = |entry: &Self| {
            let slash = entry.is_folder().then_some(b'/');
            entry
                .name
                .clone()
                .into_iter()
                .chain(slash)
                .collect::<Vec<u8>>()
        };
        bytes(self).cmp(&bytes(other))
    }
}

impl Walk<'_> {
    /// Compares two folders (a missing one is empty) and descends where they differ.
    fn folders(
        &mut self,
        path: &mut Vec<u8>,
        old: Option<git2::Oid>,
        new: Option<git2::Oid>,
    ) -> Result<(), Error> {
        if old == new {
            return Ok(());
        }
        if path.len() > MAX_PATH {
            return Err(Error::Path {
                path: String::from_utf8_lossy(path).chars().take(80).collect(),
                why: "the path is too long".to_owned(),
            });
        }
        let mut old = self.entries(old)?.into_iter().peekable();
        let mut new = self.entries(new)?.into_iter().peekable();
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.order(new),
            };
            let left = old.next_if(|_| order.is_le());
            let right = new.next_if(|_| order.is_ge());
            self.entry(path, left, right)?;
        }
    }

    /// Compares two entries of the same name and kind; one may be missing.
    fn entry(
        &mut self,
        path: &mut Vec<u8>,
        old: Option<Entry>,
        new: Option<Entry>,
    ) -> Result<(), Error> {
        let Some(name) = old
            .as_ref()
            .or(new.as_ref())
            .map(|entry| entry.name.clone())
        else {
            return Ok(());
        };
        let length = path.len();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(&name);
        let folder = old.iter().chain(&new).any(Entry::is_folder);
        let old = old.map(|entry| entry.side);
        let new = new.map(|entry| entry.side);
        if folder {
            self.folders(path, old.map(|side| side.oid), new.map(|side| side.oid))?;
        } else if old != new {
            self.found.push(Changed {
                path: path.clone(),
                old,
                new,
            });
        }
        path.truncate(length);
        Ok(())
    }

    fn entries(&self, folder: Option<git2::Oid>) -> Result<Vec<Entry>, Error> {
        let Some(oid) = folder else {
            return Ok(Vec::new());
        };
        let tree = self
            .repository
            .inner
            .find_tree(oid)
            .map_err(|e| Error::object(format!("tree {oid}"), &e))?;
        Ok(tree
            .iter()
            .map(|entry| Entry {
                name: entry.name_bytes().to_vec(),
                side: Side {
                    mode: file_mode(entry.filemode_raw()),
                    oid: entry.id(),
                },
            })
            .collect())
    }
}
