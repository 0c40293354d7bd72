//! The catalogue of bypass attempts, run against the gate through the library's public interface.
//!
//! `tests/data/bypasses.jsonl` holds one attempt a line. Every entry of the classes below is either
//! judged here or claimed by another test list (`tests/claims/mod.rs`); an entry that is neither
//! fails the test, so nothing is skipped silently.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

mod claims;

use std::collections::{BTreeMap, BTreeSet};

use claims::LISTS;
use milton::model::plan::CommandOrigin;
use milton::model::{
    BaseTree, ChangeSet, FileChange, FileMode, FileState, LineStat, Oid, Status, TreeEntry,
    TreeError, Verdict, VerificationCommand, Violation,
};
use milton::policy::{Overrides, Policy, Proposed, Sources};
use serde_json::Value;

/// Classes that the gate answers for, at least in part.
const CLASSES: [&str; 9] = [
    "command",
    "command-control",
    "path",
    "branch",
    "limits",
    "injection",
    "policy-source",
    "secret",
    "git",
];

/// A base tree in memory: path to mode.
#[derive(Default)]
struct Base(BTreeMap<String, FileMode>);

impl Base {
    fn with(mut self, path: &str, mode: FileMode) -> Self {
        self.0.insert(path.to_owned(), mode);
        self
    }
}

fn oid() -> Oid {
    Oid::parse(&"1".repeat(40)).unwrap()
}

impl BaseTree for Base {
    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
        let folder = format!("{path}/");
        let mode = match self.0.get(path) {
            Some(mode) => Some(*mode),
            None if self.0.keys().any(|known| known.starts_with(&folder)) => Some(FileMode::Tree),
            None => None,
        };
        Ok(mode.map(|mode| TreeEntry {
            name,
            mode,
            oid: oid(),
        }))
    }

    fn list(&self, path: &str) -> Result<Vec<TreeEntry>, TreeError> {
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let mut names: Vec<&str> = self
            .0
            .keys()
            .filter_map(|known| known.strip_prefix(&prefix)?.split('/').next())
            .collect();
        names.dedup();
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

struct Entry {
    id: String,
    class: String,
    input: Value,
    expected: Value,
}

impl Entry {
    fn kind(&self) -> &str {
        self.input["kind"].as_str().unwrap()
    }

    fn rule(&self) -> Option<&str> {
        self.expected["rule"].as_str()
    }
}

fn catalogue() -> Vec<Entry> {
    include_str!("data/bypasses.jsonl")
        .lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
            let text = |key: &str| value[key].as_str().unwrap().to_owned();
            Entry {
                id: text("id"),
                class: text("class"),
                input: value["input"].clone(),
                expected: value["expected"].clone(),
            }
        })
        .collect()
}

fn file(path: &str, before: Option<FileState>, after: Option<FileState>) -> FileChange {
    let lines = |state: &Option<FileState>| {
        state
            .as_ref()
            .map_or(0, |s| s.bytes().split(|b| *b == b'\n').count() as u64)
    };
    FileChange {
        path: path.to_owned(),
        lines: LineStat {
            added: lines(&after),
            removed: lines(&before),
        },
        before,
        after,
        renamed_from: None,
    }
}

fn state(mode: FileMode, content: &[u8]) -> FileState {
    FileState::proposed(mode, content.to_vec())
}

