//! The work branches: created, kept, removed, restored; never moved.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use git2::{ErrorCode, Reference};

use crate::git::{Error, Repository, git_oid, model_oid};
use crate::model::{Oid, RunId, WorkBranch};
use crate::policy::Cleared;

/// Where the work branches live.
const FOLDER: &str = "refs/heads/self-upgrade";
/// Where the tips of abandoned branches are kept.
const KEPT: &str = "refs/milton/abandoned/";
/// Another process holds the lock of a ref for an instant. Git itself waits for it
/// (`core.filesRefLockTimeout`, `core.packedRefsTimeout`: up to one second); libgit2 does not.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(10);
/// The last number that is tried for a taken name.
const LAST_NUMBER: u32 = 99;

impl Repository {
    /// Creates the branch, or the first free numbered one (`-2` to `-99`), and says which.
    ///
    /// An existing ref is never moved: git compares under the lock of the ref that it did not
    /// exist, so another process cannot come in between.
    pub fn create_branch(
        &self,
        branch: &Cleared<WorkBranch>,
        commit: &Cleared<Oid>,
    ) -> Result<WorkBranch, Error> {
        let wanted = branch.get();
        let tip = commit.get();
        self.commit_and_tree(tip)?;
        let parents = self.raw_parents(git_oid(tip)?)?;
        let log = parents.first().map_or_else(
            || "milton: created".to_owned(),
            |parent| format!("milton: created from {}", model_oid(*parent).short()),
        );
        self.refuse_taken_folder()?;
        let numbered = |n| WorkBranch::new(wanted.topic().numbered(n));
        let names = std::iter::once(wanted.clone()).chain((2..=LAST_NUMBER).map(numbered));
        for name in names {
            if self.create_only(&name, tip, &log)? == Creation::Created {
                return Ok(name);
            }
        }
        // Somebody may have created a branch `self-upgrade` in the meantime.
        self.refuse_taken_folder()?;
        Err(Error::NoFreeName {
            branch: wanted.clone(),
        })
    }

    /// Where the branch points; `None` when there is no such branch.
    pub fn branch_tip(&self, branch: &WorkBranch) -> Result<Option<Oid>, Error> {
        self.direct_target(&branch.ref_name())
    }

    /// Keeps the tip as `refs/milton/abandoned/<run>` and removes the branch; returns the name of
    /// the kept ref. May be called again after a crash in between.
    ///
    /// Refuses a branch that no longer points at `commit`, and one that a work tree has checked
    /// out. The configuration of git is left as it is.
    pub fn abandon(&self, branch: &WorkBranch, commit: &Oid, run: &RunId) -> Result<String, Error> {
        let name = branch.ref_name();
        let tip = self.branch_tip(branch)?;
        match &tip {
            Some(found) if found != commit => return Err(moved(branch, commit, found)),
            Some(_) | None => {}
        }
        if let Some(at) = self.checked_out_at(&name)?.filter(|_| tip.is_some()) {
            return Err(Error::CheckedOut {
                branch: branch.clone(),
                at,
            });
        }
        let kept = kept_name(run);
        self.keep(&kept, commit)?;
        if tip.is_some() {
            self.remove(&name, commit)?;
        }
        Ok(kept)
    }

    /// Creates an abandoned branch again where it was, then drops the kept ref. May be called again
    /// after a crash in between.
    pub fn restore(&self, branch: &WorkBranch, commit: &Oid, run: &RunId) -> Result<(), Error> {
        let kept = kept_name(run);
        let found = self.direct_target(&kept)?;
        let tip = self.branch_tip(branch)?;
        match (found, &tip) {
            (None, Some(tip)) if tip == commit => return Ok(()),
            (None, _) => return Err(Error::NotKept { run: run.clone() }),
            (Some(found), _) if found != *commit => return Err(differs(kept, commit, found)),
            (Some(_), _) => {}
        }
        if tip.is_none() {
            self.refuse_taken_folder()?;
            let log = format!("milton: restored from {kept}");
            // A name that was taken meanwhile is found by the comparison below.
            let _created = self.create_only(branch, commit, &log)?;
        }
        match self.branch_tip(branch)? {
            Some(tip) if tip == *commit => self.remove(&kept, commit),
            Some(found) => Err(moved(branch, commit, &found)),
            None => Err(Error::Git {
                doing: format!("restore {branch}"),
                detail: "another branch or work tree uses its name".to_owned(),
            }),
        }
    }

    /// Creates exactly this branch unless its name is in use in any way.
    fn create_only(&self, branch: &WorkBranch, commit: &Oid, log: &str) -> Result<Creation, Error> {
        let name = branch.ref_name();
        // `WorkBranch` guarantees this; it is looked at again where the ref is written.
        let topic = name
            .strip_prefix(FOLDER)
            .and_then(|rest| rest.strip_prefix('/'));
        if topic.is_none_or(|topic| topic.contains('/')) || !Reference::is_valid_name(&name) {
            return Err(Error::Git {
                doing: format!("create {name}"),
                detail: "not a work branch".to_owned(),
            });
        }
        // A branch below it, or a work tree on the branch while it is unborn: that work tree would
        // suddenly stand on our commit.
        if self.has_refs_below(&name)? || self.checked_out_at(&name)?.is_some() {
            return Ok(Creation::Taken);
        }
        self.write_new(&name, commit, log)
    }

