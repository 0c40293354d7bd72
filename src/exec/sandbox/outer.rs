//! The supervisor's part: leaves the user's name spaces, starts the first process of a new one, and
//! passes orders down and the reply up.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::thread::{CapabilitySets, UnshareFlags};

use crate::exec::FIRST_PROCESS;
use crate::exec::sandbox::sys;
use crate::exec::wire::{End, Reply, Request, TERMINATE};
use crate::model::Traces;

/// Runs one command in the sandbox that the request describes and returns when nothing of it is
/// left. `orders` is the rest of milton's socket.
pub(in crate::exec) fn run(request: &Request, orders: BufReader<UnixStream>) -> io::Result<Reply> {
    match start(request) {
        Ok((child, control)) => follow(child, &control, orders),
        Err(error) => Ok(Reply {
            end: End::NotStarted(format!("the sandbox cannot be set up: {error}")),
            left_behind: 0,
            traces: Traces::default(),
        }),
    }
}

/// Leaves every name space that the user's processes share, and starts the first process inside.
#[expect(
    clippy::disallowed_methods,
    reason = "exec is the only spawner; this starts milton itself"
)]
fn start(request: &Request) -> io::Result<(Child, UnixStream)> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    // Found before the name spaces change; a path, because the new process needs its own image.
    let program = std::env::current_exe()?;
    sys::unshare(
        UnshareFlags::NEWUSER
            | UnshareFlags::NEWNS
            | UnshareFlags::NEWPID
            | UnshareFlags::NEWNET
            | UnshareFlags::NEWIPC
            | UnshareFlags::NEWUTS
            | UnshareFlags::NEWCGROUP,
    )?;
    // The same numbers inside as outside: a test sees the user that it always sees, and the files
    // of the checkout have their owner. Only one user and one group exist inside.
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write(
        "/proc/self/uid_map",
        format!("{} {} 1", user.as_raw(), user.as_raw()),
    )?;
    std::fs::write(
        "/proc/self/gid_map",
        format!("{} {} 1", group.as_raw(), group.as_raw()),
    )?;
    keep_capabilities()?;
    let (near, far) = UnixStream::pair()?;
    let child = Command::new(program)
        .arg(FIRST_PROCESS)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(far)))
        .spawn()?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    (&near).write_all(&line)?;
    Ok((child, near))
}

/// Lets the capabilities of the new user name space outlive the start of the first process: whoever
/// is not root inside would lose them there. The command never gets them.
fn keep_capabilities() -> io::Result<()> {
    let own = rustix::thread::capabilities(None)?;
    rustix::thread::set_capabilities(
        None,
        CapabilitySets {
            inheritable: own.permitted,
            ..own
        },
    )?;
    for capability in own.permitted.iter() {
        rustix::thread::configure_capability_in_ambient_set(capability, true)?;
    }
    Ok(())
}

/// Waits for the first process's reply and passes orders on. Without threads: one cannot be made
/// once the next child belongs to another pid name space.
fn follow(
    mut child: Child,
    control: &UnixStream,
    mut orders: BufReader<UnixStream>,
) -> io::Result<Reply> {
    let mut listening = true;
    loop {
        let mut ready = [
            PollFd::new(control, PollFlags::IN),
            PollFd::new(orders.get_ref(), PollFlags::IN),
        ];
        let watched = if listening {
            &mut ready[..]
        } else {
            &mut ready[..1]
        };
        match poll(watched, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [reply, order] = ready.map(|found| !found.revents().is_empty());
        if reply {
            break;
        }
        if order && listening {
            let mut byte = [0_u8];
            match orders.read_exact(&mut byte) {
                Ok(()) if byte == [TERMINATE] => (&mut &*control).write_all(&byte)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // KILL, an order that makes no sense, or milton is gone.
                Ok(()) | Err(_) => {
                    child.kill().ok();
                    listening = false;
                }
            }
        }
    }
    let mut line = Vec::new();
    BufReader::new(control.as_fd().try_clone_to_owned().map(UnixStream::from)?)
        .read_until(b'\n', &mut line)
        .ok();
    // It has replied or was killed: its end takes everything else with it, and that is waited for.
    child.kill().ok();
    child.wait()?;
    Ok(serde_json::from_slice(&line).unwrap_or_else(|_| Reply {
        // Killed before it could reply; nothing is left, the kernel saw to that.
        end: End::Signalled(libc::SIGKILL),
        left_behind: 0,
        traces: Traces::default(),
    }))
}
