//! The audit text log: the policy document's own line formats, folded from the events.
//!
//! One record a line. Every text in it is escaped, so nothing that a proposal, a test or a file
//! name says can look like a record.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::model::{
    CommandEnd, CommandId, CommandStart, Event, EventKind, OutputSummary, ReviewAct, RunId,
    TestOutcome,
};
use crate::text;

/// How much of each end of an output a record holds, in characters; the whole is in the output file.
const OUTPUT_END: usize = 2000;

/// The records of a whole run.
pub fn render(events: &[Event]) -> String {
    let mut records = String::new();
    if let Some(first) = events.first() {
        let mut audit = Audit::new(first.run.clone());
        for event in events {
            audit.fold(event, &mut records);
        }
    }
    records
}

/// The fold: what it must remember so that records come in the policy's order.
#[derive(Clone, Debug)]
pub struct Audit {
    run: RunId,
    request: String,
    started: Option<Timestamp>,
    last: Timestamp,
    /// `None` once the start is written; until then, the records that must come after it.
    waiting: Option<Vec<(Timestamp, String)>>,
    /// Commands that have not ended; after a crash, also the one that never will.
    open: Vec<OpenCommand>,
    /// The command whose first records were the last ones written.
    announced: Option<CommandId>,
    completed: bool,
}

#[derive(Clone, Debug)]
struct OpenCommand {
    id: CommandId,
    /// `COMMAND` and `CWD`.
    records: [String; 2],
}

impl Audit {
    /// The fold before the first event.
    pub fn new(run: RunId) -> Self {
        Self {
            run,
            request: String::new(),
            started: None,
            last: Timestamp::MIN,
            waiting: Some(Vec::new()),
            open: Vec::new(),
            announced: None,
            completed: false,
        }
    }

    /// Appends the records of one event to `out`.
    pub fn fold(&mut self, event: &Event, out: &mut String) {
        let at = event.at;
        match &event.kind {
            EventKind::RunStarted { request, .. } => {
                self.started = Some(at);
                self.request.clone_from(request);
            }
            EventKind::PlanMade { plan, .. } => self.start(&plan.goal, at, out),
            EventKind::CommandStarted { command } => self.command_started(command, at, out),
            EventKind::CommandFinished { end } => self.command_finished(end, at, out),
            EventKind::BranchCreated { branch, .. } => {
                self.emit(at, &format!("BRANCH_CREATED: {branch}"), out);
            }
            EventKind::DiffWritten { files, .. } => {
                self.emit(at, &format!("FILES_MODIFIED: {} files", files.len()), out);
            }
            EventKind::TestsFinished { report } => {
                let result = test_result(report.outcome);
                self.emit(at, &format!("TESTS_RUN: result={result}"), out);
            }
            EventKind::RunFailed { .. } => self.start_without_plan(at, out),
            EventKind::RunFinished { status } => {
                self.start_without_plan(at, out);
                let record = if self.completed {
                    // The tests ran again on the reviewer's word; the attempt ended before that.
                    format!("SELF_UPGRADE_DECISION: tests_rerun status={status}")
                } else {
                    format!("SELF_UPGRADE_COMPLETE: status={status}")
                };
                self.completed = true;
                self.emit(at, &record, out);
            }
            EventKind::Reviewed { act } => {
                if let Some(decision) = decision(act) {
                    self.emit(at, &format!("SELF_UPGRADE_DECISION: {decision}"), out);
                }
            }
            EventKind::PolicyLoaded { .. }
            | EventKind::BaseResolved { .. }
            | EventKind::PhaseStarted { .. }
            | EventKind::PhaseFinished { .. }
            | EventKind::GateJudged { .. }
            | EventKind::CommitBuilt { .. }
            | EventKind::SandboxChosen { .. }
            | EventKind::VerificationSkipped { .. }
            | EventKind::RisksNoted { .. }
            | EventKind::ChecklistFilled { .. }
            | EventKind::EvidenceWritten { .. }
            | EventKind::Noticed { .. } => {}
        }
    }

    fn start_without_plan(&mut self, at: Timestamp, out: &mut String) {
        let request = self.request.clone();
        self.start(&request, at, out);
    }

    /// Writes the start, once, with the time at which the run began, and then what waited for it.
    fn start(&mut self, goal: &str, at: Timestamp, out: &mut String) {
        let Some(waiting) = self.waiting.take() else {
            return;
        };
        let goal = match goal.trim() {
            "" => "(no goal was stated)",
            goal => goal,
        };
        let mut record = format!("SELF_UPGRADE_START: request_id={} goal=", self.run);
        text::escape_into(goal, None, &mut record);
        self.emit(self.started.unwrap_or(at), &record, out);
        for (at, record) in waiting {
            self.emit(at, &record, out);
        }
    }

