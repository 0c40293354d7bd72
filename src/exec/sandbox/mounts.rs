//! The file system of a sandboxed command: a new root that holds only what is named.
//!
//! Everything is put together below a temporary file system that becomes the root first, with the
//! machine's old root below it; so no mount can hide a source that is still needed. The old root
//! goes in the end, and nothing is reachable that was not put in.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive,
    mount_change, unmount,
};

use crate::exec::sandbox::sys::{self, Depth};
use crate::exec::sandbox::{ETC, Enclosure, OWN, REPORTS_INSIDE, SUPPORT_INSIDE, SYSTEM};

/// Where the pieces are put together; it exists on every Linux system, and what is mounted there
/// while this lasts is seen by this name space only.
const BENCH: &str = "/tmp";
/// The machine's own root, while the pieces are put together.
const OLD: &str = "/old";
/// The command's root to be.
const NEW: &str = "/new";
/// Where everything that may be written lives: one file system, so that one limit holds.
const SCRATCH: &str = "/scratch";

/// The name of the machine, inside.
pub(super) const HOST: &str = "sandbox";
/// Device files that hold nothing of the machine. The command's session has no terminal, so `tty`
/// is one that a test made itself.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// The view's layers, kept open to see what the command changed.
#[derive(Debug)]
pub(super) struct Layers {
    /// What was written in the view.
    pub(super) upper: OwnedFd,
    /// What was there before, the uppermost first.
    pub(super) lower: Vec<OwnedFd>,
}

/// Builds the command's root and moves there.
pub(super) fn build(enclosure: &Enclosure) -> io::Result<Layers> {
    take_over_root(enclosure.limits.files_bytes)?;
    system()?;
    writable(enclosure)?;
    for (source, path) in &enclosure.visible {
        show(Path::new(source), Path::new(path))?;
    }
    devices()?;
    let layers = view(enclosure)?;
    own(enclosure)?;
    processes(enclosure)?;
    leave_old_root()?;
    Ok(layers)
}

/// Makes an empty file system the root, with the machine's root at [`OLD`].
fn take_over_root(bytes: u64) -> io::Result<()> {
    mount_change(
        "/",
        MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC,
    )
    .map_err(|e| named("the root", e))?;
    empty(Path::new(BENCH), 16 << 20)?;
    let bench = Path::new(BENCH);
    for folder in [OLD, NEW, SCRATCH] {
        fs::create_dir(bench.join(relative(Path::new(folder))))?;
    }
    let old = bench.join(relative(Path::new(OLD)));
    rustix::process::pivot_root(bench, &old).map_err(|e| named("a new root", e))?;
    rustix::process::chdir("/")?;
    empty(Path::new(NEW), 16 << 20)?;
    empty(Path::new(SCRATCH), bytes)?;
    for folder in ["upper", "work", "home", "tmp", "memory", "reports"] {
        fs::create_dir(Path::new(SCRATCH).join(folder))?;
    }
    for folder in ["tmp", "memory"] {
        let everybody = fs::Permissions::from_mode(0o1777);
        fs::set_permissions(Path::new(SCRATCH).join(folder), everybody)?;
    }
    Ok(())
}

fn system() -> io::Result<()> {
    for path in SYSTEM {
        let path = Path::new(path);
        match fs::symlink_metadata(old(path)) {
            Ok(found) if found.is_symlink() => symlink(fs::read_link(old(path))?, new(path))?,
            Ok(_) => show(path, path)?,
            Err(_) => {}
        }
    }
    hosts()?;
    for name in ETC {
        let path = Path::new("/etc").join(name);
        show(&path, &path)?;
    }
    for folder in [
        "/run", "/var", "/sys", "/mnt", "/srv", "/media", "/root", "/home",
    ] {
        fs::create_dir_all(new(Path::new(folder)))?;
    }
    symlink("/run", new(Path::new("/var/run")))?;
    Ok(())
}

/// The names of machines that need no network, and the own one among them.
fn hosts() -> io::Result<()> {
    let path = Path::new("/etc/hosts");
    let known = fs::read_to_string(old(path)).unwrap_or_default();
    let own = format!("127.0.0.1 localhost {HOST}\n::1 localhost {HOST}\n");
    target(Path::new("/etc"))?;
    fs::write(new(path), format!("{known}\n{own}"))
}

/// Home and temporary folders: empty, and gone with the sandbox.
fn writable(enclosure: &Enclosure) -> io::Result<()> {
    let scratch = Path::new(SCRATCH);
    let tmp = scratch.join("tmp");
    bind(&tmp, &target(Path::new("/tmp"))?)?;
    bind(&tmp, &target(Path::new("/var/tmp"))?)?;
    bind(&scratch.join("home"), &target(Path::new(&enclosure.home))?)?;
    bind(
        &scratch.join("reports"),
        &target(Path::new(REPORTS_INSIDE))?,
    )
}

/// Makes a file or folder of the machine visible, read-only, at a path; one that is missing, or a
/// file that is visible already, is left out.
fn show(source: &Path, path: &Path) -> io::Result<()> {
    let source = resolved(&old(source));
    let Ok(found) = fs::metadata(&source) else {
        return Ok(());
    };
    let place = new(path);
    if fs::symlink_metadata(&place).is_ok_and(|there| !there.is_dir()) {
        return Ok(());
    }
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent).map_err(|e| at(path, &e))?;
    }
    if found.is_dir() {
        fs::create_dir_all(&place).map_err(|e| at(path, &e))?;
    } else {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&place)
            .map_err(|e| at(path, &e))?;
    }
    mount_bind_recursive(&source, &place).map_err(|e| named_at(path, e))?;
    sys::protect(&place, Depth::All).map_err(|e| at(path, &e))
}

