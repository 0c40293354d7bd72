//! Starts commands the way the pipeline does.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use milton::exec::{CommandSpec, Error, Finished, StopSignal, Supervisor};
use tempfile::TempDir;
use tokio::sync::watch;

/// A folder for one test, and what to start commands with.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) supervisor: Supervisor,
    pub(crate) progress: watch::Sender<u64>,
    pub(crate) stop: StopSignal,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            supervisor: Supervisor::new(env!("CARGO_BIN_EXE_milton").into()),
            progress: watch::channel(0).0,
            stop: StopSignal::new(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.path().join("001.log")
    }

    pub(crate) fn log(&self) -> Vec<u8> {
        std::fs::read(self.log_file()).unwrap()
    }

    /// `sh -c SCRIPT` in the folder.
    pub(crate) fn shell(&self, script: &str) -> CommandSpec {
        CommandSpec {
            argv: vec!["sh".into(), "-c".into(), script.into()],
            program: "/bin/sh".into(),
            cwd: self.path().into(),
            env: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
            timeout: Duration::from_secs(120),
            output: self.log_file(),
            output_limit: 1 << 30,
            stdin: Vec::new(),
            reports: Vec::new(),
            confinement: None,
        }
    }

    pub(crate) async fn run(&self, spec: CommandSpec) -> Result<Finished, Error> {
        self.supervisor.run(spec, &self.progress, &self.stop).await
    }
}

/// Whether any process has this word among its arguments.
pub(crate) fn is_running(word: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| {
            line.split(|byte| *byte == 0)
                .any(|argument| argument == word.as_bytes())
        })
    })
}

/// Waits until the file exists, and reads it.
pub(crate) async fn appears(path: &Path) -> String {
    until("a file appears", || {
        path.exists() && !std::fs::read(path).unwrap().is_empty()
    })
    .await;
    std::fs::read_to_string(path).unwrap()
}

/// Waits for a condition; the pause only spares the processor, the condition decides.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

/// The value of a variable.
pub(crate) fn variable(env: &[(OsString, OsString)], name: &str) -> Option<String> {
    let (_, value) = env.iter().find(|(key, _)| key == name)?;
    Some(value.to_str().unwrap().to_owned())
}
