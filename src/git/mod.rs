//! Git behind typed functions: libgit2 inside this process, and no git2 type outside this module.
//!
//! What it never does: it starts no process (no `git`, hook, filter, fsmonitor or textconv
//! program: libgit2 knows hooks and external filters only through callbacks that nobody installs),
//! it never reads or writes work tree and index for what it builds, and it writes nothing but
//! objects and refs below `refs/heads/self-upgrade/` and `refs/milton/`.
//!
//! What it does not believe: replace refs (libgit2 does not know them), grafts (libgit2 applies
//! `info/grafts` to the parents of parsed commits, so parents are read from the raw object, see
//! `raw_parents`), attributes that hide (the diff shows text whatever they say). The hash of
//! every object is verified when it is read: libgit2's strict hash verification and strict object
//! creation are on by default and nothing here switches them off.

mod abbreviate;
mod base;
mod branch;
mod changes;
mod commit;
mod diff;
mod error;
mod export;
mod facts;
mod heading;
mod init;
mod open;
mod rename;
mod replace;
mod snapshot;
mod stage;
mod work_tree;

#[cfg(test)]
mod testing;

use std::path::PathBuf;

pub use base::Base;
pub use commit::{Built, CommitMessage};
pub use diff::DiffText;
pub use error::Error;
pub use export::ExportSummary;
pub use facts::CommitFacts;
pub use init::create_repository;
pub use open::open;
pub use snapshot::Snapshot;
pub use stage::Staged;

use crate::model::{FileMode, Oid};

/// An opened repository. It can be sent to another thread, but not shared between threads.
pub struct Repository {
    inner: git2::Repository,
    root: PathBuf,
}

impl Repository {
    /// The parents of a commit as its object names them, whatever grafts say.
    fn raw_parents(&self, commit: git2::Oid) -> Result<Vec<git2::Oid>, Error> {
        let read = |e| Error::object(format!("commit {commit}"), &e);
        let odb = self.inner.odb().map_err(read)?;
        let object = odb.read(commit).map_err(read)?;
        Ok(object
            .data()
            .split(|b| *b == b'\n')
            .skip(1)
            .map_while(|line| line.strip_prefix(b"parent "))
            .filter_map(|hex| git2::Oid::from_str(std::str::from_utf8(hex).ok()?).ok())
            .collect())
    }

    /// A commit that must exist, with its tree.
    fn commit_and_tree(&self, commit: &Oid) -> Result<(git2::Commit<'_>, git2::Tree<'_>), Error> {
        let found = self
            .inner
            .find_commit(git_oid(commit)?)
            .map_err(|e| Error::object(format!("commit {commit}"), &e))?;
        let tree = found
            .tree()
            .map_err(|e| Error::object(format!("the tree of commit {commit}"), &e))?;
        Ok((found, tree))
    }

    /// A handle whose index is empty. libgit2 loads the whole index for the first attribute that is
    /// looked up, which is the only cost of a run that would grow with the number of files; the
    /// attributes of a checked-out repository are files of its work tree.
    fn without_index(&self) -> Result<git2::Repository, Error> {
        let handle = self.reopen()?;
        let failed = |e| Error::git("read the attributes", &e);
        let mut empty = git2::Index::new().map_err(failed)?;
        handle.set_index(&mut empty).map_err(failed)?;
        Ok(handle)
    }

    /// A second handle on the same repository, for another thread.
    fn reopen(&self) -> Result<git2::Repository, Error> {
        open::at(self.inner.path(), git2::RepositoryOpenFlags::NO_SEARCH)
    }
}

/// Our id as git2's; refuses ids of SHA-256 repositories, which libgit2 does not open either.
fn git_oid(oid: &Oid) -> Result<git2::Oid, Error> {
    git2::Oid::from_str(oid.as_str()).map_err(|e| Error::object(format!("object {oid}"), &e))
}

/// Git2's id as ours.
#[expect(
    clippy::expect_used,
    reason = "git2 prints an id as 40 hexadecimal digits"
)]
fn model_oid(oid: git2::Oid) -> Oid {
    Oid::parse(&oid.to_string()).expect("git2 prints an id as 40 hexadecimal digits")
}

/// The mode of a tree entry. Old tools wrote 100664 and the like; git reads those as regular.
fn file_mode(raw: i32) -> FileMode {
    match raw & 0o170_000 {
        0o040_000 => FileMode::Tree,
        0o120_000 => FileMode::Symlink,
        0o160_000 => FileMode::Gitlink,
        _ if raw & 0o100 != 0 => FileMode::Executable,
        _ => FileMode::Regular,
    }
}

/// The number of a mode in a tree.
fn raw_mode(mode: FileMode) -> i32 {
    match mode {
        FileMode::Regular => 0o100_644,
        FileMode::Executable => 0o100_755,
        FileMode::Symlink => 0o120_000,
        FileMode::Gitlink => 0o160_000,
        FileMode::Tree => 0o040_000,
    }
}
