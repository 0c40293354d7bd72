//! Applying events to a [`RunState`]: the one fold that every view is drawn from.

use jiff::Timestamp;

use crate::model::event::Gate;
use crate::model::run::{CommandState, Failure, Finding, PhaseState};
use crate::model::{
    Decision, Event, EventKind, Phase, PhaseOutcome, ReviewAct, Risk, RunState, Verdict,
};

impl RunState {
    /// Applies one event.
    #[expect(
        clippy::too_many_lines,
        reason = "one arm an event kind: splitting would hide that none is missing"
    )]
    pub fn apply(&mut self, event: &Event) {
        self.last_seq = event.seq;
        self.last_at = Some(event.at);
        match &event.kind {
            EventKind::RunStarted {
                request,
                source,
                repository,
                version: _,
            } => {
                self.started = Some(event.at);
                self.request.clone_from(request);
                self.source.clone_from(source);
                self.repository.clone_from(repository);
            }
            EventKind::PolicyLoaded { policy, overrides } => {
                self.policy = Some(policy.clone());
                self.overrides.clone_from(overrides);
            }
            EventKind::BaseResolved { branch, commit } => {
                self.base_branch.clone_from(branch);
                self.base = Some(commit.clone());
            }
            EventKind::PhaseStarted { phase } => self.phases.push(PhaseState {
                phase: *phase,
                started: event.at,
                finished: None,
                outcome: None,
            }),
            EventKind::PhaseFinished { phase, outcome } => {
                self.finish_phase(*phase, *outcome, event.at);
            }
            EventKind::PlanMade { plan, patch } => {
                self.note_risks(&plan.risks);
                self.plan = Some((**plan).clone());
                self.plan_patch = Some(patch.clone());
            }
            EventKind::GateJudged { gate, verdict } => self.judge(*gate, verdict),
            EventKind::CommandStarted { command } => self.commands.push(CommandState {
                start: command.clone(),
                started: event.at,
                end: None,
            }),
            EventKind::CommandFinished { end } => {
                if let Some(command) = self.commands.iter_mut().rfind(|c| c.start.id == end.id) {
                    command.end = Some(end.clone());
                }
            }
            EventKind::CommitBuilt { commit, tree } => {
                self.commit = Some(commit.clone());
                self.tree = Some(tree.clone());
            }
            EventKind::BranchCreated { branch, commit: _ } => self.branch = Some(branch.clone()),
            EventKind::DiffWritten {
                patch,
                stats,
                files,
            } => {
                self.diff = Some(patch.clone());
                self.stats = *stats;
                self.changed_files.clone_from(files);
            }
            EventKind::SandboxChosen { sandbox } => self.sandbox = Some(sandbox.clone()),
            EventKind::VerificationSkipped { argv, reason } => {
                self.skipped.push((argv.clone(), reason.clone()));
            }
            EventKind::TestsFinished { report } => self.tests = Some(report.clone()),
            EventKind::RisksNoted { risks } => self.note_risks(risks),
            EventKind::ChecklistFilled { items } => self.checklist.clone_from(items),
            EventKind::EvidenceWritten { dir, files: _ } => self.evidence_dir = Some(dir.clone()),
            EventKind::RunFailed {
                status,
                message,
                hint,
                detail,
            } => {
                self.failure = Some(Failure {
                    status: *status,
                    message: message.clone(),
                    hint: hint.clone(),
                    detail: detail.clone(),
                });
            }
            EventKind::RunFinished { status } => {
                self.finished = Some(event.at);
                self.status = Some(*status);
                self.retesting = false;
            }
            EventKind::Reviewed { act } => self.apply_act(act),
            EventKind::Noticed { text, hint } => self.notices.push((text.clone(), hint.clone())),
        }
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one arm an act: splitting would hide that none is missing"
    )]
    fn apply_act(&mut self, act: &ReviewAct) {
        match act {
            ReviewAct::ItemTicked {
                item,
                ticked: true,
                tree,
            } => {
                self.ticks.insert(*item, tree.clone());
            }
            ReviewAct::ItemTicked {
                item,
                ticked: false,
                tree: _,
            } => {
                self.ticks.remove(item);
            }
            ReviewAct::FileViewed { path, viewed: true } => {
                self.viewed.insert(path.clone());
            }
            ReviewAct::FileViewed {
                path,
                viewed: false,
            } => {
                self.viewed.remove(path);
            }
            ReviewAct::FindingRead { finding } => {
                if let Some(found) = self.findings.get_mut(*finding as usize) {
                    found.read = true;
                }
            }
            ReviewAct::Commented { comment } => {
                self.comments.insert(comment.id, comment.clone());
            }
            ReviewAct::CommentDeleted { id } => {
                self.comments.remove(id);
            }
            ReviewAct::TestsRestarted => {
                self.retesting = true;
                self.acknowledged = None;
            }
            ReviewAct::TestFailureAcknowledged { note, by } => {
                self.acknowledged = Some((note.clone(), by.clone()));
            }
            ReviewAct::Approved {
                approval,
                merge_command,
            } => {
                self.decision = Decision::Approved;
                self.approval = Some(approval.clone());
                self.merge_command = Some(merge_command.clone());
            }
            ReviewAct::ChangesRequested { by: _ } => self.decision = Decision::ChangesRequested,
            ReviewAct::Abandoned {
                branch: _,
                kept_as,
                by: _,
            } => {
                self.decision = Decision::Abandoned;
                self.kept_as.clone_from(kept_as);
            }
            ReviewAct::Restored {
                branch,
                commit: _,
                by: _,
            } => {
                self.decision = Decision::Pending;
                self.branch = Some(branch.clone());
                self.kept_as = None;
            }
        }
    }

    fn finish_phase(&mut self, phase: Phase, outcome: PhaseOutcome, at: Timestamp) {
        if let Some(state) = self.phases.iter_mut().rfind(|p| p.phase == phase) {
            state.finished = Some(at);
            state.outcome = Some(outcome);
        }
    }

    fn judge(&mut self, gate: Gate, verdict: &Verdict) {
        self.note_risks(&verdict.risks);
        match gate {
            Gate::Proposal => {
                self.stats = verdict.stats;
                self.proposal_verdict = Some(verdict.clone());
            }
            Gate::Tree => self.tree_verdict = Some(verdict.clone()),
        }
    }

    fn note_risks(&mut self, risks: &[Risk]) {
        for risk in risks {
            if !self.findings.iter().any(|f| f.risk == *risk) {
                self.findings.push(Finding {
                    risk: risk.clone(),
                    read: false,
                });
            }
        }
    }
}
