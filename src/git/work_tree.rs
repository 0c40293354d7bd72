//! Questions about the user's work tree; nothing here writes.

use std::fs;

use git2::StatusOptions;

use crate::git::{Error, Repository};

/// Folders with installed packages, which a test run needs and a commit does not hold.
const ENVIRONMENTS: [&str; 3] = [".venv", "venv", "node_modules"];

impl Repository {
    /// Whether there is no work tree.
    pub fn is_bare(&self) -> bool {
        self.inner.is_bare()
    }

    /// Which environment folders (`.venv`, `venv`, `node_modules`) stand at the root of the work
    /// tree without being part of the repository; a symbolic link to a folder counts.
    pub fn ignored_environment(&self) -> Result<Vec<String>, Error> {
        if self.inner.is_bare() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for name in ENVIRONMENTS {
            let is_folder = fs::metadata(self.root.join(name)).is_ok_and(|found| found.is_dir());
            if is_folder && !self.is_tracked(name)? {
                found.push(name.to_owned());
            }
        }
        Ok(found)
    }

    /// Whether tracked files of the work tree or the index differ from HEAD. Looks at every tracked
    /// file once; neither runs a filter nor writes the index.
    pub fn has_local_changes(&self) -> Result<bool, Error> {
        if self.inner.is_bare() {
            return Ok(false);
        }
        let mut options = StatusOptions::new();
        options
            .include_untracked(false)
            .include_ignored(false)
            .exclude_submodules(true)
            .update_index(false);
        let statuses = self.inner.statuses(Some(&mut options));
        let statuses = statuses.map_err(|e| Error::git("look at the work tree", &e))?;
        Ok(!statuses.is_empty())
    }

    /// Whether the index holds the path or anything below it.
    fn is_tracked(&self, name: &str) -> Result<bool, Error> {
        let index = self
            .inner
            .index()
            .map_err(|e| Error::git("read the index", &e))?;
        let below = format!("{name}/");
        Ok(index
            .iter()
            .any(|entry| entry.path == name.as_bytes() || entry.path.starts_with(below.as_bytes())))
    }
}
