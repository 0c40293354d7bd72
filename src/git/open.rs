//! Opening a repository, and what it says about itself.

use std::path::{Path, PathBuf};

use git2::{ErrorCode, RepositoryOpenFlags};

use crate::git::{Error, Repository};

/// Opens the repository that `dir` is in: the folder itself or a parent, a linked work tree (whose
/// `.git` is a file), or a bare repository.
///
/// Refuses a repository that belongs to another user, as git does.
pub fn open(dir: &Path) -> Result<Repository, Error> {
    let inner = at(dir, RepositoryOpenFlags::empty())?;
    let root = inner.workdir().unwrap_or_else(|| inner.path());
    let root = root.canonicalize().map_err(|e| Error::Open {
        dir: root.to_path_buf(),
        detail: e.to_string(),
    })?;
    Ok(Repository { inner, root })
}

/// Opens without the environment: `FROM_ENV` is never among the flags, so libgit2 (1.9, checked in
/// `git_repository_open_ext` and `config_path_global`) reads none of `GIT_DIR`, `GIT_WORK_TREE`,
/// `GIT_INDEX_FILE`, `GIT_OBJECT_DIRECTORY`, `GIT_ALTERNATE_OBJECT_DIRECTORIES`,
/// `GIT_CEILING_DIRECTORIES`, `GIT_CONFIG_GLOBAL`, `GIT_CONFIG_SYSTEM`; `GIT_CONFIG_COUNT`,
/// `GIT_CONFIG_PARAMETERS` and `GIT_AUTHOR_*` it does not know here at all. `HOME` and
/// `XDG_CONFIG_HOME` decide which user configuration is read, as for git.
pub(super) fn at(dir: &Path, flags: RepositoryOpenFlags) -> Result<git2::Repository, Error> {
    let no_ceiling: [&Path; 0] = [];
    git2::Repository::open_ext(dir, flags, no_ceiling).map_err(|e| {
        let dir = dir.to_path_buf();
        let detail = e.message().to_owned();
        if e.code() == ErrorCode::NotFound {
            Error::NotARepository { dir }
        } else if e.code() == ErrorCode::Owner {
            let dir = dir.canonicalize().unwrap_or(dir);
            Error::NotOwned { dir, detail }
        } else {
            Error::Open { dir, detail }
        }
    })
}

impl Repository {
    /// The work tree, canonical; the git directory when the repository is bare.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The git directory and, in a linked work tree, the common directory.
    pub fn git_dirs(&self) -> Vec<PathBuf> {
        let mut dirs: Vec<PathBuf> = [self.inner.path(), self.inner.commondir()]
            .iter()
            .map(|dir| dir.canonicalize().unwrap_or_else(|_| dir.to_path_buf()))
            .collect();
        dirs.dedup();
        dirs
    }

    /// Who is working, from git's configuration: `name <email>`, or `unknown`.
    pub fn user_name(&self) -> String {
        match self.signature() {
            Ok(who) => format!(
                "{} <{}>",
                String::from_utf8_lossy(who.name_bytes()),
                String::from_utf8_lossy(who.email_bytes())
            ),
            Err(_) => "unknown".to_owned(),
        }
    }

    /// `user.name` and `user.email` of git's configuration, and the present time.
    pub(super) fn signature(&self) -> Result<git2::Signature<'static>, Error> {
        self.inner.signature().map_err(|e| Error::NoIdentity {
            detail: e.message().to_owned(),
        })
    }
}
