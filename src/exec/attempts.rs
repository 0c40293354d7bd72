//! What a tier stops, found out by trying: `milton doctor` lets milton itself play a hostile test.
//!
//! An attempt must do no harm where it gets through, which is what it is there to find out: it
//! works on things that this module made, or asks without doing.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};
use rustix::io::Errno;
use rustix::mount::MountFlags;
use rustix::process::Pid;
use rustix::thread::UnshareFlags;

use crate::exec::probe::{run_trial, trial, wrapper};
use crate::exec::{ATTEMPT, sandbox};
use crate::model::{ExitKind, Tier};

/// The exit code of an attempt that succeeded: what it tried is not stopped.
const GOT_THROUGH: u8 = 0;
/// The exit code of an attempt that was refused.
const REFUSED: u8 = 7;
/// More tasks than a sandbox allows.
const TASKS: usize = 1200;
/// More memory than a process may map, in bytes.
const MEMORY: usize = 6 << 30;

/// What is tried: the word on the command line, and what it means.
const ATTEMPTS: [(&str, &str); 13] = [
    ("read", "read a file of yours"),
    ("write", "write a file of yours"),
    ("touch", "change the times of a file of yours"),
    ("tcp", "connect to a program of yours over TCP"),
    ("udp", "send it a datagram"),
    ("unix", "connect to a Unix socket of yours"),
    ("abstract", "connect to an abstract socket of yours"),
    ("signal", "signal a process of yours"),
    ("watch", "see which processes you run"),
    ("namespace", "make a name space, to be root in it"),
    ("mount", "mount a file system"),
    ("tasks", "start 1,200 processes or threads"),
    ("memory", "map 6 GiB of memory"),
];

/// One attempt and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What was tried, to be read after "it may" or "it cannot".
    pub what: &'static str,
    /// Whether it was stopped.
    pub stopped: bool,
}

/// Tries everything in a tier, with milton's own program as the hostile one. Takes some 20
/// milliseconds for each attempt.
///
/// # Errors
///
/// Why nothing could be tried, in one phrase.
pub fn attempts(
    tier: Tier,
    program: &Path,
    bubblewrap: Option<&Path>,
) -> Result<Vec<Attempt>, String> {
    let words = |error: io::Error| format!("nothing could be tried: {error}");
    let mine = tempfile::tempdir().map_err(words)?;
    let targets = Targets::new(mine.path()).map_err(words)?;
    ATTEMPTS
        .iter()
        .map(|(name, what)| {
            let place = tempfile::tempdir().map_err(words)?;
            let target = targets.of(name);
            let argv = [ATTEMPT, name, &target].map(str::to_owned);
            let wrapper = wrapper(tier, program, bubblewrap, place.path())?;
            let spec = trial(tier, wrapper, place.path(), program, &argv).map_err(words)?;
            let stopped = match run_trial(spec, program)? {
                ExitKind::Exited { code } if code == i32::from(GOT_THROUGH) => false,
                ExitKind::NotStarted { reason } => return Err(reason),
                ExitKind::Exited { .. }
                | ExitKind::Signalled { .. }
                | ExitKind::TimedOut
                | ExitKind::Stopped
                | ExitKind::OutputLimit => true,
            };
            Ok(Attempt { what, stopped })
        })
        .collect()
}

/// Things of the user's that an attempt is made on.
struct Targets {
    file: String,
    tcp: TcpListener,
    udp: UdpSocket,
    socket: String,
    name: String,
    _listeners: [UnixListener; 2],
}

