//! One commit's tree, read-only.

use crate::git::{Error, Repository, file_mode, model_oid};
use crate::model::{BaseTree, Oid, RelPath, TreeEntry, TreeError};

/// The tree of one commit. Has its own handle on the repository, so it can go to another thread.
pub struct Snapshot {
    repository: git2::Repository,
    root: git2::Oid,
}

impl Repository {
    /// Opens the tree of a commit.
    pub fn snapshot(&self, commit: &Oid) -> Result<Snapshot, Error> {
        let (_, tree) = self.commit_and_tree(commit)?;
        Ok(Snapshot {
            repository: self.reopen()?,
            root: tree.id(),
        })
    }
}

impl Snapshot {
    fn tree(&self, what: &str, oid: git2::Oid) -> Result<git2::Tree<'_>, TreeError> {
        self.repository
            .find_tree(oid)
            .map_err(|e| unreadable(what, &e))
    }

    /// Walks the components one by one and compares their bytes. `git_tree_entry_bypath` is not
    /// used because it takes `a//b` and `a/` too.
    fn walk(&self, path: &str) -> Result<Option<(i32, git2::Oid)>, TreeError> {
        // The same guard keeps a NUL away from `get_name`, which would panic on it.
        if RelPath::parse(path).is_err() {
            return Ok(None);
        }
        let mut found = (0o040_000, self.root);
        for component in path.split('/') {
            if found.0 != 0o040_000 {
                return Ok(None);
            }
            let tree = self.tree(path, found.1)?;
            found = match tree.get_name(component) {
                Some(entry) => (entry.filemode(), entry.id()),
                None => return Ok(None),
            };
        }
        Ok(Some(found))
    }

    fn oid(oid: &Oid) -> Result<git2::Oid, TreeError> {
        git2::Oid::from_str(oid.as_str()).map_err(|e| unreadable(oid.as_str(), &e))
    }
}

impl BaseTree for Snapshot {
    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        Ok(self.walk(path)?.map(|(mode, oid)| TreeEntry {
            name: path.rsplit('/').next().unwrap_or(path).to_owned(),
            mode: file_mode(mode),
            oid: model_oid(oid),
        }))
    }

    /// A name that is not UTF-8 is shown with replacement characters; `entry` never finds it.
    fn list(&self, path: &str) -> Result<Vec<TreeEntry>, TreeError> {
        let oid = match path {
            "" => self.root,
            path => match self.walk(path)? {
                Some((0o040_000, oid)) => oid,
                Some(_) | None => return Ok(Vec::new()),
            },
        };
        let tree = self.tree(path, oid)?;
        Ok(tree
            .iter()
            .map(|entry| TreeEntry {
                name: String::from_utf8_lossy(entry.name_bytes()).into_owned(),
                mode: file_mode(entry.filemode()),
                oid: model_oid(entry.id()),
            })
            .collect())
    }

    fn blob_size(&self, oid: &Oid) -> Result<u64, TreeError> {
        let odb = self
            .repository
            .odb()
            .map_err(|e| unreadable("the objects", &e))?;
        let (size, kind) = odb
            .read_header(Self::oid(oid)?)
            .map_err(|e| unreadable(oid.as_str(), &e))?;
        if kind != git2::ObjectType::Blob {
            return Err(TreeError {
                what: oid.to_string(),
                detail: format!("it is a {kind}, not a blob"),
            });
        }
        Ok(size as u64)
    }

    fn blob(&self, oid: &Oid) -> Result<Vec<u8>, TreeError> {
        self.repository
            .find_blob(Self::oid(oid)?)
            .map(|blob| blob.content().to_vec())
            .map_err(|e| unreadable(oid.as_str(), &e))
    }
}

fn unreadable(what: &str, error: &git2::Error) -> TreeError {
    TreeError {
        what: what.to_owned(),
        detail: error.message().to_owned(),
    }
}
