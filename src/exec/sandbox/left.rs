//! What the command changed in its view of the checkout: the contents of the upper layer.

use std::fs;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::exec::sandbox::mounts::Layers;

/// How many paths are kept.
const KEPT: usize = 200;
/// How many entries are looked at; a command can make millions.
const LOOKED_AT: u64 = 200_000;
/// How deep is looked: a path of the kernel has at most 4096 bytes.
const DEPTH: usize = 256;
/// What tools leave behind wherever they run; nobody reviews it.
const CACHES: [&str; 8] = [
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
    ".tox",
    ".cache",
    ".git",
];

/// The first changed paths, each with git's letter, and how many there are.
pub(super) fn changed(layers: &Layers) -> (Vec<String>, u64) {
    let mut found = Found {
        upper: of_descriptor(&layers.upper),
        lower: layers.lower.iter().map(of_descriptor).collect(),
        paths: Vec::new(),
        count: 0,
        looked_at: 0,
    };
    found.walk(Path::new(""), 0);
    found.paths.sort_by(|a, b| a.get(2..).cmp(&b.get(2..)));
    (found.paths, found.count)
}

/// A folder that no path leads to any more, by the descriptor that still holds it.
fn of_descriptor(descriptor: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", descriptor.as_raw_fd()))
}

struct Found {
    upper: PathBuf,
    lower: Vec<PathBuf>,
    paths: Vec<String>,
    count: u64,
    looked_at: u64,
}

impl Found {
    fn walk(&mut self, folder: &Path, depth: usize) {
        let Ok(entries) = fs::read_dir(self.upper.join(folder)) else {
            return;
        };
        for entry in entries.flatten() {
            self.looked_at += 1;
            if self.looked_at > LOOKED_AT {
                return;
            }
            let name = entry.file_name();
            let is_cache = name.to_str().is_some_and(|name| CACHES.contains(&name));
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if is_cache {
                continue;
            }
            let path = folder.join(&name);
            if kind.is_dir() {
                if depth < DEPTH {
                    self.walk(&path, depth + 1);
                }
                continue;
            }
            let was_there = self.was_there(&path);
            let is_removal = kind.is_char_device() && is_whiteout(&self.upper.join(&path));
            let letter = match (is_removal, was_there) {
                (true, true) => 'D',
                // Made and removed again.
                (true, false) => continue,
                (false, true) => 'M',
                (false, false) => 'A',
            };
            self.count += 1;
            if self.paths.len() < KEPT {
                self.paths.push(format!("{letter} {}", path.display()));
            }
        }
    }

    fn was_there(&self, path: &Path) -> bool {
        self.lower
            .iter()
            .find_map(|layer| {
                let path = layer.join(path);
                let found = fs::symlink_metadata(&path).ok()?;
                Some(!(found.file_type().is_char_device() && found.rdev() == 0))
            })
            .unwrap_or(false)
    }
}

/// An overlay's mark for "removed": a character device with the number 0.
fn is_whiteout(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.rdev() == 0)
}
