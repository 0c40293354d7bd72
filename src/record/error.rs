//! What can go wrong with the record, with what to do next.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::RunId;

/// An error of the run store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be used.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was tried (`write`, `open`).
        doing: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The state folder lies inside the repository, where a change could reach it.
    #[error("the state folder {state_dir} lies inside the repository folder {repository}")]
    InsideRepository {
        /// The state folder.
        state_dir: PathBuf,
        /// The repository's folder.
        repository: PathBuf,
    },
    /// The state folder cannot be written.
    #[error("the state folder {path} cannot be written: {source}")]
    NotWritable {
        /// The state folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// No space is left for the record.
    #[error("no space left for the record at {path}: {source}")]
    Full {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// No run has this name.
    #[error("no run is called {text:?}")]
    NoSuchRun {
        /// What was asked for.
        text: String,
    },
    /// Several runs have this name.
    #[error("{text:?} could be any of {}", names(.candidates))]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// The runs it fits, newest first.
        candidates: Vec<RunId>,
    },
    /// Another milton writes this run.
    #[error("run {run} is open in another milton{}", .pid.map(|p| format!(" (process {p})")).unwrap_or_default())]
    Busy {
        /// The run.
        run: RunId,
        /// The process that holds it, where it could be read.
        pid: Option<u32>,
    },
    /// The run's folder holds no event.
    #[error("run {run} has no recorded event")]
    Empty {
        /// The run.
        run: RunId,
    },
    /// A line does not continue the chain.
    #[error("the record {path} is broken at line {line}: {why}")]
    Broken {
        /// The event log.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The record was written by a newer milton.
    #[error("line {line} of {path} has schema {schema}, newer than this milton reads")]
    NewerSchema {
        /// The event log.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Its schema.
        schema: u64,
    },
    /// An event is too large for one line.
    #[error("an event of {bytes} bytes is larger than a line of the record may be")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// An event has no form that reads back as the same.
    #[error("an event cannot be recorded: {0}")]
    NotRecordable(String),
    /// An earlier write failed, so that nothing may follow.
    #[error("the record {path} failed before and takes no more events")]
    Failed {
        /// The event log.
        path: PathBuf,
    },
    /// The name cannot be a file of a run.
    #[error("{name:?} is not a file that may be written into a run's folder")]
    Name {
        /// The name.
        name: String,
    },
}

/// Whether the system says that nothing more fits.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn names(runs: &[RunId]) -> String {
    let names: Vec<&str> = runs.iter().map(RunId::as_str).collect();
    names.join(", ")
}

impl Error {
    /// What to do next, in one sentence.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::InsideRepository { .. } => {
                "set MILTON_STATE_DIR to a folder outside the repository"
            }
            Self::NotWritable { .. } => {
                "set MILTON_STATE_DIR to a folder that you own and can write"
            }
            Self::Full { .. } => "free some space, or set MILTON_STATE_DIR to another disk",
            Self::NoSuchRun { .. } => "`milton list` shows the runs of this repository",
            Self::Ambiguous { .. } => "give more of the run's name",
            Self::Busy { .. } => "close the other milton, or wait until it has ended",
            Self::Empty { .. } => {
                "milton was ended before its first event; the folder may be removed"
            }
            Self::Broken { .. } => {
                "the record was changed or cut after it was written; do not trust this run, start it again"
            }
            Self::NewerSchema { .. } => "use the milton that made this run, or a newer one",
            Self::TooLarge { .. } | Self::NotRecordable(_) | Self::Name { .. } => {
                "this is a bug of milton; please report it"
            }
            Self::Failed { .. } => "see the error before this one; the run must be started again",
            Self::Io { .. } => "check the folder's permissions and the disk",
        }
    }

    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if is_full(&source) {
            return Self::Full { path, source };
        }
        Self::Io {
            doing,
            path,
            source,
        }
    }
}
