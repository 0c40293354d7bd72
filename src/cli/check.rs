//! `milton check`: what the policy says. Nothing is written, nothing is run.

use std::path::Path;

use serde::Serialize;

use crate::cli::arguments::{CheckArguments, CheckSubject, OutputFormat};
use crate::cli::{output, sources};
use crate::config::Settings;
use crate::error::{EXIT_USAGE, Failure, Signal, status_code};
use crate::git;
use crate::model::{
    BaseTree, CommandOrigin, Risk, Stats, Status, TreeEntry, TreeError, Verdict, Violation,
    WorkBranch,
};
use crate::pipeline::driver::{HumanPolicy, ProposalText};
use crate::pipeline::load_policy;
use crate::plan;
use crate::policy::{Policy, Proposed};
use crate::text;

/// `milton check`.
pub(super) fn check(
    settings: &Settings,
    repository: Option<&Path>,
    arguments: &CheckArguments,
) -> Result<u8, Failure> {
    let malformed = settings.malformed_overrides();
    if !malformed.is_empty() {
        let verdict = Verdict {
            violations: malformed.to_vec(),
            ..Verdict::default()
        };
        print_verdict(&verdict, arguments.format)?;
        return Ok(EXIT_USAGE);
    }
    let repository = match repository {
        Some(_) => Some(sources::repository(settings, repository)?),
        // Paths, branches and commands can be judged anywhere.
        None => sources::repository(settings, None).ok(),
    };
    let scene = Scene::open(repository);
    let human = sources::human_policy(settings)?;
    let verdict = match scene.policy(&human)? {
        Ok(policy) => judge(settings, &policy, &scene, &arguments.subject)?,
        Err(violation) => Verdict {
            violations: vec![violation],
            ..Verdict::default()
        },
    };
    print_verdict(&verdict, arguments.format)?;
    Ok(status_code(verdict.status(), Signal::Interrupt))
}

fn judge(
    settings: &Settings,
    policy: &Policy,
    scene: &Scene,
    subject: &CheckSubject,
) -> Result<Verdict, Failure> {
    let only = |violations: Vec<Violation>| Verdict {
        violations,
        ..Verdict::default()
    };
    if !subject.path.is_empty() {
        let violations = subject
            .path
            .iter()
            .flat_map(|path| policy.judge_path(path))
            .collect();
        let stats = Stats {
            files: subject.path.len() as u64,
            ..Stats::default()
        };
        return Ok(Verdict {
            stats,
            ..only(violations)
        });
    }
    if let Some(branch) = &subject.branch {
        // A run whose topic is empty names the branch itself.
        let named = if branch == WorkBranch::PREFIX {
            format!("{branch}check")
        } else {
            branch.clone()
        };
        let judged = policy.judge_branch(&named, &scene.protected());
        return Ok(only(judged.err().unwrap_or_default()));
    }
    if let Some(command) = &subject.command {
        return Ok(only(
            policy.judge_command_line(command).err().unwrap_or_default(),
        ));
    }
    if !subject.argv.is_empty() {
        let judged = policy.judge_argv(&subject.argv, CommandOrigin::Proposal);
        return Ok(only(judged.err().unwrap_or_default()));
    }
    let (source, text) = sources::proposal(
        settings,
        subject.patch.as_deref(),
        subject.proposal.as_deref(),
    )?;
    judge_proposal(policy, scene, &source, &text)
}

/// Judges a proposal as `milton run` would, without writing a thing.
fn judge_proposal(
    policy: &Policy,
    scene: &Scene,
    source: &str,
    text: &ProposalText,
) -> Result<Verdict, Failure> {
    let oversized = policy.judge_proposal_size(source, text.bytes().len() as u64);
    if !oversized.is_empty() {
        return Ok(Verdict {
            violations: oversized,
            ..Verdict::default()
        });
    }
    let read = match text {
        ProposalText::Patch(bytes) => plan::read_patch(bytes),
        ProposalText::Json(bytes) => plan::read_proposal(bytes),
    };
    let proposal =
        read.map_err(|error| Failure::usage(format!("{source}: {error}"), error.hint.clone()))?;
    let base = scene.tree()?;
    let broken =
        |error: &TreeError| Failure::run(Status::GitError, error.to_string(), "run `git fsck`");
    let draft = plan::draft(&proposal, &*base).map_err(|e| broken(&e))?;
    let goal = plan::goal("", &proposal);
    let topic = plan::topic("", &goal, proposal.topic.as_deref(), "check");
    let verification =
        plan::verification(&*base, None, &proposal.verify).map_err(|e| broken(&e))?;
    let proposed = Proposed {
        request: "",
        goal: &goal,
        notes: &proposal.risks,
        branch: &format!("{}{topic}", WorkBranch::PREFIX),
        protected: &scene.protected(),
        changes: &draft.changes,
        verification: &verification,
    };
    let mut verdict = policy
        .gate(&proposed, &*base)
        .map_err(|e| broken(&e))?
        .verdict;
    // A hunk that does not apply is no matter of policy; it is said, and `milton run` will refuse it.
    verdict
        .risks
        .extend(draft.failures.iter().map(|failure| Risk {
            id: "does_not_apply".to_owned(),
            subject: failure.path.clone(),
            detail: failure.message.clone(),
        }));
    Ok(verdict)
}

