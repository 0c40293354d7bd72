//! Putting single files of an exported tree back to what another commit has.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use crate::git::{Error, Repository, file_mode};
use crate::model::{FileMode, Oid, RelPath};

impl Repository {
    /// Makes each path of an exported tree what `commit` has there; a path that the commit does not
    /// have is removed, and so is a path that is a folder there.
    ///
    /// Every folder on the way is a real one afterwards: a link of the exported tree that stands in
    /// the way is removed, so nothing is written outside of `into`.
    pub fn replace_exported(
        &self,
        commit: &Oid,
        paths: &[String],
        into: &Path,
    ) -> Result<(), Error> {
        let (_, tree) = self.commit_and_tree(commit)?;
        for path in paths {
            let Ok(path) = RelPath::parse(path) else {
                // The tree's own reader refused such a name before.
                continue;
            };
            let target = into.join(path.as_str());
            let written = |source| Error::ExportWrite {
                path: target.clone(),
                source,
            };
            let found = match tree.get_path(Path::new(path.as_str())) {
                Ok(entry) => Some((file_mode(entry.filemode_raw()), entry.id())),
                Err(error) if error.code() == git2::ErrorCode::NotFound => None,
                Err(error) => return Err(Error::object(format!("path {path}"), &error)),
            };
            real_parents(into, path.as_str(), found.is_some()).map_err(written)?;
            remove(&target).map_err(written)?;
            if let Some((mode, oid)) = found {
                write_blob(self, &target, mode, oid)?;
            }
        }
        Ok(())
    }
}

/// Writes the content of a blob as a new file or link.
pub(super) fn write_blob(
    repository: &Repository,
    target: &Path,
    mode: FileMode,
    oid: git2::Oid,
) -> Result<(), Error> {
    let written = |source| Error::ExportWrite {
        path: target.to_owned(),
        source,
    };
    let permissions = match mode {
        FileMode::Tree | FileMode::Gitlink => return Ok(()),
        FileMode::Executable => 0o755,
        FileMode::Regular | FileMode::Symlink => 0o644,
    };
    let blob = repository
        .inner
        .find_blob(oid)
        .map_err(|e| Error::object(format!("blob {oid}"), &e))?;
    if mode == FileMode::Symlink {
        use std::os::unix::ffi::OsStrExt as _;
        return symlink(std::ffi::OsStr::from_bytes(blob.content()), target).map_err(written);
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(permissions)
        .open(target)
        .and_then(|mut file| file.write_all(blob.content()))
        .map_err(written)
}

/// Walks the folders above a path; what is not a real folder is removed, and replaced when the path
/// will be written.
fn real_parents(into: &Path, path: &str, make: bool) -> io::Result<()> {
    let mut folder = PathBuf::from(into);
    let Some((above, _)) = path.rsplit_once('/') else {
        return Ok(());
    };
    for part in above.split('/') {
        folder.push(part);
        let is_folder = fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir());
        if is_folder {
            continue;
        }
        remove(&folder)?;
        if !make {
            return Ok(());
        }
        fs::create_dir(&folder)?;
    }
    Ok(())
}

/// Removes whatever stands there, without following a link.
fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // A file where a folder is expected: nothing of that name.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::git::testing::Fixture;

    #[test]
    fn paths_stand_as_the_other_commit_has_them() {
        let repository = Fixture::with(&[("conftest.py", "old"), ("a/b/x.py", "old")]);
        let base = repository.oid("HEAD");
        for path in ["conftest.py", "pytest.ini", "a/b/x.py"] {
            repository.write(path, b"new");
        }
        let changed = repository.commit_all("change");
        let opened = repository.open();
        let outside = tempfile::tempdir().unwrap();
        let into = outside.path().join("tree");
        opened.export_tree(&changed, &into).unwrap();
        // A link that leads out stands where a folder is expected.
        let elsewhere = outside.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::remove_dir_all(into.join("a")).unwrap();
        std::os::unix::fs::symlink(&elsewhere, into.join("a")).unwrap();
        let paths = ["conftest.py", "pytest.ini", "a/b/x.py"].map(str::to_owned);
        opened.replace_exported(&base, &paths, &into).unwrap();
        let read = |path: &str| fs::read_to_string(into.join(path)).ok();
        assert_eq!(read("conftest.py").as_deref(), Some("old"));
        assert_eq!(read("pytest.ini"), None);
        assert_eq!(read("a/b/x.py").as_deref(), Some("old"));
        assert!(fs::read_dir(&elsewhere).unwrap().next().is_none());
    }
}
