//! The fallback tier behind the [`Sandbox`] port: a private checkout, an allow-listed environment
//! and a supervisor that ends every process. What it does not stop is named in its report.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tokio::sync::watch;

use crate::exec::{self, CommandSpec, StopSignal, Supervisor, View, ViewRequest};
use crate::model::Oid;
use crate::pipeline::ports::{Git, Running, Sandbox, SandboxError};

/// A private checkout outside the repository.
pub struct PrivateCheckout {
    supervisor: Supervisor,
    environment: BTreeMap<OsString, OsString>,
}

impl PrivateCheckout {
    /// A sandbox that starts commands through `program` (milton itself) and picks their environment
    /// from `environment`.
    pub fn new(program: PathBuf, environment: BTreeMap<OsString, OsString>) -> Self {
        Self {
            supervisor: Supervisor::new(program),
            environment,
        }
    }
}

impl Sandbox for PrivateCheckout {
    fn prepare(&self, git: &dyn Git, commit: &Oid, scratch: &Path) -> Result<View, SandboxError> {
        let root = scratch.join("tree");
        std::fs::create_dir_all(&root).map_err(|source| exec::Error::View {
            path: root.clone(),
            source,
        })?;
        let summary = git.export_tree(commit, &root)?;
        let linked = git.ignored_environment()?;
        let mut view = exec::prepare_view(ViewRequest {
            root,
            checkout: git.root(),
            linked: &linked,
            parent_env: &self.environment,
            scratch,
        })?;
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
        Ok(view)
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
