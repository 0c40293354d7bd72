//! Building a commit from blobs and trees, without index or work tree.

use std::collections::BTreeMap;

use crate::git::{Error, Repository, model_oid, raw_mode};
use crate::model::{ChangeSet, FileChange, FileMode, FileState, Oid, RelPath};
use crate::policy::Cleared;

/// The longest path that is written, in bytes: what the kernel takes (`PATH_MAX`). It also bounds
/// the depth of every walk over trees.
pub(super) const MAX_PATH: usize = 4096;

/// A built commit. No ref points at it yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The commit.
    pub commit: Oid,
    /// Its tree.
    pub tree: Oid,
}

/// The message of a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitMessage {
    /// The first line.
    pub subject: String,
    /// The text below it, kept as it is; may be empty.
    pub body: String,
    /// The last paragraph, `Key: value` lines.
    pub trailers: Vec<(String, String)>,
}

impl CommitMessage {
    /// The whole text. Line breaks in subject and trailers become spaces, so that neither can forge
    /// another line; a NUL, which a commit cannot hold, becomes U+FFFD.
    fn render(&self) -> String {
        let mut text = one_line(&self.subject);
        let body = self.body.trim_matches('\n');
        if !body.is_empty() {
            text.push_str("\n\n");
            text.push_str(body);
        }
        if !self.trailers.is_empty() {
            text.push('\n');
        }
        for (key, value) in &self.trailers {
            text.extend(["\n", &one_line(key), ": ", &one_line(value)]);
        }
        text.push('\n');
        text.replace('\0', "\u{fffd}")
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Repository {
    /// Builds a commit on top of `base`: blobs, the trees on the way to changed files, the commit.
    /// No ref is touched. Author and committer are `user.name` and `user.email` of git's
    /// configuration; `commit.gpgsign` is not followed, because signing would start a program.
    ///
    /// The cost grows with the size of the changed folders, not with the number of files.
    pub fn build_commit(
        &self,
        base: &Oid,
        changes: &Cleared<ChangeSet>,
        message: &CommitMessage,
    ) -> Result<Built, Error> {
        let who = self.signature()?;
        let (parent, base_tree) = self.commit_and_tree(base)?;
        let mut root = Node::default();
        for change in &changes.get().files {
            root.add(change)?;
        }
        let tree = self.write_folder(Some(&base_tree), &root, "")?;
        if tree.oid == base_tree.id() {
            return Err(Error::NothingToCommit);
        }
        let written = |e| Error::git("write the commit", &e);
        let tree = self.inner.find_tree(tree.oid).map_err(written)?;
        let commit = self
            .inner
            .commit(None, &who, &who, &message.render(), &tree, &[&parent])
            .map_err(written)?;
        Ok(Built {
            commit: model_oid(commit),
            tree: model_oid(tree.id()),
        })
    }

    /// Writes one folder: the base's entries with the changes of `node` applied.
    fn write_folder(
        &self,
        base: Option<&git2::Tree<'_>>,
        node: &Node<'_>,
        path: &str,
    ) -> Result<Folder, Error> {
        let written = |e| Error::git(format!("write the folder {path:?}"), &e);
        let mut builder = self.inner.treebuilder(base).map_err(written)?;
        for (name, child) in &node.children {
            let path = if path.is_empty() {
                (*name).to_owned()
            } else {
                format!("{path}/{name}")
            };
            let was = builder
                .get(*name)
                .map_err(written)?
                .map(|entry| (entry.filemode(), entry.id()));
            match self.apply(was, child, &path)? {
                Some((mode, oid)) => {
                    let inserted = builder.insert(*name, oid, mode);
                    inserted.map_err(|e| Error::Path {
                        path,
                        why: e.message().to_owned(),
                    })?;
                }
                None if was.is_some() => builder.remove(*name).map_err(written)?,
                None => {}
            }
        }
        Ok(Folder {
            is_empty: builder.is_empty(),
            oid: builder.write().map_err(written)?,
        })
    }

    /// What stands at `path` after the change: a file, a folder or nothing, never both.
    fn apply(
        &self,
        was: Option<(i32, git2::Oid)>,
        node: &Node<'_>,
        path: &str,
    ) -> Result<Option<(i32, git2::Oid)>, Error> {
        let is_folder = |(mode, _): &(i32, git2::Oid)| *mode == raw_mode(FileMode::Tree);
        let folder = was.filter(is_folder);
        let file = was.filter(|entry| !is_folder(entry));
        let folder = if node.children.is_empty() {
            folder
        } else {
            let base = folder
                .map(|(_, oid)| self.inner.find_tree(oid))
                .transpose()
                .map_err(|e| Error::object(format!("the folder {path:?}"), &e))?;
            let written = self.write_folder(base.as_ref(), node, path)?;
            (!written.is_empty).then_some((raw_mode(FileMode::Tree), written.oid))
        };
        let file = match node.change {
            None => file,
            Some(change) => {
                starts_from(change, file)?;
                match &change.after {
                    Some(state) => Some(self.write_file(path, state)?),
                    None => None,
                }
            }
        };
        match (file, folder) {
            (Some(_), Some(_)) => Err(Error::Path {
                path: path.to_owned(),
                why: "it would be a file and a folder at once".to_owned(),
            }),
            (file, folder) => Ok(file.or(folder)),
        }
    }

    fn write_file(&self, path: &str, state: &FileState) -> Result<(i32, git2::Oid), Error> {
        let refused = |why: &str| Error::Path {
            path: path.to_owned(),
            why: why.to_owned(),
        };
        match state.mode {
            FileMode::Regular | FileMode::Executable | FileMode::Symlink => {}
            FileMode::Gitlink | FileMode::Tree => {
                return Err(refused("only files and symbolic links are written"));
            }
        }
        let Some(content) = &state.content else {
            return Err(refused("its content is too large to be loaded"));
        };
        // `git_blob_create_from_buffer` runs no filter: these bytes are the object.
        let oid = self
            .inner
            .blob(content)
            .map_err(|e| Error::git(format!("write {path:?}"), &e))?;
        Ok((raw_mode(state.mode), oid))
    }
}

/// A written folder.
struct Folder {
    oid: git2::Oid,
    is_empty: bool,
}

/// The changes at one path and below it.
#[derive(Default)]
struct Node<'a> {
    change: Option<&'a FileChange>,
    children: BTreeMap<&'a str, Node<'a>>,
}

impl<'a> Node<'a> {
    fn add(&mut self, change: &'a FileChange) -> Result<(), Error> {
        let refused = |why: &str| Error::Path {
            path: change.path.clone(),
            why: why.to_owned(),
        };
        if RelPath::parse(&change.path).is_err() {
            return Err(refused("not a path inside the repository"));
        }
        if change.path.len() > MAX_PATH {
            return Err(refused("the path is too long"));
        }
        let mut node = self;
        for component in change.path.split('/') {
            node = node.children.entry(component).or_default();
        }
        if node.change.replace(change).is_some() {
            return Err(refused("the path is changed twice"));
        }
        Ok(())
    }
}

/// What was judged must be what is in the base.
fn starts_from(change: &FileChange, file: Option<(i32, git2::Oid)>) -> Result<(), Error> {
    let same = match (&change.before, file) {
        (None, None) => true,
        (Some(before), Some((_, oid))) => before
            .oid
            .as_ref()
            .is_none_or(|known| *known == model_oid(oid)),
        (None, Some(_)) | (Some(_), None) => false,
    };
    if same {
        Ok(())
    } else {
        Err(Error::BaseDiffers {
            path: change.path.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