/// The changes that one line of a catalogue proposal means.
fn changes_of(spec: &Value, base: &mut Base) -> Vec<FileChange> {
    let path = spec["path"].as_str().unwrap();
    let mode = FileMode::parse(spec["mode"].as_str().unwrap()).unwrap();
    let note = spec["note"].as_str().unwrap_or_default();
    let mut content = spec["content"].as_str().unwrap_or("x\n").to_owned();
    if let Some(times) = note.strip_prefix("x ").and_then(|n| n.parse().ok()) {
        content = content.repeat(times);
    }
    let old = state(FileMode::Regular, content.as_bytes());
    match spec["op"].as_str().unwrap() {
        "write" if note == "500 MB" => {
            let huge = FileState {
                mode,
                size: 500 << 20,
                content: None,
                oid: None,
            };
            vec![file(path, None, Some(huge))]
        }
        "write" => vec![file(path, None, Some(state(mode, content.as_bytes())))],
        "delete" => vec![file(path, Some(old), None)],
        "rename" => {
            let to = spec["to"].as_str().unwrap();
            let added = FileChange {
                renamed_from: Some(path.to_owned()),
                ..file(to, None, Some(old.clone()))
            };
            vec![file(path, Some(old), None), added]
        }
        "chmod" => {
            base.0.insert(path.to_owned(), FileMode::Regular);
            let after = state(mode, content.as_bytes());
            vec![file(path, Some(old), Some(after))]
        }
        other => panic!("unknown op {other}"),
    }
}

struct Request {
    goal: String,
    notes: Vec<String>,
    changes: ChangeSet,
    verification: Vec<VerificationCommand>,
}

impl Request {
    fn of(files: Vec<FileChange>) -> Self {
        Self {
            goal: "Change a file".to_owned(),
            notes: Vec::new(),
            changes: ChangeSet { files },
            verification: Vec::new(),
        }
    }

    fn judge(&self, base: &Base) -> Verdict {
        let proposed = Proposed {
            request: "",
            goal: &self.goal,
            notes: &self.notes,
            branch: "self-upgrade/change-a-file",
            protected: &["main".to_owned()],
            changes: &self.changes,
            verification: &self.verification,
        };
        let policy = Policy::embedded().unwrap();
        let gated = policy.gate(&proposed, base).unwrap();
        assert_eq!(gated.cleared.is_some(), gated.verdict.is_allowed());
        gated.verdict
    }
}

fn verdict_of(violations: Vec<Violation>) -> Verdict {
    Verdict {
        violations,
        ..Verdict::default()
    }
}

fn judge_proposal(entry: &Entry) -> Verdict {
    let mut base = Base::default();
    if entry.id == "GIT-symlink-out" {
        base = base.with("outl", FileMode::Symlink);
    }
    let specs = entry.input["files"].as_array().unwrap();
    let mut files: Vec<_> = specs
        .iter()
        .flat_map(|spec| changes_of(spec, &mut base))
        .collect();
    if entry.id == "LIM-zip-nest" {
        // "deep directories / 100,000 empty files": the deep one as written, and many empty ones.
        files.extend(
            (0..100).map(|n| file(&format!("e/{n}"), None, Some(state(FileMode::Regular, b"")))),
        );
    }
    let mut request = Request::of(files);
    for command in entry.input["verification"].as_array().into_iter().flatten() {
        request.verification.push(VerificationCommand {
            argv: vec![command.as_str().unwrap().to_owned()],
            origin: CommandOrigin::Proposal,
            why: "the proposal asked".to_owned(),
            is_suite: false,
        });
    }
    request.judge(&base)
}

fn judge_environment(entry: &Entry) -> (Verdict, Vec<String>) {
    let get = |name: &str| entry.input["env"][name].as_str().map(Into::into);
    match Overrides::parse(get) {
        Err(violations) => (verdict_of(violations), Vec::new()),
        Ok(overrides) => {
            let policy = Policy::load(Sources {
                overrides,
                ..Sources::default()
            })
            .unwrap();
            let active = policy.active_overrides();
            let labels = active.iter().map(milton::model::Override::label).collect();
            (Verdict::default(), labels)
        }
    }
}

/// The random part of a secret; the table holds no literal one.
fn random(length: usize) -> String {
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').collect();
    (0..length)
        .map(|i| alphabet[(i * 37 + i * i * 11 + 5) % alphabet.len()])
        .collect()
}

