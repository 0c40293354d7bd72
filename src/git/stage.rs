//! How a tree differs from the user's work tree: what must be written over it, and what hidden, so
//! that the work tree shows that tree. The work tree itself, with its ignored files, stays as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use git2::{Delta, DiffOptions, Index, IndexEntry};

use crate::git::replace::write_blob;
use crate::git::{Error, Repository, file_mode};
use crate::model::{FileMode, Oid};

/// `GIT_INDEX_ENTRY_VALID`: the user asked git not to look at the file (`--assume-unchanged`).
const ASSUME_UNCHANGED: u16 = 0x8000;
/// `GIT_INDEX_ENTRY_SKIP_WORKTREE`: the file is not checked out.
const SKIP_WORK_TREE: u16 = 0x4000;

/// What is seen of the git folder: what it takes to read the history. Other things in it belong to
/// the user and to other programs: hooks, files of credentials, addresses in logs and of remotes.
const SEEN_OF_GIT: [&str; 11] = [
    "HEAD",
    "config",
    "description",
    "index",
    "info",
    "objects",
    "packed-refs",
    "refs",
    "reftable",
    "shallow",
    "branches",
];

/// What [`Repository::stage`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Staged {
    /// How many files were written.
    pub written: u64,
    /// Paths of the work tree that must not be seen: tracked ones that the tree does not have, and
    /// untracked ones that are not ignored. A folder stands for everything in it.
    pub hidden: Vec<String>,
    /// Ignored paths, which stay in sight; a folder stands for everything in it.
    pub ignored: Vec<String>,
    /// Tracked files named like files of credentials (`.env`).
    pub secrets: Vec<String>,
}

impl Repository {
    /// Writes into `into` (a new folder) what a commit's tree has other than the work tree, with
    /// some paths as another commit has them, and says what is to be hidden.
    ///
    /// Reads the index and looks at every tracked file once, as `git status` does; what the user
    /// asked git to assume is looked at all the same. Writes nothing else and runs no filter.
    pub fn stage(
        &self,
        commit: &Oid,
        replaced: Option<&(Oid, Vec<String>)>,
        into: &Path,
    ) -> Result<Staged, Error> {
        let (_, tree) = self.commit_and_tree(commit)?;
        let other = match replaced {
            Some((other, paths)) => Some((self.commit_and_tree(other)?.1, paths.as_slice())),
            None => None,
        };
        let wanted = Wanted {
            tree,
            replaced: other,
        };
        let index = self.honest_index()?;
        fs::create_dir_all(into).map_err(|source| Error::ExportWrite {
            path: into.to_owned(),
            source,
        })?;
        let mut difference = Difference::default();
        self.compare_with_index(&wanted, &index, &mut difference)?;
        self.compare_with_disk(&wanted, &index, &mut difference)?;
        for path in replaced.iter().flat_map(|(_, paths)| paths) {
            difference.settle(&wanted, path);
        }
        for (path, (mode, oid)) in &difference.write {
            let target = into.join(path);
            let made = target.parent().map_or(Ok(()), fs::create_dir_all);
            made.map_err(|source| Error::ExportWrite {
                path: target.clone(),
                source,
            })?;
            write_blob(self, &target, *mode, *oid)?;
        }
        if self.has_own_git_folder() {
            self.stage_git_folder(commit, into, &mut difference)?;
        }
        let Difference {
            write,
            hide,
            ignored,
        } = difference;
        Ok(Staged {
            written: write.len() as u64,
            hidden: hide
                .into_iter()
                .filter(|p| !write.contains_key(p))
                .collect(),
            ignored: ignored.into_iter().collect(),
            secrets: secrets(&wanted, &index),
        })
    }

    /// Whether the git folder stands in the work tree (and is not that of a linked work tree).
    fn has_own_git_folder(&self) -> bool {
        fs::symlink_metadata(self.root.join(".git")).is_ok_and(|found| found.is_dir())
    }