/// What a check is made against: the base of the repository, or nothing outside of one.
pub(super) struct Scene {
    repository: Option<git::Repository>,
    base: Option<git::Base>,
}

impl Scene {
    /// Looks at the repository, if there is one.
    pub(super) fn open(repository: Option<git::Repository>) -> Self {
        // A repository without commits has no base; what can be judged without one still is.
        let base = repository
            .as_ref()
            .and_then(|repository| repository.resolve_base(None).ok());
        Self { repository, base }
    }

    fn tree(&self) -> Result<Box<dyn BaseTree + '_>, Failure> {
        match (&self.repository, &self.base) {
            (Some(repository), Some(base)) => {
                let snapshot = repository.snapshot(&base.commit).map_err(|error| {
                    Failure::run(Status::GitError, error.to_string(), error.hint())
                })?;
                Ok(Box::new(snapshot))
            }
            (None, _) | (_, None) => Ok(Box::new(EmptyTree)),
        }
    }

    /// What is protected here besides the policy's own list.
    pub(super) fn protected(&self) -> Vec<String> {
        match (&self.repository, &self.base) {
            (Some(repository), Some(base)) => repository.protected_branches(base),
            (None, _) | (_, None) => Vec::new(),
        }
    }

    /// The effective policy here, or what is wrong with one of its sources.
    pub(super) fn policy(&self, human: &HumanPolicy) -> Result<Result<Policy, Violation>, Failure> {
        let tree = self.tree()?;
        Ok(load_policy(&*tree, human)?.map_err(|error| error.violation()))
    }
}

/// The tree of no repository.
struct EmptyTree;

impl BaseTree for EmptyTree {
    fn entry(&self, _path: &str) -> Result<Option<TreeEntry>, TreeError> {
        Ok(None)
    }
    fn list(&self, _path: &str) -> Result<Vec<TreeEntry>, TreeError> {
        Ok(Vec::new())
    }
    fn blob_size(&self, oid: &crate::model::Oid) -> Result<u64, TreeError> {
        Err(TreeError {
            what: oid.to_string(),
            detail: "there is no repository here".to_owned(),
        })
    }
    fn blob(&self, oid: &crate::model::Oid) -> Result<Vec<u8>, TreeError> {
        Err(TreeError {
            what: oid.to_string(),
            detail: "there is no repository here".to_owned(),
        })
    }
}

#[derive(Serialize)]
struct VerdictLine<'a> {
    schema: u32,
    status: Status,
    violations: &'a [Violation],
    risks: &'a [Risk],
    stats: Stats,
}

fn print_verdict(verdict: &Verdict, format: OutputFormat) -> Result<(), Failure> {
    let status = verdict.status();
    if format == OutputFormat::Json {
        let line = VerdictLine {
            schema: 1,
            status,
            violations: &verdict.violations,
            risks: &verdict.risks,
            stats: verdict.stats,
        };
        return output::print(&format!("{}\n", output::json(&line)?));
    }
    let mut lines = Vec::new();
    for violation in &verdict.violations {
        lines.push(format!(
            "[!!] {}  {}",
            violation.rule,
            text::visible(&violation.subject)
        ));
        lines.push(format!(
            "     {} ({})",
            text::visible(&violation.detail),
            violation.source
        ));
        if !violation.remedy.is_empty() {
            lines.push(format!(
                "     what to do: {}",
                text::visible(&violation.remedy)
            ));
        }
    }
    for risk in &verdict.risks {
        lines.push(format!(
            "[--] {}  {}: {}",
            risk.id,
            text::visible(&risk.subject),
            text::visible(&risk.detail)
        ));
    }
    lines.push(match verdict.violations.len() {
        0 => "allowed by the policy".to_owned(),
        1 => "BLOCKED_BY_POLICY: 1 violation".to_owned(),
        n => format!("BLOCKED_BY_POLICY: {n} violations"),
    });
    lines.push(String::new());
    output::print(&lines.join("\n"))
}
