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
use crate::{evidence, git};

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
    let store = sources::store(settings, repository.as_ref())?;
    let runs = readable_runs(&store, repository.as_ref())?;
    match arguments.format {
        OutputFormat::Json => output::print(&format!("{}\n", headless::list_json(&runs)))?,
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
    // The evidence can be read anywhere; a repository only matters for where the store may not lie.
    let repository = sources::repository(settings, repository).ok();
    let store = sources::store(settings, repository.as_ref())?;
    let run = store.find(&arguments.run).map_err(|e| record_failure(&e))?;
    let folder = store.folder(&run);
    let state = folder.state().map_err(|e| record_failure(&e))?;
    match arguments.format {
        EvidenceFormat::Human => print_run(&folder, state)?,
        EvidenceFormat::Json => output::print(&format!("{}\n", evidence::json(&state).trim_end()))?,
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
    let runs = readable_runs(store, Some(repository))?;
    let open = |run: &&RunState| {
        run.decision == Decision::Pending
            && matches!(
                run.status,
                None | Some(Status::Success | Status::TestFailure)
            )
    };
    let mut states = runs.iter().map(|run| &run.state);
    let found = states.clone().find(open).or_else(|| states.next());
    found.map(|run| run.run.clone()).ok_or_else(|| {
        Failure::usage(
            "there are no runs of this repository",
            "start one: milton run \"what you want\" --patch FILE",
        )
    })
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

/// The runs that can be read, newest first; one damaged record does not hide the others.
fn readable_runs(
    store: &Store,
    repository: Option<&git::Repository>,
) -> Result<Vec<Listed>, Failure> {
    let ids = store.runs().map_err(|e| record_failure(&e))?;
    let runs = ids.iter().filter_map(|id| match store.folder(id).state() {
        Ok(state) => Some(listed(&store.folder(id), state)),
        Err(error) => {
            output::failure(&Failure::usage(
                format!("run {id} cannot be read: {error}"),
                error.hint(),
            ));
            None
        }
    });
    let here =
        |run: &Listed| repository.is_none_or(|r| Path::new(&run.state.repository) == r.root());
    Ok(runs.filter(here).collect())
}
