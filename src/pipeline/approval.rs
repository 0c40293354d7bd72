//! Approval: bound to base, commit, tree, diff, policy and test log; any change voids it.

use std::borrow::Cow;
use std::path::Path;

use crate::model::review::needs;
use crate::model::{Approval, Digest, Need, Oid, RunState};
use crate::pipeline::ports::Git;

/// How many characters of the tree id the reviewer types.
pub const TYPED_CHARACTERS: usize = 4;

/// Why an approval was not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Void {
    /// What is missing or has changed.
    pub reason: String,
    /// What to do next.
    pub hint: String,
}

impl Void {
    fn new(reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            hint: hint.into(),
        }
    }
}

/// Checks everything again, at the moment of approval, against git and the run's folder.
pub fn check(
    run: &RunState,
    git: &dyn Git,
    folder: &Path,
    tree: &Oid,
    typed: &str,
) -> Result<Approval, Void> {
    if let Some(need) = needs(run).first() {
        return Err(Void::new(
            format!("not approved: {}", in_words(need)),
            "A lists everything that is open",
        ));
    }
    let (Some(base), Some(commit), Some(current)) = (&run.base, &run.commit, &run.tree) else {
        return Err(Void::new("not approved: there is no commit", ""));
    };
    if current != tree {
        return Err(Void::new(
            "not approved: the tree changed since it was on screen",
            "look at the change again",
        ));
    }
    let expected: String = tree.as_str().chars().take(TYPED_CHARACTERS).collect();
    if typed != expected {
        return Err(Void::new(
            "not approved: that is not the beginning of the tree id",
            "type its first 4 characters",
        ));
    }
    let diff_sha256 = same_objects(run, git, base, commit)?;
    Ok(Approval {
        base: base.clone(),
        commit: commit.clone(),
        tree: tree.clone(),
        diff_sha256,
        policy_sha256: run
            .policy
            .as_ref()
            .map_or_else(|| Digest::of(b""), |policy| policy.digest.clone()),
        test_log_sha256: same_log(run, folder)?,
        by: git.user_name(),
    })
}

/// The policy in force must be the one that judged.
pub fn same_policy(approval: Approval, now: Option<&Digest>) -> Result<Approval, Void> {
    if now == Some(&approval.policy_sha256) {
        Ok(approval)
    } else {
        Err(Void::new(
            "not approved: the policy in force is no longer the one that judged this change",
            "your own policy file or overrides differ from the run's: run the change again",
        ))
    }
}

fn same_objects(run: &RunState, git: &dyn Git, base: &Oid, commit: &Oid) -> Result<Digest, Void> {
    let again = "look at the branch, then run the change again";
    let branch = run
        .branch
        .as_ref()
        .ok_or_else(|| Void::new("not approved: there is no branch", ""))?;
    let tip = git
        .branch_tip(branch)
        .map_err(|error| Void::new(format!("not approved: {error}"), error.hint()))?;
    if tip.as_ref() != Some(commit) {
        return Err(Void::new(
            format!(
                "not approved: {branch} no longer points at {}",
                commit.short()
            ),
            again,
        ));
    }
    let diff = git
        .diff(base, commit)
        .map_err(|error| Void::new(format!("not approved: {error}"), error.hint()))?;
    let digest = Digest::of(&diff.text);
    if run.diff.as_ref().map(|patch| &patch.sha256) == Some(&digest) {
        Ok(digest)
    } else {
        Err(Void::new(
            "not approved: the diff is no longer the one that was on screen",
            again,
        ))
    }
}

fn same_log(run: &RunState, folder: &Path) -> Result<Option<Digest>, Void> {
    let Some(report) = &run.tests else {
        return Ok(None);
    };
    let Some(command) = run.command_of(&report.argv) else {
        return Ok(None);
    };
    let (Some(end), Some(output)) = (&command.end, &command.start.output) else {
        return Ok(None);
    };
    if file_digest(&folder.join(output)).as_ref() == Some(&end.log_sha256) {
        Ok(Some(end.log_sha256.clone()))
    } else {
        Err(Void::new(
            "not approved: the recorded test output was changed or removed",
            "run the tests again (t), or run the change again",
        ))
    }
}

/// The digest of a file, streamed; `None` when it cannot be read.
pub(super) fn file_digest(path: &Path) -> Option<Digest> {
    use std::io::Read as _;
    let mut file = std::fs::File::open(path).ok()?;
    let mut hasher = crate::model::digest::Hasher::default();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Some(hasher.finish()),
            Ok(read) => hasher.update(buffer.get(..read)?),
            Err(_) => return None,
        }
    }
}

fn in_words(need: &Need) -> String {
    match need {
        Need::NotReady(_) => "the run has not come to its review".to_owned(),
        Need::TestFailure => {
            "the tests are no plain pass, and nobody acknowledged it (t)".to_owned()
        }
        Need::MachineItem(item) => format!("open: {}", item.text()),
        Need::Tick(item) => format!("not ticked: {}", item.text()),
        Need::UnviewedFile(path) => format!("not viewed: {path}"),
        Need::UnreadFinding(_) => "a finding was not read".to_owned(),
        Need::Decided => "this run is already decided".to_owned(),
    }
}

/// The command that merges exactly the approved commit. Milton prints it and never runs it.
pub fn merge_command(run: &RunState, approval: &Approval) -> String {
    let quoted =
        |text: &str| shlex::try_quote(text).map_or_else(|_| "''".to_owned(), Cow::into_owned);
    let git = format!("git -C {}", quoted(&run.repository));
    let merge = format!("{git} merge --no-ff {}", approval.commit);
    match &run.base_branch {
        Some(branch) => format!("{git} checkout {} && {merge}", quoted(branch)),
        None => merge,
    }
}
