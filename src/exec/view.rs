//! The test view: the exported tree of the candidate with the checkout's installed dependencies
//! linked in, and an environment built from nothing. This is the fallback tier: a private copy in
//! the machine's own file system, where commands are confined by Landlock and seccomp.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::exec::sandbox::{Confinement, ETC, Limits, Restriction, SYSTEM};
use crate::exec::visible::visible;
use crate::exec::{Candidate, Error, environment};
use crate::model::{RelPath, SandboxReport, Tier};

/// What [`prepare_view`] starts from.
#[derive(Clone, Debug)]
pub struct ViewRequest<'a> {
    /// The folder that already holds the exported tree of the candidate; absolute.
    pub root: PathBuf,
    /// The human's own checkout; absolute.
    pub checkout: &'a Path,
    /// Paths of the checkout to link in where the tree has nothing of that name (`.venv`, `venv`,
    /// `node_modules`, or a generated file such as `src/pkg/_version.py`).
    pub linked: &'a [String],
    /// The environment milton was started with.
    pub parent_env: &'a BTreeMap<OsString, OsString>,
    /// Whether Landlock and seccomp are to confine the commands.
    pub restricted: bool,
    /// A private folder for the command's home and temporary files; created here. Keep its path
    /// short: suites bind Unix sockets below it, and those allow 107 bytes.
    pub scratch: &'a Path,
}

/// A folder in which commands can run.
#[derive(Clone, Debug)]
pub struct View {
    /// The folder, the working directory of commands.
    pub root: PathBuf,
    /// What isolates commands here, and what it does not stop.
    pub sandbox: SandboxReport,
    /// The whole environment of commands.
    pub env: Vec<(OsString, OsString)>,
    /// What was linked in from the checkout.
    pub linked: Vec<String>,
    /// The folder for the files that a command is asked to write, as the command sees it.
    pub reports: PathBuf,
    /// The folder of milton's own files that a command may read, as the command sees it.
    pub support: PathBuf,
    /// The same folder as milton sees it; what milton puts there stands in [`View::support`].
    pub support_outside: PathBuf,
    /// The sandbox that commands run in, where there is one.
    pub confinement: Option<Arc<Confinement>>,
}

impl View {
    /// The tree that commands see, to be asked for from outside.
    pub fn candidate(&self) -> Candidate {
        let layers = match self.confinement.as_deref() {
            Some(Confinement::Enclosed(enclosure) | Confinement::Wrapped(_, enclosure)) => {
                enclosure.layers.iter().map(PathBuf::from).collect()
            }
            Some(Confinement::Restricted(_)) | None => vec![self.root.clone()],
        };
        Candidate::of_layers(&self.root, layers)
    }
}

/// Links the checkout's dependencies into an exported tree and builds the environment.
///
/// # Errors
///
/// When a folder or link cannot be made, or `linked` holds something that is not a relative path.
pub fn prepare_view(request: &ViewRequest<'_>) -> Result<View, Error> {
    let mut linked = Vec::new();
    for name in request.linked {
        let path = RelPath::parse(name).map_err(|_| Error::Linked(name.clone()))?;
        if link(&request.root, request.checkout, &path)? {
            linked.push(name.clone());
        }
    }
    for name in ["home", "tmp", "reports", "support"] {
        private_folder(&request.scratch.join(name))?;
    }
    let mut view = View {
        sandbox: SandboxReport {
            tier: if request.restricted {
                Tier::Fallback
            } else {
                Tier::None
            },
            gaps: gaps(&linked, request.restricted),
        },
        root: request.root.clone(),
        env: Vec::new(),
        linked,
        reports: request.scratch.join("reports"),
        support: request.scratch.join("support"),
        support_outside: request.scratch.join("support"),
        confinement: None,
    };
    view.env = environment::build(&view, request.checkout, request.scratch, request.parent_env);
    if request.restricted {
        view.confinement = Some(Arc::new(restriction(&view, request)));
    }
    Ok(view)
}

