//! The only place that spawns processes: the supervisor, the capture of output, the test view and
//! the report channel.
//!
//! A command never runs as a direct child of milton. Milton starts itself again as the hidden
//! subcommand `__supervise` (`supervise`), which adopts everything the command leaves behind and
//! ends it. A socket between the two carries the request and the orders one way and the end of the
//! command the other way; when milton dies, however it dies, the socket closes and the supervisor
//! kills what is left. So a time-out, a stop, a crash of milton and a command that simply ends
//! leave no process behind, not even a grandchild in a session of its own.
//!
//! Adopting orphans is a Linux feature (`PR_SET_CHILD_SUBREAPER`). On other Unix systems this
//! module compiles and ends the command's process group only: a grandchild that leaves the group
//! survives there.
//!
//! What this module must never do: build a command line from text, start a shell by itself, or
//! hand milton's own environment to a command.

#[cfg(target_os = "linux")]
mod attempts;
#[cfg(not(target_os = "linux"))]
#[path = "attempts_elsewhere.rs"]
mod attempts;
mod candidate;
mod capture;
#[cfg(target_os = "linux")]
mod confined_view;
mod environment;
mod mask;
mod place;
mod probe;
mod processes;
mod program;
pub mod report;
mod reports;
mod run;
mod sandbox;
mod stop;
mod supervise;
mod view;
mod visible;
mod wire;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Digest, ExitKind, OutputSummary, Traces};

pub use attempts::{Attempt, attempts};
pub use candidate::Candidate;
#[cfg(target_os = "linux")]
pub use confined_view::{ConfinedRequest, confined_view};
pub use mask::{Masked, Masking, OutputMask};
pub use place::{MOST_IN_MEMORY, Place};
pub use probe::probe;
pub use program::resolve_program;
pub use run::Supervisor;
#[cfg(target_os = "linux")]
pub use sandbox::bubblewrap;
pub use sandbox::{
    Confinement, Enclosure, Limits, REPORTS_INSIDE, Restriction, SUPPORT_INSIDE, Wrapper,
};
pub use stop::{StopLevel, StopSignal};
pub use view::{View, ViewRequest, prepare_view};

/// The hidden subcommand that `supervise` is the body of.
const SUPERVISE: &str = "__supervise";
/// The hidden subcommand that is the first process of a sandbox.
#[cfg(target_os = "linux")]
const FIRST_PROCESS: &str = "__first-process";

/// The hidden subcommand that plays a hostile test for `milton doctor`.
#[cfg(target_os = "linux")]
const ATTEMPT: &str = "__attempt";

/// The hidden subcommand that bubblewrap starts inside its sandbox.
#[cfg(target_os = "linux")]
const INNER: &str = "__inner";

/// Does what a hidden subcommand asks for, when this process was started with one: milton starts
/// itself again to supervise a command and to be the first process of a sandbox.
pub fn hidden_subcommand() -> Option<ExitCode> {
    let name = std::env::args_os().nth(1)?;
    match name.to_str()? {
        SUPERVISE => Some(supervise::supervise()),
        #[cfg(target_os = "linux")]
        FIRST_PROCESS => Some(sandbox::first_process()),
        #[cfg(target_os = "linux")]
        INNER => Some(sandbox::inner()),
        #[cfg(target_os = "linux")]
        ATTEMPT => Some(attempts::attempt()),
        _ => None,
    }
}

/// One command, complete: nothing is taken from milton's own environment.
#[derive(Clone, Debug)]
pub struct CommandSpec {
    /// Program and arguments as they are run. The first is only the name; `program` is started.
    pub argv: Vec<String>,
    /// The absolute path of the program, from [`resolve_program`].
    pub program: PathBuf,
    /// The absolute working directory.
    pub cwd: PathBuf,
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// The time limit; the command gets TERM then, and KILL 1.5 seconds later.
    pub timeout: Duration,
    /// The file that takes every byte of both streams in order of arrival, masked where the
    /// supervisor was told to. It must not exist.
    pub output: PathBuf,
    /// How many bytes both streams may print together; one more ends the command.
    pub output_limit: u64,
    /// What the command reads from standard input before its end; usually nothing.
    pub stdin: Vec<u8>,
    /// Files that the command is asked to write, brought out when its last process has ended.
    pub reports: Vec<ReportFile>,
    /// The sandbox to run in; [`View::confinement`].
    pub confinement: Option<Arc<Confinement>>,
}

