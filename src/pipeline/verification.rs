//! `milton verify`, the repository's part: whether commit, branch, diff and policy still are what a
//! run recorded. Reads only; nothing in here writes, runs or judges a change.

use std::path::Path;

use crate::git::Repository;
use crate::model::{Check, CheckOutcome, Decision, Oid, RunState, WorkBranch};
use crate::pipeline::approval;
use crate::pipeline::driver::HumanPolicy;
use crate::pipeline::planning::load_policy;
use crate::policy::Overrides;
use crate::record::first_difference;

/// Checks a run against its repository. `human` holds the user's own policy file as it is now; the
/// overrides are taken from the record.
pub fn against_repository(
    run: &RunState,
    repository: &Repository,
    folder: &Path,
    human: &HumanPolicy,
) -> Vec<Check> {
    let mut checks = Vec::new();
    match (&run.base, &run.commit, &run.tree) {
        (Some(base), Some(commit), Some(tree)) => {
            let objects = check_objects(repository, base, commit, tree);
            let sound = objects.iter().all(|check| !check.is_failed());
            checks.extend(objects);
            checks.push(check_branch(run, repository, commit));
            if sound {
                checks.push(check_diff(run, repository, folder, (base, commit)));
            } else {
                checks.push(Check::not_checked("diff", "the commit cannot be relied on"));
            }
        }
        (None, _, _) | (_, None, _) | (_, _, None) => {
            checks.push(Check::not_checked("commit", "the run built none"));
        }
    }
    checks.push(check_policy(run, repository, human));
    checks.extend(check_approval(run));
    checks
}

fn check_objects(repository: &Repository, base: &Oid, commit: &Oid, tree: &Oid) -> Vec<Check> {
    let facts = match repository.commit_facts(commit) {
        Ok(facts) => facts,
        Err(error) => return vec![Check::failed("commit", error.to_string())],
    };
    let parents = if facts.parents == [base.clone()] {
        let detail = format!("{commit}, on the base {}", base.short());
        Check::ok("commit", detail)
    } else {
        let parents: Vec<&str> = facts.parents.iter().map(Oid::as_str).collect();
        let detail = format!(
            "{commit} does not stand on the base {base} alone; its parents: {}",
            parents.join(" ")
        );
        Check::failed("commit", detail)
    };
    let trees = if facts.tree == *tree {
        Check::ok("tree", tree.to_string())
    } else {
        let detail = format!("{tree} was recorded, the commit has {}", facts.tree);
        Check::failed("tree", detail)
    };
    vec![parents, trees]
}

/// The branch must point at the commit, or the ref of an abandoned run must, or a human merged it.
fn check_branch(run: &RunState, repository: &Repository, commit: &Oid) -> Check {
    let Some(branch) = &run.branch else {
        return Check::not_checked("branch", "none was recorded");
    };
    let checked = if run.decision == Decision::Abandoned {
        kept(run, repository, commit)
    } else {
        standing(branch, repository, commit)
    };
    checked.unwrap_or_else(|error| Check::failed("branch", error.to_string()))
}

fn kept(run: &RunState, repository: &Repository, commit: &Oid) -> Result<Check, crate::git::Error> {
    let (name, tip) = repository.kept_tip(&run.run)?;
    Ok(match tip {
        Some(tip) if tip == *commit => Check::ok("branch", format!("abandoned, kept as {name}")),
        Some(tip) => Check::failed("branch", format!("{name} points at {tip}, not at {commit}")),
        None => Check::failed("branch", format!("abandoned, and {name} is gone")),
    })
}

fn standing(
    branch: &WorkBranch,
    repository: &Repository,
    commit: &Oid,
) -> Result<Check, crate::git::Error> {
    let tip = repository.branch_tip(branch)?;
    if tip.as_ref() == Some(commit) {
        let detail = format!("{branch} points at {}", commit.short());
        return Ok(Check::ok("branch", detail));
    }
    let now = tip.map_or_else(
        || format!("{branch} is gone"),
        |tip| format!("{branch} points at {tip}"),
    );
    Ok(match repository.merged_into(commit)? {
        Some(other) => Check::ok(
            "branch",
            format!("{now}; {} is merged into {other}", commit.short()),
        ),
        None => Check::failed("branch", format!("{now}, and no branch holds {commit}")),
    })
}

/// The diff made again from the objects must be the recorded one, byte for byte.
fn check_diff(
    run: &RunState,
    repository: &Repository,
    folder: &Path,
    (base, commit): (&Oid, &Oid),
) -> Check {
    let Some(patch) = &run.diff else {
        return Check::not_checked("diff", "none was recorded");
    };
    let made = match repository.diff(base, commit) {
        Ok(made) => made.text,
        Err(error) => return Check::failed("diff", error.to_string()),
    };
    let recorded = match std::fs::read(folder.join(&patch.file)) {
        Ok(recorded) => recorded,
        Err(error) => return Check::failed("diff", format!("{}: {error}", patch.file)),
    };
    if made == recorded {
        let detail = format!(
            "made again from the objects: {} bytes, the same",
            made.len()
        );
        return Check::ok("diff", detail);
    }
    match first_other_line(&made, &recorded) {
        None => Check::ok(
            "diff",
            "made again from the objects: the same, but for the length of abbreviated ids",
        ),
        Some(line) => Check::failed(
            "diff",
            format!(
                "{} is not what the objects give: line {line}, byte {}",
                patch.file,
                first_difference(&made, &recorded)
            ),
        ),
    }
}