/// A path of the old root with its links resolved within the old root.
fn resolved(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    // Absolute links point into the new root's name space; each is taken back under the old one.
    for _ in 0..16 {
        match fs::read_link(&path) {
            Ok(link) if link.is_absolute() => path = old(&link),
            Ok(link) => path = path.parent().unwrap_or(Path::new("/")).join(link),
            Err(_) => break,
        }
    }
    path
}

fn devices() -> io::Result<()> {
    let dev = target(Path::new("/dev"))?;
    for name in DEVICES {
        let place = dev.join(name);
        File::create(&place)?;
        mount_bind(old(&Path::new("/dev").join(name)), &place).map_err(|e| named(name, e))?;
    }
    for (name, link) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ] {
        symlink(link, dev.join(name))?;
    }
    fs::create_dir(dev.join("pts"))?;
    fs::create_dir(dev.join("shm"))?;
    bind(&Path::new(SCRATCH).join("memory"), &dev.join("shm"))?;
    mount(
        "devpts",
        dev.join("pts"),
        "devpts",
        MountFlags::NOSUID | MountFlags::NOEXEC,
        Some(c"newinstance,ptmxmode=0666,mode=620"),
    )
    .map_err(|e| named("pseudo-terminals", e))
}

/// The view of the candidate, at the checkout's own path.
fn view(enclosure: &Enclosure) -> io::Result<Layers> {
    // Short names, because the mount option splits at colons and commas.
    let mut lower = Vec::new();
    let mut names = Vec::new();
    for (index, layer) in enclosure.layers.iter().enumerate() {
        let name = format!("/layer{index}");
        fs::create_dir(&name)?;
        mount_bind(old(Path::new(layer)), &name).map_err(|e| named_at(Path::new(layer), e))?;
        lower.push(open(Path::new(&name))?);
        names.push(name);
    }
    let scratch = Path::new(SCRATCH);
    let options = format!(
        "lowerdir={},upperdir={SCRATCH}/upper,workdir={SCRATCH}/work,userxattr",
        names.join(":")
    );
    let options = std::ffi::CString::new(options)?;
    let place = target(Path::new(&enclosure.checkout))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount(
        "overlay",
        &place,
        "overlay",
        flags,
        Some(options.as_c_str()),
    )
    .map_err(|e| named("the view of the checkout", e))?;
    Ok(Layers {
        upper: open(&scratch.join("upper"))?,
        lower,
    })
}

fn own(enclosure: &Enclosure) -> io::Result<()> {
    if enclosure.support.is_empty() {
        return Ok(());
    }
    let place = target(Path::new(SUPPORT_INSIDE))?;
    bind(&old(Path::new(&enclosure.support)), &place)?;
    sys::protect(&place, Depth::One)?;
    fs::create_dir_all(new(Path::new(OWN)))
}

/// A `/proc` of the new pid name space; its settings are made before it becomes read-only.
fn processes(enclosure: &Enclosure) -> io::Result<()> {
    let place = target(Path::new("/proc"))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", &place, "proc", flags, None::<&std::ffi::CStr>).map_err(|e| named("/proc", e))?;
    // On a kernel where this number belongs to the whole machine it cannot be written from here,
    // and the limit on processes of the user holds instead.
    let processes = enclosure.limits.processes.to_string();
    fs::write(place.join("sys/kernel/pid_max"), &processes).ok();
    // Memory that is in no process: it counts against the same limit as files do.
    let pages = shared_pages(enclosure);
    for (name, value) in [("shmall", pages), ("shmmni", 512)] {
        fs::write(place.join("sys/kernel").join(name), value.to_string()).ok();
    }
    for name in ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"] {
        let setting = place.join(format!("sys/user/max_{name}_namespaces"));
        fs::write(setting, "0").ok();
    }
    sys::protect(&place, Depth::One)
}

/// How many pages of shared memory may be made without a process that holds them.
fn shared_pages(enclosure: &Enclosure) -> u64 {
    enclosure.limits.files_bytes / rustix::param::page_size() as u64
}

fn leave_old_root() -> io::Result<()> {
    sys::protect(Path::new(NEW), Depth::One)?;
    rustix::process::chdir(NEW)?;
    // The old root is stacked on the new one, then taken away.
    rustix::process::pivot_root(".", ".").map_err(|e| named("the new root", e))?;
    unmount(".", UnmountFlags::DETACH).map_err(|e| named("the old root", e))?;
    rustix::process::chdir("/").map_err(io::Error::from)
}

fn empty(place: &Path, bytes: u64) -> io::Result<()> {
    let options = std::ffi::CString::new(format!("size={bytes},nr_inodes=200000,mode=0755"))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", place, "tmpfs", flags, Some(options.as_c_str())).map_err(|e| named_at(place, e))
}

fn bind(source: &Path, place: &Path) -> io::Result<()> {
    mount_bind(source, place).map_err(|e| named_at(place, e))
}

/// The folder in the new root, made where it is missing.
fn target(path: &Path) -> io::Result<PathBuf> {
    let place = new(path);
    fs::create_dir_all(&place).map_err(|e| at(path, &e))?;
    Ok(place)
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    rustix::fs::openat(
        CWD,
        path,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(io::Error::from)
}

fn old(path: &Path) -> PathBuf {
    Path::new(OLD).join(relative(path))
}

fn new(path: &Path) -> PathBuf {
    Path::new(NEW).join(relative(path))
}

fn relative(path: &Path) -> &OsStr {
    path.strip_prefix("/").unwrap_or(path).as_os_str()
}

fn named(what: &str, error: rustix::io::Errno) -> io::Error {
    let error = io::Error::from(error);
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

fn named_at(path: &Path, error: rustix::io::Errno) -> io::Error {
    at(path, &error.into())
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
