//! An in-memory base tree for tests.

use std::collections::BTreeMap;

use crate::model::{BaseTree, FileMode, Oid, TreeEntry, TreeError};

/// Files by path; an object id is the index of its file.
#[derive(Default)]
pub(super) struct MemoryTree {
    files: BTreeMap<String, (FileMode, Vec<u8>)>,
    /// How many blobs were read.
    pub(super) blobs_read: std::cell::Cell<usize>,
    /// How many directories were listed.
    pub(super) listed: std::cell::Cell<usize>,
}

impl MemoryTree {
    pub(super) fn with(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, content) in files {
            tree.put(path, FileMode::Regular, content.as_bytes());
        }
        tree
    }

    pub(super) fn put(&mut self, path: &str, mode: FileMode, content: &[u8]) {
        self.files.insert(path.to_owned(), (mode, content.to_vec()));
    }

    fn oid(index: usize) -> Oid {
        Oid::parse(&format!("{index:040x}")).unwrap()
    }

    fn find(&self, oid: &Oid) -> Result<&Vec<u8>, TreeError> {
        let index = usize::from_str_radix(oid.as_str(), 16).unwrap();
        let found = self.files.values().nth(index).map(|(_, content)| content);
        found.ok_or_else(|| TreeError {
            what: oid.to_string(),
            detail: "no such object".to_owned(),
        })
    }
}

impl BaseTree for MemoryTree {
    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        let name = path.rsplit('/').next().unwrap().to_owned();
        if let Some(index) = self.files.keys().position(|known| known == path) {
            let mode = self.files[path].0;
            let oid = Self::oid(index);
            return Ok(Some(TreeEntry { name, mode, oid }));
        }
        let prefix = format!("{path}/");
        let is_directory = self.files.keys().any(|known| known.starts_with(&prefix));
        Ok(is_directory.then(|| TreeEntry {
            name,
            mode: FileMode::Tree,
            oid: Self::oid(0xffff_ffff),
        }))
    }

    fn list(&self, path: &str) -> Result<Vec<TreeEntry>, TreeError> {
        self.listed.set(self.listed.get() + 1);
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let mut entries: BTreeMap<String, TreeEntry> = BTreeMap::new();
        for (index, (known, (mode, _))) in self.files.iter().enumerate() {
            let Some(rest) = known.strip_prefix(&prefix) else {
                continue;
            };
            let (name, mode) = match rest.split_once('/') {
                Some((directory, _)) => (directory, FileMode::Tree),
                None => (rest, *mode),
            };
            entries.entry(name.to_owned()).or_insert_with(|| TreeEntry {
                name: name.to_owned(),
                mode,
                oid: Self::oid(index),
            });
        }
        Ok(entries.into_values().collect())
    }

    fn blob_size(&self, oid: &Oid) -> Result<u64, TreeError> {
        Ok(self.find(oid)?.len() as u64)
    }

    fn blob(&self, oid: &Oid) -> Result<Vec<u8>, TreeError> {
        self.blobs_read.set(self.blobs_read.get() + 1);
        self.find(oid).cloned()
    }
}