/// The first line, from 1, in which two diffs differ. Git abbreviates ids to the length that is
/// unique in the repository on that day, so an `index` line may show more or fewer digits.
fn first_other_line(left: &[u8], right: &[u8]) -> Option<usize> {
    let mut lines = (left.split(|b| *b == b'\n'), right.split(|b| *b == b'\n'));
    for number in 1.. {
        match (lines.0.next(), lines.1.next()) {
            (None, None) => return None,
            (Some(left), Some(right)) if left == right || same_ids(left, right) => {}
            (Some(_) | None, Some(_) | None) => return Some(number),
        }
    }
    None
}

/// Whether both are `index` lines of the same ids.
fn same_ids(left: &[u8], right: &[u8]) -> bool {
    let ids = |line: &[u8]| -> Option<[String; 3]> {
        let text = std::str::from_utf8(line).ok()?.strip_prefix("index ")?;
        let (ids, mode) = text.split_once(' ').unwrap_or((text, ""));
        let (old, new) = ids.split_once("..")?;
        Some([old, new, mode].map(str::to_owned))
    };
    let (Some([old, new, mode]), Some([other_old, other_new, other_mode])) =
        (ids(left), ids(right))
    else {
        return false;
    };
    let begins =
        |a: &str, b: &str| a.len().min(b.len()) >= 4 && (a.starts_with(b) || b.starts_with(a));
    begins(&old, &other_old) && begins(&new, &other_new) && mode == other_mode
}

/// The policy made again from the base commit, the user's file as it is now and the recorded
/// overrides must have the recorded digest.
fn check_policy(run: &RunState, repository: &Repository, human: &HumanPolicy) -> Check {
    let (Some(recorded), Some(base)) = (&run.policy, &run.base) else {
        return Check::not_checked("policy", "none was loaded");
    };
    let failed = |detail: String| Check::failed("policy", detail);
    let Ok(overrides) = Overrides::recorded(&run.overrides) else {
        return failed("the recorded overrides cannot be read".to_owned());
    };
    let then = HumanPolicy {
        overrides,
        file: human.file.clone(),
        user_file: human.user_file.clone(),
    };
    let snapshot = match repository.snapshot(base) {
        Ok(snapshot) => snapshot,
        Err(error) => return failed(error.to_string()),
    };
    let policy = match load_policy(&snapshot, &then) {
        Ok(Ok(policy)) => policy.summary(),
        Ok(Err(error)) => return failed(error.to_string()),
        Err(failure) => return failed(failure.to_string()),
    };
    if policy.digest == recorded.digest {
        let detail = format!("sha256 {}, made again", policy.digest.short());
        return Check::ok("policy", detail);
    }
    failed(format!(
        "sha256 {} was recorded, {} comes out now: {}",
        recorded.digest.short(),
        policy.digest.short(),
        why_policy_differs(&recorded.sources, &policy.sources)
    ))
}

fn why_policy_differs(then: &[String], now: &[String]) -> String {
    let users = |sources: &[String]| sources.iter().find(|s| s.starts_with("user ")).cloned();
    match (users(then), users(now)) {
        (Some(file), None) => format!("the run had {file}, which is gone"),
        (None, Some(file)) => {
            format!("the run had no policy file of the user; now there is {file}")
        }
        (Some(_), Some(file)) => format!("{file} was changed since, or this is another milton"),
        (None, None) => "this is another milton, or the record is not its own".to_owned(),
    }
}

/// The approval names what it binds; each must be what the run came to.
fn check_approval(run: &RunState) -> Option<Check> {
    let approval = run.approval.as_ref()?;
    let report = run.tests.as_ref();
    let log = report
        .and_then(|report| run.command_of(&report.argv))
        .filter(|command| command.start.output.is_some())
        .and_then(|command| command.end.as_ref())
        .map(|end| &end.log_sha256);
    let bound = [
        ("base", run.base.as_ref() == Some(&approval.base)),
        ("commit", run.commit.as_ref() == Some(&approval.commit)),
        ("tree", run.tree.as_ref() == Some(&approval.tree)),
        (
            "diff",
            run.diff.as_ref().map(|diff| &diff.sha256) == Some(&approval.diff_sha256),
        ),
        (
            "policy",
            run.policy.as_ref().map(|policy| &policy.digest) == Some(&approval.policy_sha256),
        ),
        ("test log", log == approval.test_log_sha256.as_ref()),
        (
            "merge command",
            run.merge_command.as_deref() == Some(&approval::merge_command(run, approval)),
        ),
    ];
    let wrong: Vec<&str> = bound
        .iter()
        .filter(|(_, same)| !same)
        .map(|(name, _)| *name)
        .collect();
    Some(if wrong.is_empty() {
        Check::ok(
            "approval",
            format!(
                "by {}, of this commit, tree, diff, policy and test log",
                approval.by
            ),
        )
    } else {
        Check::failed(
            "approval",
            format!("it was given for another {}", wrong.join(", ")),
        )
    })
}

/// Whether nothing failed.
pub fn holds(checks: &[Check]) -> bool {
    checks
        .iter()
        .all(|check| check.outcome != CheckOutcome::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_length_of_abbreviated_ids_may_differ() {
        let differ = |left: &str, right: &str| first_other_line(left.as_bytes(), right.as_bytes());
        let diff = "--- a/x\nindex 1234567..abcdef0 100644\n+y\n";
        assert_eq!(differ(diff, diff), None);
        let longer = diff.replace("1234567..abcdef0", "12345678..abcdef01");
        assert_eq!(differ(diff, &longer), None);
        for other in [
            diff.replace("1234567", "1234568"),
            diff.replace("100644", "100755"),
            diff.replace("index 1234567..abcdef0", "index ..abcdef0"),
        ] {
            assert_eq!(differ(diff, &other), Some(2), "{other}");
        }
        assert_eq!(differ(diff, &diff.replace("+y", "+z")), Some(3));
        assert_eq!(differ(diff, &format!("{diff}+z\n")), Some(4));
    }
}