/// What the commands of a private copy may read and write.
fn restriction(view: &View, request: &ViewRequest<'_>) -> Confinement {
    let home = request.parent_env.get(OsStr::new("HOME"));
    let home = home.map_or_else(|| PathBuf::from("/"), PathBuf::from);
    let tools = visible(request.checkout, &view.linked, &home, request.parent_env);
    let linked = view.linked.iter().map(|name| request.checkout.join(name));
    let readable = system()
        .into_iter()
        .chain(tools.into_iter().map(|(source, _)| source))
        .chain(linked.map(PathBuf::into_os_string))
        .chain([request.scratch.into()]);
    let private = ["home", "tmp", "reports"].map(|name| request.scratch.join(name).into());
    // Semaphores and shared memory of a machine live in one place, for everybody.
    let shared = ["/dev/null", "/dev/zero", "/dev/full", "/dev/shm"].map(OsString::from);
    Confinement::Restricted(Restriction {
        readable: readable.collect(),
        writable: private
            .into_iter()
            .chain(shared)
            .chain([view.root.clone().into()])
            .collect(),
        limits: Limits::default(),
    })
}

/// What of the system every program needs to read.
pub(super) fn system() -> Vec<OsString> {
    let etc = ETC
        .iter()
        .map(|name| Path::new("/etc").join(name).into_os_string());
    SYSTEM
        .iter()
        .chain(&[
            "/proc",
            "/dev/random",
            "/dev/urandom",
            "/sys/devices/system/cpu",
        ])
        .map(OsString::from)
        .chain(etc)
        .collect()
}

/// Links one path of the checkout into the view; `false` when there is nothing to link or the tree
/// already has something of that name.
fn link(root: &Path, checkout: &Path, path: &RelPath) -> Result<bool, Error> {
    let source = checkout.join(path.as_str());
    let target = root.join(path.as_str());
    if fs::metadata(&source).is_err() {
        return Ok(false);
    }
    if fs::symlink_metadata(&target).is_ok() {
        // The same link, when a view is prepared again for another run of the tests.
        return Ok(fs::read_link(&target).is_ok_and(|linked| linked == source));
    }
    // The folder above must be a real folder of the tree: through a link of the candidate's, the
    // new link could land outside the view.
    let parent = target.parent().unwrap_or(root);
    if environment::canonical(parent) != environment::canonical(root).join(above(path)) {
        return Ok(false);
    }
    symlink(&source, &target).map_err(|source| failed(&target, source))?;
    Ok(true)
}

/// The path of the folder above, relative to the root.
fn above(path: &RelPath) -> &str {
    path.as_str()
        .rsplit_once('/')
        .map_or("", |(above, _)| above)
}

fn private_folder(path: &Path) -> Result<(), Error> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::View {
        path: path.to_owned(),
        source,
    }
}

/// What the fallback tier does not stop, in the words the reviewer reads.
fn gaps(linked: &[String], restricted: bool) -> Vec<String> {
    let mut gaps = vec![
        "the network is reachable, and Unix sockets of the user are",
        "memory of all processes together and disk space are not limited",
        "tests run at another path than the checkout",
        "there is no .git in the test view",
        "ignored files of the checkout are missing unless linked",
        "an editable install with an import hook of its own can load the checkout's code",
    ];
    if restricted {
        gaps.extend([
            "owner, mode, times and attributes of the user's files can be changed",
            "what other processes are called and doing is visible",
            "/dev/shm is shared with the user's programs, /tmp and pseudo-terminals are missing",
        ]);
        if rustix::process::geteuid().is_root() {
            gaps.push("the number of processes is not limited for root");
        }
        return gaps.into_iter().map(str::to_owned).collect();
    }
    gaps.extend([
        "files of the user are readable and writable, tool chains included",
        "other processes of the user, milton included, can be signalled",
        "the number of processes is not limited",
    ]);
    let linked = linked
        .iter()
        .map(|name| format!("the linked {name} can be changed by the tests"));
    gaps.into_iter().map(str::to_owned).chain(linked).collect()
}

#[cfg(test)]
mod tests;
