//! System calls that have no safe wrapper in the libraries at hand. All of milton's unsafe code.

#![expect(
    unsafe_code,
    reason = "namespaces, mount attributes and the seccomp listener have no safe interface"
)]

use std::ffi::CString;
use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::thread::UnshareFlags;
use seccompiler::sock_filter;

/// Leaves the name spaces of the parent. The process must have one thread.
pub(in crate::exec) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: the flags never hold CLONE_FILES, so no descriptor changes its meaning for another
    // thread; and there is no other thread.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(io::Error::from)
}

/// What is done to a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// This mount.
    One,
    /// It and every mount below.
    All,
}

/// Makes a mount read-only, without set-user-id programs and without device files.
pub(super) fn protect(path: &Path, depth: Depth) -> io::Result<()> {
    set_attributes(
        path,
        depth,
        libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV,
    )
}

fn set_attributes(path: &Path, depth: Depth, set: u64) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let attributes = libc::mount_attr {
        attr_set: set,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let flags = match depth {
        Depth::One => 0,
        Depth::All => libc::AT_RECURSIVE,
    };
    // SAFETY: the path is a C string and the structure has the size that is passed with it; both
    // live until the call returns.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    checked(result).map(drop)
}

/// Sends a signal to every process of this process's own pid name space but itself. Only for the
/// first process of a name space: anywhere else it would reach all of the user's processes.
pub(super) fn signal_everyone(signal: rustix::process::Signal) {
    if rustix::process::getpid().as_raw_pid() == 1 {
        // SAFETY: no memory is involved. It fails when there is nobody, which is what is wanted.
        unsafe { libc::kill(-1, signal.as_raw()) };
    }
}

/// Lets no descriptor but the three standard ones reach a program that is started from now on.
pub(in crate::exec) fn close_others_on_exec() -> io::Result<()> {
    // SAFETY: only flags of descriptors change.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3_u32,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    checked(result).map(drop)
}

/// Switches the loopback interface of the own network name space on.
pub(super) fn raise_loopback() -> io::Result<()> {
    // SAFETY: the call takes numbers only.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    let socket = checked(libc::c_long::from(socket))?;
    // SAFETY: a new descriptor that nobody else owns.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    // SAFETY: all zero is a valid value of this plain structure.
    let mut request: libc::ifreq = unsafe { zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    request.ifr_ifru.ifru_flags =
        libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or_default();
    // SAFETY: the request is a valid `ifreq` that lives until the call returns.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw mut request) };
    checked(libc::c_long::from(result)).map(drop)
}

/// Installs a filter for this thread and what it starts, and returns the descriptor on which the
/// calls that it hands over are received.
pub(super) fn install_listener(filter: &[sock_filter]) -> io::Result<OwnedFd> {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(io::Error::other)?,
        filter: filter.as_ptr().cast::<libc::sock_filter>().cast_mut(),
    };
    // SAFETY: both types are the kernel's `struct sock_filter`; the kernel copies the program
    // before the call returns, and the slice outlives it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        )
    };
    // SAFETY: a new descriptor that nobody else owns; the kernel made it close-on-exec.
    checked(result).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// One call that a filter handed over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handed {
    /// To answer it.
    pub(super) id: u64,
    /// The thread that made it, in this pid name space.
    pub(super) pid: u32,
    /// The call's number.
    pub(super) number: i64,
    /// Its arguments.
    pub(super) arguments: [u64; 6],
}

/// Waits for the next call.
pub(super) fn receive(listener: BorrowedFd<'_>) -> io::Result<Handed> {
    // SAFETY: all zero is what the kernel asks for.
    let mut found: libc::seccomp_notif = unsafe { zeroed() };
    // SAFETY: the structure is the one of this request and lives until the call returns.
    let result = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            SECCOMP_IOCTL_NOTIF_RECV,
            &raw mut found,
        )
    };
    checked(libc::c_long::from(result))?;
    Ok(Handed {
        id: found.id,
        pid: found.pid,
        number: i64::from(found.data.nr),
        arguments: found.data.args,
    })
}

/// Lets the kernel carry the call out.
pub(super) fn let_go_on(listener: BorrowedFd<'_>, id: u64) -> io::Result<()> {
    let mut answer = libc::seccomp_notif_resp {
        id,
        val: 0,
        error: 0,
        flags: u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).map_err(io::Error::other)?,
    };
    // SAFETY: the structure is the one of this request and lives until the call returns.
    let result = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            SECCOMP_IOCTL_NOTIF_SEND,
            &raw mut answer,
        )
    };
    checked(libc::c_long::from(result)).map(drop)
}

/// `_IOWR('!', 0, struct seccomp_notif)` of `linux/seccomp.h`.
const SECCOMP_IOCTL_NOTIF_RECV: libc::Ioctl = request_number(0, size_of::<libc::seccomp_notif>());
/// `_IOWR('!', 1, struct seccomp_notif_resp)`.
const SECCOMP_IOCTL_NOTIF_SEND: libc::Ioctl =
    request_number(1, size_of::<libc::seccomp_notif_resp>());

/// `_IOWR('!', number, size)`: both directions, the size of the argument, the letter, the number.
const fn request_number(number: libc::Ioctl, size: usize) -> libc::Ioctl {
    (3 << 30) | ((size as libc::Ioctl) << 16) | ((b'!' as libc::Ioctl) << 8) | number
}

fn checked(result: libc::c_long) -> io::Result<i32> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(result).map_err(io::Error::other)
}
