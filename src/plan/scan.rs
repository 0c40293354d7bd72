//! A light scan of the base commit for files that matter to a change and are not part of it.
//!
//! It lists folders lazily (the touched files' own, test and documentation folders), reads a
//! bounded number of small text files, and never opens anything that looks like a secret.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::kinds;
use super::why;
use crate::model::{BaseTree, ChangeSet, FileMode, Oid, RelevantFile, TreeEntry, TreeError};

/// The most files that are reported: what a reviewer reads at a glance.
const MAX_FOUND: usize = 12;
/// Bounds that keep the scan short on any repository.
const MAX_FOLDERS: usize = 200;
const MAX_NAMES: usize = 20_000;
const MAX_BLOBS: usize = 2000;
const MAX_BYTES: u64 = 4 << 20;
/// Larger files are rarely written by hand, and reading them buys little.
const MAX_BLOB: u64 = 128 << 10;
/// The most touched files whose neighbours are looked for.
const MAX_TOUCHED: usize = 40;

/// Finds the relevant files: tests by name first, then files named in the request, files that
/// import a touched module, and documentation that mentions it.
pub(super) fn relevant(
    changes: &ChangeSet,
    request: &str,
    base: &dyn BaseTree,
) -> Result<Vec<RelevantFile>, TreeError> {
    let touched: Vec<Touched> = changes
        .files
        .iter()
        .filter(|file| !kinds::is_doc(&file.path))
        .take(MAX_TOUCHED)
        .map(|file| Touched::new(&file.path))
        .collect();
    let mut scan = Scan::new(base, changes);
    scan.collect(&touched)?;
    let mut found: BTreeSet<(u8, String, String)> = BTreeSet::new();
    scan.by_name(&touched, request, &mut found);
    if found.len() < MAX_FOUND {
        scan.by_content(&touched, &mut found)?;
    }
    let found = found.into_iter().take(MAX_FOUND);
    Ok(found
        .map(|(_, path, reason)| RelevantFile { path, reason })
        .collect())
}

/// A touched file and the names by which others mention it.
struct Touched {
    path: String,
    module: String,
}

impl Touched {
    fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            module: kinds::module(path).to_owned(),
        }
    }

    /// Whether a file name is that of this module's tests.
    fn is_tested_by(&self, name: &str) -> bool {
        if !kinds::is_test_name(name) || kinds::is_test(&self.path) {
            return false;
        }
        let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
        let subject = stem
            .strip_prefix("test_")
            .or_else(|| stem.strip_suffix("_test"))
            .or_else(|| stem.strip_suffix("_spec"))
            .unwrap_or(stem);
        subject == self.module
    }

    /// The first line that mentions the path or, where it is distinctive, the module, from 1.
    fn mentioned_at(&self, text: &str) -> Option<usize> {
        // Short and everyday words would be found in any prose.
        let distinctive = self.module.len() >= 5 || self.module.contains('_');
        let mentions =
            |line: &str| line.contains(&self.path) || distinctive && has_word(line, &self.module);
        text.lines().position(mentions).map(|index| index + 1)
    }
}

/// Whether `word` occurs with no letter, digit or underscore beside it.
fn has_word(line: &str, word: &str) -> bool {
    let inner = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    !word.is_empty()
        && line.match_indices(word).any(|(at, _)| {
            let before = line.get(..at).and_then(|head| head.chars().next_back());
            let after = line
                .get(at + word.len()..)
                .and_then(|tail| tail.chars().next());
            !inner(before) && !inner(after)
        })
}

struct Candidate {
    path: String,
    oid: Oid,
}

struct Scan<'a> {
    base: &'a dyn BaseTree,
    /// Paths of the change, which are never reported.
    own: HashSet<&'a str>,
    /// Folders already listed, and how deep.
    listed: HashMap<String, Depth>,
    seen: HashSet<String>,
    candidates: Vec<Candidate>,
}

impl<'a> Scan<'a> {
    fn new(base: &'a dyn BaseTree, changes: &'a ChangeSet) -> Self {
        Self {
            base,
            own: changes
                .files
                .iter()
                .map(|file| file.path.as_str())
                .collect(),
            listed: HashMap::new(),
            seen: HashSet::new(),
            candidates: Vec::new(),
        }
    }

    /// Lists the folders where relevant files can be.
    fn collect(&mut self, touched: &[Touched]) -> Result<(), TreeError> {
        let root = self.list("", Depth::One)?;
        for file in touched {
            // The folder of the file and those above it: siblings and the package's own files.
            let mut folder = kinds::folder(&file.path);
            while !folder.is_empty() {
                let entries = self.list(folder, Depth::One)?;
                self.side_folders(folder, &entries)?;
                folder = kinds::folder(folder);
            }
        }
        self.side_folders("", &root)
    }

