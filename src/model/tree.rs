//! The base commit's tree as the rest of milton may see it: read-only, by path.

use crate::model::{FileMode, Oid};

/// One entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// The last component of the path.
    pub name: String,
    /// The mode.
    pub mode: FileMode,
    /// The object.
    pub oid: Oid,
}

/// A tree could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {what} from the repository: {detail}")]
pub struct TreeError {
    /// What was being read (a path or an object id).
    pub what: String,
    /// What git said.
    pub detail: String,
}

/// Read access to one commit's tree.
///
/// Paths are the text of a proposal: an implementation answers `None` for anything that is not
/// the exact path of an entry, and never normalises.
pub trait BaseTree {
    /// The entry at `path`, exactly as spelled.
    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError>;

    /// The entries of the directory at `path` (`""` is the root); empty when it is not a directory.
    fn list(&self, path: &str) -> Result<Vec<TreeEntry>, TreeError>;

    /// The size of a blob in bytes, without reading its content.
    fn blob_size(&self, oid: &Oid) -> Result<u64, TreeError>;

    /// The content of a blob.
    fn blob(&self, oid: &Oid) -> Result<Vec<u8>, TreeError>;
}
