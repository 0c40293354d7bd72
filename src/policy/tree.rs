//! Checks against the tree the change would be built on: links, collisions, modes.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{BaseTree, ChangeSet, FileChange, FileMode, TreeEntry, TreeError, Violation};
use crate::policy::finding::broken;
use crate::policy::fold;
use crate::policy::hygiene;

/// Every breach of `path.through_symlink`, `path.collision` and `tree.mode`.
pub(super) fn judge(changes: &ChangeSet, base: &dyn BaseTree) -> Result<Vec<Violation>, TreeError> {
    let mut violations = within(changes);
    let mut folders = Folders::new(base);
    for file in changes
        .files
        .iter()
        .filter(|file| is_comparable(&file.path))
    {
        violations.extend(parents(file, base)?);
        violations.extend(siblings(file, &mut folders)?);
        violations.extend(modes(file, base)?);
    }
    Ok(violations)
}

/// The deepest path that is compared part by part: three times what the limits allow.
const MAX_PARTS: usize = 100;

/// Whether a path is compared with others. A longer one is refused in any case, and comparing all its
/// parts would cost the square of its length.
fn is_comparable(path: &str) -> bool {
    path.len() <= hygiene::MAX_PATH && path.matches('/').count() < MAX_PARTS
}

/// The folders of a path from the root down, without the path itself.
fn folders_of(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(at, _)| path.get(..at))
}

fn collision(path: &str, detail: String) -> Violation {
    broken(
        "path.collision",
        path,
        detail,
        "choose another name; to rename by case or to turn a file into a folder, make two changes",
    )
}

/// Every folder on the way has to be a real one.
fn parents(file: &FileChange, base: &dyn BaseTree) -> Result<Vec<Violation>, TreeError> {
    let mut violations = Vec::new();
    for folder in folders_of(&file.path) {
        let Some(entry) = base.entry(folder)? else {
            break;
        };
        let what = match entry.mode {
            FileMode::Tree => continue,
            FileMode::Symlink => "a symbolic link",
            FileMode::Gitlink => "a submodule",
            FileMode::Regular | FileMode::Executable => {
                violations.push(collision(&file.path, format!("{folder} is a file")));
                break;
            }
        };
        violations.push(broken(
            "path.through_symlink",
            &file.path,
            format!("{folder} is {what}; what is behind it is not this repository's"),
            "name the real path",
        ));
        break;
    }
    if file.after.is_some()
        && let Some(entry) = base.entry(&file.path)?
        && entry.mode == FileMode::Tree
    {
        violations.push(collision(&file.path, "is a folder in the base".to_owned()));
    }
    Ok(violations)
}

/// The folded names of a folder's entries, read once.
struct Folders<'a> {
    base: &'a dyn BaseTree,
    known: BTreeMap<String, Vec<(String, String)>>,
}

impl<'a> Folders<'a> {
    fn new(base: &'a dyn BaseTree) -> Self {
        Self {
            base,
            known: BTreeMap::new(),
        }
    }

    /// Another name in the folder that a case-insensitive or normalising file system, or a reader,
    /// takes for `name`; `None` when `name` itself is there.
    fn twin(&mut self, folder: &str, name: &str) -> Result<Option<String>, TreeError> {
        if !self.known.contains_key(folder) {
            let entries = self.base.list(folder)?;
            let names = entries.into_iter().map(|TreeEntry { name, .. }| {
                let key = fold::collision_key(&name);
                (name, key)
            });
            self.known.insert(folder.to_owned(), names.collect());
        }
        let entries = self
            .known
            .get(folder)
            .map(Vec::as_slice)
            .unwrap_or_default();
        if entries.iter().any(|(existing, _)| existing == name) {
            return Ok(None);
        }
        let key = fold::collision_key(name);
        let twin = entries.iter().find(|(_, existing)| *existing == key);
        Ok(twin.map(|(existing, _)| existing.clone()))
    }
}

/// A name that differs from an existing one only by case or spelling, at any level.
fn siblings(file: &FileChange, folders: &mut Folders<'_>) -> Result<Vec<Violation>, TreeError> {
    let mut violations = Vec::new();
    if file.after.is_none() {
        return Ok(violations);
    }
    let mut folder = String::new();
    for name in file.path.split('/') {
        if let Some(twin) = folders.twin(&folder, name)? {
            let detail = format!(
                "{name:?} and the existing {twin:?} are one name to some file systems or readers"
            );
            violations.push(collision(&file.path, detail));
        }
        if !folder.is_empty() {
            folder.push('/');
        }
        folder.push_str(name);
    }
    Ok(violations)
}

/// Collisions within the change itself.
fn within(changes: &ChangeSet) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut seen = BTreeSet::new();
    let mut spelled: BTreeMap<String, &str> = BTreeMap::new();
    let written: BTreeSet<&str> = changes
        .files
        .iter()
        .filter(|file| file.after.is_some())
        .map(|file| file.path.as_str())
        .collect();
    for file in &changes.files {
        let path = file.path.as_str();
        if !seen.insert(path) {
            violations.push(collision(path, "is changed twice".to_owned()));
        }
        if !is_comparable(path) {
            continue;
        }
        let mut key = String::new();
        for prefix in folders_of(path).chain([path]) {
            let name = prefix.rsplit('/').next().unwrap_or(prefix);
            key = format!("{key}/{}", fold::collision_key(name));
            let first = spelled.entry(key.clone()).or_insert(prefix);
            if *first != prefix {
                let detail = format!(
                    "{prefix:?} and {first:?} are one name to some file systems or readers"
                );
                violations.push(collision(path, detail));
            }
        }
        if let Some(folder) = folders_of(path).find(|folder| written.contains(folder)) {
            violations.push(collision(
                path,
                format!("{folder} is written as a file in the same change"),
            ));
        }
    }
    violations
}

/// Only plain files; executable only what the base has executable.
fn modes(file: &FileChange, base: &dyn BaseTree) -> Result<Vec<Violation>, TreeError> {
    let in_base = base.entry(&file.path)?.map(|entry| entry.mode);
    let mode = |detail: String, remedy: &str| broken("tree.mode", &file.path, detail, remedy);
    let mut violations = Vec::new();
    let before = file.before.as_ref().map(|state| state.mode).or(in_base);
    if matches!(before, Some(FileMode::Symlink | FileMode::Gitlink)) {
        let detail = "is a symbolic link or a submodule in the base".to_owned();
        violations.push(mode(detail, "change links and submodules by hand"));
    }
    match file.after.as_ref().map(|state| state.mode) {
        None | Some(FileMode::Regular) => {}
        Some(FileMode::Executable) if in_base == Some(FileMode::Executable) => {}
        Some(FileMode::Executable) => violations.push(mode(
            "would be executable (100755), and is not in the base".to_owned(),
            "write it as 100644 and set the bit by hand: only what is executable in the base may be",
        )),
        Some(FileMode::Symlink) => violations.push(mode(
            "would be a symbolic link (120000)".to_owned(),
            "write an ordinary file",
        )),
        Some(FileMode::Gitlink) => violations.push(mode(
            "would be a submodule (160000)".to_owned(),
            "write an ordinary file",
        )),
        Some(FileMode::Tree) => violations.push(mode(
            "would be a folder (040000)".to_owned(),
            "write the files inside it",
        )),
    }
    Ok(violations)
}
