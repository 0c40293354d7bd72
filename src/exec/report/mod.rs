//! The channel through which a test runner tells its counts: a JUnit file that milton asks for, and
//! for pytest an authenticated record that milton's own plugin writes. Printed text is never counted.
//!
//! Both are written by the tests' own process, so everything in it is untrusted: it is read
//! with bounds on size, depth and text, and a file that cannot be believed is no report.

mod case;
mod instrument;
mod judge;
mod junit;
mod location;
mod plugin;
mod record;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

use crate::exec::Candidate;
use crate::exec::Error;
use crate::exec::report::junit::Named;
use crate::model::{Cases, ExitKind, TestReport};

pub use instrument::{Instrumented, REPORT_VARIABLE, Runner, instrument, is_pytest};
pub use location::inside as inside_view;
pub use plugin::PluginChannel;

/// The largest report that is read: a hundred thousand tests with a traceback each hundred.
const LARGEST: u64 = 64 * 1024 * 1024;

/// A test command that ended, and where it should have left its report.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// Program and arguments as the plan named them.
    pub argv: &'a [String],
    /// Which runner was asked for the report.
    pub kind: Runner,
    /// How the command ended.
    pub exit: &'a ExitKind,
    /// How long it took.
    pub duration: Duration,
    /// The report file, the one given to [`instrument()`].
    pub report_file: &'a Path,
    /// The record of milton's plugin, where one was asked for: then nothing counts without it.
    pub record: Option<(&'a PluginChannel, &'a Path)>,
    /// The folder the tests ran in; paths in the report are made relative to it.
    pub view: &'a Candidate,
}

/// What was counted, test by test.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// The counts and what they come to.
    pub report: TestReport,
    /// Every test by its name; empty when there is no report that can be believed.
    pub cases: Cases,
    /// Whether the cases are complete: the run came to its end and its report can be believed.
    pub is_complete: bool,
    /// The files from which the modules that were asked for were imported.
    pub modules: BTreeMap<String, String>,
    /// Whether functions of the test runner were replaced while it ran.
    pub tampered: bool,
}

/// Removes an earlier report, so that what [`read`] finds was written by this run.
///
/// # Errors
///
/// [`Error::View`] when something stands in the way that cannot be removed.
pub fn clear(report_file: &Path) -> Result<(), Error> {
    match std::fs::remove_file(report_file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::View {
            path: report_file.to_owned(),
            source: error,
        }),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Reads the report of a test command and judges both together.
///
/// Never fails: whatever is wrong with the report becomes an outcome that is not a pass, with the
/// reason in it. It reads up to 64 MiB, so call it off the async threads.
pub fn read(run: &Reading<'_>) -> Counted {
    let named = match run.record {
        Some(_) => Named::Failures,
        None => Named::All,
    };
    let junit = open(run.report_file).and_then(|file| junit::parse(file, run.view, named));
    let record = run.record.map(|(channel, path)| {
        open(path)
            .map_err(|why| format!("milton's plugin: {why}"))
            .and_then(|file| record::parse(file, channel))
    });
    judge::judge(run, junit, record)
}

/// Opens the report without following a link and without waiting for a pipe's other end.
fn open(path: &Path) -> Result<File, String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Err("no report was written".to_owned()),
        Err(rustix::io::Errno::LOOP) => return Err("the report is a symbolic link".to_owned()),
        Err(error) => return Err(format!("the report cannot be opened: {error}")),
    };
    let metadata = file
        .metadata()
        .map_err(|error| format!("the report cannot be read: {error}"))?;
    if !metadata.is_file() {
        return Err("the report is not a regular file".to_owned());
    }
    if metadata.len() > LARGEST {
        return Err(format!(
            "the report is larger than {} MiB",
            LARGEST / 1024 / 1024
        ));
    }
    Ok(file)
}
