//! `milton policy show` and `milton policy explain`.

use std::path::Path;

use serde::Serialize;

use crate::cli::arguments::{ExplainArguments, OutputFormat, PolicyArguments, PolicyCommand};
use crate::cli::check::Scene;
use crate::cli::{output, sources};
use crate::config::Settings;
use crate::error::{Failure, Signal, status_code};
use crate::model::{Status, WorkBranch};
use crate::policy::{Decision, Policy, Reason, RuleInfo};
use crate::text;

/// `milton policy`.
pub(super) fn policy(
    settings: &Settings,
    repository: Option<&Path>,
    arguments: PolicyArguments,
) -> Result<u8, Failure> {
    let repository = match repository {
        Some(_) => Some(sources::repository(settings, repository)?),
        None => sources::repository(settings, None).ok(),
    };
    let human = sources::human_policy(settings)?;
    let scene = Scene::open(repository);
    let policy = scene.policy(&human)?.map_err(|violation| {
        Failure::run(
            Status::BlockedByPolicy,
            format!("{}: {}", violation.rule, violation.detail),
            violation.remedy,
        )
    })?;
    match arguments.what {
        PolicyCommand::Show => {
            output::print(&shown(&policy))?;
            Ok(0)
        }
        PolicyCommand::Explain(wanted) => explain(&policy, &scene, &wanted),
    }
}

/// `milton policy explain`.
fn explain(policy: &Policy, scene: &Scene, wanted: &ExplainArguments) -> Result<u8, Failure> {
    let (subject, format) = (&wanted.subject, wanted.format);
    if let Some(rule) = &subject.rule {
        print_rules(policy, rule, format)?;
        return Ok(0);
    }
    let decisions = if let Some(branch) = &subject.branch {
        // A run whose topic is empty names the branch itself.
        let named = if branch == WorkBranch::PREFIX {
            format!("{branch}check")
        } else {
            branch.clone()
        };
        vec![policy.explain_branch(&named, &scene.protected())]
    } else if let Some(command) = &subject.command {
        vec![policy.explain_command_line(command)]
    } else if subject.argv.is_empty() {
        let paths = subject.path.iter();
        paths.map(|path| policy.explain_path(path)).collect()
    } else {
        vec![policy.explain_argv(&subject.argv)]
    };
    let status = if decisions.iter().all(|decision| decision.allowed) {
        Status::Success
    } else {
        Status::BlockedByPolicy
    };
    match format {
        OutputFormat::Human => output::print(&decided(&decisions))?,
        OutputFormat::Json => {
            let line = DecisionLine {
                schema: 1,
                status,
                decisions: &decisions,
            };
            output::print(&format!("{}\n", output::json(&line)?))?;
        }
    }
    Ok(status_code(status, Signal::Interrupt))
}

#[derive(Serialize)]
struct DecisionLine<'a> {
    schema: u32,
    status: Status,
    decisions: &'a [Decision],
}

#[derive(Serialize)]
struct RulesLine<'a> {
    schema: u32,
    rules: &'a [RuleInfo],
}

fn decided(decisions: &[Decision]) -> String {
    let mut lines = Vec::new();
    for decision in decisions {
        let (mark, answer) = if decision.allowed {
            ("[ok]", "allowed")
        } else {
            ("[!!]", "BLOCKED_BY_POLICY")
        };
        let subject = text::visible(&decision.subject);
        lines.push(format!("{mark} {} {subject}: {answer}", decision.kind));
        for reason in &decision.decided_by {
            lines.extend(reason_lines("decided by", reason));
        }
        for reason in &decision.near {
            lines.extend(reason_lines("also read ", reason));
        }
        lines.push(String::new());
    }
    lines.join("\n")
}

fn reason_lines(what: &str, reason: &Reason) -> Vec<String> {
    let visible = |part: &str| text::visible(part).into_owned();
    let mut lines = vec![
        format!(
            "     {what}  {}  {} [{}]",
            reason.rule,
            visible(&reason.name),
            visible(&reason.source)
        ),
        format!("                 {}", visible(&reason.detail)),
    ];
    if !reason.remedy.is_empty() {
        lines.push(format!("     what to do  {}", visible(&reason.remedy)));
    }
    lines
}

fn shown(policy: &Policy) -> String {
    let (document, summary) = (policy.document(), policy.summary());
    let mut lines = vec![
        format!("Milton Self-Upgrade Policy, version {}", document.version),
        format!(
            "last updated {}; next review: {}",
            document.updated, document.next_review
        ),
        format!("sources: {}", summary.sources.join(", ")),
        format!("digest of the effective policy: sha256 {}", summary.digest),
        format!(
            "limits: {} files, {} changed lines, {} s a command",
            summary.max_files, summary.max_lines, summary.timeout_seconds
        ),
    ];
    let overrides: Vec<String> = policy
        .active_overrides()
        .iter()
        .map(|o| format!("{} ({})", o.label(), o.source))
        .collect();
    lines.push(if overrides.is_empty() {
        "overrides: none".to_owned()
    } else {
        format!("overrides: {}", overrides.join(", "))
    });
    lines.push(String::new());
    for rule in policy.rules() {
        lines.push(format!("{}  {} [{}]", rule.id, rule.name, rule.source));
        lines.push(format!("    {}", rule.why));
        if !rule.patterns.is_empty() {
            lines.push(format!("    {}", rule.patterns.join("  ")));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

fn print_rules(policy: &Policy, wanted: &str, format: OutputFormat) -> Result<(), Failure> {
    let rules: Vec<RuleInfo> = policy.explain(wanted);
    if rules.is_empty() {
        return Err(Failure::usage(
            format!("there is no rule {wanted:?}"),
            not_a_rule(wanted),
        ));
    }
    if format == OutputFormat::Json {
        let line = RulesLine {
            schema: 1,
            rules: &rules,
        };
        return output::print(&format!("{}\n", output::json(&line)?));
    }
    let mut lines = Vec::new();
    for rule in rules {
        lines.push(format!("{}  {}", rule.id, rule.name));
        lines.push(format!("  why      {}", rule.why));
        if let Some(limit) = rule.limit {
            lines.push(format!("  limit    {limit}"));
        }
        lines.push(format!("  source   {}", rule.source));
        if !rule.patterns.is_empty() {
            lines.push(format!("  matches  {}", rule.patterns.join("  ")));
        }
        lines.push(String::new());
    }
    output::print(&lines.join("\n"))
}

/// What somebody meant who asked for a rule that is none.
fn not_a_rule(wanted: &str) -> String {
    let asked = if wanted.contains(['/', '.']) {
        format!("a path: milton policy explain --path {wanted}")
    } else if wanted.contains(' ') {
        format!("a command: milton policy explain --command {wanted:?}")
    } else {
        format!("a branch: milton policy explain --branch {wanted}")
    };
    format!("milton policy show lists all rules; if you meant {asked}")
}
