//! The first process of the command's pid name space: builds the file system, starts the command
//! from a confined thread, buries orphans, and tells what the command left.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Pid, Signal, WaitOptions, WaitStatus};

use crate::exec::reports;
use crate::exec::sandbox::mounts::{self, Layers};
use crate::exec::sandbox::{Confinement, Enclosure, confine, left, memory, network, sys};
use crate::exec::wire::{End, Reply, Request, TERMINATE};
use crate::model::Traces;

/// How often KILL is repeated until nobody is left.
const REPEAT: Duration = Duration::from_millis(5);

/// The body of the hidden subcommand that is the first process of a sandbox.
pub(in crate::exec) fn first_process() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody else can be told: the supervisor has gone.
            writeln!(io::stderr(), "milton: sandbox: {error}").ok();
            ExitCode::from(2)
        }
    }
}

fn serve() -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::process::setsid().ok();
    sys::close_others_on_exec()?;
    let mut control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut orders = BufReader::new(control.try_clone()?);
    let mut line = Vec::new();
    orders.read_until(b'\n', &mut line)?;
    let request: Request = serde_json::from_slice(&line)?;
    let reply = match &request.confinement {
        Some(Confinement::Enclosed(enclosure)) => run(&request, enclosure, orders)?,
        Some(Confinement::Wrapped(..) | Confinement::Restricted(_)) | None => {
            not_started("the request describes no sandbox".to_owned())
        }
    };
    let mut line = serde_json::to_vec(&reply)?;
    line.push(b'\n');
    control.write_all(&line)
}

fn run(
    request: &Request,
    enclosure: &Enclosure,
    orders: BufReader<UnixStream>,
) -> io::Result<Reply> {
    // Opened while the machine's own files are still in sight.
    let outside: Vec<_> = request
        .reports
        .iter()
        .map(|(_, outside)| create(Path::new(outside)))
        .collect();
    let layers = match set_up(enclosure) {
        Ok(layers) => layers,
        Err(error) => {
            return Ok(not_started(format!(
                "the sandbox cannot be set up: {error}"
            )));
        }
    };
    let (end, traces) = match start(request, enclosure) {
        Ok(started) => follow(&started, enclosure, orders)?,
        Err(reason) => return Ok(not_started(reason)),
    };
    for ((inside, _), outside) in request.reports.iter().zip(outside) {
        if let (Ok(from), Ok(to)) = (reports::open_regular(Path::new(inside)), outside) {
            // What is cut off is no readable report, and that is never a pass.
            reports::copy(from, to).ok();
        }
    }
    let (changed, changed_count) = left::changed(&layers);
    Ok(Reply {
        end,
        left_behind: 0,
        traces: Traces {
            changed,
            changed_count,
            ..traces
        },
    })
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn set_up(enclosure: &Enclosure) -> io::Result<Layers> {
    // The kernel takes these first when memory is short, not milton or the editor beside it.
    std::fs::write("/proc/self/oom_score_adj", "1000").ok();
    rustix::system::sethostname(mounts::HOST.as_bytes()).ok();
    sys::raise_loopback()?;
    let layers = mounts::build(enclosure)?;
    // Nobody below reads this process's memory or descriptors.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(layers)
}

/// A command that was started, and the calls that its filter hands over.
struct Started {
    pid: Pid,
    network: network::Watch,
}

/// Starts the command from a thread that is confined for good: what it gave up cannot be had again,
/// and the command inherits it, while this process keeps what it needs to tidy up.
fn start(request: &Request, enclosure: &Enclosure) -> Result<Started, String> {
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let started = confine::confine(enclosure)
                .map_err(|error| format!("the sandbox cannot be set up: {error}"))
                .and_then(|listener| {
                    let pid = crate::exec::supervise::start(request)?;
                    Ok((pid, listener))
                });
            // The receiver waits right below.
            sender.send(started).ok();
        });
        let (pid, listener) = receiver
            .recv()
            .map_err(|_| "the confined thread ended early".to_owned())??;
        Ok(Started {
            pid,
            network: network::watch(listener),
        })
    })
}

/// Waits for the command, then ends everything that it left behind.
fn follow(
    started: &Started,
    enclosure: &Enclosure,
    orders: BufReader<UnixStream>,
) -> io::Result<(End, Traces)> {
    thread::Builder::new()
        .name("orders".to_owned())
        .spawn(move || obey(orders))?;
    memory::watch(enclosure.limits.memory_bytes)?;
    let status = wait_for(started.pid)?;
    end_everyone();
    let end = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => End::Exited(code),
        (None, Some(signal)) => End::Signalled(signal),
        (None, None) => return Err(io::Error::other("neither exited nor signalled")),
    };
    Ok((end, started.network.traces()))
}

/// Waits until the command itself ended; orphans are buried on the way.
fn wait_for(command: Pid) -> io::Result<WaitStatus> {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == command => return Ok(status),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Kills and buries until nobody is left. Should that not come true, the end of this process, which
/// follows, takes the rest.
fn end_everyone() {
    for _ in 0..1000 {
        sys::signal_everyone(Signal::KILL);
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Err(_) => return,
                Ok(None) => break,
            }
        }
        thread::sleep(REPEAT);
    }
}

/// Follows orders until the process ends. KILL never comes here: then this process is killed.
fn obey(mut orders: BufReader<UnixStream>) {
    let mut order = [0_u8];
    while orders.read_exact(&mut order).is_ok() {
        if order == [TERMINATE] {
            sys::signal_everyone(Signal::TERM);
        }
    }
    // The supervisor has gone; its death signal may be on its way.
    sys::signal_everyone(Signal::KILL);
}

fn not_started(reason: String) -> Reply {
    Reply {
        end: End::NotStarted(reason),
        left_behind: 0,
        traces: Traces::default(),
    }
}
