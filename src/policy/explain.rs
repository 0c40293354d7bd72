//! Which rule decides about one thing, from which source, why, and what to do: `milton policy
//! explain`. The answers are the judges' own; nothing is decided a second time in here.

use serde::Serialize;

use crate::model::Violation;
use crate::model::plan::CommandOrigin;
use crate::policy::branch::names_of;
use crate::policy::floor::EMBEDDED;
use crate::policy::paths::{PathRule, Subject};
use crate::policy::source::Exception;
use crate::policy::{Policy, command_line, never};

/// More neighbours than this say nothing new.
const MAX_NEAR: usize = 4;

/// What the policy says about one path, branch or command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// What was asked about.
    pub subject: String,
    /// `path`, `branch` or `command`.
    pub kind: String,
    /// Whether it may be done.
    pub allowed: bool,
    /// The rules that decide: those that refuse, or the one that allows.
    pub decided_by: Vec<Reason>,
    /// Rules that were looked at because they are near, and why they do not decide.
    pub near: Vec<Reason>,
}

/// A rule and what it has to do with the subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The rule's id.
    pub rule: String,
    /// What the rule is about.
    pub name: String,
    /// `embedded`, `repository <file> at <oid>`, `user <file>` or `environment`.
    pub source: String,
    /// Why it holds, or does not.
    pub detail: String,
    /// What the human can do; empty when there is nothing to do.
    pub remedy: String,
}

impl Policy {
    /// Says what decides about a path that a change would touch.
    pub fn explain_path(&self, path: &str) -> Decision {
        let violations = self.judge_path(path);
        let subject = Subject::new(path);
        let rules: Vec<&PathRule> = self.floor.paths.iter().chain(&self.extra_paths).collect();
        if !violations.is_empty() {
            return self.refused("path", path, violations, self.near_paths(path, &rules));
        }
        let hits = rules.iter().filter(|rule| rule.hit(&subject).is_some());
        let mut decided_by: Vec<Reason> = hits.map(|rule| self.lifted(path, rule)).collect();
        if decided_by.is_empty() {
            decided_by.push(Reason {
                rule: "path".to_owned(),
                name: "no rule about names holds".to_owned(),
                source: self.sources.join(", "),
                detail: format!("{} rules were compared with it", rules.len()),
                remedy: String::new(),
            });
        }
        let mut near = self.near_paths(path, &rules);
        let notes = self
            .floor
            .risks
            .iter()
            .filter(|rule| rule.patterns.matches(path));
        near.extend(notes.map(|rule| Reason {
            rule: rule.id.clone(),
            name: "a note for the reviewer".to_owned(),
            source: EMBEDDED.to_owned(),
            detail: rule.detail.clone(),
            remedy: String::new(),
        }));
        self.allowed("path", path, decided_by, near)
    }

    /// Says what decides about a branch; `protected` as in [`Policy::judge_branch`].
    pub fn explain_branch(&self, branch: &str, protected: &[String]) -> Decision {
        if let Err(violations) = self.judge_branch(branch, protected) {
            return self.refused("branch", branch, violations, Vec::new());
        }
        let decided = Reason {
            rule: "branch.slug".to_owned(),
            name: "branches self-upgrade/<topic>".to_owned(),
            source: EMBEDDED.to_owned(),
            detail: "a change lives on its own branch: a-z, 0-9 and '-', 1 to 50 characters"
                .to_owned(),
            remedy: String::new(),
        };
        let names = names_of(branch);
        let in_it = |name: &str| names.iter().any(|whole| whole.contains(name));
        let near = self.protected.iter().filter(|p| in_it(&p.name));
        let near = near.map(|protected| Reason {
            rule: protected.rule.clone(),
            name: format!("{} is protected", protected.name),
            source: self.in_full(&protected.source),
            detail: "only the whole name and its children are; this is neither".to_owned(),
            remedy: String::new(),
        });
        let near = near.take(MAX_NEAR).collect();
        self.allowed("branch", branch, vec![decided], near)
    }

    /// Says what decides about a command written as one string.
    pub fn explain_command_line(&self, text: &str) -> Decision {
        let Ok(argv) = command_line::split(text) else {
            let violations = self.judge_command_line(text).err().unwrap_or_default();
            return self.refused("command", text, violations, Vec::new());
        };
        Decision {
            subject: self.redact(text),
            ..self.explain_argv(&argv)
        }
    }

