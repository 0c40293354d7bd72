//! Running the verification commands in the test view, suite first, streamed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use crate::exec::report::{self, Reading, Runner};
use crate::exec::{self, CommandSpec, Finished, Place, ReportFile, StopSignal, View};
use crate::model::{
    CommandEnd, CommandId, CommandOrigin, CommandStart, Digest, EventKind, ExitKind, OutputSummary,
    TestOutcome, TestReport, Traces, VerificationCommand,
};
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

/// Runs the commands in order; the first that fails ends the list. Returns the suite's report.
pub async fn run(job: TestJob, notes: mpsc::Sender<Note>) -> Result<TestReport, exec::Error> {
    let begun = Instant::now();
    let mut report: Option<TestReport> = None;
    for (index, command) in job.commands.iter().enumerate() {
        let id = CommandId(
            job.first_id
                .saturating_add(u32::try_from(index).unwrap_or(u32::MAX)),
        );
        let remaining = (job.timeout * TOTAL_BUDGET).saturating_sub(begun.elapsed());
        let command = command.get();
        let ended = run_one(&job, id, command, remaining.min(job.timeout), &notes).await?;
        match ended {
            Ended::Suite(suite) => {
                let passed = suite.outcome.is_pass();
                report = Some(suite);
                if !passed {
                    break;
                }
            }
            Ended::Extra => {}
            Ended::ExtraFailed(exit) => {
                let reason = format!("{} {}", command.argv.join(" "), in_words(&exit));
                report = report.map(|suite| TestReport {
                    outcome: TestOutcome::Failed,
                    reason: format!("{}; but {reason}", suite.reason),
                    ..suite
                });
                break;
            }
        }
    }
    Ok(report.unwrap_or_else(|| nothing_to_run(&job.commands)))
}

enum Ended {
    Suite(TestReport),
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
    let prepared = match prepare(job, id, &command.argv, timeout) {
        Ok(prepared) => prepared,
        Err(error) if is_absent(&error) && command.origin == CommandOrigin::Proposal => {
            let skipped = EventKind::VerificationSkipped {
                argv: command.argv.clone(),
                reason: format!("not run: {error}"),
            };
            tell(notes, skipped).await;
            return Ok(Ended::Extra);
        }
        Err(error) if is_absent(&error) => return Ok(Ended::Suite(not_started(command, &error))),
        Err(error) => return Err(error),
    };
    let started = prepared.start(id);
    tell(notes, EventKind::CommandStarted { command: started }).await;
    let ended = watched(job, id, prepared.spec, notes).await;
    let end = match &ended {
        Ok(finished) => end_of(id, finished),
        // The command's record must not stay open when its output could not be kept.
        Err(error) => broken_end(id, error),
    };
    tell(notes, EventKind::CommandFinished { end }).await;
    let finished = ended?;
    if !command.is_suite {
        return Ok(if finished.exit.is_success() {
            Ended::Extra
        } else {
            Ended::ExtraFailed(finished.exit)
        });
    }
    let report = report::read(&Reading {
        argv: &command.argv,
        kind: prepared.runner,
        exit: &finished.exit,
        duration: finished.duration,
        report_file: &prepared.report_file,
        view: &job.view.root,
    });
    // The failures are in the record, masked; the file repeats them as the tests printed them.
    report::clear(&prepared.report_file)?;
    Ok(Ended::Suite(without_pytest(report, &finished)))
}

/// A command that is ready to run.
struct Prepared {
    spec: CommandSpec,
    output: String,
    runner: Runner,
    report_file: PathBuf,
}

impl Prepared {
    fn start(&self, id: CommandId) -> CommandStart {
        CommandStart {
            id,
            argv: self.spec.argv.clone(),
            cwd: self.spec.cwd.display().to_string(),
            in_process: false,
            program: Some(self.spec.program.display().to_string()),
            timeout_seconds: Some(self.spec.timeout.as_secs()),
            output: Some(self.output.clone()),
        }
    }
}

