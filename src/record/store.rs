//! The store: where the runs are, and how one is found.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::error::is_full;
use super::folder::EVENTS;
use super::{Error, RunFolder, Writer};
use crate::model::RunId;

/// The folder of the runs inside the state folder.
const RUNS: &str = "runs";

/// How many ids are tried for one run: a second holds 65,536.
const TRIES: u16 = 1000;

/// What a run needs at the least before it starts, in bytes: a record that cannot hold its first
/// events is refused before anything happens.
const PROBE: usize = 64 << 10;

/// The runs of one state folder.
#[derive(Clone, Debug)]
pub struct Store {
    runs: PathBuf,
}

impl Store {
    /// Opens the store, creating its folders for the owner alone. Refuses a state folder inside one
    /// of `repository_dirs` (the work tree and the git directory: a change, a test or a `git clean`
    /// could reach it), and one that is read-only or full.
    pub fn open(state_dir: &Path, repository_dirs: &[PathBuf]) -> Result<Self, Error> {
        let runs = runs_outside(state_dir, repository_dirs)?;
        let unusable = |source: io::Error| {
            let path = runs.clone();
            if is_full(&source) {
                Error::Full { path, source }
            } else {
                Error::NotWritable { path, source }
            }
        };
        private_folder(&runs, Parents::Create).map_err(unusable)?;
        let mode = fs::metadata(&runs).map_err(unusable)?.permissions().mode();
        if mode & 0o077 != 0 {
            // Diffs and test output are nobody else's business.
            fs::set_permissions(&runs, Permissions::from_mode(0o700)).map_err(unusable)?;
        }
        probe(&runs).map_err(unusable)?;
        Ok(Self { runs })
    }

    /// Opens the store to read in it only: nothing is created or probed, so that the runs of a full
    /// or read-only disk can still be looked at. A store that is not there yet has no runs. One inside
    /// the repository is refused here too: a change could bring forged runs.
    pub fn look(state_dir: &Path, repository_dirs: &[PathBuf]) -> Result<Self, Error> {
        let runs = runs_outside(state_dir, repository_dirs)?;
        Ok(Self { runs })
    }

    /// Begins a run: a new folder, whose lock the writer holds.
    pub fn create(&self, now: Timestamp) -> Result<Writer, Error> {
        for n in 0..TRIES {
            let folder = self.folder(&RunId::at(now, n));
            match private_folder(folder.dir(), Parents::MustExist) {
                Ok(()) => return Writer::create(folder),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::io("create", folder.dir(), e)),
            }
        }
        let taken = io::Error::from(io::ErrorKind::AlreadyExists);
        Err(Error::io("create a run in", &self.runs, taken))
    }

    /// Opens a run to append to it (the reviewer's acts).
    pub fn reopen(&self, run: &RunId) -> Result<Writer, Error> {
        let folder = self.folder(run);
        if !folder.path(EVENTS).exists() {
            return Err(Error::NoSuchRun {
                text: run.to_string(),
            });
        }
        Writer::reopen(folder)
    }

    /// Every run, newest first.
    pub fn runs(&self) -> Result<Vec<RunId>, Error> {
        let mut runs = self.folders()?;
        runs.retain(|run| self.folder(run).path(EVENTS).is_file());
        Ok(runs)
    }

    /// Every folder that has the name of a run, newest first; its event log may be gone.
    pub fn folders(&self) -> Result<Vec<RunId>, Error> {
        let io = |source| Error::io("read", &self.runs, source);
        let mut runs = Vec::new();
        let entries = match fs::read_dir(&self.runs) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(runs),
            Err(e) => return Err(io(e)),
        };
        for entry in entries {
            let name = entry.map_err(io)?.file_name();
            // What is not a run id was not made by milton.
            let run = name.to_str().and_then(|n| RunId::parse(n).ok());
            runs.extend(run.filter(|run| self.folder(run).dir().is_dir()));
        }
        runs.sort_unstable_by(|a, b| b.cmp(a));
        Ok(runs)
    }

    /// Finds a run by its name, the beginning of its name, its last part (`7f3a`), or `latest`.
    pub fn find(&self, text: &str) -> Result<RunId, Error> {
        Self::find_in(self.runs()?, text)
    }

    /// As [`Store::find`], among the folders whose event log is gone too.
    pub fn find_folder(&self, text: &str) -> Result<RunId, Error> {
        Self::find_in(self.folders()?, text)
    }

    fn find_in(runs: Vec<RunId>, text: &str) -> Result<RunId, Error> {
        let none = || Error::NoSuchRun {
            text: text.to_owned(),
        };
        if text == "latest" {
            return runs.into_iter().next().ok_or_else(none);
        }
        if let Some(exact) = runs.iter().find(|run| run.as_str() == text) {
            return Ok(exact.clone());
        }
        let fits = |run: &RunId| {
            !text.is_empty() && (run.as_str().starts_with(text) || run.short() == text)
        };
        let mut candidates: Vec<RunId> = runs.into_iter().filter(fits).collect();
        match (candidates.pop(), candidates.is_empty()) {
            (None, _) => Err(none()),
            (Some(only), true) => Ok(only),
            (Some(last), false) => {
                candidates.push(last);
                Err(Error::Ambiguous {
                    text: text.to_owned(),
                    candidates,
                })
            }
        }
    }

    /// The folder of a run, whether it exists or not.
    pub fn folder(&self, run: &RunId) -> RunFolder {
        RunFolder::new(self.runs.join(run.as_str()), run.clone())
    }
}

/// Whether missing parent folders are made too.
#[derive(Clone, Copy, PartialEq)]
enum Parents {
    Create,
    MustExist,
}

fn private_folder(path: &Path, parents: Parents) -> io::Result<()> {
    DirBuilder::new()
        .mode(0o700)
        .recursive(parents == Parents::Create)
        .create(path)
}

/// The folder of the runs, which must lie outside the repository.
fn runs_outside(state_dir: &Path, repository_dirs: &[PathBuf]) -> Result<PathBuf, Error> {
    // `runs` may itself be a link into the repository.
    let runs = resolve(&resolve(state_dir)?.join(RUNS))?;
    for repository in repository_dirs {
        let repository = resolve(repository)?;
        if runs.starts_with(&repository) {
            return Err(Error::InsideRepository {
                state_dir: runs,
                repository,
            });
        }
    }
    Ok(runs)
}

/// The real path of a folder that need not exist yet: links are followed as far as it exists.
fn resolve(path: &Path) -> Result<PathBuf, Error> {
    let absolute = std::path::absolute(path).map_err(|e| Error::io("resolve", path, e))?;
    for ancestor in absolute.ancestors() {
        match fs::canonicalize(ancestor) {
            Ok(real) => {
                let rest = absolute.strip_prefix(ancestor).unwrap_or(Path::new(""));
                // Component by component: joining nothing would end the path with a slash.
                return Ok(real.components().chain(rest.components()).collect());
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::io("resolve", ancestor, e)),
        }
    }
    Ok(absolute)
}

/// Whether files of some size can be made here, found by doing it.
fn probe(folder: &Path) -> io::Result<()> {
    let mut file = tempfile::tempfile_in(folder)?;
    file.write_all(&vec![b' '; PROBE])?;
    file.sync_data()
}
