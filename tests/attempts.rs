//! Our own attempts to get past the gate, judged through the library's public interface.
//!
//! `tests/data/attempts.jsonl` holds one attempt a line, in the form of the catalogue
//! (`tests/data/bypasses.jsonl`) with a few more kinds of input: `argv`, `human_argv`,
//! `repository_policy`, `user_policy`. Half of what a gate is worth is what it lets through, so
//! every class has controls that must not be blocked.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};

use milton::model::plan::CommandOrigin;
use milton::model::{
    BaseTree, ChangeSet, FileChange, FileMode, FileState, LineStat, Oid, Override, TreeEntry,
    TreeError, Verdict, VerificationCommand, Violation,
};
use milton::policy::{Overrides, Policy, Proposed, RepositoryPolicy, Sources, UserPolicy};
use serde_json::Value;

/// A base tree in memory: path to mode.
#[derive(Default)]
struct Base(BTreeMap<String, FileMode>);

fn oid() -> Oid {
    Oid::parse(&"1".repeat(40)).unwrap()
}

impl BaseTree for Base {
    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        let folder = format!("{path}/");
        let is_folder = self.0.keys().any(|known| known.starts_with(&folder));
        let mode = self.0.get(path).copied();
        let mode = mode.or(is_folder.then_some(FileMode::Tree));
        Ok(mode.map(|mode| TreeEntry {
            name: path.rsplit('/').next().unwrap_or(path).to_owned(),
            mode,
            oid: oid(),
        }))
    }

    fn list(&self, path: &str) -> Result<Vec<TreeEntry>, TreeError> {
        let prefix = match path {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        let names: BTreeSet<&str> = self
            .0
            .keys()
            .filter_map(|known| known.strip_prefix(&prefix)?.split('/').next())
            .collect();
        let entries = names
            .into_iter()
            .map(|name| self.entry(&format!("{prefix}{name}")));
        entries.filter_map(Result::transpose).collect()
    }

    fn blob_size(&self, _: &Oid) -> Result<u64, TreeError> {
        Ok(0)
    }

    fn blob(&self, _: &Oid) -> Result<Vec<u8>, TreeError> {
        Ok(Vec::new())
    }
}

fn state(mode: FileMode, text: &str) -> FileState {
    FileState::proposed(mode, text.as_bytes().to_vec())
}

