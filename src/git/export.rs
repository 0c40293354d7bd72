//! Writing the files of a commit into an empty folder, for the tests to run in.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::git::commit::MAX_PATH;
use crate::git::{Error, Repository, file_mode};
use crate::model::{FileMode, Oid};

/// How many threads write. Inflating and hashing dominate, and two threads gain most of what can
/// be gained without starving the rest of the machine.
const THREADS: usize = 2;
/// How many files a thread takes at once: neighbours share delta bases in a pack.
const BATCH: usize = 64;
/// The longest pointer of git-lfs, in bytes, by its specification.
const MAX_LFS_POINTER: usize = 1024;

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportSummary {
    /// Files and symbolic links.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// The paths of submodules; they are empty folders.
    pub submodules: Vec<String>,
    /// Files whose content is only a pointer of git-lfs.
    pub lfs_pointers: u64,
}

impl Repository {
    /// Writes the exact committed files (raw blobs, no filter), modes and symbolic links into
    /// `into`, which must be empty or missing and outside the repository.
    pub fn export_tree(&self, commit: &Oid, into: &Path) -> Result<ExportSummary, Error> {
        self.export_tree_within(commit, into, u64::MAX)
    }

    /// The same, given up with [`Error::ExportTooLarge`] beyond so many bytes of content. What was
    /// written until then stays for the caller to remove.
    pub fn export_tree_within(
        &self,
        commit: &Oid,
        into: &Path,
        most_bytes: u64,
    ) -> Result<ExportSummary, Error> {
        let into = self.empty_folder(into)?;
        let (_, tree) = self.commit_and_tree(commit)?;
        let listing = self.list_tree(tree.id())?;
        let written = |path: &Path| {
            let path = path.to_path_buf();
            move |source| Error::ExportWrite { path, source }
        };
        // Folders first, parents before children, each created new: from here on no symbolic link
        // of the commit can stand where a folder is expected.
        for folder in &listing.folders {
            let path = into.join(folder);
            fs::create_dir(&path).map_err(written(&path))?;
        }
        let mut summary = self.write_files(&listing.files, &into, most_bytes)?;
        summary.submodules = listing.submodules;
        Ok(summary)
    }

    /// Refuses a folder that is not empty or that is inside the repository; creates a missing one,
    /// after that check, in its existing parent.
    fn empty_folder(&self, into: &Path) -> Result<PathBuf, Error> {
        let refused = |why: &str| Error::ExportTarget {
            into: into.to_path_buf(),
            why: why.to_owned(),
        };
        let failed = |e: io::Error| refused(&e.to_string());
        let missing = fs::symlink_metadata(into).is_err();
        let real = if missing {
            let (Some(parent), Some(name)) = (into.parent(), into.file_name()) else {
                return Err(refused("it has no parent folder"));
            };
            parent.canonicalize().map_err(failed)?.join(name)
        } else {
            into.canonicalize().map_err(failed)?
        };
        let mut ours = self.git_dirs();
        ours.push(self.root.clone());
        if ours.iter().any(|dir| real.starts_with(dir)) {
            return Err(refused("it is inside the repository"));
        }
        if missing {
            fs::create_dir(&real).map_err(failed)?;
        }
        if fs::read_dir(&real).map_err(failed)?.next().is_some() {
            return Err(refused("it is not empty"));
        }
        Ok(real)
    }

    fn list_tree(&self, root: git2::Oid) -> Result<Listing, Error> {
        let mut listing = Listing::default();
        let mut open = vec![(PathBuf::new(), root)];
        while let Some((folder, oid)) = open.pop() {
            let tree = self
                .inner
                .find_tree(oid)
                .map_err(|e| Error::object(format!("tree {oid}"), &e))?;
            for entry in &tree {
                let path = folder.join(safe_name(&folder, entry.name_bytes())?);
                match file_mode(entry.filemode_raw()) {
                    FileMode::Tree => {
                        listing.folders.push(path.clone());
                        open.push((path, entry.id()));
                    }
                    FileMode::Gitlink => {
                        listing.submodules.push(path.display().to_string());
                        listing.folders.push(path);
                    }
                    mode @ (FileMode::Regular | FileMode::Executable | FileMode::Symlink) => {
                        let oid = entry.id();
                        listing.files.push(File { path, mode, oid });
                    }
                }
            }
        }
        listing.submodules.sort();
        Ok(listing)
    }

