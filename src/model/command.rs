//! Commands as the record knows them: what was started, how it ended, what it printed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::Digest;

/// The number of a command within its run, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CommandId(pub u32);

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A command that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandStart {
    /// Its number.
    pub id: CommandId,
    /// Program and arguments, as the reviewer reads them.
    pub argv: Vec<String>,
    /// The working directory.
    pub cwd: String,
    /// Whether it is a git operation done by libgit2 inside milton (no process).
    pub in_process: bool,
    /// The resolved program; `None` for in-process operations.
    pub program: Option<String>,
    /// The time limit in seconds; `None` for in-process operations.
    pub timeout_seconds: Option<u64>,
    /// The file under the run's folder that holds every byte it prints, in order of arrival.
    pub output: Option<String>,
    /// What it is run for.
    #[serde(default)]
    pub purpose: Purpose,
}

/// What a command is run for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The candidate's tree, as it is; git's own operations too.
    #[default]
    Candidate,
    /// The suite on the base, to compare with.
    Base,
    /// The suite on the candidate with the base's harness files.
    Deciding,
    /// A command beside the suite, on the candidate.
    Extra,
}

impl Purpose {
    /// Whether it runs on the candidate as it is.
    pub fn is_on_candidate(self) -> bool {
        match self {
            Self::Candidate | Self::Extra => true,
            Self::Base | Self::Deciding => false,
        }
    }

    /// What stands behind the command for a reader; empty for the candidate's own.
    pub fn label(self) -> &'static str {
        match self {
            Self::Candidate | Self::Extra => "",
            Self::Base => "base run",
            Self::Deciding => "with the base's harness",
        }
    }
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum ExitKind {
    /// It exited.
    Exited {
        /// The exit code.
        code: i32,
    },
    /// A signal ended it.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// The time limit ended it (TERM, then KILL).
    TimedOut,
    /// The human or a signal to milton ended it.
    Stopped,
    /// It printed more than the limit and was ended.
    OutputLimit,
    /// It could not be started.
    NotStarted {
        /// Why.
        reason: String,
    },
}

impl ExitKind {
    /// Whether it exited with 0.
    pub fn is_success(&self) -> bool {
        *self == Self::Exited { code: 0 }
    }

    /// The code a shell would report (128+n for signals, 124 for a time-out, 127 not started).
    pub fn code(&self) -> i32 {
        match self {
            Self::Exited { code } => *code,
            Self::Signalled { signal } => 128 + signal,
            Self::TimedOut => 124,
            Self::Stopped => 130,
            Self::OutputLimit => 125,
            Self::NotStarted { .. } => 127,
        }
    }
}

/// What one stream of a command held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputSummary {
    /// All bytes.
    pub bytes: u64,
    /// The digest of all bytes.
    pub sha256: Digest,
    /// The first part, as text (lossy UTF-8), unescaped: every sink escapes for itself.
    pub head: String,
    /// The last part; empty when `head` holds everything.
    pub tail: String,
}

impl OutputSummary {
    /// Nothing was printed.
    pub fn empty() -> Self {
        Self::of_text("")
    }

    /// A short text, whole.
    pub fn of_text(text: &str) -> Self {
        Self {
            bytes: text.len() as u64,
            sha256: Digest::of(text.as_bytes()),
            head: text.to_owned(),
            tail: String::new(),
        }
    }
}

/// A command that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandEnd {
    /// Its number.
    pub id: CommandId,
    /// How.
    pub exit: ExitKind,
    /// Wall time in milliseconds.
    pub duration_ms: u64,
    /// Standard output.
    pub stdout: OutputSummary,
    /// Standard error.
    pub stderr: OutputSummary,
    /// The digest of the output file (both streams in order of arrival).
    pub log_sha256: Digest,
    /// What the sandbox noticed.
    #[serde(default)]
    pub traces: Traces,
}

/// What a sandbox noticed of a command beside its output. Lists are cut, the counts are whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Traces {
    /// Files of the checkout that the command changed, made or removed in its view, which was
    /// thrown away: `M src/a.py`.
    pub changed: Vec<String>,
    /// How many there were.
    pub changed_count: u64,
    /// Network addresses outside the sandbox that it tried to reach, each once: `tcp 192.0.2.1:443`.
    pub network: Vec<String>,
    /// How many attempts there were.
    pub network_count: u64,
    /// Secrets that it printed and that were masked in its output file.
    pub secrets: Vec<MaskedSecret>,
    /// How many there were.
    pub secrets_count: u64,
}

/// A secret that a command printed; it is masked wherever the output is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskedSecret {
    /// The line of the output file, from 1.
    pub line: u64,
    /// The rule that found it.
    pub rule: String,
}

impl Traces {
    /// The files that were changed in the view, in words; `None` when there were none.
    pub fn changed_in_words(&self) -> Option<String> {
        let named: Vec<&str> = self.changed.iter().take(5).map(String::as_str).collect();
        let files = match self.changed_count {
            0 => return None,
            1 => "1 file".to_owned(),
            count => format!("{count} files"),
        };
        let more = if self.changed_count > named.len() as u64 {
            ", …"
        } else {
            ""
        };
        Some(format!(
            "left {files} changed in the view, which is gone: {}{more}",
            named.join(", ")
        ))
    }

    /// The addresses that were tried, in words; `None` when there were none.
    pub fn network_in_words(&self) -> Option<String> {
        let attempts = match self.network_count {
            0 => return None,
            1 => "1 attempt".to_owned(),
            count => format!("{count} attempts"),
        };
        let addresses = self.network.join(", ");
        Some(format!(
            "tried to reach {addresses} ({attempts}; nothing got out)"
        ))
    }
}

/// How strongly commands are isolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Namespaces, overlay, Landlock and seccomp.
    Full,
    /// Through bubblewrap.
    Bubblewrap,
    /// A private checkout, an allow-listed environment and a process supervisor.
    Fallback,
    /// Nothing was run.
    None,
}

impl Tier {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Bubblewrap => "bubblewrap",
            Self::Fallback => "fallback",
            Self::None => "none",
        }
    }
}

/// Which tier the human wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TierChoice {
    /// The strongest that works here; none is a refusal.
    Strongest,
    /// This one or a refusal. [`Tier::None`] runs commands without isolation.
    Only(Tier),
}

/// What isolates the commands of a run, and what it does not stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxReport {
    /// The tier.
    pub tier: Tier,
    /// What the tier does not stop, one phrase each.
    pub gaps: Vec<String>,
}
