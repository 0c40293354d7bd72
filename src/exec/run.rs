//! Milton's side of a command: starts the supervisor, gives it orders, captures the output.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::exec::capture::{Captured, Sink, capture};
use crate::exec::processes::{kill_session, signal_descendants};
use crate::exec::wire::{End, KILL, Reply, Request, TERMINATE};
use crate::exec::{
    CommandSpec, Error, Finished, Masking, ReportFile, SUPERVISE, StopLevel, StopSignal,
};
use crate::model::{Digest, ExitKind, OutputSummary, Traces};

/// Between TERM and KILL at the time limit: long enough for a test runner to write its report, short
/// enough that a limit of ten seconds ends within twelve.
const TIMEOUT_GRACE: Duration = Duration::from_millis(1_500);

/// Between TERM and KILL when the human stops: nothing may be left one second later.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// After KILL the supervisor answers within milliseconds; its own patience is five seconds. One
/// that says nothing for longer was itself stopped or killed.
const ANSWER: Duration = Duration::from_secs(7);

/// How long the pipes may stay open after the last process of the command has gone.
const DRAIN: Duration = Duration::from_secs(10);

/// The longest time limit; a longer one could overflow the clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Runs commands under a supervisor process.
#[derive(Clone, Debug)]
pub struct Supervisor {
    exe: PathBuf,
    masking: Option<Arc<dyn Masking>>,
}

impl Supervisor {
    /// A supervisor that is milton's own program, given by its absolute path.
    pub fn new(exe: PathBuf) -> Self {
        Self { exe, masking: None }
    }

    /// The same, which masks what commands print before it is written.
    #[must_use]
    pub fn masking(self, masking: Arc<dyn Masking>) -> Self {
        Self {
            masking: Some(masking),
            ..self
        }
    }

    /// Runs one command to its end and captures what it prints.
    ///
    /// When this returns, no process of the command is left, whatever it was that ended it. When
    /// the future is dropped, the supervisor kills the command by itself. A program that cannot be
    /// started is a result ([`ExitKind::NotStarted`]), not an error.
    ///
    /// `progress` takes the number of bytes in the output file, after they were written. It never
    /// fills up: it holds only the newest number.
    ///
    /// # Errors
    ///
    /// When the supervisor or the capture failed. The command has been ended then as well.
    pub async fn run(
        &self,
        spec: CommandSpec,
        progress: &watch::Sender<u64>,
        stop: &StopSignal,
    ) -> Result<Finished, Error> {
        let log = File::create_new(&spec.output).map_err(|source| output(&spec.output, source))?;
        progress.send_replace(0);
        if stop.level() != StopLevel::Go {
            return Ok(nothing(ExitKind::Stopped));
        }
        let started = Instant::now();
        let (halt, halted) = oneshot::channel();
        let sink = Sink {
            log,
            limit: spec.output_limit,
            progress: progress.clone(),
            halt: Some(halt),
            masking: self.masking.clone(),
        };
        let mut session = self.start(sink)?;
        let limit = started + spec.timeout.min(LONGEST);
        let reply = session
            .converse(&spec, Events { limit, halted }, stop)
            .await;
        let duration = started.elapsed();
        let captured = session.close(reply.is_some()).await;
        remove_empty(&spec.reports);
        let (reply, captured) = match (reply, captured) {
            (Some(reply), Some(captured)) => (reply, captured),
            (None, _) => return Err(Error::SupervisorLost),
            (Some(_), None) => return Err(Error::OutputHeld),
        };
        finished(&spec, reply, captured, duration)
    }

    /// Starts the supervisor and the capture of what will come through it.
    #[expect(clippy::disallowed_methods, reason = "exec is the only spawner")]
    fn start(&self, sink: Sink) -> Result<Session, Error> {
        let failed = |source| Error::Supervisor {
            exe: self.exe.clone(),
            source,
        };
        let (near, far) = StdUnixStream::pair().map_err(failed)?;
        near.set_nonblocking(true).map_err(failed)?;
        let (stdout, stdout_writer) = io::pipe().map_err(failed)?;
        let (stderr, stderr_writer) = io::pipe().map_err(failed)?;
        let child = tokio::process::Command::new(&self.exe)
            .arg(SUPERVISE)
            // The command below can read its parent's environment: it must hold nothing.
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(far)))
            .stdout(Stdio::from(stdout_writer))
            .stderr(Stdio::from(stderr_writer))
            .spawn()
            .map_err(failed)?;
        let (replies, orders) = UnixStream::from_std(near).map_err(failed)?.into_split();
        let cancel = CancellationToken::new();
        let capturing = capture(stdout.into(), stderr.into(), sink, cancel.clone());
        let runtime = Handle::current();
        Ok(Session {
            pid: child.id().and_then(|id| Pid::from_raw(id.cast_signed())),
            child,
            orders,
            replies: Some(replies),
            cancel,
            capturing: tokio::task::spawn_blocking(move || runtime.block_on(capturing)),
            state: State::Running,
        })
    }
}

