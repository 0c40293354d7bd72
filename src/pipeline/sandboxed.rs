//! The full tier behind the [`Sandbox`] port: the real checkout as a throw-away overlay at its own
//! path, in name spaces of its own, with Landlock and seccomp.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use crate::exec::{
    self, CommandSpec, ConfinedRequest, Confinement, Place, StopSignal, Supervisor, View,
};
use crate::git::Staged;
use crate::pipeline::ports::{Git, PreparedView, Running, Sandbox, SandboxError, TestedTree};
use crate::pipeline::redaction;

/// Programs, by the beginning of their names, that reserve far more address space than they use
/// and compile much into files: interpreters with a virtual machine of their own, and compilers.
const RESERVES: [&str; 16] = [
    "node", "npm", "npx", "yarn", "pnpm", "bun", "deno", "java", "mvn", "gradle", "go", "cargo",
    "dotnet", "ghc", "cabal", "stack",
];
/// What their files may take together, in bytes (4 GiB).
const FILES_OF_COMPILERS: u64 = 4 << 30;

/// The view in name spaces of its own.
pub struct NameSpaces {
    supervisor: Supervisor,
    program: PathBuf,
    /// Bubblewrap, when that makes the name spaces; and why milton does not.
    bubblewrap: Option<(PathBuf, Vec<String>)>,
    environment: BTreeMap<OsString, OsString>,
}

impl NameSpaces {
    /// A sandbox that starts commands through `program` (milton itself) and picks their environment
    /// from `environment`.
    pub fn new(program: PathBuf, environment: BTreeMap<OsString, OsString>) -> Self {
        Self {
            supervisor: redaction::supervisor(program.clone()),
            program,
            bubblewrap: None,
            environment,
        }
    }

    /// The same, made by bubblewrap, with the reasons why milton does not make it.
    #[must_use]
    pub fn through(self, bubblewrap: PathBuf, because: Vec<String>) -> Self {
        Self {
            bubblewrap: Some((bubblewrap, because)),
            ..self
        }
    }

    fn home(&self) -> Option<&Path> {
        self.environment.get(OsStr::new("HOME")).map(Path::new)
    }
}

impl Sandbox for NameSpaces {
    fn available(&self) -> Result<(), String> {
        Ok(())
    }

    fn prepare(
        &self,
        git: &dyn Git,
        tree: &TestedTree,
        scratch: &Path,
    ) -> Result<PreparedView, SandboxError> {
        let place = Place::in_memory();
        let stage = match &place {
            Some(place) => place.tree(),
            None => scratch.join("tree"),
        };
        let environments = git.ignored_environment()?;
        // A checkout that holds the home folder would bring the human's own files in.
        let is_home = self.home().is_some_and(|home| home.starts_with(git.root()));
        let staged = if git.is_bare() || is_home {
            git.export_tree(tree, &stage, u64::MAX)?;
            None
        } else {
            Some(git.stage(tree, &stage)?)
        };
        let hidden = staged
            .as_ref()
            .map(|staged| hidden(git.root(), staged, &environments));
        let bubblewrap = self.bubblewrap.as_ref();
        let wrapped_by = bubblewrap.map(|(bubblewrap, _)| (&*self.program, &**bubblewrap));
        let mut view = exec::confined_view(&ConfinedRequest {
            checkout: git.root(),
            stage,
            hidden: hidden.as_deref(),
            emptied: staged.as_ref().map_or(&[], |staged| &staged.secrets),
            environments: &environments,
            parent_env: &self.environment,
            wrapped_by,
            scratch,
        })?;
        if let Some((_, because)) = bubblewrap {
            view.sandbox.gaps.extend(because.iter().cloned());
        }
        Ok(PreparedView { view, place })
    }

    fn run<'a>(
        &'a self,
        mut spec: CommandSpec,
        progress: &'a watch::Sender<u64>,
        stop: &'a StopSignal,
    ) -> Running<'a> {
        spec.confinement = spec
            .confinement
            .map(|confinement| limits_for(&spec.program, confinement));
        Box::pin(self.supervisor.run(spec, progress, stop))
    }

    fn resolve(&self, name: &str, view: &View, checkout: &Path) -> Result<PathBuf, exec::Error> {
        let path = self.environment.get(OsStr::new("PATH"));
        exec::resolve_program(name, view, path.map(OsString::as_os_str), checkout)
    }
}

