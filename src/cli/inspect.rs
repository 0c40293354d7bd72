//! Looking at runs: `milton`, `milton list`, `milton show`.

use std::path::Path;

use crate::cli::arguments::{EvidenceFormat, ListArguments, OutputFormat, ShowArguments};
use crate::cli::session::record_failure;
use crate::cli::{output, sources};
use crate::config::Settings;
use crate::error::Failure;
use crate::headless::{self, Life, Listed};
use crate::model::{Decision, RunId, RunState, Status};
use crate::record::{RunFolder, Store};
use crate::{evidence, git, record};

/// `milton` alone: the runs of this repository.
pub(super) fn overview(settings: &Settings, repository: Option<&Path>) -> Result<u8, Failure> {
    let arguments = ListArguments {
        all: false,
        format: OutputFormat::Human,
    };
    list(settings, repository, &arguments)
}

/// `milton list`.
pub(super) fn list(
    settings: &Settings,
    repository: Option<&Path>,
    arguments: &ListArguments,
) -> Result<u8, Failure> {
    let repository = if arguments.all {
        None
    } else {
        Some(sources::repository(settings, repository)?)
    };
    let store = sources::store_to_read(settings, repository.as_ref())?;
    let Read {
        listed: runs,
        unreadable,
    } = read_runs(&store, repository.as_ref())?;
    match arguments.format {
        OutputFormat::Json => output::print(&headless::list_json(&runs))?,
        OutputFormat::Human if runs.is_empty() && unreadable > 0 => {
            output::print("no run can be read\n")?;
        }
        OutputFormat::Human if runs.is_empty() => output::print(
            "no runs yet\nstart one: milton run \"what you want\" --patch FILE\nor watch one: milton demo\n",
        )?,
        OutputFormat::Human => output::print(&headless::list(&runs, jiff::Timestamp::now()))?,
    }
    Ok(0)
}

/// `milton show`.
pub(super) fn show(
    settings: &Settings,
    repository: Option<&Path>,
    arguments: &ShowArguments,
) -> Result<u8, Failure> {
    // The evidence can be read anywhere; a repository only says whose newest run `latest` is.
    let repository = match repository {
        Some(_) => Some(sources::repository(settings, repository)?),
        None => sources::repository(settings, None).ok(),
    };
    let store = sources::store_to_read(settings, repository.as_ref())?;
    let run = find(&store, repository.as_ref(), &arguments.run)?;
    let folder = store.folder(&run);
    let state = folder.state().map_err(|e| record_failure(&e))?;
    match arguments.format {
        EvidenceFormat::Human => print_run(&folder, state)?,
        EvidenceFormat::Json => output::print(&format!("{}\n", evidence::json(&state).trim_end()))?,
        EvidenceFormat::InToto => {
            let statement = evidence::in_toto(&state).map_err(|why| {
                Failure::usage(
                    format!("run {run} has no test result of a commit to state: {why}"),
                    format!("milton show {run} tells what it came to"),
                )
            })?;
            output::print(&statement)?;
        }
        EvidenceFormat::Markdown => {
            let text = std::fs::read_to_string(folder.path("evidence.md")).map_err(|error| {
                Failure::usage(
                    format!("run {run} has no Markdown evidence: {error}"),
                    "milton review opens the run and writes it",
                )
            })?;
            output::print(&text)?;
        }
    }
    Ok(0)
}

/// Prints a run for people.
pub(super) fn print_run(folder: &RunFolder, state: RunState) -> Result<(), Failure> {
    output::print(&headless::show(&listed(folder, state)))
}

fn listed(folder: &RunFolder, state: RunState) -> Listed {
    let life = if folder.is_live() {
        Life::Held
    } else {
        Life::Free
    };
    Listed { state, life }
}

/// The newest run of this repository that waits for a decision, else the newest.
pub(super) fn newest_undecided(
    store: &Store,
    repository: &git::Repository,
) -> Result<RunId, Failure> {
    let runs = read_runs(store, Some(repository))?.listed;
    let open = |run: &&RunState| {
        run.decision == Decision::Pending
            && matches!(
                run.status,
                None | Some(Status::Success | Status::TestFailure)
            )
    };
    let mut states = runs.iter().map(|run| &run.state);
    let found = states.clone().find(open).or_else(|| states.next());
    found.map(|run| run.run.clone()).ok_or_else(no_runs)
}

/// A run belongs to the repository it was made in.
pub(super) fn same_repository(run: &RunState, repository: &git::Repository) -> Result<(), Failure> {
    if Path::new(&run.repository) == repository.root() {
        return Ok(());
    }
    Err(Failure::usage(
        format!("run {} belongs to {}", run.run, run.repository),
        format!("cd there, or use --repo {}", run.repository),
    ))
}

/// The runs of a store, newest first; one damaged record does not hide the others.
struct Read {
    listed: Vec<Listed>,
    /// How many there are that cannot be read; each was told of.
    unreadable: usize,
}

fn read_runs(store: &Store, repository: Option<&git::Repository>) -> Result<Read, Failure> {
    let ids = store.runs().map_err(|e| record_failure(&e))?;
    let mut read = Read {
        listed: Vec::new(),
        unreadable: 0,
    };
    for id in ids {
        let folder = store.folder(&id);
        match folder.state() {
            Ok(state) if belongs(&state, repository) => read.listed.push(listed(&folder, state)),
            // Of another repository; or ended before anything happened.
            Ok(_) | Err(record::Error::Empty { .. }) => {}
            Err(error) => {
                read.unreadable += 1;
                output::failure(&Failure::usage(
                    format!("run {id} cannot be read: {error}"),
                    error.hint(),
                ));
            }
        }
    }
    Ok(read)
}

pub(super) fn belongs(run: &RunState, repository: Option<&git::Repository>) -> bool {
    repository.is_none_or(|repository| Path::new(&run.repository) == repository.root())
}

/// The run that `text` names; `latest` is the newest of this repository. A record that cannot be
/// read may be the one that is meant, so it is an error and never passed over for an older one.
pub(super) fn find(
    store: &Store,
    repository: Option<&git::Repository>,
    text: &str,
) -> Result<RunId, Failure> {
    if text != "latest" {
        return store.find(text).map_err(|e| record_failure(&e));
    }
    for id in store.runs().map_err(|e| record_failure(&e))? {
        match store.folder(&id).state() {
            Ok(state) if belongs(&state, repository) => return Ok(id),
            Ok(_) | Err(record::Error::Empty { .. }) => {}
            Err(error) => return Err(record_failure(&error)),
        }
    }
    Err(no_runs())
}

pub(super) fn no_runs() -> Failure {
    Failure::usage(
        "there are no runs of this repository",
        "start one: milton run \"what you want\" --patch FILE",
    )
}
