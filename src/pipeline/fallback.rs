//! The fallback tier behind the [`Sandbox`] port: a private checkout, an allow-listed environment,
//! Landlock, seccomp, and a supervisor that ends every process. What it does not stop is named in
//! its report. Without Landlock and seccomp it is no isolation, for whoever asked for that.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tokio::sync::watch;

use crate::exec::{
    self, CommandSpec, MOST_IN_MEMORY, Place, StopSignal, Supervisor, View, ViewRequest,
};
use crate::git::{self, ExportSummary};
use crate::pipeline::ports::{Git, PreparedView, Running, Sandbox, SandboxError, TestedTree};
use crate::pipeline::redaction;

/// A private checkout outside the repository.
pub struct PrivateCheckout {
    supervisor: Supervisor,
    environment: BTreeMap<OsString, OsString>,
    /// Whether Landlock and seccomp confine the commands.
    restricted: bool,
    /// Why no stronger tier was chosen.
    weaker_because: Vec<String>,
}

impl PrivateCheckout {
    /// A sandbox that starts commands through `program` (milton itself) and picks their environment
    /// from `environment`, with the reasons why it is not a stronger one.
    pub fn new(
        program: PathBuf,
        environment: BTreeMap<OsString, OsString>,
        weaker_because: Vec<String>,
    ) -> Self {
        Self {
            supervisor: redaction::supervisor(program),
            environment,
            restricted: true,
            weaker_because,
        }
    }

    /// The same copy without any isolation, for whoever asked for that.
    pub fn open(program: PathBuf, environment: BTreeMap<OsString, OsString>) -> Self {
        Self {
            restricted: false,
            ..Self::new(program, environment, Vec::new())
        }
    }
}

impl Sandbox for PrivateCheckout {
    fn available(&self) -> Result<(), String> {
        Ok(())
    }

    fn prepare(
        &self,
        git: &dyn Git,
        tree: &TestedTree,
        scratch: &Path,
    ) -> Result<PreparedView, SandboxError> {
        let (place, root, summary) = export(git, tree, scratch)?;
        let linked = git.ignored_environment()?;
        let mut view = exec::prepare_view(&ViewRequest {
            root,
            checkout: git.root(),
            linked: &linked,
            parent_env: &self.environment,
            restricted: self.restricted,
            scratch,
        })?;
        view.sandbox
            .gaps
            .extend(self.weaker_because.iter().cloned());
        if !summary.submodules.is_empty() {
            view.sandbox.gaps.push(format!(
                "submodules are empty in the test view: {}",
                summary.submodules.join(", ")
            ));
        }
        if summary.lfs_pointers > 0 {
            view.sandbox.gaps.push(format!(
                "{} files are Git LFS pointers in the test view",
                summary.lfs_pointers
            ));
        }
        Ok(PreparedView { view, place })
    }

    fn run<'a>(
        &'a self,
        spec: CommandSpec,
        progress: &'a watch::Sender<u64>,
        stop: &'a StopSignal,
    ) -> Running<'a> {
        Box::pin(self.supervisor.run(spec, progress, stop))
    }

    fn resolve(&self, name: &str, view: &View, checkout: &Path) -> Result<PathBuf, exec::Error> {
        let path = self
            .environment
            .get(std::ffi::OsStr::new("PATH"))
            .map(OsString::as_os_str);
        exec::resolve_program(name, view, path, checkout)
    }
}

/// Writes the tree of a commit to memory, or to the run's folder where it is too large for that.
fn export(
    git: &dyn Git,
    tree: &TestedTree,
    scratch: &Path,
) -> Result<(Option<Place>, PathBuf, ExportSummary), SandboxError> {
    if let Some(place) = Place::in_memory() {
        let folder = place.tree();
        match git.export_tree(tree, &folder, MOST_IN_MEMORY) {
            Ok(summary) => return Ok((Some(place), folder, summary)),
            // Too large, or the memory is full after all: the disk gets its turn, and says so if it
            // cannot either.
            Err(git::Error::ExportTooLarge { .. } | git::Error::ExportWrite { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let folder = scratch.join("tree");
    let summary = git.export_tree(tree, &folder, u64::MAX)?;
    Ok((None, folder, summary))
}
