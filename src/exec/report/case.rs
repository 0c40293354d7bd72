//! One test of a report: its bounds, its name as pytest prints it, and where it failed.

use crate::exec::Candidate;
use crate::exec::report::location;
use crate::model::{FailedTest, Since};

/// The longest traceback that is kept, in bytes.
pub(super) const TRACEBACK: usize = 20 * 1024;

/// The longest message and name that are kept, in bytes.
pub(super) const MESSAGE: usize = 1024;

/// An open test case.
#[derive(Debug, Default)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) class: String,
    pub(super) file: Option<String>,
    pub(super) line: Option<u32>,
    pub(super) failures: u64,
    pub(super) errors: u64,
    pub(super) skipped: bool,
    pub(super) message: String,
    pub(super) traceback: String,
}

impl Case {
    /// Appends as much as the bound allows.
    pub(super) fn push_traceback(&mut self, text: &str) {
        let room = TRACEBACK.saturating_sub(self.traceback.len());
        let end = (0..=room.min(text.len())).rfind(|end| text.is_char_boundary(*end));
        self.traceback
            .push_str(text.get(..end.unwrap_or(0)).unwrap_or_default());
    }

    /// What the reviewer reads about it.
    pub(super) fn into_failed_test(self, view: &Candidate) -> FailedTest {
        let own = self
            .file
            .as_deref()
            .and_then(|file| location::inside(file, view));
        let name = self.display_name(own.as_deref(), view);
        // pytest counts the lines of a test's definition from 0.
        let defined = own.zip(self.line.map(|line| line.saturating_add(1)));
        let (file, line) = match location::of_failure(&self.traceback, view).or(defined) {
            Some((file, line)) => (Some(file), Some(line)),
            None => (None, None),
        };
        FailedTest {
            name,
            file,
            line,
            message: self.first_line(),
            traceback: self.traceback,
            since: Since::Unknown,
        }
    }

    /// The name by which the same test is found in another run's report.
    pub(super) fn full_name(&self, view: &Candidate) -> String {
        let own = self
            .file
            .as_deref()
            .and_then(|file| location::inside(file, view));
        self.display_name(own.as_deref(), view)
    }

    /// The name the way pytest prints it: `tests/test_a.py::TestB::test_c[1]`.
    fn display_name(&self, file: Option<&str>, view: &Candidate) -> String {
        let by_file = file.and_then(|file| {
            let module = file.strip_suffix(".py")?.replace('/', ".");
            let classes = self.class.strip_prefix(module.as_str())?;
            Some((file.to_owned(), classes.trim_start_matches('.')))
        });
        match by_file.or_else(|| location::file_of_class(&self.class, view)) {
            Some((file, "")) => format!("{file}::{}", self.name),
            Some((file, classes)) => {
                format!("{file}::{}::{}", classes.replace('.', "::"), self.name)
            }
            // A file that could not be collected is named as a module.
            None if self.class.is_empty() => location::file_of_class(&self.name, view)
                .map_or_else(|| self.name.clone(), |(file, _)| file),
            None => format!("{}::{}", self.class, self.name),
        }
    }

    /// The line that says most: pytest's own word for a failed collection says nothing.
    fn first_line(&self) -> String {
        let raised = || {
            let mut lines = self.traceback.lines();
            lines
                .rfind(|line| line.starts_with("E "))?
                .strip_prefix('E')
        };
        let line = match self.message.lines().find(|line| !line.trim().is_empty()) {
            Some("collection failure") => raised().or(Some("collection failure")),
            Some(line) => Some(line),
            None => {
                raised().or_else(|| self.traceback.lines().find(|line| !line.trim().is_empty()))
            }
        };
        line.unwrap_or_default().trim().to_owned()
    }
}

/// Cuts a text at a number of bytes, between characters.
pub(super) fn cut(text: &mut String, bound: usize) {
    let end = (0..=bound.min(text.len())).rfind(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
}
