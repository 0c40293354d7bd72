//! The files of a run that its events name, with their digests.

use std::collections::BTreeMap;

use super::OUTPUT;
use crate::model::event::PatchRef;
use crate::model::{Digest, Event, EventKind};

/// What an event says of a file.
pub(super) enum Wanted {
    /// Its size, where that is known, and its digest.
    Digest(Option<u64>, Digest),
    /// A command that has not ended writes it.
    Unfinished,
}

/// Every file that the events name, the last word on each.
pub(super) fn named_files(events: &[Event]) -> BTreeMap<String, Wanted> {
    let mut named = BTreeMap::new();
    let mut outputs = BTreeMap::new();
    let of = |file: &PatchRef| Wanted::Digest(Some(file.bytes), file.sha256.clone());
    for event in events {
        match &event.kind {
            EventKind::PlanMade { patch, .. } | EventKind::DiffWritten { patch, .. } => {
                named.insert(patch.file.clone(), of(patch));
            }
            EventKind::EvidenceWritten { files, .. } => {
                for file in files {
                    // A report of a test run is sealed once; the evidence is written anew.
                    if file.file.starts_with(OUTPUT) {
                        named.entry(file.file.clone()).or_insert_with(|| of(file));
                    } else {
                        named.insert(file.file.clone(), of(file));
                    }
                }
            }
            EventKind::CommandStarted { command } => {
                if let Some(output) = &command.output {
                    outputs.insert(command.id, output.clone());
                    named.insert(output.clone(), Wanted::Unfinished);
                }
            }
            EventKind::CommandFinished { end } => {
                if let Some(output) = outputs.get(&end.id) {
                    let wanted = Wanted::Digest(None, end.log_sha256.clone());
                    named.insert(output.clone(), wanted);
                }
            }
            EventKind::RunStarted { .. }
            | EventKind::PolicyLoaded { .. }
            | EventKind::BaseResolved { .. }
            | EventKind::PhaseStarted { .. }
            | EventKind::PhaseFinished { .. }
            | EventKind::GateJudged { .. }
            | EventKind::CommitBuilt { .. }
            | EventKind::BranchCreated { .. }
            | EventKind::SandboxChosen { .. }
            | EventKind::VerificationSkipped { .. }
            | EventKind::TestsFinished { .. }
            | EventKind::RisksNoted { .. }
            | EventKind::ChecklistFilled { .. }
            | EventKind::RunFailed { .. }
            | EventKind::RunFinished { .. }
            | EventKind::Reviewed { .. }
            | EventKind::Noticed { .. } => {}
        }
    }
    named
}
