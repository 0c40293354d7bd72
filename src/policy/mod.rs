//! The gate: rules as data, judged without I/O. The only constructor of [`Cleared`].
//!
//! The effective policy is the strictest of three sources: the floor that is compiled in
//! (`assets/policy.toml`, `assets/secrets.toml`), the repository's `.milton/policy.toml` as the base
//! commit has it, and the user's own file. Only the person who starts milton can loosen anything:
//! with the `MILTON_SELF_UPGRADE_*` variables and with exact-path exceptions in the user's file.
//!
//! Every answer lists all violations, never only the first. Subjects and details may hold hostile
//! text: it is bounded and secrets are masked in here, and every sink escapes for itself.

mod additions;
mod branch;
mod cleared;
mod command_line;
mod commands;
mod compose;
mod content;
mod error;
mod explain;
mod finding;
mod floor;
mod fold;
mod gate;
mod goal;
mod hygiene;
mod limits;
mod lines;
mod never;
mod overrides;
mod paths;
mod redactor;
mod report;
mod risks;
mod secrets;
mod source;
mod test_changes;
#[cfg(test)]
mod tests;
mod tree;

use std::sync::Arc;
use std::time::Duration;

pub use cleared::Cleared;
pub use error::Error;
pub use explain::{Decision, Reason};
pub use gate::{ClearedProposal, Gated, Proposed};
pub use overrides::Overrides;
pub use redactor::Redactor;
pub use report::{PolicyDocument, RuleInfo};
pub use secrets::{MaskedLine, StreamMask, is_masked};
pub use source::{RepositoryPolicy, UserPolicy};

use crate::model::plan::CommandOrigin;
use crate::model::{Override, Verdict, Violation, WorkBranch};
use crate::policy::additions::Additions;
use crate::policy::branch::Protected;
use crate::policy::commands::{ForbiddenCommand, PathJudge};
use crate::policy::floor::{EMBEDDED, Floor};
use crate::policy::limits::Limits;
use crate::policy::paths::{Lifted, PathRule};
use crate::policy::source::Tightening;

/// Where a policy is loaded from, besides the floor.
#[derive(Clone, Debug, Default)]
pub struct Sources<'a> {
    /// The repository's policy, from the base commit.
    pub repository: Option<RepositoryPolicy<'a>>,
    /// The user's own policy file.
    pub user: Option<UserPolicy<'a>>,
    /// Where the user's own policy file is, or would be, for messages.
    pub user_file: String,
    /// What the environment of the start says.
    pub overrides: Overrides,
}

/// The effective policy.
#[derive(Clone, Debug)]
pub struct Policy {
    floor: Arc<Floor>,
    extra_paths: Vec<PathRule>,
    limits: Limits,
    protected: Vec<Protected>,
    forbidden_commands: Vec<ForbiddenCommand>,
    /// Exact paths and reasons.
    exceptions: Vec<(String, String)>,
    /// Where the user's own file is, or would be.
    user_file: String,
    overrides: Overrides,
    sources: Vec<String>,
}

impl Policy {
    /// The floor alone.
    pub fn embedded() -> Result<Self, Error> {
        Self::load(Sources::default())
    }

    /// The strictest of all sources; an error names source, line and column, and nothing may be
    /// judged after it.
    pub fn load(sources: Sources<'_>) -> Result<Self, Error> {
        let mut policy = Self::of_floor(Floor::embedded()?);
        policy.user_file = sources.user_file;
        if let Some(repository) = sources.repository {
            let rules = source::parse_repository(&repository.origin, repository.text)?;
            policy.add(&rules, &repository.origin, repository.text, "repository")?;
        }
        if let Some(user) = sources.user {
            let (rules, exceptions) = source::parse_user(&user.path, user.text)?;
            policy.add(&rules, &user.path, user.text.as_bytes(), "user")?;
            let rules = &policy.floor.paths;
            policy.exceptions = additions::exceptions(&user.path, user.text, exceptions, rules)?;
            policy.user_file = user.path;
        }
        policy.limits.files.replace(sources.overrides.max_files);
        policy.limits.lines.replace(sources.overrides.max_lines);
        policy
            .limits
            .timeout_seconds
            .replace(sources.overrides.timeout_seconds);
        policy.overrides = sources.overrides;
        Ok(policy)
    }

    fn of_floor(floor: Arc<Floor>) -> Self {
        Self {
            extra_paths: Vec::new(),
            limits: floor.limits.clone(),
            protected: floor.protected.clone(),
            forbidden_commands: Vec::new(),
            exceptions: Vec::new(),
            user_file: String::new(),
            overrides: Overrides::default(),
            sources: vec![EMBEDDED.to_owned()],
            floor,
        }
    }

    fn add(
        &mut self,
        rules: &Tightening,
        origin: &str,
        text: &[u8],
        source: &str,
    ) -> Result<(), Error> {
        let additions = Additions::compile(rules, origin, text, source)?;
        self.extra_paths.extend(additions.paths);
        self.protected.extend(additions.protected);
        self.forbidden_commands.extend(additions.commands);
        self.limits.files.tighten(rules.limits.max_files, source);
        self.limits.lines.tighten(rules.limits.max_lines, source);
        self.limits
            .timeout_seconds
            .tighten(rules.limits.timeout_seconds, source);
        self.sources.push(format!("{source} {origin}"));
        Ok(())
    }

    /// Everything that the human loosened: variables and exceptions.
    pub fn active_overrides(&self) -> Vec<Override> {
        let mut active = self.overrides.active();
        active.extend(self.exceptions.iter().map(|(path, reason)| Override {
            name: "exception".to_owned(),
            value: format!("{path} ({reason})"),
            source: self.user_file.clone(),
        }));
        active
    }

