//! The plan: goal, files with reasons, relevant files, commands, risks.

use std::collections::{BTreeSet, HashSet};

use super::text::count;
use super::{Proposal, names, scan, why, wording};
use crate::model::{
    BaseTree, ChangeSet, FileChange, FileState, Plan, PlannedFile, Risk, Topic, TreeError,
    VerificationCommand,
};

/// The most names that one risk lists.
const MAX_NAMES: usize = 12;

/// The longest note of a proposer that is kept, in characters.
const MAX_NOTE: usize = 500;

/// What a plan is made from.
#[derive(Clone, Debug)]
pub struct PlanInputs<'a> {
    /// The human's free text; may be empty.
    pub request: &'a str,
    /// The proposal as read.
    pub proposal: &'a Proposal,
    /// The proposal applied to the base commit.
    pub changes: &'a ChangeSet,
    /// The topic that the policy accepted.
    pub topic: Topic,
    /// The commands that will run.
    pub verification: Vec<VerificationCommand>,
    /// The facts that the policy found worth weighing.
    pub policy_risks: Vec<Risk>,
}

/// Makes the plan. Reads folder names and a bounded number of small files of the base commit;
/// fails only when the base cannot be read.
pub fn make(inputs: PlanInputs<'_>, base: &dyn BaseTree) -> Result<Plan, TreeError> {
    let planned = |file: &FileChange| PlannedFile {
        path: file.path.clone(),
        letter: file.letter(),
        renamed_from: file.renamed_from.clone(),
        why: why::why(file, inputs.changes, inputs.request),
        added: file.lines.added,
        removed: file.lines.removed,
    };
    Ok(Plan {
        goal: wording::goal(inputs.request, inputs.proposal),
        files: inputs.changes.files.iter().map(planned).collect(),
        relevant: scan::relevant(inputs.changes, inputs.request, base)?,
        risks: risks(&inputs),
        topic: inputs.topic,
        verification: inputs.verification,
    })
}

/// The policy's risks, then what the change itself shows, then what the proposer notes; each once.
fn risks(inputs: &PlanInputs<'_>) -> Vec<Risk> {
    let mut risks = inputs.policy_risks.clone();
    for file in &inputs.changes.files {
        risks.extend(names_removed(file, inputs.changes));
        risks.extend(deletion(file, inputs.changes));
    }
    risks.extend(inputs.proposal.risks.iter().map(|note| Risk {
        id: "proposer_note".to_owned(),
        subject: "proposal".to_owned(),
        detail: note.trim().chars().take(MAX_NOTE).collect(),
    }));
    let mut seen = HashSet::new();
    risks.retain(|risk| !risk.detail.is_empty() && seen.insert(risk.clone()));
    risks
}

/// The added half of the rename that takes this file away.
fn moved_to<'a>(file: &FileChange, changes: &'a ChangeSet) -> Option<&'a FileChange> {
    let from_here = |other: &&FileChange| other.renamed_from.as_ref() == Some(&file.path);
    changes
        .files
        .iter()
        .find(from_here)
        .filter(|_| file.after.is_none())
}

fn deletion(file: &FileChange, changes: &ChangeSet) -> Option<Risk> {
    let before = file.before.as_ref().filter(|_| file.after.is_none())?;
    let detail = match moved_to(file, changes) {
        Some(target) => format!("moves {} to {}", file.path, target.path),
        None => format!(
            "deletes {} ({}, {} bytes)",
            file.path,
            count(
                usize::try_from(file.lines.removed).unwrap_or(usize::MAX),
                "line"
            ),
            before.size
        ),
    };
    Some(Risk {
        id: "files_deleted".to_owned(),
        subject: file.path.clone(),
        detail,
    })
}

fn names_removed(file: &FileChange, changes: &ChangeSet) -> Option<Risk> {
    let moved = moved_to(file, changes);
    let after = file.after.as_ref().or_else(|| moved?.after.as_ref());
    let names_of = |state: &FileState, path: &str| names::public_names(path, state.bytes());
    let old = names_of(file.before.as_ref()?, &file.path);
    let new_path = moved.map_or(&file.path, |target| &target.path);
    let new = after.map_or_else(BTreeSet::new, |state| names_of(state, new_path));
    let gone: Vec<&String> = old.difference(&new).collect();
    if gone.is_empty() {
        return None;
    }
    let shown: Vec<String> = gone
        .iter()
        .take(MAX_NAMES)
        .map(|n| format!("`{n}`"))
        .collect();
    let more = match gone.len().saturating_sub(MAX_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(Risk {
        id: "public_names_removed".to_owned(),
        subject: file.path.clone(),
        detail: format!("no longer defines {}{more}", shown.join(", ")),
    })
}
