//! Running the verification commands in the test view, suite first, streamed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::exec::report::{self, Counted, Reading};
use crate::exec::{self, Finished, Place, StopSignal, View};
use crate::model::{
    Cases, CommandId, CommandOrigin, EventKind, ExitKind, Import, Purpose, TestOutcome, TestReport,
    VerificationCommand,
};
use crate::pipeline::command::{perform, prepare, tell};
use crate::pipeline::imports;
use crate::pipeline::ports::Sandbox;
use crate::policy::Cleared;

/// All verification commands together get this many times the limit of one: a list of commands
/// must not multiply the time limit.
const TOTAL_BUDGET: u32 = 2;

/// What to do where pytest is missing.
const INSTALL_PYTEST: &str = "python3 -m pip install pytest (or install it in the project's .venv)";

/// What the test step needs; owned, so that it can run beside the driver.
pub struct TestJob {
    /// The commands, suite first.
    pub commands: Vec<Cleared<VerificationCommand>>,
    /// Where the candidate's tree is.
    pub view: View,
    /// Where the view lives, when that is not the run's folder; removed when the job is over.
    pub place: Option<Place>,
    /// The checkout under review; no program is ever taken from its tracked files.
    pub checkout: PathBuf,
    /// The run's folder.
    pub folder: PathBuf,
    /// The number of the first command.
    pub first_id: u32,
    /// The limit of one command.
    pub timeout: Duration,
    /// The most bytes a command may print.
    pub output_limit: u64,
    /// What the suite is run for.
    pub purpose: Purpose,
    /// The modules whose files the tests are asked for.
    pub modules: Vec<String>,
    /// Who starts them.
    pub sandbox: Arc<dyn Sandbox>,
    /// Ends the running one.
    pub stop: StopSignal,
}

/// What the test step tells while it runs.
pub enum Note {
    /// A fact to record.
    Fact(Box<EventKind>),
    /// The output file grew.
    Output(CommandId, u64),
}

/// What a job came to.
#[derive(Debug)]
pub struct SuiteRun {
    /// The suite's counts, test by test.
    pub counted: Counted,
    /// The suite's command; `None` when it was not started.
    pub command: Option<CommandId>,
    /// Where the tests imported the modules from that they were asked for.
    pub imports: Vec<Import>,
}

/// Runs the commands in order; the first that fails ends the list. Returns the suite's report.
pub async fn run(job: TestJob, notes: mpsc::Sender<Note>) -> Result<SuiteRun, exec::Error> {
    let begun = Instant::now();
    let mut suite: Option<SuiteRun> = None;
    for (index, command) in job.commands.iter().enumerate() {
        let id = CommandId(
            job.first_id
                .saturating_add(u32::try_from(index).unwrap_or(u32::MAX)),
        );
        let remaining = (job.timeout * TOTAL_BUDGET).saturating_sub(begun.elapsed());
        let command = command.get();
        let ended = run_one(&job, id, command, remaining.min(job.timeout), &notes).await?;
        match ended {
            Ended::Suite(ended) => {
                let passed = ended.counted.report.outcome.is_pass();
                suite = Some(*ended);
                if !passed {
                    break;
                }
            }
            Ended::Extra => {}
            Ended::ExtraFailed(exit) => {
                if let Some(suite) = &mut suite {
                    let report = &mut suite.counted.report;
                    let how = in_words(&exit);
                    report.outcome = TestOutcome::Failed;
                    report.reason =
                        format!("{}; but {} {how}", report.reason, command.argv.join(" "));
                }
                break;
            }
        }
    }
    Ok(suite.unwrap_or_else(|| uncounted(nothing_to_run(&job.commands))))
}

enum Ended {
    Suite(Box<SuiteRun>),
    Extra,
    ExtraFailed(ExitKind),
}

