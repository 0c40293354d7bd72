//! `milton verify`: is everything still as it was recorded?

use std::path::Path;

use serde::Serialize;

use crate::cli::arguments::{OutputFormat, VerifyArguments};
use crate::cli::inspect;
use crate::cli::session::record_failure;
use crate::cli::{output, sources};
use crate::config::Settings;
use crate::error::{EXIT_NOT_AS_RECORDED, Failure};
use crate::model::{Check, CheckOutcome, Decision, RunId, RunState, Seal, Status};
use crate::pipeline::driver::HumanPolicy;
use crate::pipeline::verification;
use crate::record::{RunFolder, Store, Verified};
use crate::{git, record, text};

/// The version of the JSON form.
const SCHEMA: u32 = 1;

/// What `--format json` prints.
#[derive(Serialize)]
struct Report<'a> {
    r#type: &'static str,
    schema: u32,
    run: &'a RunId,
    /// `running`, `interrupted`, `finished` or (the event log is broken) `unreadable`.
    state: &'static str,
    status: Option<Status>,
    decision: Option<Decision>,
    ok: bool,
    seal: Option<&'a Seal>,
    checks: &'a [Check],
}

/// `milton verify`.
pub(super) fn verify(
    settings: &Settings,
    repository: Option<&Path>,
    arguments: &VerifyArguments,
) -> Result<u8, Failure> {
    let kept = arguments.seal.as_deref().map(seal).transpose()?;
    let wanted = match repository {
        Some(_) => Some(sources::repository(settings, repository)?),
        None => None,
    };
    let around = match repository {
        Some(_) => None,
        None => sources::repository(settings, None).ok(),
    };
    let store = sources::store_to_read(settings, wanted.as_ref().or(around.as_ref()))?;
    let id = find(&store, wanted.as_ref().or(around.as_ref()), &arguments.run)?;
    let folder = store.folder(&id);
    let file = settings
        .user_policy
        .as_ref()
        .map(|file| (file.path.display().to_string(), file.text.clone()));
    let human = HumanPolicy {
        file,
        ..HumanPolicy::default()
    };
    let was_live = folder.is_live();
    let mut verified = folder.verify();
    if was_live && !verification::holds(&verified.checks) {
        // Its files are replaced one after the other; between two of them they may disagree.
        verified = folder.verify();
    }
    let state = RunState::replay(&verified.events).filter(|_| verified.is_whole);
    let mut checks = verified.checks.clone();
    checks.extend(kept.map(|seal| sealed(&seal, &verified)));
    match &state {
        Some(state) => checks.extend(repository_checks(state, wanted, &folder, &human)),
        None => checks.push(Check::not_checked(
            "repository",
            "the event log, which says what to look for, cannot be trusted",
        )),
    }
    let ok = verification::holds(&checks);
    let report = Report {
        r#type: "verification",
        schema: SCHEMA,
        run: &id,
        state: standing(state.as_ref(), was_live),
        status: state.as_ref().and_then(|state| state.status),
        decision: state.as_ref().map(|state| state.decision),
        ok,
        seal: verified.seals.last().filter(|_| verified.is_whole),
        checks: &checks,
    };
    match arguments.format {
        OutputFormat::Json => {
            let line = text::json_escaped(output::json(&report)?);
            output::print(&format!("{line}\n"))?;
        }
        OutputFormat::Human => output::print(&for_people(&report, &folder))?,
    }
    Ok(if ok { 0 } else { EXIT_NOT_AS_RECORDED })
}

/// A seal as it was printed: 64 digits.
fn seal(text: &str) -> Result<String, Failure> {
    let seal = text.trim().to_ascii_lowercase();
    if seal.len() == 64 && seal.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(seal);
    }
    Err(Failure::usage(
        format!("not a seal: {text:?}"),
        "a seal is the 64 digits behind `seal` in the last lines of a run",
    ))
}

