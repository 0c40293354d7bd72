//! The only reader of the environment, the user's configuration and the current folder: once, at
//! start, into [`Settings`]. Nothing here is ever read from the repository under review.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use crate::error::Failure;
use crate::model::{TierChoice, Violation};
use crate::policy::Overrides;

/// Everything that comes from the human's own start environment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The run store.
    pub state_dir: PathBuf,
    /// The user's own policy file, if there is one.
    pub user_policy: Option<UserFile>,
    /// The `MILTON_SELF_UPGRADE_*` overrides, or what is malformed in them.
    overrides: Result<Overrides, Vec<Violation>>,
    /// The whole environment, from which the sandbox's allow-list picks.
    pub environment: BTreeMap<OsString, OsString>,
    /// The folder milton was started in.
    pub current_dir: PathBuf,
    /// Milton's own program, re-executed as the supervisor of commands.
    pub program: PathBuf,
    /// How commands are to be isolated; a start option only.
    pub sandbox: TierChoice,
    /// Whether colours are switched off (`NO_COLOR`).
    pub no_color: bool,
    /// What the standard streams are.
    pub terminal: Terminal,
}

/// A file of the user's own configuration.
#[derive(Clone, Debug)]
pub struct UserFile {
    /// Its path, for messages and the record.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// Which standard streams are a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    /// Standard input.
    pub input: bool,
    /// Standard output.
    pub output: bool,
}

impl Settings {
    /// Reads everything once.
    pub fn read() -> Result<Self, Failure> {
        let environment = environment();
        let current_dir = current_dir()?;
        let get = |name: &str| environment.get(OsStr::new(name)).cloned();
        let overrides = Overrides::parse(get);
        let folders = directories::ProjectDirs::from("", "", "milton");
        let state_dir = state_dir(get("MILTON_STATE_DIR"), folders.as_ref(), &current_dir)?;
        let user_policy = match &folders {
            Some(folders) => read_user_file(&folders.config_dir().join("policy.toml"))?,
            None => None,
        };
        let no_color = get("NO_COLOR").is_some_and(|value| !value.is_empty());
        let terminal = Terminal {
            input: std::io::stdin().is_terminal(),
            output: std::io::stdout().is_terminal(),
        };
        let program = own_program()?;
        Ok(Self {
            state_dir,
            user_policy,
            overrides,
            environment,
            current_dir,
            program,
            sandbox: TierChoice::Strongest,
            no_color,
            terminal,
        })
    }

    /// The human's overrides; a malformed one is refused before anything is begun.
    pub fn overrides(&self) -> Result<&Overrides, Failure> {
        self.overrides
            .as_ref()
            .map_err(|violations| malformed_override(violations))
    }

    /// The violations of malformed overrides, for `milton check`.
    pub fn malformed_overrides(&self) -> &[Violation] {
        self.overrides.as_ref().err().map_or(&[], Vec::as_slice)
    }

    /// A value of the environment.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
    }

    /// Where a policy file of the user's own would be looked for.
    pub fn user_policy_path() -> Option<PathBuf> {
        let folders = directories::ProjectDirs::from("", "", "milton")?;
        Some(folders.config_dir().join("policy.toml"))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the only reader of the environment"
)]
fn environment() -> BTreeMap<OsString, OsString> {
    std::env::vars_os().collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the only reader of the environment"
)]
fn current_dir() -> Result<PathBuf, Failure> {
    std::env::current_dir().map_err(|error| {
        Failure::usage(
            format!("cannot tell the current folder: {error}"),
            "cd to a folder that exists",
        )
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the only reader of the environment"
)]
fn own_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::usage(
            format!("cannot find milton's own program: {error}"),
            "start milton by its full path",
        )
    })
}

fn state_dir(
    wanted: Option<OsString>,
    folders: Option<&directories::ProjectDirs>,
    current_dir: &Path,
) -> Result<PathBuf, Failure> {
    match wanted {
        Some(path) if path.is_empty() => Err(Failure::usage(
            "MILTON_STATE_DIR is empty",
            "unset it, or set it to the folder that should hold the runs",
        )),
        Some(path) => Ok(current_dir.join(path)),
        None => folders
            .map(|folders| {
                folders
                    .state_dir()
                    .unwrap_or_else(|| folders.data_local_dir())
                    .to_owned()
            })
            .ok_or_else(|| {
                Failure::usage(
                    "cannot tell where your state folder is (no HOME)",
                    "set MILTON_STATE_DIR to the folder that should hold the runs",
                )
            }),
    }
}

fn read_user_file(path: &Path) -> Result<Option<UserFile>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(UserFile {
            path: path.to_owned(),
            text,
        })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::usage(
            format!("cannot read {}: {error}", path.display()),
            "make it readable, or move it away to go on without it",
        )),
    }
}

fn malformed_override(violations: &[Violation]) -> Failure {
    let lines: Vec<String> = violations
        .iter()
        .map(|v| format!("{} {}: {}", v.rule, v.subject, v.detail))
        .collect();
    let message = lines
        .first()
        .cloned()
        .unwrap_or_else(|| "a malformed override".to_owned());
    let hint = violations
        .first()
        .map_or_else(String::new, |v| v.remedy.clone());
    Failure::usage(message, hint).with_detail(lines.into_iter().skip(1).collect())
}
