//! The edges of the pipeline as traits: git, the sandbox, the record and the clock.
//!
//! The real parts are implemented here by delegation; tests wrap them to make one call fail. These
//! are the only traits that exist for the sake of tests.

use std::path::{Path, PathBuf};
use std::pin::Pin;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::exec::{self, CommandSpec, Finished, Place, StopSignal, View};
use crate::git::{self, Base, Built, CommitMessage, DiffText};
use crate::model::{BaseTree, ChangeSet, Event, EventKind, Oid, RunId, WorkBranch};
use crate::policy::Cleared;
use crate::record;

/// What the pipeline asks of git; see [`git::Repository`] for the meaning of each.
pub trait Git: Send {
    /// The work tree (or the git directory, when bare).
    fn root(&self) -> &Path;
    /// Chooses the base commit.
    fn resolve_base(&self, wanted: Option<&str>) -> Result<Base, git::Error>;
    /// Branches that are protected besides the named ones.
    fn protected_branches(&self, base: &Base) -> Vec<String>;
    /// Read access to a commit's tree.
    fn snapshot(&self, commit: &Oid) -> Result<Box<dyn BaseTree + '_>, git::Error>;
    /// Builds the commit in the object database; no ref points at it.
    fn build_commit(
        &self,
        base: &Oid,
        changes: &Cleared<ChangeSet>,
        message: &CommitMessage,
    ) -> Result<Built, git::Error>;
    /// The delta of a commit, re-read from its objects.
    fn delta(&self, base: &Oid, commit: &Oid) -> Result<ChangeSet, git::Error>;
    /// Creates the branch; never moves an existing one.
    fn create_branch(
        &self,
        branch: &Cleared<WorkBranch>,
        commit: &Cleared<Oid>,
    ) -> Result<WorkBranch, git::Error>;
    /// The text of `git diff base...commit`.
    fn diff(&self, base: &Oid, commit: &Oid) -> Result<DiffText, git::Error>;
    /// Where a work branch points.
    fn branch_tip(&self, branch: &WorkBranch) -> Result<Option<Oid>, git::Error>;
    /// Where the base branch points now.
    fn base_tip(&self, branch: &str) -> Result<Option<Oid>, git::Error>;
    /// Removes the branch and keeps its tip; returns the ref that keeps it.
    fn abandon(&self, branch: &WorkBranch, commit: &Oid, run: &RunId)
    -> Result<String, git::Error>;
    /// Brings an abandoned branch back.
    fn restore(&self, branch: &WorkBranch, commit: &Oid, run: &RunId) -> Result<(), git::Error>;
    /// Writes the exact tree into an empty folder, if it is not larger than that.
    fn export_tree(
        &self,
        tree: &TestedTree,
        into: &Path,
        most_bytes: u64,
    ) -> Result<git::ExportSummary, git::Error>;
    /// Writes what a tree has other than the work tree into a new folder.
    fn stage(&self, tree: &TestedTree, into: &Path) -> Result<git::Staged, git::Error>;
    /// Whether there is no work tree.
    fn is_bare(&self) -> bool;
    /// The ignored environments of the work tree (`.venv`, `node_modules`).
    fn ignored_environment(&self) -> Result<Vec<String>, git::Error>;
    /// The user, as the repository's configuration names him.
    fn user_name(&self) -> String;
}