/// The run that `text` names. Unlike elsewhere, a folder whose event log is gone is a run too, and a
/// record that cannot be read is an answer and no error.
fn find(store: &Store, repository: Option<&git::Repository>, text: &str) -> Result<RunId, Failure> {
    if text != "latest" {
        return store.find_folder(text).map_err(|e| record_failure(&e));
    }
    let folders = store.folders().map_err(|e| record_failure(&e))?;
    let found = folders
        .into_iter()
        .find(|id| match store.folder(id).state() {
            Ok(state) => inspect::belongs(&state, repository),
            // Ended before anything happened.
            Err(record::Error::Empty { .. }) => false,
            // It may be the one that is meant, and the newest is never passed over in silence.
            Err(_) => true,
        });
    found.ok_or_else(inspect::no_runs)
}

/// Whether the digest that somebody kept is one of the log's.
fn sealed(wanted: &str, verified: &Verified) -> Check {
    let found = verified.seals.iter().find(|seal| seal.sha256 == wanted);
    match found {
        Some(seal) => Check::ok(
            "seal",
            format!("is event {} of {}", seal.events, verified.seals.len()),
        ),
        None => Check::failed(
            "seal",
            "no event of this record has that digest: it is not the record that was sealed",
        ),
    }
}

fn repository_checks(
    state: &RunState,
    wanted: Option<git::Repository>,
    folder: &RunFolder,
    human: &HumanPolicy,
) -> Vec<Check> {
    let repository = match wanted {
        Some(repository) => repository,
        None => match open(&state.repository) {
            Ok(repository) => repository,
            Err(why) => return vec![Check::failed("repository", why)],
        },
    };
    verification::against_repository(state, &repository, folder.dir(), human)
}

/// The repository that the run was made in: that folder itself, not one around it.
fn open(root: &str) -> Result<git::Repository, String> {
    let advice = "; if it was moved, name it with --repo";
    let repository = git::open(Path::new(root)).map_err(|error| format!("{error}{advice}"))?;
    if repository.root() == Path::new(root) {
        return Ok(repository);
    }
    Err(format!("{root} is no repository any more{advice}"))
}

fn standing(state: Option<&RunState>, live: bool) -> &'static str {
    match state {
        None => "unreadable",
        Some(_) if live => "running",
        Some(state) if state.status.is_none() => "interrupted",
        Some(_) => "finished",
    }
}

fn for_people(report: &Report<'_>, folder: &RunFolder) -> String {
    let mut out = String::new();
    let mut line = |words: &str| {
        out.push_str(&text::visible(words));
        out.push('\n');
    };
    let status = report.status.map_or("no status", Status::as_str);
    line(&match report.decision {
        Some(decision) => format!("run {}: {status}, {decision}", report.run),
        None => format!("run {}: its event log is broken", report.run),
    });
    line(&format!("record {}", folder.dir().display()));
    match report.state {
        "running" => line("it is still going: what has been written so far is checked"),
        "interrupted" => line("it has no end: its milton was killed (milton review closes it)"),
        _ => {}
    }
    let width = report
        .checks
        .iter()
        .map(|c| c.subject.chars().count())
        .max();
    let width = width.unwrap_or(0).min(40);
    for check in report.checks {
        let word = match check.outcome {
            CheckOutcome::Ok => "ok      ",
            CheckOutcome::Failed => "FAILED  ",
            CheckOutcome::NotChecked => "--      ",
        };
        line(&format!(
            "{word}{:<width$}  {}",
            check.subject, check.detail
        ));
    }
    let failed = report
        .checks
        .iter()
        .filter(|check| check.is_failed())
        .count();
    line(&match (failed, report.seal) {
        (0, Some(seal)) => format!("as recorded: {} events, seal {}", seal.events, seal.sha256),
        (0, None) => "as recorded".to_owned(),
        (1, _) => "NOT as recorded: one check failed; do not rely on this run".to_owned(),
        (n, _) => format!("NOT as recorded: {n} checks failed; do not rely on this run"),
    });
    out
}
