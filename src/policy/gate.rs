//! The two gates: a proposal before anything is written, and the built tree before anything runs.

use std::collections::BTreeMap;

use crate::model::plan::CommandOrigin;
use crate::model::{
    BaseTree, ChangeSet, FileChange, FileState, Oid, Risk, TreeError, Verdict, VerificationCommand,
    Violation, WorkBranch,
};
use crate::policy::finding::{bounded, bounded_remedy, broken, risk};
use crate::policy::{Cleared, Policy, commands, compose, content, risks, source, tree};

/// Everything that a proposal asks for.
#[derive(Clone, Copy, Debug)]
pub struct Proposed<'a> {
    /// The human's own words; may be empty.
    pub request: &'a str,
    /// One sentence.
    pub goal: &'a str,
    /// The proposal's own risk notes.
    pub notes: &'a [String],
    /// The full name of the branch that is asked for (`self-upgrade/<topic>`).
    pub branch: &'a str,
    /// Branches protected in this repository besides the policy's: the base, the remote HEAD's.
    pub protected: &'a [String],
    /// The files.
    pub changes: &'a ChangeSet,
    /// The commands that verify the change.
    pub verification: &'a [VerificationCommand],
}

/// The answer of gate 1.
#[derive(Clone, Debug)]
pub struct Gated {
    /// What was found.
    pub verdict: Verdict,
    /// Permission for all of it; `None` when anything was broken.
    pub cleared: Option<ClearedProposal>,
}

/// A proposal that may be carried out.
#[derive(Clone, Debug)]
pub struct ClearedProposal {
    /// The files.
    pub changes: Cleared<ChangeSet>,
    /// The branch.
    pub branch: Cleared<WorkBranch>,
    /// The commands.
    pub verification: Vec<Cleared<VerificationCommand>>,
}

impl Policy {
    /// Gate 1: judges a proposal against the base commit's tree. Every violation is listed.
    pub fn gate(&self, proposed: &Proposed<'_>, base: &dyn BaseTree) -> Result<Gated, TreeError> {
        let mut verdict = self.judge_changes(proposed.changes, base)?;
        verdict.violations.extend(self.judge_goal(proposed.goal));
        let in_request = content::secrets_in("request", proposed.request, &self.floor.secrets);
        verdict.violations.extend(in_request);
        for (subject, text) in [("request", proposed.request), ("goal", proposed.goal)] {
            verdict.risks.extend(content::hidden_in_text(subject, text));
        }
        for (index, note) in proposed.notes.iter().enumerate() {
            let subject = format!("risk note {}", index + 1);
            let found = content::secrets_in(&subject, note, &self.floor.secrets);
            verdict.violations.extend(found);
            verdict
                .risks
                .extend(content::hidden_in_text(&subject, note));
        }
        let branch = self.judge_branch(proposed.branch, proposed.protected);
        let branch = collect(branch, &mut verdict.violations);
        let mut verification = Vec::new();
        for command in proposed.verification {
            verdict.risks.extend(self.command_risk(command));
            verification.extend(collect(
                self.judge_verification(command),
                &mut verdict.violations,
            ));
        }
        let overrides = self.active_overrides();
        verdict.risks.extend(overrides.iter().map(|active| {
            let mut detail = format!("set by the human who started milton ({})", active.source);
            if active.name == "SKIP_TESTS" {
                detail.push_str("; no test is run on this change");
            }
            risk("override_active", &active.label(), detail)
        }));
        let verdict = self.finish(verdict);
        let cleared = match branch {
            Some(branch) if verdict.is_allowed() => Some(ClearedProposal {
                changes: Cleared::grant(proposed.changes.clone()),
                branch,
                verification,
            }),
            Some(_) | None => None,
        };
        Ok(Gated { verdict, cleared })
    }

    /// Gate 2: judges the delta re-read from the built tree, and compares it with what gate 1
    /// cleared: the same paths, modes and contents, or no permission for the commit.
    pub fn recheck(
        &self,
        commit: Oid,
        actual: &ChangeSet,
        cleared: &Cleared<ChangeSet>,
        base: &dyn BaseTree,
    ) -> Result<(Verdict, Option<Cleared<Oid>>), TreeError> {
        let mut verdict = self.judge_changes(actual, base)?;
        verdict
            .violations
            .extend(differences(cleared.get(), actual));
        let verdict = self.finish(verdict);
        let permission = verdict.is_allowed().then(|| Cleared::grant(commit));
        Ok((verdict, permission))
    }

    /// Every rule about files, for both gates.
    fn judge_changes(
        &self,
        changes: &ChangeSet,
        base: &dyn BaseTree,
    ) -> Result<Verdict, TreeError> {
        let mut violations = Vec::new();
        let mut notes = Vec::new();
        for file in &changes.files {
            violations.extend(self.judge_name(&file.path));
            if let Some(from) = &file.renamed_from {
                violations.extend(self.judge_name(from));
            }
            notes.extend(content::hidden_in_text(&file.path, &file.path));
            let (broken, risks) = content::judge(file, &self.floor.secrets);
            violations.extend(broken);
            notes.extend(risks);
            violations.extend(judge_repository_policy(file));
            let (broken, risks) = self.judge_compose(file);
            violations.extend(broken);
            notes.extend(risks);
        }
        violations.extend(tree::judge(changes, base)?);
        violations.extend(self.limits.judge(changes));
        let limits = (self.limits.files.value, self.limits.lines.value);
        notes.extend(risks::note(
            changes,
            &self.floor.risks,
            &self.floor.tests,
            limits,
        ));
        Ok(Verdict {
            violations,
            risks: notes,
            stats: changes.stats(),
        })
    }

