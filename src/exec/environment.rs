//! The environment of a command, built from nothing.
//!
//! What is not named here does not reach a command: no tokens, no keys, no agent sockets, no
//! `GIT_*`, no `MILTON_*`, no interpreter start-up files.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::exec::view::View;

/// Taken over as they are: they say how text and time are shown and who the user is, no more.
const COPIED: [&str; 8] = [
    "LANG",
    "LANGUAGE",
    "TZ",
    "USER",
    "LOGNAME",
    "JAVA_HOME",
    "GOROOT",
    "PYENV_VERSION",
];

/// Where tool chains live. They stay where they are although HOME moves: the variable and the
/// folder under the real home that it means when it is not set.
const TOOL_CHAINS: [(&str, &str); 9] = [
    ("ASDF_DATA_DIR", ".asdf"),
    ("CARGO_HOME", ".cargo"),
    ("GOPATH", "go"),
    ("NVM_DIR", ".nvm"),
    ("PYENV_ROOT", ".pyenv"),
    // `pip install --user` puts pytest there.
    ("PYTHONUSERBASE", ".local"),
    ("RBENV_ROOT", ".rbenv"),
    ("RUSTUP_HOME", ".rustup"),
    ("VOLTA_HOME", ".volta"),
];

/// The search path when the human has none.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Names under which a virtual environment is linked, the first one wins.
const VIRTUAL_ENVIRONMENTS: [&str; 2] = [".venv", "venv"];

/// Builds the whole environment of a command in a view.
pub(super) fn build(
    view: &View,
    checkout: &Path,
    scratch: &Path,
    parent: &BTreeMap<OsString, OsString>,
) -> Vec<(OsString, OsString)> {
    let mut env = common(view, checkout, parent);
    let mut set = |name: &str, value: OsString| env.insert(name.into(), value);
    set("PYTHONPATH", python_path(&view.root));
    set("HOME", scratch.join("home").into());
    set("TMPDIR", scratch.join("tmp").into());
    set("CARGO_TARGET_DIR", scratch.join("cargo-target").into());
    set("GOCACHE", scratch.join("go-cache").into());
    env.into_iter().collect()
}

/// Builds the whole environment of a command in the sandbox, where the checkout stands at its own
/// path and the home folder is empty.
pub(super) fn confined(
    view: &View,
    checkout: &Path,
    home: &Path,
    parent: &BTreeMap<OsString, OsString>,
) -> Vec<(OsString, OsString)> {
    let mut env = common(view, checkout, parent);
    let mut set = |name: &str, value: OsString| env.insert(name.into(), value);
    set("HOME", home.into());
    set("TMPDIR", "/tmp".into());
    // There is no network: what needs one says so at once.
    set("CARGO_NET_OFFLINE", "true".into());
    env.into_iter().collect()
}

/// What both kinds of views have in common.
fn common(
    view: &View,
    checkout: &Path,
    parent: &BTreeMap<OsString, OsString>,
) -> BTreeMap<OsString, OsString> {
    let mut env = BTreeMap::<OsString, OsString>::new();
    let mut set = |name: &str, value: OsString| env.insert(name.into(), value);
    for name in COPIED {
        if let Some(value) = parent.get(OsStr::new(name)) {
            set(name, value.clone());
        }
    }
    for (name, value) in parent {
        if let Some(name) = name.to_str().filter(|name| name.starts_with("LC_")) {
            set(name, value.clone());
        }
    }
    for (name, path) in tool_chains(parent) {
        set(name, path.into());
    }
    if !parent.contains_key(OsStr::new("PYENV_VERSION"))
        && let Some(version) = pinned_python(&view.root, checkout)
    {
        set("PYENV_VERSION", version.into());
    }
    if let Some(virtual_env) = virtual_environments(view).next() {
        set("VIRTUAL_ENV", virtual_env.into());
    }
    let path = search_path(
        view,
        checkout,
        parent.get(OsStr::new("PATH")).map(AsRef::as_ref),
    );
    // Joining fails for an entry that holds the separator, and such an entry was never split off.
    set(
        "PATH",
        std::env::join_paths(path).unwrap_or_else(|_| DEFAULT_PATH.into()),
    );
    // A compiled file left behind could outlive the source it was made from.
    set("PYTHONDONTWRITEBYTECODE", "1".into());
    set("TERM", "dumb".into());
    env
}

/// The folders to search for programs: the linked virtual environment, then the human's own
/// search path without relative entries and without entries inside the checkout or the view.
pub(super) fn search_path(view: &View, checkout: &Path, parent: Option<&OsStr>) -> Vec<PathBuf> {
    let inside = [canonical(checkout), canonical(&view.root)];
    let outside = |entry: &PathBuf| {
        let resolved = canonical(entry);
        entry.is_absolute()
            && !inside.iter().any(|folder| resolved.starts_with(folder))
            && !entry.starts_with(checkout)
            && !entry.starts_with(&view.root)
    };
    let parent = parent.unwrap_or(OsStr::new(DEFAULT_PATH));
    virtual_environments(view)
        .map(|virtual_env| virtual_env.join("bin"))
        .chain(std::env::split_paths(parent).filter(outside))
        .collect()
}

/// The path with its links resolved, or as it is when it does not exist.
pub(super) fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn virtual_environments(view: &View) -> impl Iterator<Item = PathBuf> {
    VIRTUAL_ENVIRONMENTS
        .into_iter()
        .filter(|name| view.linked.iter().any(|linked| linked == name))
        .map(|name| view.root.join(name))
}

/// Each tool chain that the human has: set, or at its usual place.
pub(super) fn tool_chains(
    parent: &BTreeMap<OsString, OsString>,
) -> impl Iterator<Item = (&'static str, PathBuf)> {
    let home = parent.get(OsStr::new("HOME")).map(PathBuf::from);
    TOOL_CHAINS.into_iter().filter_map(move |(name, usual)| {
        let path = match parent.get(OsStr::new(name)) {
            Some(set) => PathBuf::from(set),
            None => home.as_ref()?.join(usual),
        };
        (path.is_absolute() && path.is_dir()).then_some((name, path))
    })
}

/// The candidate's code comes first, even before an editable install that points at the checkout.
fn python_path(root: &Path) -> OsString {
    let source = root.join("src");
    let folders = source.is_dir().then_some(source.as_path());
    let folders = folders.into_iter().chain([root]);
    // Milton chooses the root, and it holds no separator.
    std::env::join_paths(folders).unwrap_or_else(|_| root.into())
}

/// The interpreter that a `.python-version` above the checkout, or an untracked one in it, pins:
/// the view lies elsewhere, so pyenv would not find it.
fn pinned_python(root: &Path, checkout: &Path) -> Option<String> {
    const FILE: &str = ".python-version";
    if root.join(FILE).exists() {
        return None;
    }
    let text = checkout
        .ancestors()
        .find_map(|folder| std::fs::read_to_string(folder.join(FILE)).ok())?;
    let versions: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    (!versions.is_empty()).then(|| versions.join(":"))
}
