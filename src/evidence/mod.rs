//! The evidence: what a run's facts say, for a reviewer and for scripts.
//!
//! Pure folds over [`RunState`]. Nothing in here measures, judges or writes: a statement without a
//! recorded fact behind it has no place.

mod checklist;
mod in_toto;
mod integrity;
mod json;
mod markdown;
mod markup;
mod output;
mod risks;
mod verdict;

use crate::model::RunState;

pub use checklist::{checklist, checklist_now};
pub use in_toto::in_toto;
pub use integrity::{against_base, compared, imported, left_open};
pub use json::{document, json};
pub use markdown::markdown;
pub use risks::risks_after;
pub use verdict::{FileEntry, SandboxEntry, TestsEntry, VerdictObject, verdict};

/// The goal in one line; never empty, whatever the run came to.
pub fn goal(state: &RunState) -> String {
    if secret_in(state, |subject| subject == "goal") {
        return "(not shown: the goal holds a secret)".to_owned();
    }
    let goals = [state.goal(), &state.request];
    let stated = goals.into_iter().find(|goal| !goal.trim().is_empty());
    let words: Vec<&str> = stated
        .unwrap_or("(no goal was stated)")
        .split_whitespace()
        .collect();
    words.join(" ")
}

/// The human's request, unless it holds a secret.
pub(crate) fn request(state: &RunState) -> &str {
    if secret_in(state, |subject| subject == "goal" || subject == "request") {
        return "(not shown: it holds a secret)";
    }
    &state.request
}

/// Whether the policy found a secret in one of these places; what holds one is not repeated in
/// anything that leaves this machine.
pub(crate) fn secret_in(state: &RunState, place: impl Fn(&str) -> bool) -> bool {
    state
        .violations()
        .any(|found| found.rule == "content.secret" && place(&found.subject))
}

/// `1 file`, `2 files`.
pub(crate) fn count(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}

#[cfg(test)]
mod tests;