/// How many entries of ignored folders are looked at for credentials, and how deep: a folder of
/// millions of built files must not delay every test.
const LOOKED_AT: usize = 5_000;
const DEPTH: usize = 4;
/// Ignored folders that only tools write into, and that hold examples of keys and certificates.
const OF_TOOLS: [&str; 10] = [
    "__pycache__",
    "node_modules",
    "site-packages",
    "target",
    "vendor",
    ".mypy_cache",
    ".nox",
    ".pytest_cache",
    ".ruff_cache",
    ".tox",
];

/// What is hidden: what is not the candidate's, and ignored files that are named like credentials.
fn hidden(checkout: &Path, staged: &Staged, environments: &[String]) -> Vec<String> {
    let mut found = staged.hidden.clone();
    let mut left = LOOKED_AT;
    let ignored = staged.ignored.iter();
    for path in ignored.filter(|path| !environments.contains(path)) {
        credentials(checkout, path, DEPTH, &mut left, &mut found);
    }
    found
}

/// Adds a path, or what is below it, that is named like credentials.
fn credentials(
    checkout: &Path,
    path: &str,
    depth: usize,
    left: &mut usize,
    found: &mut Vec<String>,
) {
    let is_environment = checkout.join(path).join("pyvenv.cfg").is_file();
    if is_credential(path) && !is_environment {
        found.push(path.to_owned());
        return;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let folder = checkout.join(path);
    let is_folder = std::fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir());
    if depth == 0 || !is_folder || OF_TOOLS.contains(&name) {
        return;
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Some(rest) = left.checked_sub(1) else {
            return;
        };
        *left = rest;
        if let Some(name) = entry.file_name().to_str() {
            credentials(checkout, &format!("{path}/{name}"), depth - 1, left, found);
        }
    }
}

/// Whether an ignored file or folder is, by its name, one of credentials.
fn is_credential(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let begins = [
        ".env",
        "id_rsa",
        "id_ed25519",
        "id_ecdsa",
        "secret",
        "credential",
        ".netrc",
        ".npmrc",
        ".pypirc",
        ".aws",
        ".ssh",
        ".kube",
        ".docker",
        ".gnupg",
        ".vault",
        ".git-credentials",
    ];
    let ends = [".pem", ".key", ".p12", ".pfx", ".kdbx", ".jks", ".env"];
    begins.iter().any(|begin| name.starts_with(begin)) || ends.iter().any(|end| name.ends_with(end))
}

fn limits_for(program: &Path, confinement: Arc<Confinement>) -> Arc<Confinement> {
    let name = program.file_name().and_then(OsStr::to_str).unwrap_or("");
    if !RESERVES.iter().any(|known| name.starts_with(known)) {
        return confinement;
    }
    let mut confinement = (*confinement).clone();
    let limits = confinement.limits_mut();
    limits.address_space = None;
    limits.files_bytes = FILES_OF_COMPILERS;
    Arc::new(confinement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Restriction;

    #[test]
    fn ignored_credentials_are_known_by_their_names() {
        for path in [
            ".env",
            "a/.env.local",
            "prod.env",
            "secrets",
            "deploy/id_rsa",
            "x/server.pem",
            ".aws",
        ] {
            assert!(is_credential(path), "{path}");
        }
        for path in [
            ".venv",
            "node_modules",
            "build",
            "src/pkg/_version.py",
            "target",
            "monkey.py",
        ] {
            assert!(!is_credential(path), "{path}");
        }
    }

    #[test]
    fn credentials_are_hidden_in_ignored_folders_too() {
        let place = tempfile::tempdir().unwrap();
        for path in [
            "local/deep/.env",
            "local/notes",
            ".venv/lib/cacert.pem",
            "target/x.pem",
        ] {
            let path = place.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let staged = Staged {
            ignored: [".venv", "local", "target"].map(str::to_owned).to_vec(),
            ..Staged::default()
        };
        let found = hidden(place.path(), &staged, &[".venv".to_owned()]);
        assert_eq!(found, ["local/deep/.env"]);
    }

    #[test]
    fn compilers_get_the_address_space_that_they_reserve() {
        let limits = |program: &str| {
            limits_for(
                Path::new(program),
                Arc::new(Confinement::Restricted(Restriction::default())),
            )
            .limits()
        };
        assert_eq!(limits("/x/bin/node").address_space, None);
        assert!(limits("/x/bin/python3.12").address_space.is_some());
        assert!(limits("/x/bin/cargo").files_bytes > limits("/x/bin/pytest").files_bytes);
    }
}
