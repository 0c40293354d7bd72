//! `milton policy show` and `milton policy explain`.

use std::path::Path;

use crate::cli::arguments::{PolicyArguments, PolicyCommand};
use crate::cli::check::Scene;
use crate::cli::{output, sources};
use crate::config::Settings;
use crate::error::Failure;
use crate::model::Status;
use crate::policy::{Policy, RuleInfo};

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
    let policy = Scene::open(repository)
        .policy(&human)?
        .map_err(|violation| {
            Failure::run(
                Status::BlockedByPolicy,
                format!("{}: {}", violation.rule, violation.detail),
                violation.remedy,
            )
        })?;
    match arguments.what {
        PolicyCommand::Show => output::print(&shown(&policy))?,
        PolicyCommand::Explain { rule } => output::print(&explained(&policy, &rule)?)?,
    }
    Ok(0)
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

fn explained(policy: &Policy, wanted: &str) -> Result<String, Failure> {
    let rules: Vec<RuleInfo> = policy.explain(wanted);
    if rules.is_empty() {
        return Err(Failure::usage(
            format!("there is no rule {wanted:?}"),
            "milton policy show lists all rules; milton check --path/--branch/--command judges one thing",
        ));
    }
    let mut lines = Vec::new();
    for rule in rules {
        lines.push(format!("{}  {}", rule.id, rule.name));
        lines.push(format!("  why      {}", rule.why));
        lines.push(format!("  source   {}", rule.source));
        if !rule.patterns.is_empty() {
            lines.push(format!("  matches  {}", rule.patterns.join("  ")));
        }
        lines.push(String::new());
    }
    Ok(lines.join("\n"))
}