    /// Goes into the test and documentation folders among some entries.
    fn side_folders(&mut self, folder: &str, entries: &[TreeEntry]) -> Result<(), TreeError> {
        for entry in entries.iter().filter(|e| e.mode == FileMode::Tree) {
            let name = entry.name.as_str();
            if matches!(
                name,
                "tests" | "test" | "__tests__" | "spec" | "testing" | "docs" | "doc"
            ) {
                self.list(&join(folder, name), Depth::Three)?;
            }
        }
        Ok(())
    }

    fn list(&mut self, folder: &str, depth: Depth) -> Result<Vec<TreeEntry>, TreeError> {
        let full = self.listed.len() >= MAX_FOLDERS || self.candidates.len() >= MAX_NAMES;
        let known = self
            .listed
            .get(folder)
            .is_some_and(|listed| *listed >= depth);
        if full || known || kinds::looks_secret(folder) {
            return Ok(Vec::new());
        }
        self.listed.insert(folder.to_owned(), depth);
        let entries = self.base.list(folder)?;
        for entry in &entries {
            let path = join(folder, &entry.name);
            match entry.mode {
                FileMode::Regular | FileMode::Executable => self.add(path, entry),
                FileMode::Tree => {
                    if let Some(next) = depth.below() {
                        self.list(&path, next)?;
                    }
                }
                FileMode::Symlink | FileMode::Gitlink => {}
            }
        }
        Ok(entries)
    }

    fn add(&mut self, path: String, entry: &TreeEntry) {
        let wanted = kinds::is_source(&path) || kinds::is_doc(&path) || kinds::is_test(&path);
        let fits = self.candidates.len() < MAX_NAMES && !self.own.contains(path.as_str());
        if wanted && fits && !kinds::looks_secret(&path) && self.seen.insert(path.clone()) {
            self.candidates.push(Candidate {
                path,
                oid: entry.oid.clone(),
            });
        }
    }

    fn by_name(
        &self,
        touched: &[Touched],
        request: &str,
        found: &mut BTreeSet<(u8, String, String)>,
    ) {
        for candidate in &self.candidates {
            let name = kinds::file_name(&candidate.path);
            if let Some(file) = touched.iter().find(|file| file.is_tested_by(name)) {
                let reason = format!("tests of {}, by name", file.path);
                found.insert((0, candidate.path.clone(), reason));
            } else if why::is_named(&candidate.path, request) {
                let reason = "named in the request".to_owned();
                found.insert((1, candidate.path.clone(), reason));
            }
        }
    }

    fn by_content(
        &self,
        touched: &[Touched],
        found: &mut BTreeSet<(u8, String, String)>,
    ) -> Result<(), TreeError> {
        let known: HashSet<String> = found.iter().map(|(_, path, _)| path.clone()).collect();
        let mut bytes = 0;
        let unknown = self.candidates.iter().filter(|c| !known.contains(&c.path));
        for candidate in unknown.take(MAX_BLOBS) {
            let size = self.base.blob_size(&candidate.oid)?;
            if size > MAX_BLOB {
                continue;
            }
            bytes += size;
            if bytes > MAX_BYTES {
                break;
            }
            let blob = self.base.blob(&candidate.oid)?;
            if let Ok(text) = std::str::from_utf8(&blob)
                && let Some((rank, reason)) = mention(&candidate.path, text, touched)
            {
                found.insert((rank, candidate.path.clone(), reason));
            }
        }
        Ok(())
    }
}

/// Why a file's text makes it relevant, if it does.
fn mention(path: &str, text: &str, touched: &[Touched]) -> Option<(u8, String)> {
    if kinds::is_doc(path) {
        return touched.iter().find_map(|file| {
            let line = file.mentioned_at(text)?;
            Some((4, format!("mentions {} (line {line})", file.path)))
        });
    }
    let (line, file) = text.lines().enumerate().find_map(|(index, line)| {
        if !is_import(line) {
            return None;
        }
        let file = touched.iter().find(|file| has_word(line, &file.module))?;
        Some((index + 1, file))
    })?;
    let rank = if kinds::is_test(path) { 2 } else { 3 };
    Some((rank, format!("imports {} (line {line})", file.path)))
}

/// Whether a line of source takes something in from another module.
fn is_import(line: &str) -> bool {
    let head = line.trim_start();
    [
        "import ", "from ", "use ", "pub use ", "mod ", "pub mod ", "#include",
    ]
    .iter()
    .any(|word| head.starts_with(word))
        || ["require(", "import(", " from "]
            .iter()
            .any(|word| line.contains(word))
}

/// How far below a folder its sub-folders are listed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Depth {
    One,
    Two,
    Three,
}

impl Depth {
    fn below(self) -> Option<Self> {
        match self {
            Self::One => None,
            Self::Two => Some(Self::One),
            Self::Three => Some(Self::Two),
        }
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}