/// What can happen while a command runs, beside the human's stop.
struct Events {
    /// When the time limit comes.
    limit: Instant,
    /// Fires when the capture cannot go on.
    halted: oneshot::Receiver<()>,
}

/// Why a command was ended.
#[derive(Clone, Copy, Debug)]
enum Cause {
    TimedOut,
    Stopped,
    /// Over the limit or not writable: which of them, the capture tells.
    Halted,
}

/// How far the ending of a command has come.
#[derive(Clone, Copy, Debug)]
enum State {
    Running,
    Asked { cause: Cause, kill_at: Instant },
    Killed { cause: Cause, give_up_at: Instant },
}

/// A running supervisor.
struct Session {
    pid: Option<Pid>,
    child: Child,
    orders: OwnedWriteHalf,
    replies: Option<OwnedReadHalf>,
    cancel: CancellationToken,
    capturing: JoinHandle<Captured>,
    state: State,
}

impl Session {
    /// Sends the request and gives orders until the reply comes; `None` when it never does.
    async fn converse(
        &mut self,
        spec: &CommandSpec,
        mut events: Events,
        stop: &StopSignal,
    ) -> Option<(Reply, Option<Cause>)> {
        self.request(spec).await?;
        let mut replies = BufReader::new(self.replies.take()?);
        let mut line = Vec::new();
        let reply = replies.read_until(b'\n', &mut line);
        tokio::pin!(reply);
        let mut listening = true;
        loop {
            let (deadline, next_stop) = match self.state {
                State::Running => (events.limit, StopLevel::Gentle),
                State::Asked { kill_at, .. } => (kill_at, StopLevel::Kill),
                State::Killed { give_up_at, .. } => (give_up_at, StopLevel::Kill),
            };
            let ended = matches!(self.state, State::Killed { .. });
            // Biased, so that a command that ended in time is not called timed out.
            tokio::select! {
                biased;
                read = &mut reply => { read.ok()?; break; }
                halted = &mut events.halted, if listening => {
                    // A closed channel only says that the capture came to the end of the streams.
                    listening = false;
                    if halted.is_ok() && !ended {
                        self.kill(Cause::Halted).await;
                    }
                }
                () = stop.reached(next_stop), if !ended => self.stop(next_stop).await,
                () = sleep_until(deadline) => self.overdue().await?,
            }
        }
        let reply = serde_json::from_slice(&line).ok()?;
        let cause = match self.state {
            State::Running => None,
            State::Asked { cause, .. } | State::Killed { cause, .. } => Some(cause),
        };
        Some((reply, cause))
    }

    async fn request(&mut self, spec: &CommandSpec) -> Option<()> {
        let request = Request {
            program: spec.program.clone().into_os_string(),
            arguments: spec.argv.iter().skip(1).map(OsString::from).collect(),
            cwd: spec.cwd.clone().into_os_string(),
            env: spec.env.clone(),
            stdin: spec.stdin.clone(),
            reports: spec.reports.iter().map(paths_of).collect(),
            confinement: spec.confinement.as_deref().cloned(),
        };
        let mut line = serde_json::to_vec(&request).ok()?;
        line.push(b'\n');
        self.orders.write_all(&line).await.ok()
    }

    async fn stop(&mut self, level: StopLevel) {
        match level {
            StopLevel::Go => {}
            StopLevel::Gentle => self.ask(Cause::Stopped, STOP_GRACE).await,
            StopLevel::Kill => self.kill(Cause::Stopped).await,
        }
    }

