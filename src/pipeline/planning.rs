//! The first step: choose the base, load the policy from it, read the proposal, make the plan.

use crate::error::Failure;
use crate::model::event::Gate;
use crate::model::{
    BaseTree, EventKind, Plan, Risk, RunId, Status, Topic, Verdict, Violation, WorkBranch,
};
use crate::pipeline::building::{git_failure, tree_failure};
use crate::pipeline::driver::{
    Asked, Driver, HumanPolicy, Job, ProposalText, Step, StepResult, judged,
};
use crate::pipeline::redaction::redacted_text;
use crate::plan::{self, Draft, PlanInputs, Proposal};
use crate::policy::{self, Policy, RepositoryPolicy, Sources, UserPolicy};

/// The largest preview of a proposed patch that is kept, in bytes: far above what the limits let
/// through, so that only refused proposals are ever cut.
const PREVIEW_LIMIT: usize = 4 << 20;

/// Where the repository's own policy lives, in the base commit.
pub const REPOSITORY_POLICY: &str = ".milton/policy.toml";

impl Driver {
    /// Chooses the base, loads the policy from it, reads the proposal and makes the plan.
    pub(super) fn make_plan(&mut self) -> StepResult {
        let mut facts = Vec::new();
        let result = self.try_plan(&mut facts);
        (facts, result)
    }

    fn try_plan(&mut self, facts: &mut Vec<EventKind>) -> Result<Step, Failure> {
        let job = self
            .job
            .take()
            .ok_or_else(|| Failure::internal("a run without a job"))?;
        let base = self
            .ports
            .git
            .resolve_base(job.base.as_deref())
            .map_err(|e| git_failure(&e))?;
        facts.push(EventKind::BaseResolved {
            branch: base.branch.clone(),
            commit: base.commit.clone(),
        });
        let snapshot = self
            .ports
            .git
            .snapshot(&base.commit)
            .map_err(|e| git_failure(&e))?;
        let policy = match load_policy(&*snapshot, &self.human)? {
            Ok(policy) => policy,
            Err(error) => return Ok(refused(facts, vec![error.violation()])),
        };
        facts.push(EventKind::PolicyLoaded {
            policy: policy.summary(),
            overrides: policy.active_overrides(),
        });
        let oversized = policy.judge_proposal_size(&job.source, job.proposal.bytes().len() as u64);
        if !oversized.is_empty() {
            return Ok(refused(facts, oversized));
        }
        let planned = plan_of(&job, &policy, &*snapshot, &self.run.run)?;
        drop(snapshot);
        let preview = plan::render_patch(&planned.draft.changes, PREVIEW_LIMIT);
        // Nobody has judged it yet, so it may hold anything.
        let preview = redacted_text(&String::from_utf8_lossy(&preview))?;
        let patch = self.write_patch("plan.patch", preview.as_bytes())?;
        facts.push(EventKind::PlanMade {
            plan: Box::new(planned.plan),
            patch,
        });
        self.work.branch_name = planned.branch_name;
        self.work.base = Some(base);
        self.work.policy = Some(policy);
        self.work.draft = Some(planned.draft);
        self.work.proposal = Some(planned.proposal);
        self.work.asked = Some(planned.asked);
        Ok(Step::Done)
    }
}

/// A refusal before there is a plan: the policy itself, or the proposal's size, is the violation.
fn refused(facts: &mut Vec<EventKind>, violations: Vec<Violation>) -> Step {
    let verdict = Verdict {
        violations,
        ..Verdict::default()
    };
    let (fact, step) = judged(Gate::Proposal, verdict);
    facts.push(fact);
    step
}

/// A plan with what it was made from.
struct Planned {
    plan: Plan,
    proposal: Proposal,
    draft: Draft,
    asked: Asked,
    /// The full name that is asked for; only the gate makes a `WorkBranch` of it.
    branch_name: String,
}