fn file(path: &str, before: Option<FileState>, after: Option<FileState>) -> FileChange {
    FileChange {
        path: path.to_owned(),
        before,
        after,
        renamed_from: None,
        // The gate counts for itself; a proposal that declares nothing hides nothing.
        lines: LineStat::default(),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

/// The changes that one `files` entry means; `repeat` and `tail` build long contents.
fn changes_of(spec: &Value, base: &Base) -> Vec<FileChange> {
    let path = text(spec, "path");
    let mode = FileMode::parse(text(spec, "mode")).unwrap();
    let times = spec["repeat"].as_u64().map_or(1, |n| n.try_into().unwrap());
    let long = |key: &str| {
        let once = spec[key].as_str().unwrap_or_default();
        format!(
            "{}{}",
            once.repeat(times),
            spec["tail"].as_str().unwrap_or_default()
        )
    };
    let content = long("content");
    let known = base.0.get(path).copied().unwrap_or(FileMode::Regular);
    match text(spec, "op") {
        "write" => vec![file(path, None, Some(state(mode, &content)))],
        "replace" => {
            let before = state(known, &long("before"));
            vec![file(path, Some(before), Some(state(mode, &content)))]
        }
        "delete" => vec![file(path, Some(state(mode, &content)), None)],
        "rename" => {
            let added = file(text(spec, "to"), None, Some(state(mode, &content)));
            let added = FileChange {
                renamed_from: Some(path.to_owned()),
                ..added
            };
            vec![file(path, Some(state(mode, &content)), None), added]
        }
        "chmod" => vec![file(
            path,
            Some(state(known, &content)),
            Some(state(mode, &content)),
        )],
        other => panic!("unknown op {other}"),
    }
}

fn judge_proposal(input: &Value) -> Verdict {
    let mut base = Base::default();
    for (path, mode) in input["base"].as_object().into_iter().flatten() {
        let mode = FileMode::parse(mode.as_str().unwrap()).unwrap();
        base.0.insert(path.clone(), mode);
    }
    let files = input["files"].as_array().unwrap();
    let files = files.iter().flat_map(|spec| changes_of(spec, &base));
    let changes = ChangeSet {
        files: files.collect(),
    };
    let verification = input["verification"].as_array().into_iter().flatten();
    let verification: Vec<_> = verification
        .map(|line| VerificationCommand {
            argv: shlex::split(line.as_str().unwrap()).unwrap(),
            origin: CommandOrigin::Proposal,
            why: "the proposal asked".to_owned(),
            is_suite: false,
        })
        .collect();
    let proposed = Proposed {
        request: "",
        goal: "Change a file",
        notes: &[],
        branch: "self-upgrade/change-a-file",
        protected: &["main".to_owned()],
        changes: &changes,
        verification: &verification,
    };
    let gated = Policy::embedded().unwrap().gate(&proposed, &base).unwrap();
    assert_eq!(gated.cleared.is_some(), gated.verdict.is_allowed());
    gated.verdict
}

fn judge_sources(sources: Sources<'_>) -> Vec<Violation> {
    Policy::load(sources)
        .err()
        .map(|error| error.violation())
        .into_iter()
        .collect()
}

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().into_iter().flatten();
    list.map(|v| v.as_str().unwrap().to_owned()).collect()
}

fn judge(input: &Value) -> (Verdict, Vec<String>) {
    let policy = Policy::embedded().unwrap();
    let mut labels = Vec::new();
    let violations = match text(input, "kind") {
        "proposal" => return (judge_proposal(input), labels),
        "command" => policy.judge_command_line(text(input, "command")).err(),
        "argv" => policy
            .judge_argv(&strings(&input["argv"]), CommandOrigin::Proposal)
            .err(),
        "human_argv" => policy
            .judge_argv(&strings(&input["argv"]), CommandOrigin::Human)
            .err(),
        "branch" => policy
            .judge_branch(text(input, "branch"), &strings(&input["protected"]))
            .err(),
        "goal" => Some(policy.judge_goal(text(input, "goal"))),
        "repository_policy" => Some(judge_sources(Sources {
            repository: Some(RepositoryPolicy {
                origin: ".milton/policy.toml at 1234567".to_owned(),
                text: text(input, "text").as_bytes(),
            }),
            ..Sources::default()
        })),
        "user_policy" => Some(judge_sources(Sources {
            user: Some(UserPolicy {
                path: "/home/u/.config/milton/policy.toml".to_owned(),
                text: text(input, "text"),
            }),
            ..Sources::default()
        })),
        "env" => match Overrides::parse(|name| input["env"][name].as_str().map(Into::into)) {
            Err(violations) => Some(violations),
            Ok(overrides) => {
                let policy = Policy::load(Sources {
                    overrides,
                    ..Sources::default()
                });
                let active = policy.unwrap().active_overrides();
                labels = active.iter().map(Override::label).collect();
                None
            }
        },
        other => panic!("unknown kind {other}"),
    };
    let verdict = Verdict {
        violations: violations.unwrap_or_default(),
        ..Verdict::default()
    };
    (verdict, labels)
}

/// What is wrong with the verdict of one attempt; `None` when it is as expected.
fn mistake(entry: &Value) -> Option<String> {
    let expected = &entry["expected"];
    let (verdict, labels) = judge(&entry["input"]);
    let rules: Vec<_> = verdict.violations.iter().map(|v| v.rule.as_str()).collect();
    let risks: Vec<_> = verdict.risks.iter().map(|r| r.id.as_str()).collect();
    let right = match text(expected, "status") {
        "BLOCKED_BY_POLICY" => rules.contains(&text(expected, "rule")),
        "NOT_BLOCKED_FOR_TEXT" => rules.is_empty(),
        "ALLOWED_WITH_RISK" => rules.is_empty() && risks.contains(&text(expected, "risk")),
        other => panic!("unknown status {other}"),
    };
    let overrides = &expected["evidence.overrides"];
    let overrides_right = overrides.is_null() || strings(overrides) == labels;
    let clear = verdict.violations.iter().all(|violation| {
        !violation.detail.is_empty() && !violation.remedy.is_empty() && !violation.source.is_empty()
    });
    let (id, input) = (text(entry, "id"), &entry["input"]);
    (!(right && overrides_right && clear)).then(|| {
        format!("{id}: {input}\n  expected {expected}\n  found {rules:?} {risks:?} {labels:?}")
    })
}

fn attempts() -> Vec<Value> {
    include_str!("data/attempts.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_attempt_ends_as_the_policy_demands() {
    let attempts = attempts();
    assert!(attempts.len() >= 800, "only {}", attempts.len());
    let mistakes: Vec<_> = attempts.iter().filter_map(mistake).collect();
    assert!(
        mistakes.is_empty(),
        "{} of {} end wrongly:\n{}",
        mistakes.len(),
        attempts.len(),
        mistakes.join("\n")
    );
}

#[test]
fn every_attempt_has_a_name_of_its_own_and_every_class_has_controls() {
    let attempts = attempts();
    let ids: BTreeSet<_> = attempts.iter().map(|entry| text(entry, "id")).collect();
    assert_eq!(ids.len(), attempts.len());
    let count = |class: &str, blocked: bool| {
        let counts = |entry: &&Value| {
            let is_blocked = entry["expected"]["status"] == "BLOCKED_BY_POLICY";
            text(entry, "class").trim_end_matches("-control") == class && is_blocked == blocked
        };
        attempts.iter().filter(counts).count()
    };
    for class in [
        "command",
        "path",
        "branch",
        "limits",
        "injection",
        "policy-source",
        "git",
    ] {
        let (blocked, passing) = (count(class, true), count(class, false));
        assert!(
            blocked >= 10 && passing >= 4,
            "{class}: {blocked}, {passing}"
        );
    }
}