    /// A deadline passed: the next step of the ending. `None` when there is no further one.
    async fn overdue(&mut self) -> Option<()> {
        match self.state {
            State::Running => self.ask(Cause::TimedOut, TIMEOUT_GRACE).await,
            State::Asked { cause, .. } => self.kill(cause).await,
            State::Killed { .. } => return None,
        }
        Some(())
    }

    async fn ask(&mut self, cause: Cause, grace: Duration) {
        self.order(TERMINATE).await;
        self.state = State::Asked {
            cause,
            kill_at: Instant::now() + grace,
        };
    }

    async fn kill(&mut self, cause: Cause) {
        self.order(KILL).await;
        // What ended it first stays the reason.
        let cause = match self.state {
            State::Running => cause,
            State::Asked { cause, .. } | State::Killed { cause, .. } => cause,
        };
        self.state = State::Killed {
            cause,
            give_up_at: Instant::now() + ANSWER,
        };
    }

    async fn order(&mut self, order: u8) {
        // A supervisor that has gone shows itself at the other half of the socket.
        self.orders.write_all(&[order]).await.ok();
    }

    /// Buries the supervisor and waits for the end of the streams; `None` when it does not come.
    async fn close(mut self, answered: bool) -> Option<Captured> {
        if !answered {
            self.abort();
        }
        drop(self.orders);
        let mut capturing = self.capturing;
        let captured = if let Ok(captured) = timeout(DRAIN, &mut capturing).await {
            captured
        } else {
            self.cancel.cancel();
            capturing.await
        };
        // It has replied or was killed, so this is the time a process needs to vanish.
        timeout(ANSWER, self.child.wait()).await.ok();
        captured.ok().filter(|captured| captured.complete)
    }

    /// Ends everything without the supervisor's help: it was killed or stopped by somebody else.
    fn abort(&mut self) {
        if let Some(pid) = self.pid {
            signal_descendants(pid, Signal::KILL);
            kill_session(pid);
        }
        // Fails only when it has gone already.
        self.child.start_kill().ok();
    }
}

fn finished(
    spec: &CommandSpec,
    (reply, cause): (Reply, Option<Cause>),
    captured: Captured,
    duration: Duration,
) -> Result<Finished, Error> {
    if reply.left_behind > 0 {
        return Err(Error::LeftBehind {
            count: reply.left_behind,
        });
    }
    if let Some(source) = captured.problem {
        return Err(output(&spec.output, source));
    }
    let exit = match (reply.end, cause) {
        (End::NotStarted(reason), _) => ExitKind::NotStarted { reason },
        // Also when the command ended by itself before the order came.
        _ if captured.over_limit => ExitKind::OutputLimit,
        (_, Some(Cause::TimedOut)) => ExitKind::TimedOut,
        (_, Some(Cause::Stopped)) => ExitKind::Stopped,
        (End::Exited(code), Some(Cause::Halted) | None) => ExitKind::Exited { code },
        (End::Signalled(signal), Some(Cause::Halted) | None) => ExitKind::Signalled { signal },
    };
    Ok(Finished {
        exit,
        duration,
        stdout: captured.stdout,
        stderr: captured.stderr,
        log_sha256: captured.log,
        traces: Traces {
            // The supervisor sees no output; these are milton's own.
            secrets: captured.secrets.lines,
            secrets_count: captured.secrets.count,
            ..reply.traces
        },
    })
}

/// A report that was made ready but never written is none.
fn remove_empty(reports: &[ReportFile]) {
    for report in reports {
        let is_empty =
            std::fs::symlink_metadata(&report.outside).is_ok_and(|found| found.len() == 0);
        if is_empty {
            // Should it stay, the reader says that it is empty, and that is no pass either.
            std::fs::remove_file(&report.outside).ok();
        }
    }
}

fn paths_of(report: &ReportFile) -> (OsString, OsString) {
    let path = |path: &Path| path.to_owned().into_os_string();
    (path(&report.inside), path(&report.outside))
}

fn nothing(exit: ExitKind) -> Finished {
    Finished {
        exit,
        duration: Duration::ZERO,
        stdout: OutputSummary::empty(),
        stderr: OutputSummary::empty(),
        log_sha256: Digest::of(b""),
        traces: Traces::default(),
    }
}

fn output(path: &Path, source: io::Error) -> Error {
    Error::Output {
        path: path.to_owned(),
        source,
    }
}
