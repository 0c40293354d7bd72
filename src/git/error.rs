//! What can go wrong with the repository, with git's own words and what to do next.

use std::path::PathBuf;

use crate::model::{Oid, RunId, WorkBranch};

/// Something git refused, or something that milton refuses to do with git.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither the folder nor a parent is a git repository.
    #[error("not a git repository (or any of the parent folders): {}", dir.display())]
    NotARepository {
        /// Where the search began.
        dir: PathBuf,
    },
    /// Git's protection against repositories that somebody else controls.
    #[error("the repository at {} belongs to another user: {detail}", dir.display())]
    NotOwned {
        /// Where the search began.
        dir: PathBuf,
        /// Git's words.
        detail: String,
    },
    /// The repository cannot be opened.
    #[error("cannot open the repository at {}: {detail}", dir.display())]
    Open {
        /// Where the search began.
        dir: PathBuf,
        /// Git's words.
        detail: String,
    },
    /// The text of `--base` is not the name of a branch or tag, nor an id.
    #[error("not the name of a branch or tag, nor a commit id: {name:?}")]
    BaseName {
        /// The text.
        name: String,
    },
    /// A branch and a tag of that name point at different commits.
    #[error("{name:?} is the name of more than one thing: {}", candidates.join(", "))]
    BaseAmbiguous {
        /// The text.
        name: String,
        /// The full names.
        candidates: Vec<String>,
    },
    /// No branch, tag or commit has that name.
    #[error("no branch, tag or commit is called {name:?}")]
    BaseUnknown {
        /// The text.
        name: String,
    },
    /// HEAD points at a branch that has no commit.
    #[error("the branch {branch:?} has no commits yet")]
    NoCommits {
        /// The branch.
        branch: String,
    },
    /// An object is missing, corrupt, or of another kind.
    #[error("cannot read {what}: {detail}")]
    Object {
        /// The object.
        what: String,
        /// Git's words.
        detail: String,
    },
    /// Git does not know who the author is.
    #[error("git does not know who you are: {detail}")]
    NoIdentity {
        /// Git's words.
        detail: String,
    },
    /// A path cannot be written into a tree.
    #[error("cannot write {path:?}: {why}")]
    Path {
        /// The path.
        path: String,
        /// The reason.
        why: String,
    },
    /// The base does not hold what the change says it starts from.
    #[error("{path:?} in the base commit is not what the change was made for")]
    BaseDiffers {
        /// The path.
        path: String,
    },
    /// The change leaves the tree as it is.
    #[error("the change leaves every file as it is")]
    NothingToCommit,
    /// The two commits have no common ancestor.
    #[error("{base} and {commit} have no common ancestor")]
    NoMergeBase {
        /// One commit.
        base: Oid,
        /// The other.
        commit: Oid,
    },
    /// Something that is not a folder stands where the work branches live.
    #[error("{what} stands where the branches self-upgrade/<topic> would be created")]
    BranchFolderTaken {
        /// What it is.
        what: String,
        /// How to move it out of the way.
        fix: String,
    },
    /// The branch and all its numbered names exist.
    #[error("{branch} exists, and so do all its names up to -99")]
    NoFreeName {
        /// The branch.
        branch: WorkBranch,
    },
    /// Another git process holds the lock of a ref, or died holding it.
    #[error("{} exists: another git process is running, or one was interrupted", lock.display())]
    Locked {
        /// The lock file.
        lock: PathBuf,
    },
    /// The branch points at another commit than expected.
    #[error("{branch} points at {found}, not at {expected}")]
    BranchMoved {
        /// The branch.
        branch: WorkBranch,
        /// The commit that milton knows.
        expected: Oid,
        /// Where it points now.
        found: Oid,
    },
    /// The branch is a symbolic ref; milton never creates such a branch.
    #[error("{name} is a symbolic ref")]
    Symbolic {
        /// The full name.
        name: String,
    },
    /// A work tree has the branch checked out.
    #[error("{branch} is checked out at {}", at.display())]
    CheckedOut {
        /// The branch.
        branch: WorkBranch,
        /// The work tree.
        at: PathBuf,
    },
    /// Nothing was kept for the run.
    #[error("nothing is kept for the run {run}")]
    NotKept {
        /// The run.
        run: RunId,
    },
    /// Another commit is kept for the run.
    #[error("{name} keeps {found}, not {expected}")]
    KeptDiffers {
        /// The full name of the ref.
        name: String,
        /// The commit that milton knows.
        expected: Oid,
        /// What is kept.
        found: Oid,
    },
    /// The folder cannot take the files of a commit.
    #[error("cannot export into {}: {why}", into.display())]
    ExportTarget {
        /// The folder.
        into: PathBuf,
        /// The reason.
        why: String,
    },
    /// The files of a commit are larger than the place they should go to.
    #[error("the files of the commit are larger than {most_bytes} bytes")]
    ExportTooLarge {
        /// The most bytes that were wanted.
        most_bytes: u64,
    },
    /// A file of a commit cannot be written.
    #[error("cannot write {}", path.display())]
    ExportWrite {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Git refused something else.
    #[error("cannot {doing}: {detail}")]
    Git {
        /// What milton was doing.
        doing: String,
        /// Git's words.
        detail: String,
    },
}

