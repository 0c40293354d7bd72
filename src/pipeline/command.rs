//! One verification command: found, asked for its report, run in the view, told.

use std::path::PathBuf;

use tokio::sync::{mpsc, watch};

use crate::exec::report::{self, PluginChannel, Runner};
use crate::exec::{self, CommandSpec, Finished, ReportFile};
use crate::model::{
    CommandEnd, CommandId, CommandStart, Digest, EventKind, ExitKind, OutputSummary, Purpose,
    Traces,
};
use crate::pipeline::testing::{Note, TestJob};

/// A command that is ready to run.
pub(super) struct Prepared {
    pub(super) spec: CommandSpec,
    pub(super) runner: Runner,
    pub(super) report_file: PathBuf,
    /// Milton's plugin and the record that it writes, for pytest.
    pub(super) record: Option<(PluginChannel, PathBuf)>,
    output: String,
    purpose: Purpose,
}

impl Prepared {
    /// What the record says about it.
    pub(super) fn start(&self, id: CommandId) -> CommandStart {
        CommandStart {
            id,
            argv: self.spec.argv.clone(),
            cwd: self.spec.cwd.display().to_string(),
            in_process: false,
            program: Some(self.spec.program.display().to_string()),
            timeout_seconds: Some(self.spec.timeout.as_secs()),
            output: Some(self.output.clone()),
            purpose: self.purpose,
        }
    }
}

/// Finds the program and makes the command complete.
pub(super) fn prepare(
    job: &TestJob,
    id: CommandId,
    argv: &[String],
    purpose: Purpose,
    timeout: std::time::Duration,
) -> Result<Prepared, exec::Error> {
    let (argv, program) = find_program(job, argv)?;
    let output = format!("output/{:03}.log", id.0);
    let named = |kind: &str| format!("{:03}.{kind}", id.0);
    let (junit, record_name) = (named("junit.xml"), named("record"));
    let outside = |name: &str| job.folder.join("output").join(name);
    let report_file = outside(&junit);
    report::clear(&report_file)?;
    let inside = job.view.reports.join(&junit);
    let mut reports = vec![ReportFile {
        inside: inside.clone(),
        outside: report_file.clone(),
    }];
    let mut stdin = Vec::new();
    let mut record = None;
    if report::is_pytest(&argv) {
        let channel = PluginChannel::new()?;
        channel.install(&job.view.support_outside)?;
        let told = ReportFile {
            inside: job.view.reports.join(&record_name),
            outside: outside(&record_name),
        };
        report::clear(&told.outside)?;
        stdin = channel.stdin(&told.inside, &job.modules);
        record = Some((channel, told.outside.clone()));
        reports.push(told);
    }
    let mut more: Vec<String> = Vec::new();
    if let Some((channel, _)) = &record {
        more.extend(["-p".to_owned(), channel.module().to_owned()]);
    }
    if !purpose.is_on_candidate() {
        // It is there to be compared with: every test has to run, whatever fails before it.
        more.extend(["--maxfail=0", "--continue-on-collection-errors"].map(str::to_owned));
    }
    let instrumented = report::instrument(&argv, &inside, &more);
    let mut env = job.view.env.clone();
    env.extend(instrumented.env);
    if record.is_some() {
        env = with_support(env, &job.view.support);
    }
    let spec = CommandSpec {
        argv: instrumented.argv,
        program,
        cwd: job.view.root.clone(),
        env,
        timeout,
        output: job.folder.join(&output),
        output_limit: job.output_limit,
        stdin,
        confinement: job.view.confinement.clone(),
        reports,
    };
    Ok(Prepared {
        spec,
        runner: instrumented.kind,
        report_file,
        record,
        output,
        purpose,
    })
}

/// The environment with milton's folder at the end of Python's search path: its one file has a name
/// that nothing else has, and nothing else is found there.
fn with_support(
    mut env: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    support: &std::path::Path,
) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    let known = env.iter_mut().find(|(name, _)| name == "PYTHONPATH");
    match known {
        Some((_, value)) if !value.is_empty() => {
            value.push(":");
            value.push(support);
        }
        Some((_, value)) => *value = support.into(),
        None => env.push(("PYTHONPATH".into(), support.into())),
    }
    env
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

/// Runs a command while its progress is told, between its two events. Progress may be dropped
/// (`try_send`): the next figure is newer, and the output file is complete.
pub(super) async fn perform(
    job: &TestJob,
    id: CommandId,
    prepared: &Prepared,
    notes: &mpsc::Sender<Note>,
) -> Result<Finished, exec::Error> {
    let command = prepared.start(id);
    tell(notes, EventKind::CommandStarted { command }).await;
    let ended = watched(job, id, prepared.spec.clone(), notes).await;
    let end = match &ended {
        Ok(finished) => end_of(id, finished),
        // The command's record must not stay open when its output could not be kept.
        Err(error) => broken_end(id, error),
    };
    tell(notes, EventKind::CommandFinished { end }).await;
    ended
}

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

/// Tells a fact to the driver.
pub(super) async fn tell(notes: &mpsc::Sender<Note>, fact: EventKind) {
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