    /// In the view, HEAD is the commit that is tested, and the configuration holds nothing but the
    /// format of the repository: addresses of remotes may carry credentials.
    fn stage_git_folder(
        &self,
        commit: &Oid,
        into: &Path,
        difference: &mut Difference,
    ) -> Result<(), Error> {
        let folder = into.join(".git");
        let written = |source| Error::ExportWrite {
            path: folder.clone(),
            source,
        };
        let config = self.inner.config().and_then(|mut config| config.snapshot());
        let config = config.map_err(|e| Error::git("read the configuration", &e))?;
        let mut text = String::from("[core]\n");
        let version = config.get_i32("core.repositoryformatversion").unwrap_or(0);
        writeln!(text, "\trepositoryformatversion = {version}").ok();
        for (section, name) in [("extensions", "objectFormat"), ("extensions", "refStorage")] {
            if let Ok(value) = config.get_str(&format!("{section}.{name}"))
                && value.bytes().all(|byte| byte.is_ascii_alphanumeric())
            {
                writeln!(text, "[{section}]\n\t{name} = {value}").ok();
            }
        }
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join("HEAD"), format!("{commit}\n")))
            .and_then(|()| fs::write(folder.join("config"), text))
            .map_err(written)?;
        let found = fs::read_dir(self.root.join(".git")).map_err(written)?;
        for entry in found {
            let name = entry.map_err(written)?.file_name();
            let Some(name) = name.to_str() else { continue };
            if !SEEN_OF_GIT.contains(&name) && !name.starts_with("sharedindex.") {
                difference.hide(&format!(".git/{name}"));
            }
        }
        Ok(())
    }

    /// The index as it stands on disk, without the flags that make git look away. Never written.
    fn honest_index(&self) -> Result<Index, Error> {
        let failed = |e: git2::Error| Error::git("read the index", &e);
        let path = self.inner.path().join("index");
        if !path.exists() {
            return Index::new().map_err(failed);
        }
        let mut index = Index::open(&path).map_err(failed)?;
        let flagged: Vec<IndexEntry> = index
            .iter()
            .filter(|entry| {
                entry.flags & ASSUME_UNCHANGED != 0 || entry.flags_extended & SKIP_WORK_TREE != 0
            })
            .collect();
        for mut entry in flagged {
            entry.flags &= !ASSUME_UNCHANGED;
            entry.flags_extended &= !SKIP_WORK_TREE;
            index.add(&entry).map_err(failed)?;
        }
        Ok(index)
    }

    fn compare_with_index(
        &self,
        wanted: &Wanted<'_>,
        index: &Index,
        difference: &mut Difference,
    ) -> Result<(), Error> {
        let mut options = DiffOptions::new();
        options.include_typechange(true).ignore_submodules(true);
        let diff = self
            .inner
            .diff_tree_to_index(Some(&wanted.tree), Some(index), Some(&mut options))
            .map_err(|e| Error::git("compare the tree with the index", &e))?;
        for delta in diff.deltas() {
            let Some(path) = delta.new_file().path().and_then(Path::to_str) else {
                continue;
            };
            difference.settle(wanted, path);
        }
        Ok(())
    }

    fn compare_with_disk(
        &self,
        wanted: &Wanted<'_>,
        index: &Index,
        difference: &mut Difference,
    ) -> Result<(), Error> {
        let mut options = DiffOptions::new();
        options
            .include_typechange(true)
            .include_untracked(true)
            .include_ignored(true)
            .recurse_untracked_dirs(false)
            .recurse_ignored_dirs(false)
            .ignore_submodules(true)
            .skip_binary_check(true)
            .update_index(false);
        let diff = self
            .inner
            .diff_index_to_workdir(Some(index), Some(&mut options))
            .map_err(|e| Error::git("look at the work tree", &e))?;
        for delta in diff.deltas() {
            let Some(path) = delta.new_file().path().and_then(Path::to_str) else {
                continue;
            };
            let path = path.trim_end_matches('/');
            match delta.status() {
                Delta::Untracked => difference.hide(path),
                Delta::Ignored => {
                    difference.ignored.insert(path.to_owned());
                }
                Delta::Unmodified => {}
                Delta::Added
                | Delta::Deleted
                | Delta::Modified
                | Delta::Renamed
                | Delta::Copied
                | Delta::Typechange
                | Delta::Unreadable
                | Delta::Conflicted => difference.settle(wanted, path),
            }
        }
        Ok(())
    }
}

/// The tree that is to be seen.
struct Wanted<'a> {
    tree: git2::Tree<'a>,
    replaced: Option<(git2::Tree<'a>, &'a [String])>,
}

impl Wanted<'_> {
    fn entry(&self, path: &str) -> Option<(FileMode, git2::Oid)> {
        let tree = match &self.replaced {
            Some((other, paths)) if paths.iter().any(|replaced| replaced == path) => other,
            Some(_) | None => &self.tree,
        };
        let entry = tree.get_path(Path::new(path)).ok()?;
        Some((file_mode(entry.filemode_raw()), entry.id()))
    }
}

#[derive(Default)]
struct Difference {
    write: BTreeMap<String, (FileMode, git2::Oid)>,
    hide: BTreeSet<String>,
    ignored: BTreeSet<String>,
}

impl Difference {
    /// A path whose file on disk is not known to be the tree's: written as the tree has it, or
    /// hidden where the tree has none.
    fn settle(&mut self, wanted: &Wanted<'_>, path: &str) {
        let Some((mode, oid)) = wanted.entry(path) else {
            return self.hide(path);
        };
        match mode {
            FileMode::Regular | FileMode::Executable | FileMode::Symlink => {
                self.write.insert(path.to_owned(), (mode, oid));
            }
            // A folder's files are settled one by one; a submodule shows what is checked out.
            FileMode::Tree | FileMode::Gitlink => {}
        }
    }

    fn hide(&mut self, path: &str) {
        self.hide.insert(path.to_owned());
    }
}

/// Tracked files that by their name hold credentials; examples of them are no secret.
fn secrets(wanted: &Wanted<'_>, index: &Index) -> Vec<String> {
    const EXAMPLES: [&str; 5] = ["example", "sample", "template", "dist", "test"];
    let is_secret = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let kind = name.strip_prefix(".env").unwrap_or("none");
        let is_environment = kind.is_empty()
            || kind
                .strip_prefix('.')
                .is_some_and(|k| !EXAMPLES.contains(&k));
        is_environment || name == "id_rsa" || name == "id_ed25519"
    };
    index
        .iter()
        .filter_map(|entry| String::from_utf8(entry.path).ok())
        .filter(|path| is_secret(path) && wanted.entry(path).is_some())
        .collect()
}

#[cfg(test)]
mod tests;
