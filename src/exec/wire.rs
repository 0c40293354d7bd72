//! What milton and its supervisor say to each other over the control socket: one request line
//! down, order bytes down, one reply line up. The end of the stream from milton is an order too.

use std::ffi::OsString;

use serde::{Deserialize, Serialize};

use crate::exec::Confinement;
use crate::model::Traces;

/// Asks every process of the command to end.
pub(super) const TERMINATE: u8 = b'T';

/// Kills every process of the command. The closed socket means the same.
pub(super) const KILL: u8 = b'K';

/// The command to start. `OsString`s, because paths and values need not be UTF-8.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// The absolute path of the program.
    pub(super) program: OsString,
    /// Its arguments, without the program's name.
    pub(super) arguments: Vec<OsString>,
    /// The absolute working directory.
    pub(super) cwd: OsString,
    /// The whole environment.
    pub(super) env: Vec<(OsString, OsString)>,
    /// What the command reads from standard input.
    #[serde(default)]
    pub(super) stdin: Vec<u8>,
    /// Files to bring out afterwards: the path inside, the path outside.
    #[serde(default)]
    pub(super) reports: Vec<(OsString, OsString)>,
    /// The sandbox, where there is one.
    pub(super) confinement: Option<Confinement>,
}

/// How the command ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reply {
    /// The end of the command itself.
    pub(super) end: End,
    /// Processes that survived KILL.
    pub(super) left_behind: usize,
    /// What the sandbox noticed.
    pub(super) traces: Traces,
}

/// The end of the command itself.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum End {
    /// It exited with a code.
    Exited(i32),
    /// A signal ended it.
    Signalled(i32),
    /// It could not be started.
    NotStarted(String),
}
