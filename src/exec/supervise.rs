//! The hidden subcommand: starts one command, adopts what it leaves behind, ends all of it.
//!
//! It is a program of its own inside the same file: one thread waits for children, one for orders,
//! and it owns nothing but the control socket. Everything it knows comes through that socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

use crate::exec::processes::signal_descendants;
use crate::exec::reports::bring_out;
#[cfg(target_os = "linux")]
use crate::exec::sandbox::{self, wrapped};
use crate::exec::sandbox::{Confinement, Restriction};
#[cfg(not(target_os = "linux"))]
use crate::exec::sandbox::{Enclosure, Wrapper};
use crate::exec::wire::{End, KILL, Reply, Request, TERMINATE};
use crate::model::Traces;

/// How long processes may survive KILL before they are reported as left behind. Only a process of
/// another user or one stuck in the kernel gets there.
const GIVE_UP: Duration = Duration::from_secs(5);

/// How often KILL is repeated while milton's order stands and the command is not gone yet.
const REPEAT: Duration = Duration::from_millis(10);

/// Runs the supervisor: the whole body of the hidden subcommand.
///
/// Reads one request from standard input, which must be the control socket, starts the command
/// with standard output and standard error as they are, and replies when no process of it is left.
pub(super) fn supervise() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody else can be told: milton has gone, or never was there.
            writeln!(io::stderr(), "milton: supervisor: {error}").ok();
            ExitCode::from(2)
        }
    }
}

fn serve() -> io::Result<()> {
    // Leaves milton's terminal: its Ctrl-C does not come here, and no command below can open
    // /dev/tty to type into the review. It fails only for a group leader, started by hand.
    rustix::process::setsid().ok();
    close_others_on_exec()?;
    let mut control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut orders = BufReader::new(control.try_clone()?);
    let mut line = Vec::new();
    orders.read_until(b'\n', &mut line)?;
    let request: Request = serde_json::from_slice(&line)?;
    if let Some(Confinement::Enclosed(_)) = &request.confinement {
        return answer(&mut control, &enclosed(&request, orders)?);
    }
    adopt_orphans()?;
    let (request, started) = match &request.confinement {
        Some(Confinement::Wrapped(wrapper, enclosure)) => {
            let outer = wrapped(&request, wrapper, enclosure)?;
            let started = start(&outer);
            (outer, started)
        }
        Some(Confinement::Restricted(restriction)) => {
            let started = start_restricted(&request, restriction);
            (request, started)
        }
        Some(Confinement::Enclosed(_)) | None => {
            let started = start(&request);
            (request, started)
        }
    };
    let reply = match started {
        Ok(pid) => follow(pid, orders)?,
        Err(reason) => Reply {
            end: End::NotStarted(reason),
            left_behind: 0,
            traces: Traces::default(),
        },
    };
    bring_out(&request.reports);
    answer(&mut control, &reply)
}

fn answer(control: &mut UnixStream, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    control.write_all(&line)
}

#[cfg(target_os = "linux")]
fn enclosed(request: &Request, orders: BufReader<UnixStream>) -> io::Result<Reply> {
    sandbox::run(request, orders)
}

#[cfg(not(target_os = "linux"))]
fn wrapped(_: &Request, _: &Wrapper, _: &Enclosure) -> io::Result<Request> {
    Err(io::Error::other(NEEDS_LINUX))
}

#[cfg(not(target_os = "linux"))]
fn enclosed(_request: &Request, _orders: BufReader<UnixStream>) -> io::Result<Reply> {
    Err(io::Error::other(NEEDS_LINUX))
}

/// Where this is met, somebody asked for a sandbox that no probe can have found.
#[cfg(not(target_os = "linux"))]
const NEEDS_LINUX: &str = "the sandbox needs Linux";

#[cfg(not(target_os = "linux"))]
fn start_restricted(_request: &Request, _restriction: &Restriction) -> Result<Pid, String> {
    Err(NEEDS_LINUX.to_owned())
}

/// What milton itself was started with is not for a command to have.
#[cfg(target_os = "linux")]
fn close_others_on_exec() -> io::Result<()> {
    sandbox::sys::close_others_on_exec()
}

#[cfg(not(target_os = "linux"))]
fn close_others_on_exec() -> io::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
fn adopt_orphans() -> io::Result<()> {
    // Any number but none switches it on.
    Ok(rustix::process::set_child_subreaper(Some(
        rustix::process::getpid(),
    ))?)
}

