//! The lines that stay on the terminal when the screen is gone.

use crate::headless;
use crate::model::{Decision, RunState};
use crate::record::RunFolder;
use crate::text;

/// What became of the run, and the next step.
pub(super) fn farewell(run: &RunState, folder: &RunFolder) -> String {
    let mut lines = vec![format!(
        "milton run {}: {}, {}",
        run.run,
        super::session::status_of(run),
        run.decision
    )];
    if let Some(failure) = &run.failure {
        lines.push(format!("  {}", text::visible(&failure.message)));
        if !failure.hint.is_empty() {
            lines.push(format!("  hint: {}", text::visible(&failure.hint)));
        }
    }
    for violation in run.violations() {
        lines.push(format!(
            "  {} {}: {}",
            violation.rule,
            text::visible(&violation.subject),
            text::visible(&violation.detail)
        ));
    }
    match (run.decision, &run.merge_command) {
        (Decision::Approved, Some(command)) => {
            lines.push(format!("merge it yourself:\n  {command}"));
        }
        (Decision::Abandoned, _) if run.kept_as.is_some() => {
            lines.push(format!("take it back: milton restore {}", run.run));
        }
        (Decision::Pending, _) if run.branch.is_some() => {
            lines.push(format!("open it again: milton review {}", run.run));
        }
        (
            Decision::Approved
            | Decision::Abandoned
            | Decision::Pending
            | Decision::ChangesRequested,
            _,
        ) => {}
    }
    lines.push(format!(
        "evidence: {}",
        folder.path("evidence.md").display()
    ));
    lines.push(String::new());
    let mut said = lines.join("\n");
    if let Some(seal) = folder.seal() {
        said.push_str(&headless::sealed(&seal));
    }
    said
}
