//! Which branch a change may live on: `self-upgrade/<topic>`, never a protected one.

use crate::model::{Topic, Violation, WorkBranch};
use crate::policy::finding::{broken, code_point};
use crate::policy::fold;
use crate::policy::fold::is_invisible;

/// A name nobody works on, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Protected {
    /// The branch, without `refs/heads/`.
    pub(super) name: String,
    /// `embedded`, `.milton/policy.toml at …`, a path, or `run` for the base and the remote's HEAD.
    pub(super) source: String,
}

/// Judges a full branch name; `protected` is everything that is protected now.
pub(super) fn judge(branch: &str, protected: &[Protected]) -> Result<WorkBranch, Vec<Violation>> {
    let mut violations = Vec::new();
    if let Some(hit) = protected.iter().find(|p| is_same_or_child(branch, &p.name)) {
        violations.push(Violation {
            source: hit.source.clone(),
            ..broken(
                "branch.protected",
                branch,
                format!("{} is protected; milton never operates on it", hit.name),
                "use a branch of the form self-upgrade/<topic>",
            )
        });
    }
    let strange = |c: &char| c.is_control() || is_invisible(*c) || (*c != ' ' && c.is_whitespace());
    if let Some(c) = branch.chars().find(strange) {
        violations.push(broken(
            "branch.characters",
            branch,
            format!(
                "holds {}, which a terminal acts on or a reader does not see",
                code_point(c)
            ),
            "use a-z, 0-9 and '-' only",
        ));
    }
    match WorkBranch::try_from(branch.to_owned()) {
        Ok(work) if violations.is_empty() => Ok(work),
        Ok(_) => Err(violations),
        Err(_) => {
            violations.push(not_a_work_branch(branch));
            Err(violations)
        }
    }
}

fn not_a_work_branch(branch: &str) -> Violation {
    let detail = match branch.strip_prefix(WorkBranch::PREFIX) {
        None => format!("does not begin with {}", WorkBranch::PREFIX),
        Some("") => "the topic is empty".to_owned(),
        Some(topic) if topic.chars().count() > Topic::MAX_LEN => format!(
            "the topic has {} characters; at most {}",
            topic.chars().count(),
            Topic::MAX_LEN
        ),
        Some(_) => "a topic is a-z, 0-9 and '-', with no '-' at either end".to_owned(),
    };
    let remedy = match branch
        .strip_prefix(WorkBranch::PREFIX)
        .and_then(Topic::slug)
    {
        Some(topic) => format!("for example {}", WorkBranch::new(topic)),
        None => "for example self-upgrade/fix-the-parser".to_owned(),
    };
    broken("branch.slug", branch, detail, remedy)
}

/// Whether a branch is the protected one, or a child of it, under any spelling of a local or remote
/// branch.
fn is_same_or_child(branch: &str, protected: &str) -> bool {
    let branch = plain_name(branch);
    let protected = plain_name(protected);
    if protected.is_empty() {
        return false;
    }
    if branch == protected {
        return true;
    }
    // A base that is itself a work branch protects itself, not the whole name space.
    !format!("{protected}/").starts_with("self-upgrade/")
        && branch.starts_with(&format!("{protected}/"))
}

fn plain_name(branch: &str) -> String {
    let folded = fold::fold(branch.trim());
    let mut name = folded.trim().trim_matches('/');
    for prefix in ["refs/", "heads/", "remotes/"] {
        name = name.strip_prefix(prefix).unwrap_or(name);
    }
    for remote in ["origin/", "upstream/"] {
        name = name.strip_prefix(remote).unwrap_or(name);
    }
    name.trim_start_matches(['+', '/']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(branch: &str) -> Vec<String> {
        let protected: Vec<_> = ["main", "deploy", "release"]
            .iter()
            .map(|name| Protected {
                name: (*name).to_owned(),
                source: "embedded".to_owned(),
            })
            .collect();
        judge(branch, &protected)
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|v| v.rule)
            .collect()
    }

    #[test]
    fn a_work_branch_passes() {
        assert!(rules("self-upgrade/fix-the-parser-2").is_empty());
        assert!(rules("self-upgrade/main").is_empty());
    }

    #[test]
    fn every_spelling_of_a_protected_branch_is_protected() {
        for branch in [
            "main",
            "refs/heads/main",
            "heads/main",
            "origin/main",
            "refs/remotes/origin/main",
            "main ",
            " main",
            "MAIN",
            "m\u{0430}in",
            "ma\u{200b}in",
            "deploy/blue",
            "main/x",
            "+main",
            "release/1.0",
        ] {
            assert!(
                rules(branch).contains(&"branch.protected".to_owned()),
                "{branch:?}"
            );
        }
    }

    #[test]
    fn what_is_not_a_topic_is_refused_with_an_example() {
        for branch in [
            "feature/x",
            "-x",
            "self-upgrade/",
            "self-upgrade/-x",
            "self-upgrade/a;id",
            "self-upgrade/../main",
            "self-upgrade/x.lock",
            "self-upgrade/m\u{0430}in",
            "self-upgrade/A",
            "self-upgrade",
            "Self-Upgrade/x",
            "self-upgrade/a\nb",
            "refs/heads/self-upgrade/x",
            "",
        ] {
            assert!(
                rules(branch).contains(&"branch.slug".to_owned()),
                "{branch:?}"
            );
        }
    }

    #[test]
    fn a_base_that_is_a_work_branch_protects_only_itself() {
        let base = [Protected {
            name: "self-upgrade/a".to_owned(),
            source: "run".to_owned(),
        }];
        assert!(judge("self-upgrade/a", &base).is_err());
        assert!(judge("self-upgrade/b", &base).is_ok());
    }
}
