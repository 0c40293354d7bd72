//! Risk notes that only the finished run can tell.

use std::collections::BTreeSet;

use super::output;
use crate::model::{Risk, RunState, Tier};
use crate::text;

/// Facts to weigh after the tests: what the plan and the diff disagree on, the human's own
/// loosenings, and an isolation that is not the full one.
pub fn risks_after(facts: &RunState) -> Vec<Risk> {
    let mut risks = Vec::new();
    plan_and_diff(facts, &mut risks);
    overrides(facts, &mut risks);
    sandbox(facts, &mut risks);
    output::risks(facts, &mut risks);
    tests(facts, &mut risks);
    risks
}

/// What the counts show beside the base's.
fn tests(facts: &RunState, risks: &mut Vec<Risk>) {
    let Some(report) = &facts.tests else {
        return;
    };
    let found = &report.integrity;
    for (names, id, what) in [
        (
            &found.missing,
            "tests_removed",
            "ran on the base and not here",
        ),
        (
            &found.newly_skipped,
            "tests_skipped",
            "ran on the base, skipped or expected to fail here",
        ),
    ] {
        if !names.is_empty() {
            let subject = super::count(names.count, "test");
            let detail = format!("{what}: {}", names.first(10));
            risks.push(risk(id, &subject, detail));
        }
    }
    for import in found
        .imports
        .iter()
        .filter(|i| i.is_changed && !i.is_candidate)
    {
        let detail = format!(
            "the tests imported it from {}, not from the candidate",
            import.file
        );
        risks.push(risk("imported_elsewhere", &import.module, detail));
    }
}

pub(super) fn risk(id: &str, subject: &str, detail: String) -> Risk {
    Risk {
        id: id.to_owned(),
        subject: subject.to_owned(),
        detail,
    }
}

fn plan_and_diff(facts: &RunState, risks: &mut Vec<Risk>) {
    let Some(plan) = facts.plan.as_ref().filter(|_| facts.diff.is_some()) else {
        return;
    };
    // Git may show as a rename what the plan lists as a delete and an add; all paths count.
    let planned: BTreeSet<&str> = plan
        .files
        .iter()
        .flat_map(|f| [Some(f.path.as_str()), f.renamed_from.as_deref()])
        .flatten()
        .collect();
    let touched: BTreeSet<&str> = facts
        .changed_files
        .iter()
        .flat_map(|f| [Some(f.path.as_str()), f.old_path.as_deref()])
        .flatten()
        .collect();
    for path in touched.difference(&planned) {
        let detail = "the commit changes it, the plan does not name it";
        risks.push(risk("plan_differs", path, detail.to_owned()));
    }
    for path in planned.difference(&touched) {
        let detail = "the plan names it, the commit does not change it";
        risks.push(risk("plan_differs", path, detail.to_owned()));
    }
}

fn overrides(facts: &RunState, risks: &mut Vec<Risk>) {
    let told = |label: &str| {
        let mut findings = facts.findings.iter().map(|finding| &finding.risk);
        findings.any(|risk| risk.id == "override_active" && risk.subject == label)
    };
    // The gate names them too, unless the run ended before it.
    for active in facts.overrides.iter().filter(|a| !told(&a.label())) {
        let mut detail = format!("set by the human who started milton ({})", active.source);
        if active.name == "SKIP_TESTS" {
            detail.push_str("; no test was run on this change");
        }
        risks.push(risk("override_active", &active.label(), detail));
    }
}

fn sandbox(facts: &RunState, risks: &mut Vec<Risk>) {
    let Some(sandbox) = &facts.sandbox else {
        return;
    };
    let ran: Vec<String> = facts
        .commands
        .iter()
        .filter(|c| !c.start.in_process)
        .map(|c| text::command_line(&c.start.argv))
        .collect();
    if sandbox.tier == Tier::Full || (sandbox.tier == Tier::None && ran.is_empty()) {
        return;
    }
    let gaps = match sandbox.gaps.as_slice() {
        [] => "no gap was named".to_owned(),
        gaps => format!("it does not stop: {}", gaps.join("; ")),
    };
    risks.push(risk("sandbox_reduced", sandbox.tier.as_str(), gaps));
}
