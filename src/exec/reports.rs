//! Brings the files that a command was asked to write out of its view.
//!
//! They were written by hostile code: only a regular file at the very path is taken, never a link,
//! and never more than the limit.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::exec::LARGEST_REPORT;

/// Copies each file that is there. What cannot be copied is missing afterwards, and a missing
/// report is never a pass.
pub(super) fn bring_out(reports: &[(OsString, OsString)]) {
    for (inside, outside) in reports {
        let Ok(from) = open_regular(Path::new(inside)) else {
            continue;
        };
        let to = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(outside);
        if let Ok(to) = to {
            // A full disk leaves a part, which the reader refuses.
            copy(from, to).ok();
        }
    }
}

/// Opens a file without following a link and without waiting for a pipe's other end.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("not a regular file"))
    }
}

/// Copies at most the limit; a larger file is cut, and so is no readable report.
pub(super) fn copy(from: File, mut to: File) -> io::Result<u64> {
    io::copy(&mut from.take(LARGEST_REPORT), &mut to)
}