fn judge_secret(entry: &Entry) -> (Verdict, String) {
    let token = format!("ghp_{}", random(36));
    let template = entry.input["template"].as_str().unwrap();
    let filled = template
        .replace("ghp_{alnum:36}", &token)
        .replace("ghp_…", &token)
        .replace("{RSA}", "RSA");
    let added = |path: &str, text: &[u8]| {
        Request::of(vec![file(path, None, Some(state(FileMode::Regular, text)))])
    };
    let request = match entry.id.as_str() {
        "SEC-ghp" | "SEC-allow-comment" => added("tests/fixture.py", filled.as_bytes()),
        "SEC-pem" => added("docs/guide.md", filled.as_bytes()),
        "SEC-lockfile" => added("package-lock.json", filled.as_bytes()),
        "SEC-removed-line" => {
            let line = filled.trim_start_matches('-');
            let old = state(FileMode::Regular, line.as_bytes());
            Request::of(vec![file(
                "a.py",
                Some(old),
                Some(state(FileMode::Regular, b"")),
            )])
        }
        "SEC-in-goal" => Request {
            goal: filled,
            notes: vec![format!("uses {token}")],
            ..added("a.py", b"x\n")
        },
        "SEC-in-name" => added(&filled, b"x\n"),
        "SEC-utf16" => {
            let wide: Vec<u8> = format!("x = \"{token}\"\n")
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect();
            added("a.txt", &wide)
        }
        other => panic!("no way to fill {other}"),
    };
    (request.judge(&Base::default()), token)
}

/// Judges one entry; `None` when it needs the whole program.
fn check(entry: &Entry) -> Option<()> {
    let verdict = match entry.kind() {
        "command" => {
            let judged = Policy::embedded()
                .unwrap()
                .judge_command_line(entry.input["command"].as_str().unwrap());
            verdict_of(judged.err().unwrap_or_default())
        }
        "branch" => {
            let judged = Policy::embedded()
                .unwrap()
                .judge_branch(entry.input["branch"].as_str().unwrap(), &[]);
            verdict_of(judged.err().unwrap_or_default())
        }
        "goal" => verdict_of(
            Policy::embedded()
                .unwrap()
                .judge_goal(entry.input["goal"].as_str().unwrap()),
        ),
        "proposal" => judge_proposal(entry),
        "repo_setup" if entry.input["files"].is_array() => judge_proposal(entry),
        "content_template" => {
            let (verdict, token) = judge_secret(entry);
            let shown = serde_json::to_string(&verdict).unwrap();
            assert!(
                !shown.contains(&token),
                "{}: the secret is shown: {shown}",
                entry.id
            );
            verdict
        }
        "env" if entry.id != "GIT-env-config" => {
            let (verdict, labels) = judge_environment(entry);
            if let Some(expected) = entry.expected["evidence.overrides"].as_array() {
                let expected: Vec<_> = expected.iter().map(|v| v.as_str().unwrap()).collect();
                assert_eq!(labels, expected, "{}", entry.id);
            }
            if entry.id == "LIM-skip-tests" {
                assert_eq!(labels, ["SKIP_TESTS=1"]);
            }
            verdict
        }
        _ => return None,
    };
    compare(entry, &verdict);
    Some(())
}

/// Compares a verdict with what the catalogue expects.
fn compare(entry: &Entry, verdict: &Verdict) {
    let id = &entry.id;
    let rules: Vec<_> = verdict.violations.iter().map(|v| v.rule.as_str()).collect();
    let risks: Vec<_> = verdict.risks.iter().map(|r| r.id.as_str()).collect();
    if let Some(rule) = entry.rule() {
        assert!(
            rules.contains(&rule),
            "{id}: expected {rule}, found {:#?}",
            verdict.violations
        );
    }
    if let Some(risk) = entry.expected["risk"].as_str() {
        // The contract's name of the catalogue's risk.
        let risk = if risk == "test_harness_changed" {
            "harness_changed"
        } else {
            risk
        };
        assert!(
            risks.contains(&risk),
            "{id}: expected {risk}, found {risks:?}"
        );
    }
    match entry.expected["status"].as_str() {
        Some("BLOCKED_BY_POLICY") => assert_eq!(verdict.status(), Status::BlockedByPolicy, "{id}"),
        Some("ALLOWED_WITH_RISK" | "NOT_BLOCKED_FOR_TEXT" | "SUCCESS") => {
            assert_eq!(rules, [""; 0], "{id}");
        }
        // An empty topic is not a branch; the caller makes up a topic when it reads this rule.
        Some("OK") if id == "BR-empty" => assert_eq!(rules, ["branch.slug"], "{id}"),
        None => compare_facts(entry, verdict, &rules),
        Some(other) => panic!("{id}: no way to check the status {other}"),
    }
}