    /// How long one command may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.limits.timeout_seconds.value)
    }

    /// Whether the human asked for the tests to be skipped.
    pub fn skip_tests(&self) -> bool {
        self.overrides.skip_tests
    }

    /// Judges a path by its name alone, without a tree.
    pub fn judge_path(&self, path: &str) -> Vec<Violation> {
        self.finished(self.judge_name(path))
    }

    /// Judges a full branch name; `protected` holds what is protected in this repository besides
    /// the policy's own list. A violation of `branch.slug` is also the answer to an empty topic:
    /// the caller then makes up a topic of its own and asks again.
    pub fn judge_branch(
        &self,
        branch: &str,
        protected: &[String],
    ) -> Result<Cleared<WorkBranch>, Vec<Violation>> {
        let mut all = self.protected.clone();
        all.extend(protected.iter().map(|name| Protected {
            name: name.clone(),
            source: "repository".to_owned(),
            rule: branch::OF_THE_RUN.to_owned(),
            why: String::new(),
        }));
        let secrets = content::secrets_in("branch", branch, &self.floor.secrets);
        match branch::judge(branch, &all) {
            Ok(judged) if secrets.is_empty() => Ok(Cleared::grant(judged)),
            Ok(_) => Err(self.finished(secrets)),
            Err(mut violations) => {
                violations.extend(secrets);
                Err(self.finished(violations))
            }
        }
    }

    /// Judges a command by its words. What a human typed at the start may be anything but what
    /// nobody may start; everything else has to be on the allow-list.
    pub fn judge_argv(
        &self,
        argv: &[String],
        origin: CommandOrigin,
    ) -> Result<Cleared<Vec<String>>, Vec<Violation>> {
        let forbidden = self
            .forbidden_commands
            .iter()
            .find(|f| argv.starts_with(&f.argv));
        if let Some(forbidden) = forbidden {
            let why = format!(
                "begins with {:?} (rule {}: {})",
                forbidden.argv.join(" "),
                forbidden.rule,
                forbidden.why
            );
            let violation = Violation {
                source: forbidden.source.clone(),
                ..commands::refused(argv, &why)
            };
            return Err(self.finished(vec![violation]));
        }
        let refusal = match origin {
            CommandOrigin::Human if argv.is_empty() => Some("is empty".to_owned()),
            CommandOrigin::Human => never::refuse(&self.floor.never, argv),
            CommandOrigin::Proposal | CommandOrigin::Repository => {
                self.floor.commands.find(argv, origin, self).err()
            }
        };
        match refusal {
            None => Ok(Cleared::grant(argv.to_vec())),
            Some(why) => Err(self.finished(vec![commands::refused(argv, &why)])),
        }
    }

    /// Judges a command written as one string, as a proposer's: shell syntax is refused.
    pub fn judge_command_line(&self, text: &str) -> Result<Cleared<Vec<String>>, Vec<Violation>> {
        match command_line::split(text) {
            Ok(argv) => self.judge_argv(&argv, CommandOrigin::Proposal),
            Err(why) => Err(self.finished(vec![commands::refused_text(text, &why)])),
        }
    }

    /// Judges the goal: plain text, one sentence, no secret.
    pub fn judge_goal(&self, goal: &str) -> Vec<Violation> {
        let mut violations = goal::judge(goal);
        violations.extend(content::secrets_in("goal", goal, &self.floor.secrets));
        self.finished(violations)
    }

    /// Judges the size of a proposal's own text, before anybody parses it: four times what all its
    /// files together may hold leaves room for context lines and encoding, and for nothing else.
    pub fn judge_proposal_size(&self, subject: &str, bytes: u64) -> Vec<Violation> {
        let most = self.limits.total_bytes.value.saturating_mul(4);
        if bytes <= most {
            return Vec::new();
        }
        let detail = format!("the proposal itself has {bytes} bytes (limit: {most})");
        let violation = finding::broken("limits.bytes", subject, detail, "split the change");
        self.finished(vec![violation])
    }

    /// Of the changed paths, those that steer the test run and so have to be put back for the
    /// deciding one. Each comes with whether the base has it; `words` are those of the suite's
    /// command that may name a script.
    pub fn harness_files(&self, changed: &[(&str, bool)], words: &[String]) -> Vec<String> {
        risks::harness(&self.floor.risks, &self.floor.tests, changed, words)
    }

    /// The text with every secret masked, for any sink.
    pub fn redact(&self, text: &str) -> String {
        self.floor.secrets.redact(text).into_owned()
    }

    fn judge_name(&self, path: &str) -> Vec<Violation> {
        let lifted = Lifted {
            exceptions: &self.exceptions,
            user_file: &self.user_file,
            policy_edits: self.overrides.allow_policy_edits,
        };
        let mut violations = self
            .floor
            .judge_name_lifted(path, &self.extra_paths, lifted);
        violations.extend(content::secrets_in(path, path, &self.floor.secrets));
        violations
    }

    /// Whether a command is on the allow-list and says something about a change.
    fn verifies(&self, argv: &[String], origin: CommandOrigin) -> bool {
        let found = self.floor.commands.find(argv, origin, self);
        found.is_ok_and(|rule| rule.verifies)
    }

    fn finished(&self, violations: Vec<Violation>) -> Vec<Violation> {
        let verdict = Verdict {
            violations,
            ..Verdict::default()
        };
        self.finish(verdict).violations
    }
}

impl PathJudge for Policy {
    fn change(&self, path: &str) -> Option<String> {
        let first = self.judge_name(path).into_iter().next()?;
        Some(format!("{} ({})", first.detail, first.rule))
    }

    fn read(&self, path: &str) -> Option<String> {
        self.floor.may_hold_secrets(path)
    }
}
