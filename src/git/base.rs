//! Choosing the commit that a change starts from.

use git2::{ErrorCode, ObjectType, Reference};

use crate::git::{Error, Repository, git_oid, model_oid};
use crate::model::Oid;

/// The commit that a change starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The branch (`main`; `origin/main` when there is only the remote's); `None` for a tag, an id
    /// or a detached HEAD.
    pub branch: Option<String>,
    /// The commit.
    pub commit: Oid,
    /// Its tree.
    pub tree: Oid,
}

impl Repository {
    /// Resolves the base: `wanted` (a branch, a tag or an id), else the branch that HEAD is on,
    /// else the remote HEAD's branch, else the detached commit.
    ///
    /// Only plain names are taken: an option, a range or any other revision syntax is refused.
    pub fn resolve_base(&self, wanted: Option<&str>) -> Result<Base, Error> {
        match wanted {
            None | Some("HEAD") => self.base_of_head(wanted.is_none()),
            Some(name) => self.base_named(name),
        }
    }

    /// The names of the branches that nothing may be done on because of where they stand: the
    /// base and the remotes' HEAD branches. The policy adds its own names.
    pub fn protected_branches(&self, base: &Base) -> Vec<String> {
        let mut names = Vec::new();
        for head in self.remote_heads() {
            if base.branch.as_deref() == Some(head.tracking.as_str()) {
                names.push(head.branch.clone());
            }
            names.push(head.branch);
        }
        if let Some(branch) = &base.branch {
            names.push(branch.clone());
            // `origin/main` is a remote's branch: the local branch of that name is meant too.
            if self
                .find(&format!("refs/heads/{branch}"))
                .ok()
                .flatten()
                .is_none()
                && let Some((_, name)) = branch.split_once('/')
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// Where a base branch points now; `None` when it is gone.
    pub fn base_tip(&self, branch: &str) -> Result<Option<Oid>, Error> {
        for name in [
            format!("refs/heads/{branch}"),
            format!("refs/remotes/{branch}"),
        ] {
            if let Some(found) = self.find(&name)? {
                return Ok(Some(model_oid(commit_id(&name, &found)?)));
            }
        }
        Ok(None)
    }

    /// A reference by its full name; `None` when it does not exist.
    pub(super) fn find(&self, name: &str) -> Result<Option<Reference<'_>>, Error> {
        match self.inner.find_reference(name) {
            Ok(found) => Ok(Some(found)),
            Err(e) if matches!(e.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => Ok(None),
            Err(e) => Err(Error::git(format!("read {name}"), &e)),
        }
    }

    fn base_of_head(&self, or_remote: bool) -> Result<Base, Error> {
        let read = |e| Error::git("read HEAD", &e);
        let head = self.inner.find_reference("HEAD").map_err(read)?;
        if let Some(target) = head.symbolic_target().map_err(read)? {
            let branch = target.strip_prefix("refs/heads/");
            let Some(found) = self.find(target)? else {
                return Err(Error::NoCommits {
                    branch: branch.unwrap_or(target).to_owned(),
                });
            };
            return self.base_at(branch.map(str::to_owned), commit_id(target, &found)?);
        }
        let remote = self.remote_heads().into_iter().next().filter(|_| or_remote);
        if let Some(head) = remote {
            let local = self.find(&format!("refs/heads/{}", head.branch))?;
            let (branch, found) = match local {
                Some(found) => (head.branch, found),
                None => match self.find(&format!("refs/remotes/{}", head.tracking))? {
                    Some(found) => (head.tracking, found),
                    None => return self.base_at(None, commit_id("HEAD", &head_ref(self)?)?),
                },
            };
            return self.base_at(Some(branch.clone()), commit_id(&branch, &found)?);
        }
        self.base_at(None, commit_id("HEAD", &head)?)
    }

    fn base_named(&self, name: &str) -> Result<Base, Error> {
        // Git's own rules for ref names exclude every revision syntax (`..`, `~`, `^`, `:`, `@{`),
        // spaces, control characters and globs.
        let plain =
            !name.starts_with('-') && Reference::is_valid_name(&format!("refs/heads/{name}"));
        if !plain {
            return Err(Error::BaseName {
                name: name.to_owned(),
            });
        }
        // As in git, forty digits are always an id, even when a ref has that name.
        if let Ok(oid) = Oid::parse(name) {
            return self.base_at(None, git_oid(&oid)?);
        }
        let mut found: Vec<(String, git2::Oid)> = Vec::new();
        for full in candidates(name) {
            if let Some(reference) = self.find(&full)? {
                let commit = commit_id(&full, &reference)?;
                found.push((full, commit));
            }
        }
        let Some((full, commit)) = found.first() else {
            return self.base_at(None, self.abbreviated(name)?);
        };
        if found.iter().any(|(_, other)| other != commit) {
            return Err(Error::BaseAmbiguous {
                name: name.to_owned(),
                candidates: found.into_iter().map(|(full, _)| full).collect(),
            });
        }
        let branch = ["refs/heads/", "refs/remotes/"]
            .iter()
            .find_map(|prefix| full.strip_prefix(prefix));
        self.base_at(branch.map(str::to_owned), *commit)
    }

    /// The commit of an abbreviated id.
    fn abbreviated(&self, name: &str) -> Result<git2::Oid, Error> {
        let unknown = || Error::BaseUnknown {
            name: name.to_owned(),
        };
        // Git takes no fewer than four digits either.
        if name.len() < 4 || name.len() > 40 || !name.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(unknown());
        }
        let found = self.inner.find_object_by_prefix(name, None);
        let object = found.map_err(|e| {
            if e.code() == ErrorCode::Ambiguous {
                Error::BaseAmbiguous {
                    name: name.to_owned(),
                    candidates: vec!["the whole commit id".to_owned()],
                }
            } else if e.code() == ErrorCode::NotFound {
                unknown()
            } else {
                Error::object(name, &e)
            }
        })?;
        let commit = object.peel(ObjectType::Commit).map_err(|_| unknown())?;
        Ok(commit.id())
    }

    fn base_at(&self, branch: Option<String>, commit: git2::Oid) -> Result<Base, Error> {
        let object = self
            .inner
            .find_object(commit, None)
            .and_then(|o| o.peel(ObjectType::Commit))
            .map_err(|e| Error::object(format!("commit {commit}"), &e))?;
        let commit = model_oid(object.id());
        let (_, tree) = self.commit_and_tree(&commit)?;
        Ok(Base {
            branch,
            commit,
            tree: model_oid(tree.id()),
        })
    }

    /// The branches that the remotes' HEADs name, `origin` first. A remote without one is left out.
    fn remote_heads(&self) -> Vec<RemoteHead> {
        let Ok(references) = self.inner.references_glob("refs/remotes/*/HEAD") else {
            return Vec::new();
        };
        let mut heads: Vec<RemoteHead> = references
            .flatten()
            .filter_map(|head| {
                let remote = head.name().ok()?.strip_suffix("HEAD")?.to_owned();
                let target = head.symbolic_target().ok()??.to_owned();
                let branch = target.strip_prefix(&remote)?.to_owned();
                let tracking = target.strip_prefix("refs/remotes/")?.to_owned();
                Some(RemoteHead { branch, tracking })
            })
            .collect();
        heads.sort_by_key(|head| (!head.tracking.starts_with("origin/"), head.tracking.clone()));
        heads
    }
}

/// What `refs/remotes/<remote>/HEAD` says.
struct RemoteHead {
    /// `main`.
    branch: String,
    /// `origin/main`.
    tracking: String,
}

fn head_ref(repository: &Repository) -> Result<Reference<'_>, Error> {
    repository
        .inner
        .find_reference("HEAD")
        .map_err(|e| Error::git("read HEAD", &e))
}

/// The full names that a name may stand for.
fn candidates(name: &str) -> Vec<String> {
    if name.starts_with("refs/") {
        return vec![name.to_owned()];
    }
    ["refs/heads/", "refs/tags/", "refs/remotes/"]
        .iter()
        .map(|prefix| format!("{prefix}{name}"))
        .collect()
}

fn commit_id(name: &str, reference: &Reference<'_>) -> Result<git2::Oid, Error> {
    reference
        .peel(ObjectType::Commit)
        .map(|commit| commit.id())
        .map_err(|e| Error::object(format!("the commit of {name}"), &e))
}

#[cfg(test)]
mod tests;