#[cfg(not(target_os = "linux"))]
fn adopt_orphans() -> io::Result<()> {
    Ok(())
}

/// Starts the command from a thread that gives up what it may not do; the command inherits that,
/// and this process keeps the right to end it.
#[cfg(target_os = "linux")]
fn start_restricted(request: &Request, restriction: &Restriction) -> Result<Pid, String> {
    thread::scope(|scope| {
        let starting = scope.spawn(|| {
            sandbox::restrict(restriction)
                .map_err(|error| format!("the sandbox cannot be set up: {error}"))?;
            start(request)
        });
        starting
            .join()
            .unwrap_or_else(|_| Err("the confined thread ended early".to_owned()))
    })
}

/// Starts the command in a process group of its own, confined as this thread is.
#[expect(
    clippy::disallowed_methods,
    reason = "exec is the only spawner, and this is the one place where a command starts"
)]
pub(super) fn start(request: &Request) -> Result<Pid, String> {
    let program = Path::new(&request.program);
    let cwd = Path::new(&request.cwd);
    if !program.is_absolute() {
        return Err(format!("{} is not an absolute path", program.display()));
    }
    // Checked first, because the system reports a missing folder as if the program were missing.
    if !cwd.is_dir() {
        return Err(format!(
            "the working directory {} does not exist",
            cwd.display()
        ));
    }
    let mut child = Command::new(program)
        .args(&request.arguments)
        .current_dir(cwd)
        .env_clear()
        .envs(request.env.iter().map(|(name, value)| (name, value)))
        .stdin(if request.stdin.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        })
        .process_group(0)
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read it has lost nothing.
        stdin.write_all(&request.stdin).ok();
    }
    Ok(Pid::from_child(&child))
}

/// Waits for the command, then ends what it left behind.
fn follow(pid: Pid, orders: BufReader<UnixStream>) -> io::Result<Reply> {
    let obeying = thread::Builder::new()
        .name("orders".to_owned())
        .spawn(move || obey(orders, pid));
    if let Err(error) = obeying {
        end_all(pid);
        return Err(error);
    }
    let status = wait_for(pid)?;
    let end = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => End::Exited(code),
        (None, Some(signal)) => End::Signalled(signal),
        (None, None) => return Err(io::Error::other("neither exited nor signalled")),
    };
    let left_behind = end_all(pid);
    Ok(Reply {
        end,
        left_behind,
        traces: Traces::default(),
    })
}

/// Waits until the command itself ended; adopted orphans are buried on the way.
fn wait_for(command: Pid) -> io::Result<WaitStatus> {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == command => return Ok(status),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Kills and buries until the system says that there is no child any more. Says how many are left
/// when that does not come true.
fn end_all(command: Pid) -> usize {
    let give_up = Instant::now() + GIVE_UP;
    let mut pause = Duration::from_micros(100);
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => continue,
            Err(_) => return 0,
            Ok(None) => {}
        }
        let left = signal_all(command, Signal::KILL);
        if Instant::now() > give_up {
            return left.max(1);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(REPEAT);
    }
}

/// Follows milton's orders until the process ends.
fn obey(mut orders: BufReader<UnixStream>, command: Pid) {
    loop {
        let mut order = [0_u8];
        match orders.read_exact(&mut order) {
            Ok(()) if order == [TERMINATE] => {
                signal_all(command, Signal::TERM);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(()) if order == [KILL] => break,
            // The socket closed: milton is gone, and with it the reason to run anything. An order
            // that makes no sense means the same: better to end than to guess.
            Ok(()) | Err(_) => break,
        }
    }
    // Repeated, because a command may be forking faster than one snapshot is taken.
    loop {
        signal_all(command, Signal::KILL);
        thread::sleep(REPEAT);
    }
}

#[cfg(target_os = "linux")]
fn signal_all(_command: Pid, signal: Signal) -> usize {
    signal_descendants(rustix::process::getpid(), signal)
}

#[cfg(not(target_os = "linux"))]
fn signal_all(command: Pid, signal: Signal) -> usize {
    // Without sub-reaper and /proc, the process group is all that can be named.
    usize::from(rustix::process::kill_process_group(command, signal).is_ok())
        + signal_descendants(command, signal)
}