impl Git for git::Repository {
    fn root(&self) -> &Path {
        Self::root(self)
    }
    fn resolve_base(&self, wanted: Option<&str>) -> Result<Base, git::Error> {
        Self::resolve_base(self, wanted)
    }
    fn protected_branches(&self, base: &Base) -> Vec<String> {
        Self::protected_branches(self, base)
    }
    fn snapshot(&self, commit: &Oid) -> Result<Box<dyn BaseTree + '_>, git::Error> {
        Ok(Box::new(Self::snapshot(self, commit)?))
    }
    fn build_commit(
        &self,
        base: &Oid,
        changes: &Cleared<ChangeSet>,
        message: &CommitMessage,
    ) -> Result<Built, git::Error> {
        Self::build_commit(self, base, changes, message)
    }
    fn delta(&self, base: &Oid, commit: &Oid) -> Result<ChangeSet, git::Error> {
        Self::delta(self, base, commit)
    }
    fn create_branch(
        &self,
        branch: &Cleared<WorkBranch>,
        commit: &Cleared<Oid>,
    ) -> Result<WorkBranch, git::Error> {
        Self::create_branch(self, branch, commit)
    }
    fn diff(&self, base: &Oid, commit: &Oid) -> Result<DiffText, git::Error> {
        Self::diff(self, base, commit)
    }
    fn branch_tip(&self, branch: &WorkBranch) -> Result<Option<Oid>, git::Error> {
        Self::branch_tip(self, branch)
    }
    fn base_tip(&self, branch: &str) -> Result<Option<Oid>, git::Error> {
        Self::base_tip(self, branch)
    }
    fn abandon(
        &self,
        branch: &WorkBranch,
        commit: &Oid,
        run: &RunId,
    ) -> Result<String, git::Error> {
        Self::abandon(self, branch, commit, run)
    }
    fn restore(&self, branch: &WorkBranch, commit: &Oid, run: &RunId) -> Result<(), git::Error> {
        Self::restore(self, branch, commit, run)
    }
    fn export_tree(
        &self,
        tree: &TestedTree,
        into: &Path,
        most_bytes: u64,
    ) -> Result<git::ExportSummary, git::Error> {
        let summary = Self::export_tree_within(self, &tree.commit, into, most_bytes)?;
        if let Some((other, paths)) = &tree.replaced {
            Self::replace_exported(self, other, paths, into)?;
        }
        Ok(summary)
    }
    fn stage(&self, tree: &TestedTree, into: &Path) -> Result<git::Staged, git::Error> {
        Self::stage(self, &tree.commit, tree.replaced.as_ref(), into)
    }
    fn is_bare(&self) -> bool {
        Self::is_bare(self)
    }
    fn ignored_environment(&self) -> Result<Vec<String>, git::Error> {
        Self::ignored_environment(self)
    }
    fn user_name(&self) -> String {
        Self::user_name(self)
    }
}

/// The record of one run: appended before anything is shown; fails closed.
pub trait Journal: Send {
    /// The run.
    fn run(&self) -> &RunId;
    /// The run's folder.
    fn folder(&self) -> PathBuf;
    /// Appends one event.
    fn append(&mut self, at: Timestamp, kind: EventKind) -> Result<Event, record::Error>;
    /// Writes a whole file into the run's folder, atomically.
    fn write_file(&self, name: &str, bytes: &[u8]) -> Result<(), record::Error>;
}

impl Journal for record::Writer {
    fn run(&self) -> &RunId {
        Self::run(self)
    }
    fn folder(&self) -> PathBuf {
        Self::folder(self).path("")
    }
    fn append(&mut self, at: Timestamp, kind: EventKind) -> Result<Event, record::Error> {
        Self::append(self, at, kind)
    }
    fn write_file(&self, name: &str, bytes: &[u8]) -> Result<(), record::Error> {
        Self::write_file(self, name, bytes)
    }
}

/// A running command's end, as a future that can be kept in a trait object.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<Finished, exec::Error>> + Send + 'a>>;

/// The tree that a view shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestedTree {
    /// The commit whose tree it is.
    pub commit: Oid,
    /// Paths that stand as another commit has them: that commit, and the paths. One that the commit
    /// does not have is absent.
    pub replaced: Option<(Oid, Vec<String>)>,
}

impl TestedTree {
    /// The tree of a commit, as it is.
    pub fn of(commit: Oid) -> Self {
        Self {
            commit,
            replaced: None,
        }
    }
}

/// Where the commands of a run see the candidate's tree, and how they are started.
pub trait Sandbox: Send + Sync {
    /// Whether commands can be isolated here as the human wants it; `Err` says why not.
    fn available(&self) -> Result<(), String>;
    /// Makes the test view of a tree under `scratch`, which is empty or missing.
    fn prepare(
        &self,
        git: &dyn Git,
        tree: &TestedTree,
        scratch: &Path,
    ) -> Result<PreparedView, SandboxError>;
    /// Runs one command in it.
    fn run<'a>(
        &'a self,
        spec: CommandSpec,
        progress: &'a watch::Sender<u64>,
        stop: &'a StopSignal,
    ) -> Running<'a>;
    /// Finds the program of a command: in the view's environment first, never in the checkout.
    fn resolve(&self, name: &str, view: &View, checkout: &Path) -> Result<PathBuf, exec::Error>;
}

/// A test view, and where it lives when that is not the run's folder.
#[derive(Debug)]
pub struct PreparedView {
    /// The view.
    pub view: View,
    /// Removed with everything in it when this is dropped.
    pub place: Option<Place>,
}

/// The test view could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Commands cannot be isolated here.
    #[error("commands cannot be isolated here: {0}")]
    Unavailable(String),
    /// The tree could not be read.
    #[error(transparent)]
    Git(#[from] git::Error),
    /// The view could not be written.
    #[error(transparent)]
    Exec(#[from] exec::Error),
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