    /// Writes a ref that must not exist: the null id as the expected old value is compared while
    /// git holds the lock.
    fn write_new(&self, name: &str, commit: &Oid, log: &str) -> Result<Creation, Error> {
        let nothing = git2::Oid::ZERO_SHA1;
        let target = git_oid(commit)?;
        let write = || {
            self.inner
                .reference_matching(name, target, false, nothing, log)
        };
        let mut created = write();
        for _ in 0..LOCK_TRIES {
            let locked = |e: &git2::Error| e.code() == ErrorCode::Locked;
            if !created.as_ref().is_err_and(locked) {
                break;
            }
            std::thread::sleep(LOCK_PAUSE);
            created = write();
        }
        match created {
            Ok(_) => Ok(Creation::Created),
            Err(e) if matches!(e.code(), ErrorCode::Exists | ErrorCode::Modified) => {
                Ok(Creation::Taken)
            }
            Err(e) => Err(self.ref_error(name, format!("create {name}"), &e)),
        }
    }

    fn keep(&self, kept: &str, commit: &Oid) -> Result<(), Error> {
        self.commit_and_tree(commit)?;
        // Whether it was created now or before the crash: what counts is where it points.
        let _created = self.write_new(kept, commit, "milton: abandoned")?;
        match self.direct_target(kept)? {
            Some(found) if found == *commit => Ok(()),
            Some(found) => Err(differs(kept.to_owned(), commit, found)),
            None => Err(Error::Git {
                doing: format!("create {kept}"),
                detail: "another ref uses its name".to_owned(),
            }),
        }
    }

    /// Removes a ref that points at `commit`. `Reference::delete` and not `Branch::delete`, which
    /// would edit the configuration; git compares the old value under the lock.
    fn remove(&self, name: &str, commit: &Oid) -> Result<(), Error> {
        let Some(mut reference) = self.find(name)? else {
            return Ok(());
        };
        if reference.target() != Some(git_oid(commit)?) {
            return Err(Error::Git {
                doing: format!("remove {name}"),
                detail: "it was moved meanwhile".to_owned(),
            });
        }
        reference
            .delete()
            .map_err(|e| self.ref_error(name, format!("remove {name}"), &e))
    }

    /// Where a ref points; refuses a symbolic one.
    pub(super) fn direct_target(&self, name: &str) -> Result<Option<Oid>, Error> {
        match self.find(name)? {
            None => Ok(None),
            Some(reference) => match reference.target() {
                Some(target) => Ok(Some(model_oid(target))),
                None => Err(Error::Symbolic {
                    name: name.to_owned(),
                }),
            },
        }
    }

    /// A branch called `self-upgrade` leaves no room for the folder of that name; a symbolic link
    /// there would lead the new ref somewhere else.
    fn refuse_taken_folder(&self) -> Result<(), Error> {
        if self.find(FOLDER)?.is_some() {
            return Err(Error::BranchFolderTaken {
                what: "a branch called \"self-upgrade\"".to_owned(),
                fix: "rename it: git branch -m self-upgrade another-name".to_owned(),
            });
        }
        let folder = self.inner.commondir().join(FOLDER);
        if fs::symlink_metadata(&folder).is_ok_and(|found| !found.is_dir()) {
            return Err(Error::BranchFolderTaken {
                what: format!("{} (not a folder)", folder.display()),
                fix: "look at it and move it away".to_owned(),
            });
        }
        Ok(())
    }

    fn has_refs_below(&self, name: &str) -> Result<bool, Error> {
        let mut below = self
            .inner
            .references_glob(&format!("{name}/*"))
            .map_err(|e| Error::git("list the branches", &e))?;
        Ok(below.next().is_some())
    }

    /// The work tree (main or linked) whose HEAD is on the ref, or which is rebasing it.
    fn checked_out_at(&self, name: &str) -> Result<Option<PathBuf>, Error> {
        let common = self.inner.commondir();
        let main = if self.inner.is_bare() || self.inner.is_worktree() {
            common.parent().unwrap_or(common)
        } else {
            &self.root
        };
        let mut places = vec![(common.to_path_buf(), main.to_path_buf())];
        for entry in fs::read_dir(common.join("worktrees")).into_iter().flatten() {
            let unreadable = |e: std::io::Error| Error::Git {
                doing: "list the work trees".to_owned(),
                detail: e.to_string(),
            };
            let git_dir = entry.map_err(unreadable)?.path();
            let link = fs::read_to_string(git_dir.join("gitdir")).unwrap_or_default();
            let tree = Path::new(link.trim_end()).parent().unwrap_or(&git_dir);
            places.push((git_dir.clone(), tree.to_path_buf()));
        }
        let uses = |git_dir: &Path| {
            ["HEAD", "rebase-merge/head-name", "rebase-apply/head-name"]
                .iter()
                .filter_map(|file| fs::read_to_string(git_dir.join(file)).ok())
                .any(|text| text.trim_end().trim_start_matches("ref:").trim_start() == name)
        };
        let found = places.into_iter().find(|(git_dir, _)| uses(git_dir));
        Ok(found.map(|(_, tree)| tree))
    }

    fn ref_error(&self, name: &str, doing: String, error: &git2::Error) -> Error {
        if error.code() != ErrorCode::Locked {
            return Error::git(doing, error);
        }
        let common = self.inner.commondir();
        let own = common.join(format!("{name}.lock"));
        let packed = common.join("packed-refs.lock");
        let lock = if !own.exists() && packed.exists() {
            packed
        } else {
            own
        };
        Error::Locked { lock }
    }
}

/// Whether a ref was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Creation {
    Created,
    Taken,
}

pub(super) fn kept_name(run: &RunId) -> String {
    format!("{KEPT}{run}")
}

fn moved(branch: &WorkBranch, expected: &Oid, found: &Oid) -> Error {
    Error::BranchMoved {
        branch: branch.clone(),
        expected: expected.clone(),
        found: found.clone(),
    }
}

fn differs(name: String, expected: &Oid, found: Oid) -> Error {
    Error::KeptDiffers {
        name,
        expected: expected.clone(),
        found,
    }
}

#[cfg(test)]
mod tests;
