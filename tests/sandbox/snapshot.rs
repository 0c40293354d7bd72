//! Everything of a folder that may not change, as one comparable table.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Files above this size are compared by their times only.
const HASHED: u64 = 4 << 20;

/// What is known of each path, relative to the folder.
pub(crate) type Snapshot = BTreeMap<PathBuf, String>;

/// Looks at everything below a folder. `is_free` names what milton itself
/// may touch: times and sizes are not looked at there.
pub(crate) fn snapshot(root: &Path, is_free: &dyn Fn(&Path) -> bool) -> Snapshot {
    let mut found = Snapshot::new();
    walk(root, Path::new(""), is_free, &mut found);
    found
}

fn walk(root: &Path, relative: &Path, is_free: &dyn Fn(&Path) -> bool, found: &mut Snapshot) {
    let path = root.join(relative);
    let about = std::fs::symlink_metadata(&path).unwrap();
    let mut text = format!(
        "mode {:o} owner {}:{} links {}",
        about.mode(),
        about.uid(),
        about.gid(),
        if about.is_dir() { 0 } else { about.nlink() }
    );
    if !is_free(relative) {
        text += &format!(
            " size {} modified {}.{} changed {}.{}",
            about.size(),
            about.mtime(),
            about.mtime_nsec(),
            about.ctime(),
            about.ctime_nsec()
        );
    }
    if about.is_file() && about.size() <= HASHED {
        let content = std::fs::read(&path).unwrap();
        text += &format!(" {:x?}", Sha256::digest(content).get(..8));
    } else if about.is_symlink() {
        text += &format!(" to {}", std::fs::read_link(&path).unwrap().display());
    }
    found.insert(relative.to_owned(), text);
    if about.is_dir() {
        for entry in std::fs::read_dir(&path).unwrap() {
            let name = entry.unwrap().file_name();
            walk(root, &relative.join(name), is_free, found);
        }
    }
}

/// What differs, one line a path. What is new and `may_be_new` is left out.
pub(crate) fn differences(
    before: &Snapshot,
    after: &Snapshot,
    may_be_new: &dyn Fn(&Path) -> bool,
) -> Vec<String> {
    let mut found = Vec::new();
    for (path, was) in before {
        match after.get(path) {
            None => found.push(format!("gone: {}", path.display())),
            Some(is) if is != was => {
                found.push(format!(
                    "changed: {}: {was}\n    is now {is}",
                    path.display()
                ));
            }
            Some(_) => {}
        }
    }
    for path in after.keys() {
        if !before.contains_key(path) && !may_be_new(path) {
            found.push(format!("new: {}", path.display()));
        }
    }
    found
}