/// A file that a command writes inside its view and milton reads afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFile {
    /// The path as the command sees it; below [`View::reports`].
    pub inside: PathBuf,
    /// Where milton finds it: at most [`LARGEST_REPORT`] bytes, missing when there was no regular
    /// file. It must not exist.
    pub outside: PathBuf,
}

/// The largest report file that is brought out, in bytes (64 MiB).
pub const LARGEST_REPORT: u64 = 64 << 20;

/// A command that ended. The bytes of both streams add up to the length of the output file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub exit: ExitKind,
    /// Wall time from the start of the supervisor to the end of the last process.
    pub duration: Duration,
    /// Standard output.
    pub stdout: OutputSummary,
    /// Standard error.
    pub stderr: OutputSummary,
    /// The digest of the output file.
    pub log_sha256: Digest,
    /// What the sandbox noticed.
    pub traces: Traces,
}

/// Why a command could not be run, or its view not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The supervisor could not be started.
    #[error("cannot start the process supervisor {}", exe.display())]
    Supervisor {
        /// Milton's own program.
        exe: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The supervisor ended, or stopped answering, before it reported the command's end.
    #[error("the process supervisor was lost before the command ended")]
    SupervisorLost,
    /// No tier of isolation works here.
    #[error("commands cannot be isolated here: {0}")]
    NoSandbox(String),
    /// Processes of the command survived KILL.
    #[error("{count} processes of the command could not be ended")]
    LeftBehind {
        /// How many were left.
        count: usize,
    },
    /// Somebody outside the command still holds its output pipe.
    #[error("the command has ended but a process outside of it holds its output open")]
    OutputHeld,
    /// The output could not be captured completely; the command was ended.
    #[error("cannot write the command's output to {}: {source}", path.display())]
    Output {
        /// The output file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A step of preparing the test view failed.
    #[error("cannot prepare the test view: {}: {source}", path.display())]
    View {
        /// The path at fault.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The name of a linked path is not a path inside the repository.
    #[error("not a path that can be linked into the test view: {0:?}")]
    Linked(String),
    /// No program of that name is on the search path.
    #[error("the program {name:?} was not found")]
    ProgramNotFound {
        /// The name as the plan wrote it.
        name: String,
    },
    /// The program lies inside the repository, so the proposal could have written it.
    #[error("the program {name:?} lies inside the repository")]
    ProgramInside {
        /// The name as the plan wrote it.
        name: String,
    },
}

/// What the human can do when commands cannot be isolated.
pub const NO_SANDBOX: &str = "`milton doctor` says what is missing; --sandbox none runs the tests \
                              without isolation, on your own responsibility";

impl Error {
    /// What the human can do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Supervisor { .. } => {
                "check that the milton program can be executed from where it is installed"
            }
            Self::SupervisorLost => {
                "the command may have signalled other processes: read its output, then look for leftovers"
            }
            Self::NoSandbox(_) => NO_SANDBOX,
            Self::LeftBehind { .. } => "look for processes that run as another user and end them",
            Self::OutputHeld => "do not hand the output to a service that outlives the command",
            Self::Output { .. } => "make room on the disk of the run store, then run again",
            Self::View { .. } => "check that the folder for temporary files is writable",
            Self::Linked(_) => "name paths relative to the repository, without `..`",
            Self::ProgramNotFound { .. } => "install it, or put it on PATH outside the repository",
            Self::ProgramInside { .. } => "name the interpreter first: `sh ./script.sh`",
        }
    }
}
