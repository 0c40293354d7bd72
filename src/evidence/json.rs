//! `evidence.json`: the verdict's fields and everything else a later reader may want to check.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{goal, verdict};
use crate::model::RunState;
use crate::model::run::{CommandState, Failure, Finding};
use crate::text;

/// The evidence of a run as indented JSON with a newline at its end.
pub fn json(state: &RunState) -> String {
    text::json_escaped(format!("{:#}\n", document(state)))
}

/// The evidence of a run: the verdict's fields (`type` is `evidence`), and beside them what was
/// asked for, planned, run, found, decided, and the digests that bind it all.
pub fn document(state: &RunState) -> Value {
    let mut fields = Map::new();
    if let Value::Object(verdict) = value(&verdict(state)) {
        fields = verdict;
    }
    if let Value::Object(more) = more_fields(state) {
        fields.extend(more);
    }
    Value::Object(fields)
}

fn more_fields(state: &RunState) -> Value {
    let acknowledged = state.acknowledged.as_ref();
    let secret_in_words = super::secret_in(state, |subject| {
        subject == "goal" || subject == "request" || subject.starts_with("risk note ")
    });
    json!({
        "type": "evidence",
        "milton_version": env!("CARGO_PKG_VERSION"),
        "started": state.started,
        "finished": state.finished,
        "last_event": state.last_at,
        "events": state.last_seq,
        "request": super::request(state),
        "source": state.source,
        "repository": state.repository,
        "base_branch": state.base_branch,
        "goal": goal(state),
        // Goal, topic and risk notes of the plan repeat what the proposal says.
        "plan": state.plan.as_ref().filter(|_| !secret_in_words),
        "policy": state.policy,
        "override_sources": state.overrides,
        "commands": state.commands.iter().map(command).collect::<Vec<_>>(),
        "not_run": state.skipped.iter()
            .map(|(argv, reason)| json!({"argv": argv, "reason": reason}))
            .collect::<Vec<_>>(),
        "test_report": state.tests,
        "findings": state.findings.iter().map(finding).collect::<Vec<_>>(),
        "failure": state.failure.as_ref().map(failure),
        "digests": digests(state),
        "acknowledgement": acknowledged.map(|(note, by)| json!({"note": note, "by": by})),
        "comments": state.comments.values().collect::<Vec<_>>(),
        "viewed": state.viewed,
        "approval": state.approval,
        "merge_command": state.merge_command,
        "kept_as": state.kept_as,
        "notices": state.notices.iter()
            .map(|(text, hint)| json!({"text": text, "hint": hint}))
            .collect::<Vec<_>>(),
    })
}

fn command(command: &CommandState) -> Value {
    let end = command.end.as_ref();
    let stream = |s: &crate::model::OutputSummary| json!({"bytes": s.bytes, "sha256": s.sha256});
    json!({
        "id": command.start.id,
        "argv": command.start.argv,
        "cwd": command.start.cwd,
        "in_process": command.start.in_process,
        "purpose": command.start.purpose,
        "program": command.start.program,
        "timeout_seconds": command.start.timeout_seconds,
        "started": command.started,
        "exit": end.map(|e| e.exit.code()),
        "end": end.map(|e| &e.exit),
        "duration_ms": end.map(|e| e.duration_ms),
        "stdout": end.map(|e| stream(&e.stdout)),
        "stderr": end.map(|e| stream(&e.stderr)),
        "output": command.start.output,
        "output_sha256": end.map(|e| &e.log_sha256),
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "id": finding.risk.id,
        "subject": finding.risk.subject,
        "detail": finding.risk.detail,
        "read": finding.read,
    })
}

fn failure(failure: &Failure) -> Value {
    json!({
        "status": failure.status,
        "message": failure.message,
        "hint": failure.hint,
        "detail": failure.detail,
    })
}

fn digests(state: &RunState) -> Value {
    let suite = state.tests.as_ref().and_then(|t| state.command_of(&t.argv));
    let log = suite.and_then(|c| c.end.as_ref()).map(|e| &e.log_sha256);
    json!({
        "plan": state.plan_patch.as_ref().map(|p| &p.sha256),
        "diff": state.diff.as_ref().map(|p| &p.sha256),
        "policy": state.policy.as_ref().map(|p| &p.digest),
        "test_log": log,
    })
}

/// A value of ours as JSON; none of them has a map with keys that are not text, which is all that
/// could fail.
fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or(Value::Null)
}