/// Entries whose expectation is a fact of its own.
fn compare_facts(entry: &Entry, verdict: &Verdict, rules: &[&str]) {
    match entry.id.as_str() {
        "LIM-rename" => assert_eq!((verdict.stats.files, rules.len()), (2, 0)),
        "POL-loosen-merged" => assert!(rules.contains(&"policy.invalid")),
        // These pass: the notebook with the risk that was compared above, the override with its label.
        "LIM-many-files-blob" | "POL-override-unrecorded" => {
            assert_eq!(rules, [""; 0]);
        }
        other => panic!("{other}: nothing is compared"),
    }
}

/// The ids that another test list claims.
fn claimed() -> BTreeSet<&'static str> {
    LISTS
        .iter()
        .flat_map(|(_, list)| list.iter().copied())
        .collect()
}

#[test]
fn every_entry_of_the_catalogue_ends_as_it_says() {
    let mut judged = 0;
    let claimed = claimed();
    for entry in catalogue() {
        let is_claimed = claimed.contains(entry.id.as_str());
        if !CLASSES.contains(&entry.class.as_str()) || is_claimed {
            continue;
        }
        assert!(check(&entry).is_some(), "{} has no answer", entry.id);
        judged += 1;
    }
    assert!(judged >= 150, "only {judged} entries were judged");
}

#[test]
fn every_entry_of_the_catalogue_belongs_to_exactly_one_list() {
    let entries = catalogue();
    let known: BTreeSet<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(
        known.len(),
        entries.len(),
        "an id stands twice in the catalogue"
    );
    let lists: Vec<&str> = LISTS
        .iter()
        .flat_map(|(_, list)| list.iter().copied())
        .collect();
    assert_eq!(
        lists.len(),
        claimed().len(),
        "an id is claimed twice: {lists:?}"
    );
    for id in &lists {
        assert!(
            known.contains(id),
            "{id} is claimed and is not in the catalogue"
        );
    }
    for entry in &entries {
        let class = entry.class.as_str();
        let is_somewhere = claimed().contains(entry.id.as_str()) || CLASSES.contains(&class);
        assert!(is_somewhere, "{} ({class}) belongs to no list", entry.id);
    }
}

#[test]
fn hostile_goals_and_paths_of_other_classes_are_seen_too() {
    let mut seen = 0;
    for entry in catalogue() {
        let (goal, risk) = (
            entry.input["goal"].as_str(),
            entry.expected["risk"].as_str(),
        );
        if let (Some(goal), "display") = (goal, entry.class.as_str()) {
            let verdict = verdict_of(Policy::embedded().unwrap().judge_goal(goal));
            compare(&entry, &verdict);
            seen += 1;
        }
        // A tab is how Go and make indent: it is expanded on screen and is no risk.
        if let (Some(text), Some(_)) = (entry.input["text"].as_str(), risk)
            && entry.id != "TTY-tab"
        {
            let content = format!("ok\n{text}\n");
            let request = Request::of(vec![file(
                "a.py",
                None,
                Some(state(FileMode::Regular, content.as_bytes())),
            )]);
            let verdict = request.judge(&Base::default());
            let noted = verdict
                .risks
                .iter()
                .any(|r| r.id == "hidden_characters" && r.subject == "a.py:2");
            assert!(noted, "{}: {:#?}", entry.id, verdict.risks);
            seen += 1;
        }
    }
    assert!(seen >= 12, "only {seen}");
}