async fn run_one(
    job: &TestJob,
    id: CommandId,
    command: &VerificationCommand,
    timeout: Duration,
    notes: &mpsc::Sender<Note>,
) -> Result<Ended, exec::Error> {
    let purpose = if command.is_suite {
        job.purpose
    } else {
        Purpose::Extra
    };
    let prepared = match prepare(job, id, &command.argv, purpose, timeout) {
        Ok(prepared) => prepared,
        Err(error) if is_absent(&error) && command.origin == CommandOrigin::Proposal => {
            let skipped = EventKind::VerificationSkipped {
                argv: command.argv.clone(),
                reason: format!("not run: {error}"),
            };
            tell(notes, skipped).await;
            return Ok(Ended::Extra);
        }
        Err(error) if is_absent(&error) => {
            let run = uncounted(not_started(command, &error));
            return Ok(Ended::Suite(Box::new(run)));
        }
        Err(error) => return Err(error),
    };
    let finished = perform(job, id, &prepared, notes).await?;
    if !command.is_suite {
        return Ok(if finished.exit.is_success() {
            Ended::Extra
        } else {
            Ended::ExtraFailed(finished.exit)
        });
    }
    let record = prepared.record.as_ref();
    let candidate = job.view.candidate();
    let mut counted = report::read(&Reading {
        argv: &command.argv,
        kind: prepared.runner,
        exit: &finished.exit,
        duration: finished.duration,
        report_file: &prepared.report_file,
        record: record.map(|(channel, path)| (channel, path.as_path())),
        view: &candidate,
    });
    // The failures are in the record, masked; the files repeat them as the tests wrote them.
    report::clear(&prepared.report_file)?;
    if let Some((_, path)) = record {
        report::clear(path)?;
    }
    counted.report = without_pytest(counted.report, &finished);
    let imports = imports::told(&counted.modules, &candidate);
    Ok(Ended::Suite(Box::new(SuiteRun {
        counted,
        imports,
        command: Some(id),
    })))
}

/// A report without a command behind it.
pub(super) fn uncounted(report: TestReport) -> SuiteRun {
    SuiteRun {
        counted: Counted {
            report,
            cases: Cases::default(),
            is_complete: false,
            modules: BTreeMap::new(),
            tampered: false,
        },
        command: None,
        imports: Vec::new(),
    }
}

/// Whether the program is not to be had; everything else is a fault of the machine.
fn is_absent(error: &exec::Error) -> bool {
    matches!(
        error,
        exec::Error::ProgramNotFound { .. } | exec::Error::ProgramInside { .. }
    )
}

/// A Python without pytest says so in its own words; the reviewer gets the way out.
fn without_pytest(report: TestReport, finished: &Finished) -> TestReport {
    if !finished.stderr.head.contains("No module named pytest") {
        return report;
    }
    TestReport {
        outcome: TestOutcome::NotStarted,
        reason: format!("pytest is not installed: {INSTALL_PYTEST}"),
        ..report
    }
}

fn in_words(exit: &ExitKind) -> String {
    match exit {
        ExitKind::Exited { code } => format!("exited with {code}"),
        ExitKind::Signalled { signal } => format!("was ended by signal {signal}"),
        ExitKind::TimedOut => "hit the time limit".to_owned(),
        ExitKind::Stopped => "was stopped".to_owned(),
        ExitKind::OutputLimit => "printed more than the limit".to_owned(),
        ExitKind::NotStarted { reason } => format!("could not be started: {reason}"),
    }
}

fn not_started(command: &VerificationCommand, error: &exec::Error) -> TestReport {
    let how = match command.argv.first().map(String::as_str) {
        Some("pytest") => INSTALL_PYTEST,
        Some(_) | None => error.hint(),
    };
    TestReport {
        reason: format!("{error}: {how}"),
        ..empty_report(command.argv.clone(), TestOutcome::NotStarted)
    }
}

fn nothing_to_run(commands: &[Cleared<VerificationCommand>]) -> TestReport {
    let argv = commands
        .first()
        .map(|command| command.get().argv.clone())
        .unwrap_or_default();
    TestReport {
        reason: "no test command was run".to_owned(),
        ..empty_report(argv, TestOutcome::NoneCounted)
    }
}

/// The report of a suite that was switched off by the human's own override.
pub fn skipped_report(argv: Vec<String>) -> TestReport {
    TestReport {
        reason: "MILTON_SELF_UPGRADE_SKIP_TESTS=1: the tests were not run".to_owned(),
        ..empty_report(argv, TestOutcome::Skipped)
    }
}

fn empty_report(argv: Vec<String>, outcome: TestOutcome) -> TestReport {
    TestReport {
        argv,
        outcome,
        exit: None,
        passed: 0,
        failed: 0,
        skipped: 0,
        seconds: 0.0,
        timed_out: false,
        failures: Vec::new(),
        reason: String::new(),
        integrity: Box::default(),
    }
}