    /// Says what decides about a command given as its words.
    pub fn explain_argv(&self, argv: &[String]) -> Decision {
        let shown = crate::policy::commands::shown(argv);
        if let Err(violations) = self.judge_argv(argv, CommandOrigin::Proposal) {
            return self.refused("command", &shown, violations, vec![self.by_hand(argv)]);
        }
        let found = self
            .floor
            .commands
            .find(argv, CommandOrigin::Proposal, self);
        let decided = found.map(|rule| Reason {
            rule: rule.id.clone(),
            name: format!("allowed: {}", rule.argv.join(" ")),
            source: EMBEDDED.to_owned(),
            detail: format!("{}; it takes {}", rule.why, taken(&rule.accepted())),
            remedy: if rule.verifies {
                String::new()
            } else {
                "a proposal's `verify` may not hold it: it says nothing about the change".to_owned()
            },
        });
        self.allowed("command", &shown, decided.into_iter().collect(), Vec::new())
    }

    /// What would be said if the human typed the command behind `--test`.
    fn by_hand(&self, argv: &[String]) -> Reason {
        let never = &self.floor.never;
        let refusal = never::refuse(never, argv);
        Reason {
            rule: never.id.clone(),
            name: "the same, typed by you behind --test".to_owned(),
            source: EMBEDDED.to_owned(),
            detail: match refusal {
                Some(why) => format!("is refused too: {why}"),
                None => "is not refused: your own test command need not be on the list".to_owned(),
            },
            remedy: String::new(),
        }
    }

    /// A rule that holds for the path and was lifted by the human.
    fn lifted(&self, path: &str, rule: &PathRule) -> Reason {
        let exception = self.exceptions.iter().find(|(known, _)| known == path);
        let (source, detail) = match (rule.exception, exception) {
            (Exception::PolicyEdits, _) => (
                "environment".to_owned(),
                "lifted by MILTON_SELF_UPGRADE_ALLOW_POLICY_EDITS=1".to_owned(),
            ),
            (Exception::ExactPath | Exception::Never, Some((_, reason))) => (
                self.in_full("user"),
                format!("lifted by your exception for this exact path: {reason}"),
            ),
            (Exception::ExactPath | Exception::Never, None) => (
                rule.source.clone(),
                "holds, and nothing lifts it".to_owned(),
            ),
        };
        Reason {
            rule: rule.id.clone(),
            name: rule.name.clone(),
            source,
            detail,
            remedy: String::new(),
        }
    }

    fn near_paths(&self, path: &str, rules: &[&PathRule]) -> Vec<Reason> {
        let subject = Subject::new(path);
        let missed = rules.iter().filter(|rule| rule.hit(&subject).is_none());
        let near = missed.filter_map(|rule| {
            let (pattern, why) = rule.patterns.near(&path.to_lowercase())?;
            Some(Reason {
                rule: rule.id.clone(),
                name: rule.name.clone(),
                source: self.in_full(&rule.source),
                detail: format!("{pattern} does not match: {why}"),
                remedy: String::new(),
            })
        });
        near.take(MAX_NEAR).collect()
    }

    fn refused(
        &self,
        kind: &str,
        subject: &str,
        violations: Vec<Violation>,
        near: Vec<Reason>,
    ) -> Decision {
        let rules = self.rules();
        let decided_by = violations.into_iter().map(|violation| {
            let named = |rule: &&crate::policy::RuleInfo| {
                rule.id == violation.rule && violation.detail.contains(&rule.why)
            };
            let by_id = || rules.iter().find(|rule| rule.id == violation.rule);
            let name = rules.iter().find(named).or_else(by_id);
            Reason {
                name: name.map_or_else(String::new, |rule| rule.name.clone()),
                source: self.in_full(&violation.source),
                rule: violation.rule,
                detail: violation.detail,
                remedy: violation.remedy,
            }
        });
        Decision {
            subject: self.redact(subject),
            kind: kind.to_owned(),
            allowed: false,
            decided_by: decided_by.collect(),
            near,
        }
    }

    fn allowed(
        &self,
        kind: &str,
        subject: &str,
        decided_by: Vec<Reason>,
        near: Vec<Reason>,
    ) -> Decision {
        Decision {
            subject: self.redact(subject),
            kind: kind.to_owned(),
            allowed: true,
            decided_by,
            near,
        }
    }

    /// `repository` as `repository .milton/policy.toml at 1a2b3c4`, and so on.
    fn in_full(&self, source: &str) -> String {
        let whole = self.sources.iter().find(|known| {
            let (kind, _) = known.split_once(' ').unwrap_or((known, ""));
            kind == source
        });
        whole.cloned().unwrap_or_else(|| source.to_owned())
    }
}

fn taken(accepted: &[String]) -> String {
    if accepted.is_empty() {
        "nothing more".to_owned()
    } else {
        accepted.join(" ")
    }
}