fn prepare(
    job: &TestJob,
    id: CommandId,
    argv: &[String],
    timeout: Duration,
) -> Result<Prepared, exec::Error> {
    let (argv, program) = find_program(job, argv)?;
    let output = format!("output/{:03}.log", id.0);
    let report_file = job.folder.join(format!("output/{:03}.junit.xml", id.0));
    report::clear(&report_file)?;
    let inside = job.view.reports.join(format!("{:03}.junit.xml", id.0));
    let instrumented = report::instrument(&argv, &inside);
    let mut env = job.view.env.clone();
    env.extend(instrumented.env);
    let spec = CommandSpec {
        argv: instrumented.argv,
        program,
        cwd: job.view.root.clone(),
        env,
        timeout,
        output: job.folder.join(&output),
        output_limit: job.output_limit,
        stdin: Vec::new(),
        reports: vec![ReportFile {
            inside,
            outside: report_file.clone(),
        }],
        confinement: job.view.confinement.clone(),
    };
    Ok(Prepared {
        spec,
        output,
        runner: instrumented.kind,
        report_file,
    })
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

/// The program of a command, and the argv to run. Where there is no `pytest` script but a Python,
/// pytest is started as its module; the record shows what was really run.
fn find_program(job: &TestJob, argv: &[String]) -> Result<(Vec<String>, PathBuf), exec::Error> {
    let name = argv.first().map_or("", String::as_str);
    let find = |name: &str| job.sandbox.resolve(name, &job.view, &job.checkout);
    let missing = match find(name) {
        Ok(program) => return Ok((argv.to_vec(), program)),
        Err(error) => error,
    };
    if name == "pytest" {
        for python in ["python", "python3"] {
            if let Ok(program) = find(python) {
                let mut module = [python, "-m", "pytest"].map(str::to_owned).to_vec();
                module.extend(argv.iter().skip(1).cloned());
                return Ok((module, program));
            }
        }
    }
    Err(missing)
}

/// Runs a command while its progress is told. Progress may be dropped (`try_send`): the next figure
/// is newer, and the output file is complete.
async fn watched(
    job: &TestJob,
    id: CommandId,
    spec: CommandSpec,
    notes: &mpsc::Sender<Note>,
) -> Result<Finished, exec::Error> {
    let (progress, mut grown) = watch::channel(0_u64);
    let running = job.sandbox.run(spec, &progress, &job.stop);
    tokio::pin!(running);
    loop {
        tokio::select! {
            finished = &mut running => return finished,
            changed = grown.changed() => {
                if changed.is_ok() {
                    let bytes = *grown.borrow_and_update();
                    // Full or closed: nothing is lost, see above.
                    notes.try_send(Note::Output(id, bytes)).ok();
                }
            }
        }
    }
}

async fn tell(notes: &mpsc::Sender<Note>, fact: EventKind) {
    // The driver holds the receiver until this job ends.
    notes.send(Note::Fact(Box::new(fact))).await.ok();
}

fn end_of(id: CommandId, finished: &Finished) -> CommandEnd {
    CommandEnd {
        id,
        exit: finished.exit.clone(),
        duration_ms: u64::try_from(finished.duration.as_millis()).unwrap_or(u64::MAX),
        stdout: finished.stdout.clone(),
        stderr: finished.stderr.clone(),
        log_sha256: finished.log_sha256.clone(),
        traces: finished.traces.clone(),
    }
}

fn broken_end(id: CommandId, error: &exec::Error) -> CommandEnd {
    CommandEnd {
        id,
        exit: ExitKind::NotStarted {
            reason: error.to_string(),
        },
        duration_ms: 0,
        stdout: OutputSummary::empty(),
        stderr: OutputSummary::empty(),
        log_sha256: Digest::of(b""),
        traces: Traces::default(),
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
    }
}