    fn write_files(
        &self,
        files: &[File],
        into: &Path,
        most_bytes: u64,
    ) -> Result<ExportSummary, Error> {
        let shared = Shared {
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
            most_bytes,
        };
        let mut handles = Vec::new();
        for _ in 0..THREADS {
            handles.push(self.reopen()?);
        }
        let shared = &shared;
        let parts: Vec<Result<ExportSummary, Error>> = std::thread::scope(|scope| {
            let threads: Vec<_> = handles
                .into_iter()
                .map(|handle| {
                    scope.spawn(move || {
                        let done = write_batches(&handle, files, into, shared);
                        shared.stop.fetch_or(done.is_err(), Ordering::Relaxed);
                        done
                    })
                })
                .collect();
            let ended = threads.into_iter().map(|thread| {
                thread.join().unwrap_or_else(|_| {
                    Err(Error::Git {
                        doing: "write the files".to_owned(),
                        detail: "a writing thread panicked".to_owned(),
                    })
                })
            });
            ended.collect()
        });
        let mut summary = ExportSummary::default();
        for part in parts {
            let part = part?;
            summary.files += part.files;
            summary.bytes += part.bytes;
            summary.lfs_pointers += part.lfs_pointers;
        }
        Ok(summary)
    }
}

/// What the writing threads share.
struct Shared {
    next: AtomicUsize,
    stop: AtomicBool,
    /// Bytes that were taken on so far.
    bytes: AtomicU64,
    most_bytes: u64,
}

/// What a tree holds, by path.
#[derive(Default)]
struct Listing {
    folders: Vec<PathBuf>,
    files: Vec<File>,
    submodules: Vec<String>,
}

struct File {
    path: PathBuf,
    mode: FileMode,
    oid: git2::Oid,
}

/// A name that stays in its folder. Git refuses to write such trees, but objects can come from
/// anywhere.
fn safe_name<'a>(folder: &Path, name: &'a [u8]) -> Result<&'a OsStr, Error> {
    let unsafe_name = matches!(name, b"" | b"." | b"..")
        || name.eq_ignore_ascii_case(b".git")
        || name.contains(&b'/')
        || name.contains(&0)
        || folder.as_os_str().len() + name.len() > MAX_PATH;
    if unsafe_name {
        return Err(Error::Path {
            path: folder.join(OsStr::from_bytes(name)).display().to_string(),
            why: "the tree holds a name that leads out of its folder".to_owned(),
        });
    }
    Ok(OsStr::from_bytes(name))
}

fn write_batches(
    repository: &git2::Repository,
    files: &[File],
    into: &Path,
    shared: &Shared,
) -> Result<ExportSummary, Error> {
    let odb = repository
        .odb()
        .map_err(|e| Error::git("read the objects", &e))?;
    let mut summary = ExportSummary::default();
    while !shared.stop.load(Ordering::Relaxed) {
        let first = shared.next.fetch_add(BATCH, Ordering::Relaxed);
        let Some(rest) = files.get(first..).filter(|rest| !rest.is_empty()) else {
            break;
        };
        for file in rest.iter().take(BATCH) {
            let object = odb.read(file.oid).map_err(|e| {
                Error::object(format!("blob {} ({})", file.oid, file.path.display()), &e)
            })?;
            let size = object.len() as u64;
            if shared.bytes.fetch_add(size, Ordering::Relaxed)
                > shared.most_bytes.saturating_sub(size)
            {
                return Err(Error::ExportTooLarge {
                    most_bytes: shared.most_bytes,
                });
            }
            let path = into.join(&file.path);
            write_file(&path, file.mode, object.data())
                .map_err(|source| Error::ExportWrite { path, source })?;
            summary.files += 1;
            summary.bytes += size;
            summary.lfs_pointers += u64::from(is_lfs_pointer(object.data()));
        }
    }
    Ok(summary)
}

/// Creates one file; `create_new` fails on anything that exists, symbolic links included.
fn write_file(path: &Path, mode: FileMode, content: &[u8]) -> io::Result<()> {
    if mode == FileMode::Symlink {
        return symlink(OsStr::from_bytes(content), path);
    }
    let permissions = if mode == FileMode::Executable {
        0o777
    } else {
        0o666
    };
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(permissions)
        .open(path)?;
    file.write_all(content)
}

fn is_lfs_pointer(content: &[u8]) -> bool {
    content.len() <= MAX_LFS_POINTER
        && content.starts_with(b"version https://git-lfs.github.com/spec/")
}

#[cfg(test)]
mod tests;