fn plan_of(
    job: &Job,
    policy: &Policy,
    base: &dyn BaseTree,
    run: &RunId,
) -> Result<Planned, Failure> {
    let proposal = read_proposal(job)?;
    let draft = plan::draft(&proposal, base).map_err(|e| tree_failure(&e))?;
    let verification = plan::verification(base, job.test.clone(), &proposal.verify)
        .map_err(|e| tree_failure(&e))?;
    // What is shown is made of masked text, so that no cut and no slug leaves a part of a secret.
    let request = policy.redact(&job.request);
    let shown = shown_proposal(&proposal, policy);
    let goal = plan::goal(&request, &shown);
    let explicit = job.topic.as_deref().or(proposal.topic.as_deref());
    // An empty topic is nobody's choice: the branch gets a name as if none was given.
    let explicit = explicit.filter(|topic| !topic.is_empty());
    let fallback = format!("run-{}", run.short());
    let topic = plan::topic(&request, &goal, explicit, &fallback);
    let inputs = PlanInputs {
        request: &request,
        proposal: &shown,
        changes: &draft.changes,
        topic: displayed_topic(&policy.redact(&topic), run),
        verification: verification.clone(),
        policy_risks: request_risks(policy, &request),
    };
    let plan = plan::make(inputs, base).map_err(|e| tree_failure(&e))?;
    let branch_name = format!("{}{topic}", WorkBranch::PREFIX);
    let asked = Asked {
        goal: plan::goal(&job.request, &proposal),
        request: job.request.clone(),
        verification,
    };
    Ok(Planned {
        plan,
        proposal,
        draft,
        asked,
        branch_name,
    })
}

/// The proposal with the texts that the plan repeats masked.
fn shown_proposal(proposal: &Proposal, policy: &Policy) -> Proposal {
    Proposal {
        goal: proposal.goal.as_deref().map(|goal| policy.redact(goal)),
        risks: proposal
            .risks
            .iter()
            .map(|note| policy.redact(note))
            .collect(),
        ..proposal.clone()
    }
}

/// The effective policy: the repository's part is read from the base commit only. The inner error
/// is a policy that does not load, which blocks; the outer one is a tree that cannot be read.
pub fn load_policy(
    base: &dyn BaseTree,
    human: &HumanPolicy,
) -> Result<Result<Policy, policy::Error>, Failure> {
    let entry = base
        .entry(REPOSITORY_POLICY)
        .map_err(|e| tree_failure(&e))?;
    let repository = match &entry {
        Some(entry) => Some((
            entry.oid.to_string(),
            base.blob(&entry.oid).map_err(|e| tree_failure(&e))?,
        )),
        None => None,
    };
    let sources = Sources {
        repository: repository.as_ref().map(|(oid, text)| RepositoryPolicy {
            origin: format!("{REPOSITORY_POLICY} at {}", oid.get(..7).unwrap_or(oid)),
            text,
        }),
        user: human.file.as_ref().map(|(path, text)| UserPolicy {
            path: path.clone(),
            text,
        }),
        user_file: human.user_file.clone(),
        overrides: human.overrides.clone(),
    };
    Ok(Policy::load(sources))
}

fn read_proposal(job: &Job) -> Result<Proposal, Failure> {
    let read = match &job.proposal {
        ProposalText::Patch(bytes) => plan::read_patch(bytes),
        ProposalText::Json(bytes) => plan::read_proposal(bytes),
    };
    read.map_err(|error| {
        Failure::run(
            Status::PlanError,
            format!("{}: {error}", job.source),
            error.hint.clone(),
        )
    })
}

/// The topic as the plan shows it; a text that is no topic is refused by the gate, and until then
/// stands in the plan under the run's own name.
fn displayed_topic(asked: &str, run: &RunId) -> Topic {
    Topic::parse(asked)
        .ok()
        .or_else(|| Topic::slug(asked))
        .unwrap_or_else(|| {
            Topic::slug(&format!("run-{}", run.short())).unwrap_or_else(fallback_topic)
        })
}

#[expect(clippy::expect_used, reason = "a constant that parses, held by a test")]
fn fallback_topic() -> Topic {
    Topic::parse("run").expect("the constant is a topic")
}

/// R67: a request that names a file the policy forbids is warned of before anything is planned.
fn request_risks(policy: &Policy, request: &str) -> Vec<Risk> {
    let mut risks = Vec::new();
    for word in request.split_whitespace() {
        let word = word
            .trim_matches(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '/' | '-')));
        let word = word.trim_end_matches('.');
        if !(word.contains('/') || word.starts_with('.') || word.contains('.')) || word.len() > 200
        {
            continue;
        }
        if let Some(violation) = policy.judge_path(word).first() {
            risks.push(Risk {
                id: "request_names_forbidden".to_owned(),
                subject: word.to_owned(),
                detail: format!(
                    "the request names a path that the policy refuses: {}",
                    violation.detail
                ),
            });
        }
    }
    risks
}