    fn judge_compose(&self, file: &FileChange) -> (Vec<Violation>, Vec<Risk>) {
        if !self.floor.compose.matches(&file.path) {
            return (Vec::new(), Vec::new());
        }
        let before = file.before.as_ref().map(FileState::bytes);
        let after = file.after.as_ref().map(FileState::bytes);
        let problems = compose::compare(before, after).unwrap_or_else(|why| vec![why]);
        if problems.is_empty() {
            let detail = "a compose file changes; no port, expose or network_mode does";
            return (
                Vec::new(),
                vec![risk("compose_changed", &file.path, detail)],
            );
        }
        let violations = problems.into_iter().map(|problem| {
            let detail = format!("{problem} (network exposure)");
            broken(
                "path.forbidden",
                &file.path,
                detail,
                "change port mappings by hand",
            )
        });
        (violations.collect(), Vec::new())
    }

    /// A verification command has to be allowed, and has to verify something.
    pub fn judge_verification(
        &self,
        command: &VerificationCommand,
    ) -> Result<Cleared<VerificationCommand>, Vec<Violation>> {
        self.judge_argv(&command.argv, command.origin)?;
        if command.origin != CommandOrigin::Human && !self.verifies(&command.argv, command.origin) {
            let why = "is allowed, but says nothing about the change";
            return Err(vec![commands::refused(&command.argv, why)]);
        }
        Ok(Cleared::grant(command.clone()))
    }

    fn command_risk(&self, command: &VerificationCommand) -> Option<Risk> {
        let listed = self.verifies(&command.argv, command.origin);
        (command.origin == CommandOrigin::Human && !listed).then(|| {
            let detail = "test command from the command line, not a listed test command";
            risk("override_active", &commands::shown(&command.argv), detail)
        })
    }

    /// Masks secrets, bounds hostile text and drops doubles; the last step of every answer.
    pub(super) fn finish(&self, verdict: Verdict) -> Verdict {
        let clean = |text: &str| bounded(&self.floor.secrets.redact(text));
        let mut violations: Vec<Violation> = Vec::new();
        for found in verdict.violations {
            let found = Violation {
                subject: clean(&found.subject),
                detail: clean(&found.detail),
                remedy: bounded_remedy(&self.redact(&found.remedy)),
                ..found
            };
            if !violations.contains(&found) {
                violations.push(found);
            }
        }
        let mut risks: Vec<Risk> = Vec::new();
        for found in verdict.risks {
            let found = Risk {
                subject: clean(&found.subject),
                detail: clean(&found.detail),
                ..found
            };
            if !risks.contains(&found) {
                risks.push(found);
            }
        }
        Verdict {
            violations,
            risks,
            stats: verdict.stats,
        }
    }
}

fn collect<T>(result: Result<T, Vec<Violation>>, violations: &mut Vec<Violation>) -> Option<T> {
    result.map_err(|found| violations.extend(found)).ok()
}

/// A repository policy that would not load must not be merged: it would refuse everything.
fn judge_repository_policy(file: &FileChange) -> Option<Violation> {
    const PATH: &str = ".milton/policy.toml";
    let after = file.after.as_ref()?;
    if !crate::policy::fold::spellings(&file.path)
        .iter()
        .any(|spelling| spelling == PATH)
    {
        return None;
    }
    let parsed = source::parse_repository(&file.path, after.bytes()).and_then(|rules| {
        crate::policy::additions::Additions::compile(
            &rules,
            &file.path,
            after.bytes(),
            "repository",
        )
    });
    parsed.err().map(|error| Violation {
        subject: file.path.clone(),
        remedy: "correct the proposed policy; it can only tighten".to_owned(),
        ..error.violation()
    })
}

/// How the built tree differs from what was cleared.
fn differences(cleared: &ChangeSet, actual: &ChangeSet) -> Vec<Violation> {
    let by_path = |changes: &ChangeSet| -> BTreeMap<String, FileChange> {
        let pairs = changes
            .files
            .iter()
            .map(|file| (file.path.clone(), file.clone()));
        pairs.collect()
    };
    let (expected, built) = (by_path(cleared), by_path(actual));
    let mut violations = Vec::new();
    let mut differs = |path: &str, what: &str| {
        violations.push(broken(
            "path.forbidden",
            path,
            format!("the built tree differs from what was cleared: {what}"),
            "nothing was run; this is a bug of milton or somebody wrote to the repository",
        ));
    };
    for (path, file) in &expected {
        match built.get(path) {
            None => differs(path, "the change is missing"),
            Some(other) if !same(file, other) => differs(path, "another mode or content"),
            Some(_) => {}
        }
    }
    for path in built.keys().filter(|path| !expected.contains_key(*path)) {
        differs(path, "a change that was never judged");
    }
    violations
}

fn same(a: &FileChange, b: &FileChange) -> bool {
    match (&a.after, &b.after) {
        (None, None) => true,
        (Some(a), Some(b)) => {
            // Content that was not loaded cannot be compared, so it is not the same.
            a.mode == b.mode && a.size == b.size && a.content.is_some() && a.content == b.content
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}
