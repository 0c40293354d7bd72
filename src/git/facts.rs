//! What is true of a commit and its refs now: read for `milton verify`, nothing is written.

use git2::BranchType;

use crate::git::{Error, Repository, git_oid, model_oid};
use crate::model::{Oid, RunId, WorkBranch};

/// What a commit's object says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitFacts {
    /// Its tree.
    pub tree: Oid,
    /// Its parents, as the raw object names them.
    pub parents: Vec<Oid>,
}

impl Repository {
    /// Reads a commit, its hash verified, whose tree must exist too.
    pub fn commit_facts(&self, commit: &Oid) -> Result<CommitFacts, Error> {
        let (_, tree) = self.commit_and_tree(commit)?;
        let parents = self.raw_parents(git_oid(commit)?)?;
        Ok(CommitFacts {
            tree: model_oid(tree.id()),
            parents: parents.into_iter().map(model_oid).collect(),
        })
    }

    /// The ref that keeps the tip of an abandoned run, and where it points.
    pub fn kept_tip(&self, run: &RunId) -> Result<(String, Option<Oid>), Error> {
        let name = super::branch::kept_name(run);
        let tip = self.direct_target(&name)?;
        Ok((name, tip))
    }

    /// The first branch outside `self-upgrade/` whose history holds the commit, so that somebody
    /// merged it; local branches come before those of remotes.
    pub fn merged_into(&self, commit: &Oid) -> Result<Option<String>, Error> {
        let failed = |e| Error::git("list the branches", &e);
        let wanted = git_oid(commit)?;
        for kind in [BranchType::Local, BranchType::Remote] {
            for branch in self.inner.branches(Some(kind)).map_err(failed)? {
                let (branch, _) = branch.map_err(failed)?;
                let reference = branch.into_reference();
                let (Ok(name), Some(tip)) = (reference.shorthand(), reference.target()) else {
                    continue;
                };
                if name.contains(WorkBranch::PREFIX) {
                    continue;
                }
                let holds = tip == wanted
                    || self
                        .inner
                        .graph_descendant_of(tip, wanted)
                        .map_err(failed)?;
                if holds {
                    return Ok(Some(name.to_owned()));
                }
            }
        }
        Ok(None)
    }
}
