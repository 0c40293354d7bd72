//! Opening what a command works on: the repository, the run store, the proposal's bytes.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::config::Settings;
use crate::error::Failure;
use crate::git;
use crate::model::Status;
use crate::pipeline::driver::{HumanPolicy, ProposalText};
use crate::record::Store;

/// The largest proposal that is read, in bytes (1 GiB): a change of that size is refused by the
/// policy's limits; beyond it even the refusal would cost too much.
const LARGEST_PROPOSAL: u64 = 1 << 30;

/// Opens the repository around the wanted or the current folder.
pub(super) fn repository(
    settings: &Settings,
    wanted: Option<&Path>,
) -> Result<git::Repository, Failure> {
    let dir = wanted.map_or_else(
        || settings.current_dir.clone(),
        |dir| settings.current_dir.join(dir),
    );
    git::open(&dir).map_err(|error| Failure::run(Status::GitError, error.to_string(), error.hint()))
}

/// Opens the run store, which must lie outside the repository.
pub(super) fn store(
    settings: &Settings,
    repository: Option<&git::Repository>,
) -> Result<Store, Failure> {
    Store::open(&settings.state_dir, &repository_dirs(repository))
        .map_err(|error| Failure::usage(error.to_string(), error.hint()))
}

/// Opens the run store for a command that only reads.
pub(super) fn store_to_read(
    settings: &Settings,
    repository: Option<&git::Repository>,
) -> Result<Store, Failure> {
    Store::look(&settings.state_dir, &repository_dirs(repository))
        .map_err(|error| Failure::usage(error.to_string(), error.hint()))
}

fn repository_dirs(repository: Option<&git::Repository>) -> Vec<PathBuf> {
    let Some(repository) = repository else {
        return Vec::new();
    };
    let mut dirs = repository.git_dirs();
    dirs.push(repository.root().to_owned());
    dirs
}

/// What the human who started milton set.
pub(super) fn human_policy(settings: &Settings) -> Result<HumanPolicy, Failure> {
    let file = settings
        .user_policy
        .as_ref()
        .map(|file| (file.path.display().to_string(), file.text.clone()));
    let user_file = Settings::user_policy_path().map(|path| path.display().to_string());
    Ok(HumanPolicy {
        file,
        user_file: user_file.unwrap_or_default(),
        overrides: settings.overrides()?.clone(),
    })
}

/// A proposal's bytes and where they came from, in words.
pub(super) fn proposal(
    settings: &Settings,
    patch: Option<&Path>,
    json: Option<&Path>,
) -> Result<(String, ProposalText), Failure> {
    if let Some(file) = patch {
        let bytes = read(settings, file)?;
        return Ok((
            format!("patch {}", file.display()),
            ProposalText::Patch(bytes),
        ));
    }
    if let Some(file) = json {
        let bytes = read(settings, file)?;
        return Ok((
            format!("proposal {}", file.display()),
            ProposalText::Json(bytes),
        ));
    }
    Err(Failure::usage(
        "no proposal was given",
        "use --patch FILE or --proposal FILE",
    ))
}

fn read(settings: &Settings, path: &Path) -> Result<Vec<u8>, Failure> {
    if path == Path::new("-") {
        if settings.terminal.input {
            return Err(Failure::usage(
                "standard input is a terminal, so there is no proposal to read",
                "pipe one in (git diff | milton run … --patch -), or name a file",
            ));
        }
        return limited(std::io::stdin().lock(), path);
    }
    let full = settings.current_dir.join(path);
    let file = std::fs::File::open(&full).map_err(|error| {
        Failure::usage(
            format!("cannot read {}: {error}", path.display()),
            "check the path; - reads standard input",
        )
    })?;
    limited(file, path)
}

fn limited(reader: impl std::io::Read, path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    reader
        .take(LARGEST_PROPOSAL + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| {
            Failure::usage(
                format!("cannot read {}: {error}", path.display()),
                "it must be a file, not a folder",
            )
        })?;
    if bytes.len() as u64 > LARGEST_PROPOSAL {
        return Err(Failure::usage(
            format!("{} is larger than 1 GiB", path.display()),
            "a change of that size cannot be reviewed: split it",
        ));
    }
    Ok(bytes)
}

/// Splits a command of the human's own into program and arguments; no shell is involved.
pub(super) fn argv(text: &str) -> Result<Vec<String>, Failure> {
    match shlex::split(text) {
        Some(words) if !words.is_empty() => Ok(words),
        Some(_) => Err(Failure::usage(
            "the test command is empty",
            "for example --test 'pytest -q tests'",
        )),
        None => Err(Failure::usage(
            format!("the test command has an open quote: {text}"),
            "close it; the string is split into words, never given to a shell",
        )),
    }
}