impl Error {
    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::NotARepository { .. } => plain("start in a repository, or name one: --repo DIR"),
            Self::NotOwned { dir, .. } => format!(
                "if you trust it: git config --global --add safe.directory {}",
                quoted(&dir.display().to_string())
            ),
            Self::Open { detail, .. }
                if detail.contains("extension") || detail.contains("object format") =>
            {
                plain(
                    "milton's git library does not know this format, only SHA-1 objects and refs in files; out of reftable leads: git refs migrate --ref-format=files",
                )
            }
            Self::Open { .. } => plain("check the repository with: git status"),
            Self::BaseName { .. } | Self::BaseUnknown { .. } => {
                plain("name a branch, tag or commit id with --base (see: git branch --all)")
            }
            Self::BaseAmbiguous { candidates, .. } => format!(
                "say which one: --base {}",
                candidates.first().map_or("refs/heads/…", String::as_str)
            ),
            Self::NoCommits { .. } => plain("make a first commit, or name a branch with --base"),
            Self::Object { .. } => plain("an object is missing or damaged; look with: git fsck"),
            Self::NoIdentity { .. } => plain(SET_IDENTITY),
            Self::Path { .. } => plain("correct the path in the proposal"),
            Self::BaseDiffers { .. } => plain("make the proposal again for the present base"),
            Self::NothingToCommit => plain("propose a change that changes something"),
            Self::NoMergeBase { .. } => plain("name the base of the change with --base"),
            Self::BranchFolderTaken { fix, .. } => fix.clone(),
            Self::NoFreeName { .. } => plain("delete old branches, or choose another --topic"),
            Self::Locked { lock } => format!(
                "wait for the other git process; if there is none: rm {}",
                quoted(&lock.display().to_string())
            ),
            Self::BranchMoved {
                branch, expected, ..
            } => format!("it was left alone; see what was added: git log {expected}..{branch}"),
            Self::Symbolic { name } => format!("look at it with: git symbolic-ref {name}"),
            Self::CheckedOut { at, .. } => format!(
                "switch that work tree to another branch first: git -C {} switch -",
                quoted(&at.display().to_string())
            ),
            Self::NotKept { .. } => {
                plain("see what is kept: git for-each-ref refs/milton/abandoned")
            }
            Self::KeptDiffers { name, .. } => format!("look at it with: git show {name}"),
            Self::ExportTarget { .. } => plain("give an empty folder outside the repository"),
            Self::ExportTooLarge { .. } => plain("export into a larger place"),
            Self::ExportWrite { .. } => plain("check free space and permissions there"),
            Self::Git { .. } => plain("look at the repository with: git status; git fsck"),
        }
    }

    /// Git's error while an object was read.
    pub(super) fn object(what: impl Into<String>, error: &git2::Error) -> Self {
        Self::Object {
            what: what.into(),
            detail: error.message().to_owned(),
        }
    }

    /// Git's error while something was done.
    pub(super) fn git(doing: impl Into<String>, error: &git2::Error) -> Self {
        Self::Git {
            doing: doing.into(),
            detail: error.message().to_owned(),
        }
    }
}

/// The commands that tell git who the author is.
const SET_IDENTITY: &str = "git config --global user.name \"Your Name\" && \
    git config --global user.email \"you@example.com\"";

fn plain(hint: &str) -> String {
    hint.to_owned()
}

/// A word as a shell takes it; a name with a NUL cannot be quoted and is shown as it is.
fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), std::borrow::Cow::into_owned)
}
