//! What the reviewer did, how a run ended, and what to do next.

use super::human::{BAD, Lines, OK};
use crate::evidence::goal;
use crate::model::{Decision, ReviewAct, RunState, Seal, Status};
use crate::text::visible;

pub(super) fn reviewed(act: &ReviewAct) -> String {
    match act {
        ReviewAct::ItemTicked { item, ticked, .. } => {
            let word = if *ticked { "ticked" } else { "unticked" };
            format!("{word}: {}", item.text())
        }
        ReviewAct::FileViewed { path, viewed } => {
            let word = if *viewed { "viewed" } else { "not viewed" };
            format!("{word}: {path}")
        }
        ReviewAct::FindingRead { finding } => format!("read: risk {}", finding + 1),
        ReviewAct::Commented { comment } => format!("comment {}: {}", comment.id, comment.text),
        ReviewAct::CommentDeleted { id } => format!("comment {id} deleted"),
        ReviewAct::TestsRestarted => "the tests run again".to_owned(),
        ReviewAct::TestFailureAcknowledged { note, by } => {
            format!("failing tests acknowledged by {by}: {note}")
        }
        ReviewAct::Approved { approval, .. } => {
            format!(
                "approved by {}: commit {}",
                approval.by,
                approval.commit.short()
            )
        }
        ReviewAct::ChangesRequested { by } => format!("changes requested by {by}"),
        ReviewAct::Abandoned {
            branch,
            kept_as,
            by,
        } => {
            let branch = branch.as_ref().map(ToString::to_string);
            let branch = branch.as_deref().unwrap_or("the run (it had no branch)");
            let kept = kept_as
                .as_deref()
                .map(|k| format!("; its tip is kept as {k}"));
            format!("{branch} abandoned by {by}{}", kept.unwrap_or_default())
        }
        ReviewAct::Restored { branch, by, .. } => format!("{branch} restored by {by}"),
    }
}

/// The last lines of a run.
pub(super) fn finish(state: &RunState, seal: Option<&Seal>) -> String {
    let mut lines = Lines::default();
    let status = state.status.map_or("unfinished", Status::as_str);
    let mark = if state.status == Some(Status::Success) {
        OK
    } else {
        BAD
    };
    let decision = match state.decision {
        Decision::Pending => "",
        Decision::Approved => ", approved",
        Decision::ChangesRequested => ", changes requested",
        Decision::Abandoned => ", abandoned",
    };
    lines.push(mark, &format!("{status}{decision}: {}", goal(state)));
    // Not cut: both are there to be copied.
    if let Some(seal) = seal {
        lines.0.push_str(&sealed(seal));
    }
    lines.0.push_str("next: ");
    lines.0.push_str(&visible(&next_step(state)));
    lines.0.push('\n');
    lines.0
}

/// The line that names the seal of a record.
pub fn sealed(seal: &Seal) -> String {
    format!("record: {} events, seal {}\n", seal.events, seal.sha256)
}

/// What the human can do now, as one line.
pub fn next_step(state: &RunState) -> String {
    let run = &state.run;
    let hint = state
        .failure
        .as_ref()
        .map(|f| visible(&f.hint).into_owned());
    let hint = hint.filter(|hint| !hint.is_empty());
    match (state.decision, state.status) {
        (Decision::Approved, _) => match &state.merge_command {
            Some(command) => format!("merge it yourself: {}", visible(command)),
            None => format!("see it again: milton show {run}"),
        },
        (Decision::Abandoned, _) if state.kept_as.is_some() => {
            format!("bring the branch back, if you want: milton restore {run}")
        }
        (Decision::Abandoned, _) => format!("see it again: milton show {run}"),
        (Decision::ChangesRequested, _) => format!("read the comments: milton show {run}"),
        (Decision::Pending, None) => format!("see how far it came: milton review {run}"),
        (Decision::Pending, Some(Status::Success)) => format!("review it: milton review {run}"),
        (Decision::Pending, Some(Status::TestFailure)) => {
            format!("look at the failing tests and decide: milton review {run}")
        }
        (Decision::Pending, Some(Status::BlockedByPolicy)) => {
            format!("change the proposal and run it again; all details: milton show {run}")
        }
        (
            Decision::Pending,
            Some(Status::GitError | Status::PlanError | Status::Stopped | Status::InternalError),
        ) => match hint {
            Some(hint) => format!("{hint}; all details: milton show {run}"),
            None => format!("all details: milton show {run}"),
        },
    }
}