    fn emit(&mut self, at: Timestamp, record: &str, out: &mut String) {
        if let Some(waiting) = &mut self.waiting {
            waiting.push((at, record.to_owned()));
            return;
        }
        self.last = self.last.max(at);
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "[{}] {record}",
            self.last.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        );
    }

    /// Written before the command has done anything, unless another one is under way: the lines of
    /// two commands never mix.
    fn command_started(&mut self, command: &CommandStart, at: Timestamp, out: &mut String) {
        let mark = if command.in_process {
            " [in-process]"
        } else {
            ""
        };
        let mut cwd = "CWD: ".to_owned();
        text::escape_into(&command.cwd, None, &mut cwd);
        let open = OpenCommand {
            id: command.id,
            records: [
                format!("COMMAND: {}{mark}", text::command_line(&command.argv)),
                cwd,
            ],
        };
        if self.open.is_empty() {
            self.announce(&open, at, out);
        }
        self.open.push(open);
    }

    fn announce(&mut self, command: &OpenCommand, at: Timestamp, out: &mut String) {
        for record in &command.records {
            self.emit(at, record, out);
        }
        self.announced = Some(command.id);
    }

    fn command_finished(&mut self, end: &CommandEnd, at: Timestamp, out: &mut String) {
        let Some(index) = self.open.iter().position(|open| open.id == end.id) else {
            return;
        };
        let open = self.open.remove(index);
        if self.announced != Some(end.id) {
            self.announce(&open, at, out);
        }
        self.announced = None;
        let (seconds, rest) = (end.duration_ms / 1000, end.duration_ms % 1000);
        self.emit(at, &format!("EXIT_CODE: {}", end.exit.code()), out);
        self.emit(at, &format!("DURATION: {seconds}.{rest:03}"), out);
        self.emit(at, &format!("STDOUT: {}", output(&end.stdout)), out);
        self.emit(at, &format!("STDERR: {}", output(&end.stderr)), out);
    }
}

fn test_result(outcome: TestOutcome) -> &'static str {
    match outcome {
        TestOutcome::Passed => "pass",
        TestOutcome::Skipped => "skipped",
        TestOutcome::Failed
        | TestOutcome::TimedOut
        | TestOutcome::NoneCounted
        | TestOutcome::NoReport
        | TestOutcome::NotStarted => "fail",
    }
}

/// `"head" … "tail" (n bytes, sha256 …)`: the quotes are escaped inside, so the figures are ours.
fn output(summary: &OutputSummary) -> String {
    let mut text = "\"".to_owned();
    let characters = summary.head.chars().count();
    let whole = summary.tail.is_empty();
    if whole && characters <= 2 * OUTPUT_END {
        text::escape_into(&summary.head, Some('"'), &mut text);
    } else {
        let last = if whole { &summary.head } else { &summary.tail };
        text::escape_into(first(&summary.head), Some('"'), &mut text);
        text.push_str("\" … \"");
        text::escape_into(final_part(last), Some('"'), &mut text);
    }
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "\" ({} bytes, sha256 {})",
        summary.bytes, summary.sha256
    );
    text
}

fn first(text: &str) -> &str {
    let end = text
        .char_indices()
        .nth(OUTPUT_END)
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}

fn final_part(text: &str) -> &str {
    let begin = text
        .char_indices()
        .nth_back(OUTPUT_END - 1)
        .map_or(0, |(at, _)| at);
    text.get(begin..).unwrap_or(text)
}

/// What a human decided, as a record; reading a file or a finding is no decision.
fn decision(act: &ReviewAct) -> Option<String> {
    let quoted = |text: &str| {
        let mut quoted = "\"".to_owned();
        text::escape_into(text, Some('"'), &mut quoted);
        quoted.push('"');
        quoted
    };
    match act {
        ReviewAct::ItemTicked { item, ticked, tree } => {
            let word = if *ticked { "ticked" } else { "unticked" };
            Some(format!("{word} item={} tree={tree}", quoted(item.text())))
        }
        ReviewAct::TestsRestarted => Some("tests_restarted".to_owned()),
        ReviewAct::TestFailureAcknowledged { note, by } => Some(format!(
            "test_failure_acknowledged by={} note={}",
            quoted(by),
            quoted(note)
        )),
        ReviewAct::Approved { approval, .. } => Some(format!(
            "approved by={} commit={} tree={}",
            quoted(&approval.by),
            approval.commit,
            approval.tree
        )),
        ReviewAct::ChangesRequested { by } => Some(format!("changes_requested by={}", quoted(by))),
        ReviewAct::Abandoned {
            branch,
            kept_as,
            by,
        } => {
            let branch = branch
                .as_ref()
                .map_or("none".to_owned(), ToString::to_string);
            let kept_as = quoted(kept_as.as_deref().unwrap_or("nothing"));
            Some(format!(
                "abandoned by={} branch={branch} kept_as={kept_as}",
                quoted(by)
            ))
        }
        ReviewAct::Restored { branch, commit, by } => Some(format!(
            "restored by={} branch={branch} commit={commit}",
            quoted(by)
        )),
        ReviewAct::FileViewed { .. }
        | ReviewAct::FindingRead { .. }
        | ReviewAct::Commented { .. }
        | ReviewAct::CommentDeleted { .. } => None,
    }
}