impl Targets {
    fn new(mine: &Path) -> io::Result<Self> {
        let file = mine.join("file");
        fs::write(&file, "mine")?;
        let socket = mine.join("socket");
        let name = format!("milton-doctor-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name)?;
        Ok(Self {
            file: file.display().to_string(),
            tcp: TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
            udp: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
            _listeners: [
                UnixListener::bind(&socket)?,
                UnixListener::bind_addr(&address)?,
            ],
            socket: socket.display().to_string(),
            name,
        })
    }

    fn of(&self, attempt: &str) -> String {
        let port = |address: io::Result<std::net::SocketAddr>| {
            address
                .map(|address| address.port().to_string())
                .unwrap_or_default()
        };
        match attempt {
            "read" | "write" | "touch" => self.file.clone(),
            "tcp" => port(self.tcp.local_addr()),
            "udp" => port(self.udp.local_addr()),
            "unix" => self.socket.clone(),
            "abstract" => self.name.clone(),
            "signal" | "watch" => std::process::id().to_string(),
            _ => String::new(),
        }
    }
}

/// The body of the hidden subcommand: makes one attempt from inside.
pub(super) fn attempt() -> ExitCode {
    let mut words = std::env::args().skip(2);
    let (name, target) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let done = make(&name, &target);
    ExitCode::from(if done.is_ok() { GOT_THROUGH } else { REFUSED })
}

fn make(name: &str, target: &str) -> io::Result<()> {
    let port = || target.parse::<u16>().map_err(io::Error::other);
    match name {
        "read" => fs::read(target).map(drop),
        "write" => fs::OpenOptions::new().append(true).open(target).map(drop),
        "touch" => touch(Path::new(target)),
        "tcp" => TcpStream::connect((Ipv4Addr::LOCALHOST, port()?)).map(drop),
        "udp" => send(port()?),
        "unix" => UnixStream::connect(target).map(drop),
        "abstract" => UnixStream::connect_addr(&SocketAddr::from_abstract_name(target)?).map(drop),
        "signal" => signal(target),
        "watch" => watch(target),
        "namespace" => sandbox::sys::unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS),
        "mount" => mount(),
        "tasks" => tasks(),
        "memory" => {
            let mut memory = Vec::<u8>::new();
            memory.try_reserve_exact(MEMORY).map_err(io::Error::other)
        }
        _ => Err(io::Error::other("no such attempt")),
    }
}

fn touch(path: &Path) -> io::Result<()> {
    let long_ago = Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: long_ago,
        last_modification: long_ago,
    };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::empty()).map_err(io::Error::from)
}

/// A datagram that nobody takes is refused by the second one at the latest.
fn send(port: u16) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect((Ipv4Addr::LOCALHOST, port))?;
    socket.send(b"x")?;
    std::thread::sleep(Duration::from_millis(5));
    socket.send(b"x").map(drop)
}

/// Signal 0 is delivered to nobody and says whether another one would be. The number must mean
/// milton: inside a pid name space it may mean a process of its own, or none.
fn signal(target: &str) -> io::Result<()> {
    watch(target)?;
    let pid = target.parse().ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("not a process"))?;
    rustix::process::test_kill_process(pid).map_err(io::Error::from)
}

/// Sees the process that is meant: milton's doctor.
fn watch(target: &str) -> io::Result<()> {
    let line = fs::read(format!("/proc/{target}/cmdline"))?;
    let is_doctor = line.split(|byte| *byte == 0).any(|word| word == b"doctor");
    is_doctor
        .then_some(())
        .ok_or_else(|| io::Error::other("somebody else"))
}

/// Asks for a file system of a kind that no kernel has: whoever may mount is told so, whoever may
/// not is refused before. Nothing is ever mounted, also where nothing is stopped.
fn mount() -> io::Result<()> {
    let nothing = "milton-no-such-kind";
    match rustix::mount::mount(nothing, "/tmp", nothing, MountFlags::empty(), None) {
        Err(Errno::NODEV) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn tasks() -> io::Result<()> {
    let (keep, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    for _ in 0..TASKS {
        let wait = std::sync::Arc::clone(&wait);
        std::thread::Builder::new()
            .stack_size(32 << 10)
            .spawn(move || {
                // Holds the place until everybody is there, or the attempt has failed.
                wait.lock().map(|wait| wait.recv().ok()).ok();
            })?;
    }
    drop(keep);
    Ok(())
}
