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
    /// The rule that says so, and why.
    pub(super) rule: String,
    pub(super) why: String,
}

/// The rule of the base branch and of the remote's HEAD.
pub(super) const OF_THE_RUN: &str = "branch.protected";

/// What protects a branch, whatever its spelling.
pub(super) fn protection<'a>(branch: &str, protected: &'a [Protected]) -> Option<&'a Protected> {
    let names = names_of(branch);
    protected.iter().find(|p| is_same_or_child(&names, &p.name))
}

/// Judges a full branch name; `protected` is everything that is protected now.
pub(super) fn judge(branch: &str, protected: &[Protected]) -> Result<WorkBranch, Vec<Violation>> {
    let mut violations = Vec::new();
    if let Some(hit) = protection(branch, protected) {
        let rule = if hit.rule == OF_THE_RUN {
            String::new()
        } else {
            format!(" (rule {}: {})", hit.rule, hit.why)
        };
        violations.push(Violation {
            source: hit.source.clone(),
            ..broken(
                "branch.protected",
                branch,
                format!(
                    "{} is protected; milton never operates on it{rule}",
                    hit.name
                ),
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

/// Whether a branch is the protected one, or a child of it, under any spelling: a full ref, a branch
/// of a remote, either side of a refspec, an entry of a reflog, a path with dot segments.
fn is_same_or_child(names: &[String], protected: &str) -> bool {
    let protected = fold::fold(protected.trim());
    let protected = without_prefixes(&protected);
    if protected.is_empty() {
        return false;
    }
    // A base that is itself a work branch protects itself, not the whole name space.
    let has_children = !format!("{protected}/").starts_with("self-upgrade/");
    names.iter().any(|name| {
        name == protected || (has_children && name.starts_with(&format!("{protected}/")))
    })
}

/// Every plain name that a reader or git could take the text for.
pub(super) fn names_of(branch: &str) -> Vec<String> {
    let folded = fold::fold(branch.trim());
    let mut names = Vec::new();
    for side in folded.split(':').chain([folded.as_str()]) {
        let revision = side.find("@{").into_iter().chain(side.find(['~', '^']));
        let plain = side.get(..revision.min().unwrap_or(side.len()));
        let resolved = resolved(plain.unwrap_or(side).trim().trim_start_matches('+'));
        let name = without_prefixes(&resolved);
        // `remotes/<any>/main`; a bare `x/main` is a branch of its own.
        if let Some((_, name)) = name
            .strip_prefix("remotes/")
            .and_then(|n| n.split_once('/'))
        {
            names.push(name.to_owned());
        }
        let remote = ["origin/", "upstream/"];
        let name = remote
            .iter()
            .find_map(|r| name.strip_prefix(r))
            .unwrap_or(name);
        names.push(name.to_owned());
    }
    names
}

/// Without empty and dot components, `..` carried out.
fn resolved(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn without_prefixes(name: &str) -> &str {
    let name = name.strip_prefix("refs/").unwrap_or(name);
    name.strip_prefix("heads/").unwrap_or(name)
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
                rule: OF_THE_RUN.to_owned(),
                why: String::new(),
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
            "refs//heads//main",
            "./main",
            "self-upgrade/../main",
            "HEAD:main",
            "self-upgrade/x:refs/heads/main",
            "main@{1}",
            "main~1",
            "main^",
            "refs/remotes/fork/main",
            "remotes/fork/main",
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
            rule: OF_THE_RUN.to_owned(),
            why: String::new(),
        }];
        assert!(judge("self-upgrade/a", &base).is_err());
        assert!(judge("self-upgrade/b", &base).is_ok());
    }
}
