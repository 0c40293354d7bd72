//! Why a proposal could not be read, with the place and the way out.

use std::fmt;

/// A proposal or patch that could not be read (`PLAN_ERROR`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong: a lowercase fragment.
    pub message: String,
    /// The line of the input, from 1, where there is one place to name. For a patch inside a
    /// proposal it is the line of the patch.
    pub line: Option<usize>,
    /// The column of that line in bytes, from 1.
    pub column: Option<usize>,
    /// What to do about it.
    pub hint: String,
}

impl Error {
    /// An error about the input as a whole.
    pub(super) fn whole(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            line: None,
            column: None,
            hint: hint.into(),
        }
    }

    /// An error at a line, column 1.
    pub(super) fn at(line: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            line: Some(line),
            column: Some(1),
            hint: hint.into(),
        }
    }

    /// The same error at another column of its line.
    pub(super) fn column(self, column: usize) -> Self {
        Self {
            column: Some(column),
            ..self
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, " (line {line}, column {column})"),
            (Some(line), None) => write!(f, " (line {line})"),
            (None, _) => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
