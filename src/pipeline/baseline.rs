//! What a kept base run is known by: the tree, the command and the environment it ran in.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::exec::View;
use crate::model::{BaseTree, Digest, TreeError};
use crate::pipeline::ports::Sandbox;

/// The most entries of one folder that are looked at.
const MOST_ENTRIES: usize = 10_000;

/// What identifies a base run.
pub(super) struct Suite<'a> {
    pub(super) argv: &'a [String],
    pub(super) view: &'a View,
    pub(super) checkout: &'a Path,
    /// The run's own folder, which is another one every time.
    pub(super) folder: &'a Path,
    pub(super) sandbox: &'a dyn Sandbox,
}

/// The key of a base run: whatever can change its result is in it. Ignored files of the checkout
/// beside the installed dependencies are not.
pub(super) fn key(tree: &dyn BaseTree, suite: &Suite<'_>) -> Result<Digest, TreeError> {
    let mut parts = Parts::default();
    parts.add(b"milton base run 1");
    parts.add(env!("CARGO_PKG_VERSION").as_bytes());
    for entry in tree.list("")? {
        parts.add(format!("{:?} {} {}", entry.mode, entry.oid, entry.name).as_bytes());
    }
    for word in suite.argv {
        parts.add(word.as_bytes());
    }
    parts.add(suite.view.sandbox.tier.as_str().as_bytes());
    for (name, value) in &suite.view.env {
        parts.add(name.as_bytes());
        parts.add(&suite.steady(value));
    }
    let first = suite.argv.first().map_or("", String::as_str);
    for name in [first, "python", "python3"] {
        if let Ok(program) = suite.sandbox.resolve(name, suite.view, suite.checkout) {
            parts.add(&suite.steady(program.as_os_str()));
            parts.file(&program);
        }
    }
    let usual = [".venv", "venv", "node_modules"].map(str::to_owned);
    for name in usual.iter().chain(&suite.view.linked) {
        parts.add(name.as_bytes());
        parts.dependencies(&suite.checkout.join(name));
    }
    Ok(Digest::of(&parts.0))
}

impl Suite<'_> {
    /// A value without what is another in every run.
    fn steady(&self, value: &OsStr) -> Vec<u8> {
        let mut text = value.as_bytes().to_vec();
        for (path, name) in [(self.view.root.as_path(), "<view>"), (self.folder, "<run>")] {
            text = replaced(&text, path.as_os_str().as_bytes(), name.as_bytes());
        }
        text
    }
}

fn replaced(text: &[u8], what: &[u8], by: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        if !what.is_empty() && rest.starts_with(what) {
            out.extend_from_slice(by);
            rest = rest.get(what.len()..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

/// Length-prefixed parts, so that no two lists look the same.
#[derive(Default)]
struct Parts(Vec<u8>);

impl Parts {
    fn add(&mut self, part: &[u8]) {
        self.0.extend((part.len() as u64).to_le_bytes());
        self.0.extend(part);
    }

    /// A file by its size and time: reading every interpreter would cost more than it tells.
    fn file(&mut self, path: &Path) {
        let Ok(found) = std::fs::metadata(path) else {
            return;
        };
        let time = found.modified().ok();
        let time = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        self.add(format!("{} {:?}", found.len(), time).as_bytes());
    }

    /// Installed dependencies by what their installers leave behind.
    fn dependencies(&mut self, path: &Path) {
        self.file(path);
        if let Ok(text) = std::fs::read(path.join("pyvenv.cfg")) {
            self.add(&text);
        }
        self.listing(path);
        for library in entries(&path.join("lib")) {
            self.listing(&library.join("site-packages"));
        }
    }

    fn listing(&mut self, folder: &Path) {
        for entry in entries(folder) {
            self.add(entry.as_os_str().as_bytes());
            self.file(&entry);
        }
    }
}

fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    let found = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = found
        .filter_map(|entry| Some(entry.ok()?.path()))
        .take(MOST_ENTRIES)
        .collect();
    paths.sort();
    paths
}
