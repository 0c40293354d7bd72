//! Events as lines for people.

use super::ending::reviewed;
use crate::evidence::count;
use crate::model::command::ExitKind;
use crate::model::event::{ChangedFile, Gate};
use crate::model::plan::CommandOrigin;
use crate::model::{
    ChecklistItem, CommandEnd, CommandStart, Event, EventKind, Oid, Override, Phase, PhaseOutcome,
    Plan, PolicySummary, Risk, RunState, SandboxReport, Stats, Status, TestOutcome, TestReport,
    Tier, Verdict,
};
use crate::text::{self, command_line, duration};

/// Failing tests that are printed; the evidence names all.
const MAX_FAILURES: usize = 20;
/// Lines of an error's detail that are printed.
const MAX_DETAIL: usize = 60;
/// The longest line of text from outside, in columns: nobody reads on, and logs fold it.
const MAX_COLUMNS: usize = 400;

pub(super) const OK: &str = "[ok]";
pub(super) const BAD: &str = "[!!]";
const NEUTRAL: &str = "[--]";
/// As wide as a mark, for what belongs to the line above.
const MORE: &str = "    ";

/// Lines under construction; every text from outside is made visible on the way in.
#[derive(Default)]
pub(super) struct Lines(pub(super) String);

impl Lines {
    pub(super) fn push(&mut self, mark: &str, content: &str) {
        let line = text::one_line(content, MAX_COLUMNS);
        self.0.push_str(mark);
        self.0.push(' ');
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    fn more(&mut self, content: &str) {
        self.push(MORE, content);
    }

    fn next(&mut self, hint: &str) {
        if !hint.is_empty() {
            self.more(&format!("next: {hint}"));
        }
    }
}

/// The lines of one event; `state` is the run before it.
pub(super) fn event(event: &Event, state: &RunState) -> String {
    let mut lines = Lines::default();
    match &event.kind {
        EventKind::RunStarted {
            request,
            source,
            repository,
            version,
        } => {
            lines.push(NEUTRAL, &format!("milton {version}, run {}", event.run));
            if !request.is_empty() {
                lines.more(&format!("request: {request}"));
            }
            lines.more(&format!("source: {source}, repository: {repository}"));
        }
        EventKind::PolicyLoaded { policy, overrides } => loaded(policy, overrides, &mut lines),
        EventKind::BaseResolved { branch, commit } => based(branch.as_deref(), commit, &mut lines),
        EventKind::PhaseStarted { phase } => started(*phase, &mut lines),
        EventKind::PhaseFinished { phase, outcome } => {
            finished(*phase, *outcome, event, state, &mut lines);
        }
        EventKind::PlanMade { plan, patch: _ } => planned(plan, &mut lines),
        EventKind::GateJudged { gate, verdict } => judged(*gate, verdict, state, &mut lines),
        EventKind::CommandStarted { command } => command_started(command, &mut lines),
        EventKind::CommandFinished { end } => command_finished(end, state, &mut lines),
        EventKind::CommitBuilt { commit, tree } => {
            let (commit, tree) = (commit.short(), tree.short());
            lines.push(OK, &format!("commit {commit} with tree {tree}"));
        }
        EventKind::BranchCreated { branch, commit } => {
            lines.push(OK, &format!("branch {branch} at {}", commit.short()));
        }
        EventKind::DiffWritten { stats, files, .. } => diff(*stats, files, &mut lines),
        EventKind::SandboxChosen { sandbox } => isolated(sandbox, &mut lines),
        EventKind::VerificationSkipped { argv, reason } => {
            lines.push(
                NEUTRAL,
                &format!("not run: {} ({reason})", command_line(argv)),
            );
        }
        EventKind::TestsFinished { report } => tests(report, &mut lines),
        EventKind::RisksNoted { risks } => noted(risks, state, &mut lines),
        EventKind::ChecklistFilled { items } => checklist(items, &mut lines),
        EventKind::EvidenceWritten { dir, files: _ } => lines.push(OK, &format!("evidence: {dir}")),
        EventKind::RunFailed {
            status,
            message,
            hint,
            detail,
        } => failed(*status, message, hint, detail, &mut lines),
        // The end is told by `finish`, with what to do next.
        EventKind::RunFinished { status: _ } => {}
        EventKind::Reviewed { act } => lines.push(NEUTRAL, &reviewed(act)),
        EventKind::Noticed { text, hint } => {
            lines.push(NEUTRAL, text);
            lines.next(hint);
        }
    }
    lines.0
}

fn based(branch: Option<&str>, commit: &Oid, lines: &mut Lines) {
    let branch = branch.unwrap_or("no branch");
    lines.push(OK, &format!("base: {branch} at {}", commit.short()));
}

fn checklist(items: &[ChecklistItem], lines: &mut Lines) {
    for item in items {
        let mark = if item.ticked { "[x]" } else { "[ ]" };
        lines.more(&format!("{mark} {}: {}", item.text, item.evidence));
    }
}

fn loaded(policy: &PolicySummary, overrides: &[Override], lines: &mut Lines) {
    let (version, rules) = (&policy.version, count(policy.rules, "rule"));
    let sources = policy.sources.join(", ");
    lines.push(OK, &format!("policy {version}: {rules} ({sources})"));
    lines.more(&format!(
        "at most {} files, {} lines, {} s a command",
        policy.max_files, policy.max_lines, policy.timeout_seconds
    ));
    for active in overrides {
        let label = active.label();
        lines.push(
            BAD,
            &format!("override {label} is active ({})", active.source),
        );
    }
}

/// Only what takes long is announced; the other phases are told when they end.
fn started(phase: Phase, lines: &mut Lines) {
    match phase {
        Phase::Tests => lines.push(NEUTRAL, &format!("{} …", phase.title())),
        Phase::Plan
        | Phase::Policy
        | Phase::Commit
        | Phase::Recheck
        | Phase::Branch
        | Phase::Evidence
        | Phase::Review => {}
    }
}

fn finished(phase: Phase, outcome: PhaseOutcome, event: &Event, state: &RunState, out: &mut Lines) {
    let begun = state.phases.iter().rfind(|p| p.phase == phase);
    let ms = begun.map_or(0, |p| event.at.duration_since(p.started).as_millis());
    let time = duration(u64::try_from(ms).unwrap_or(0));
    let title = phase.title();
    match outcome {
        PhaseOutcome::Done => out.push(OK, &format!("{title} ({time})")),
        PhaseOutcome::Failed => out.push(BAD, &format!("{title}: failed ({time})")),
        PhaseOutcome::Skipped => out.push(NEUTRAL, &format!("{title}: skipped")),
    }
}

fn planned(plan: &Plan, lines: &mut Lines) {
    lines.push(OK, &format!("goal: {}", plan.goal));
    for file in &plan.files {
        let from = file.renamed_from.as_deref();
        let from = from.map(|old| format!(" (from {old})")).unwrap_or_default();
        lines.more(&format!(
            "{} {}{from} +{} -{}",
            file.letter, file.path, file.added, file.removed
        ));
    }
    for command in &plan.verification {
        let origin = match command.origin {
            CommandOrigin::Repository => "found in the repository",
            CommandOrigin::Proposal => "asked for by the proposal",
            CommandOrigin::Human => "given with --test",
        };
        let argv = command_line(&command.argv);
        lines.more(&format!("will run: {argv} ({origin})"));
    }
}

fn size(stats: Stats) -> String {
    let files = count(stats.files, "file");
    format!("{files}, +{} -{}", stats.added, stats.removed)
}

fn judged(gate: Gate, verdict: &Verdict, state: &RunState, lines: &mut Lines) {
    let gate = match gate {
        Gate::Proposal => "gate 1 (the proposal)",
        Gate::Tree => "gate 2 (the built tree)",
    };
    let mark = if verdict.is_allowed() { OK } else { BAD };
    let found = count(verdict.violations.len() as u64, "violation");
    lines.push(mark, &format!("{gate}: {found}; {}", size(verdict.stats)));
    for violation in &verdict.violations {
        lines.push(BAD, &format!("{}: {}", violation.rule, violation.subject));
        lines.more(&format!("{} ({})", violation.detail, violation.source));
        lines.more(&format!("remedy: {}", violation.remedy));
    }
    noted(&verdict.risks, state, lines);
}

/// Risks that were not told before.
fn noted(risks: &[Risk], state: &RunState, lines: &mut Lines) {
    for risk in risks {
        if !state.findings.iter().any(|found| found.risk == *risk) {
            let Risk {
                id,
                subject,
                detail,
            } = risk;
            lines.push(NEUTRAL, &format!("to weigh: {id}: {subject}: {detail}"));
        }
    }
}

fn command_started(command: &CommandStart, lines: &mut Lines) {
    // An operation inside milton is over in no time: it is told when it ends.
    if !command.in_process {
        let label = match command.purpose.label() {
            "" => String::new(),
            label => format!(" ({label})"),
        };
        lines.more(&format!("$ {}{label}", command_line(&command.argv)));
    }
}

fn command_finished(end: &CommandEnd, state: &RunState, lines: &mut Lines) {
    let command = state.commands.iter().rfind(|c| c.start.id == end.id);
    let time = duration(end.duration_ms);
    let how = match &end.exit {
        ExitKind::Exited { code } => format!("exit {code}"),
        ExitKind::Signalled { signal } => format!("ended by signal {signal}"),
        ExitKind::TimedOut => "ended by the time limit".to_owned(),
        ExitKind::Stopped => "stopped".to_owned(),
        ExitKind::OutputLimit => "ended: it printed too much".to_owned(),
        ExitKind::NotStarted { reason } => format!("not started: {reason}"),
    };
    let mark = if end.exit.is_success() { OK } else { BAD };
    let Some(command) = command else {
        lines.push(mark, &format!("command {}: {how} in {time}", end.id));
        return;
    };
    let argv = command_line(&command.start.argv);
    let inside = match (command.start.in_process, command.start.purpose.label()) {
        (true, _) => " (in-process)".to_owned(),
        (false, "") => String::new(),
        (false, label) => format!(" ({label})"),
    };
    lines.push(mark, &format!("{argv}{inside}: {how} in {time}"));
    let noticed = [end.traces.network_in_words(), end.traces.changed_in_words()];
    for text in noticed.into_iter().flatten() {
        lines.more(&text);
    }
}

fn diff(stats: Stats, files: &[ChangedFile], lines: &mut Lines) {
    lines.push(OK, &format!("diff: {}", size(stats)));
    for file in files {
        let from = file.old_path.as_deref();
        let from = from.map(|old| format!(" (from {old})")).unwrap_or_default();
        let changed = file.lines;
        lines.more(&format!(
            "{} {}{from} +{} -{}",
            file.letter, file.path, changed.added, changed.removed
        ));
    }
}

fn isolated(sandbox: &SandboxReport, lines: &mut Lines) {
    let mark = if sandbox.tier == Tier::Full { OK } else { BAD };
    lines.push(mark, &format!("sandbox: {}", sandbox.tier.as_str()));
    for gap in &sandbox.gaps {
        lines.more(&format!("does not stop: {gap}"));
    }
}

fn tests(report: &TestReport, lines: &mut Lines) {
    let counts = format!(
        "{} passed, {} failed, {} skipped",
        report.passed, report.failed, report.skipped
    );
    match report.outcome {
        TestOutcome::Passed => lines.push(OK, &format!("tests: {counts}")),
        TestOutcome::Skipped => {
            lines.push(BAD, &format!("TESTS SKIPPED: {}", report.reason));
        }
        TestOutcome::Failed
        | TestOutcome::TimedOut
        | TestOutcome::NoneCounted
        | TestOutcome::NoReport
        | TestOutcome::NotStarted => {
            lines.push(BAD, &format!("tests: {counts}: {}", report.reason));
        }
    }
    for line in [
        crate::evidence::against_base(report),
        crate::evidence::imported(report),
    ]
    .into_iter()
    .flatten()
    {
        lines.more(&line);
    }
    for why in &report.integrity.open {
        lines.push(BAD, &format!("not a plain pass: {why}"));
    }
    for failure in report.failures.iter().take(MAX_FAILURES) {
        let place = match (&failure.file, failure.line) {
            (Some(file), Some(line)) => format!(" ({file}:{line})"),
            _ => String::new(),
        };
        let since = match failure.since.word() {
            "" => String::new(),
            word => format!(" [{word}]"),
        };
        lines.push(BAD, &format!("{}{place}{since}", failure.name));
        lines.more(&format!("  {}", failure.message));
    }
    let rest = report.failures.len().saturating_sub(MAX_FAILURES);
    if rest > 0 {
        lines.more(&format!("and {}", count(rest as u64, "more failure")));
    }
}

fn failed(status: Status, message: &str, hint: &str, detail: &[String], lines: &mut Lines) {
    lines.push(BAD, &format!("{status}: {message}"));
    for line in detail.iter().flat_map(|d| d.lines()).take(MAX_DETAIL) {
        lines.more(&format!("  {line}"));
    }
    let rest = detail.iter().flat_map(|d| d.lines()).count();
    if let Some(rest) = rest.checked_sub(MAX_DETAIL).filter(|rest| *rest > 0) {
        lines.more(&format!("  ({})", count(rest as u64, "more line")));
    }
    lines.next(hint);
}
