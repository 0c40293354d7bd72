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
            text::visible(&violation.rule),
            text::visible(&violation.subject),
            text::visible(&violation.detail)
        ));
    }
    match (run.decision, &run.merge_command) {
        (Decision::Approved, Some(command)) => {
            lines.push(format!("merge it yourself:\n  {}", text::visible(command)));
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
        text::visible(&folder.path("evidence.md").display().to_string())
    ));
    lines.push(String::new());
    let mut said = lines.join("\n");
    if let Some(seal) = folder.seal() {
        said.push_str(&headless::sealed(&seal));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{STATUSES, approval, events, hidden_characters, hostile, script};
    use crate::record::Store;

    #[test]
    fn the_last_lines_show_nothing_that_a_terminal_acts_on() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::look(&place.path().join("a\u{1b}[2Jb"), &[]).unwrap();
        for (text, status) in hidden_characters().iter().zip(STATUSES.into_iter().cycle()) {
            let kinds = script(status).kinds;
            let acts = approval().into_iter().map(|kind| (30_000, kind));
            let kinds = kinds.into_iter().chain(acts);
            let run = events(kinds.map(|(at, kind)| (at, hostile(&kind, text))));
            let run = RunState::replay(&run).unwrap();
            let lines = farewell(&run, &store.folder(&run.run));
            let raw = lines.chars().find(|c| *c != '\n' && text::is_hidden(*c));
            assert_eq!(raw, None, "{lines:?}");
        }
    }
}
