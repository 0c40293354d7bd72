//! Runs for tests: the events of one run for every status, as the pipeline would record them.

use jiff::Timestamp;

use crate::model::command::ExitKind;
use crate::model::event::{ChangedFile, Gate, PatchRef};
use crate::model::plan::CommandOrigin;
use crate::model::{
    Approval, ChecklistItem, CommandEnd, CommandId, CommandStart, Decision, Digest, Event,
    EventKind, FailedTest, ItemId, LineStat, Oid, OutputSummary, Override, Phase, PhaseOutcome,
    Plan, PlannedFile, PolicySummary, ReviewAct, Risk, RunId, RunState, SandboxReport, Stats,
    Status, TestOutcome, TestReport, Tier, Topic, Verdict, VerificationCommand, Violation,
    WorkBranch,
};

/// Every status.
pub(crate) const STATUSES: [Status; 7] = [
    Status::Success,
    Status::BlockedByPolicy,
    Status::TestFailure,
    Status::GitError,
    Status::PlanError,
    Status::Stopped,
    Status::InternalError,
];

/// `2026-01-12T10:00:00Z`, and so many milliseconds.
pub(crate) fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_768_212_000_000 + ms).unwrap()
}

pub(crate) fn run_id() -> RunId {
    RunId::at(time(0), 0x7f3a)
}

pub(crate) fn oid(digit: char) -> Oid {
    Oid::parse(&digit.to_string().repeat(40)).unwrap()
}

pub(crate) fn branch() -> WorkBranch {
    WorkBranch::new(Topic::parse("retry-backoff").unwrap())
}

pub(crate) fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

fn patch(file: &str) -> PatchRef {
    PatchRef {
        file: file.to_owned(),
        bytes: 812,
        sha256: Digest::of(file.as_bytes()),
    }
}

const STATS: Stats = Stats {
    files: 2,
    added: 12,
    removed: 3,
};

pub(crate) fn plan() -> Plan {
    let file = |path: &str, letter, added, removed| PlannedFile {
        path: path.to_owned(),
        letter,
        renamed_from: None,
        why: "in the proposal".to_owned(),
        added,
        removed,
    };
    Plan {
        goal: "Retry with exponential backoff in v1.2.".to_owned(),
        topic: branch().topic().clone(),
        files: vec![
            file("src/retry.py", 'M', 8, 3),
            file("tests/test_retry.py", 'M', 4, 0),
        ],
        relevant: vec![],
        verification: vec![VerificationCommand {
            argv: strings(&["pytest", "-q"]),
            origin: CommandOrigin::Repository,
            why: "pytest: pyproject.toml".to_owned(),
            is_suite: true,
        }],
        risks: vec![],
    }
}

pub(crate) fn overrides() -> Vec<Override> {
    vec![Override {
        name: "MAX_LOC".to_owned(),
        value: "9000".to_owned(),
        source: "environment".to_owned(),
    }]
}

pub(crate) fn violation() -> Violation {
    Violation {
        rule: "path.forbidden".to_owned(),
        subject: "config/.env".to_owned(),
        detail: "matches **/.env (credentials and secrets)".to_owned(),
        source: "embedded".to_owned(),
        remedy: "never editable; change it by hand".to_owned(),
    }
}

pub(crate) fn report(outcome: TestOutcome) -> TestReport {
    let passed = outcome == TestOutcome::Passed;
    let failure = FailedTest {
        name: "tests/test_retry.py::test_waits".to_owned(),
        file: Some("tests/test_retry.py".to_owned()),
        line: Some(12),
        message: "AssertionError: assert 1 == 2".to_owned(),
        traceback: "tests/test_retry.py:12: AssertionError".to_owned(),
        since: crate::model::Since::Unknown,
    };
    TestReport {
        argv: strings(&["pytest", "-q"]),
        outcome,
        exit: Some(i32::from(!passed)),
        passed: 127 + u64::from(passed),
        failed: u64::from(!passed),
        skipped: 3,
        seconds: 14.237,
        timed_out: false,
        failures: if passed { vec![] } else { vec![failure] },
        reason: if passed {
            "exit 0 and 128 tests passed"
        } else {
            "1 test failed"
        }
        .to_owned(),
        integrity: Box::default(),
    }
}

/// Kinds with the milliseconds at which they happened.
pub(crate) struct Script {
    pub(crate) kinds: Vec<(i64, EventKind)>,
    now: i64,
    commands: u32,
}

impl Script {
    fn push(&mut self, kind: EventKind) {
        self.now += 10;
        self.kinds.push((self.now, kind));
    }

    fn begin(phase: Phase) -> EventKind {
        EventKind::PhaseStarted { phase }
    }

    fn end(phase: Phase, outcome: PhaseOutcome) -> EventKind {
        EventKind::PhaseFinished { phase, outcome }
    }

    pub(crate) fn command(&mut self, argv: &[&str], in_process: bool, code: i32, stdout: &str) {
        self.commands += 1;
        let id = CommandId(self.commands);
        self.push(EventKind::CommandStarted {
            command: CommandStart {
                id,
                argv: strings(argv),
                cwd: "/home/ada/project".to_owned(),
                in_process,
                program: (!in_process).then(|| "/usr/bin/pytest".to_owned()),
                timeout_seconds: (!in_process).then_some(300),
                output: (!in_process).then(|| format!("output/{:03}.log", id.0)),
                purpose: crate::model::Purpose::Candidate,
            },
        });
        let duration_ms = if in_process { 4 } else { 14_237 };
        self.now += i64::try_from(duration_ms).unwrap();
        self.push(EventKind::CommandFinished {
            end: CommandEnd {
                id,
                exit: ExitKind::Exited { code },
                duration_ms,
                stdout: OutputSummary::of_text(stdout),
                stderr: OutputSummary::empty(),
                log_sha256: Digest::of(stdout.as_bytes()),
                traces: crate::model::Traces::default(),
            },
        });
    }

    fn opening(&mut self) {
        self.push(EventKind::RunStarted {
            request: "please retry with backoff".to_owned(),
            source: "patch fix.diff".to_owned(),
            repository: "/home/ada/project".to_owned(),
            version: "0.1.0".to_owned(),
        });
        self.push(EventKind::PolicyLoaded {
            policy: PolicySummary {
                version: "1.0".to_owned(),
                digest: Digest::of(b"policy"),
                rules: 42,
                sources: strings(&["embedded"]),
                max_files: 10,
                max_lines: 9000,
                timeout_seconds: 300,
            },
            overrides: overrides(),
        });
        self.command(&["git", "rev-parse", "main"], true, 0, "");
        self.push(EventKind::BaseResolved {
            branch: Some("main".to_owned()),
            commit: oid('a'),
        });
        self.push(Self::begin(Phase::Plan));
    }

    fn failed(&mut self, status: Status, message: &str, hint: &str, detail: &[&str]) {
        self.push(EventKind::RunFailed {
            status,
            message: message.to_owned(),
            hint: hint.to_owned(),
            detail: strings(detail),
        });
    }

    fn ended_by(&mut self, status: Status) {
        let hunk = [
            "src/retry.py: hunk 1 (line 3) does not fit:",
            " def retry():",
            "-    pass",
        ];
        let (message, hint, detail): (_, _, &[&str]) = match status {
            Status::GitError => (
                "the patch does not apply to aaaaaaa",
                "make the patch on the base commit again",
                &hunk,
            ),
            Status::PlanError => (
                "the proposal cannot be read",
                "give it as a unified diff or as JSON",
                &["line 3: expected `,`"],
            ),
            Status::Stopped => ("stopped by SIGINT", "start the run again", &[]),
            Status::InternalError => ("a step ended without a result", "please report this", &[]),
            Status::Success | Status::BlockedByPolicy | Status::TestFailure => return,
        };
        self.failed(status, message, hint, detail);
    }

    fn planned(&mut self) {
        self.push(EventKind::PlanMade {
            plan: Box::new(plan()),
            patch: patch("plan.patch"),
        });
        self.push(Self::end(Phase::Plan, PhaseOutcome::Done));
    }

    fn judged(&mut self, gate: Gate, violations: Vec<Violation>) {
        let risks = vec![Risk {
            id: "harness_changed".to_owned(),
            subject: "tests/test_retry.py".to_owned(),
            detail: "the change touches the tests that judge it".to_owned(),
        }];
        let phase = match gate {
            Gate::Proposal => Phase::Policy,
            Gate::Tree => Phase::Recheck,
        };
        let outcome = if violations.is_empty() {
            PhaseOutcome::Done
        } else {
            PhaseOutcome::Failed
        };
        self.push(Self::begin(phase));
        self.push(EventKind::GateJudged {
            gate,
            verdict: Verdict {
                violations,
                risks,
                stats: STATS,
            },
        });
        self.push(Self::end(phase, outcome));
    }

    fn committed(&mut self) {
        self.push(Self::begin(Phase::Commit));
        self.command(&["git", "commit", "-m", "Retry with backoff"], true, 0, "");
        self.push(EventKind::CommitBuilt {
            commit: oid('c'),
            tree: oid('d'),
        });
        self.push(Self::end(Phase::Commit, PhaseOutcome::Done));
        self.judged(Gate::Tree, vec![]);
        self.push(Self::begin(Phase::Branch));
        self.push(EventKind::BranchCreated {
            branch: branch(),
            commit: oid('c'),
        });
        self.push(Self::end(Phase::Branch, PhaseOutcome::Done));
        let file = |path: &str, added, removed| ChangedFile {
            letter: 'M',
            path: path.to_owned(),
            old_path: None,
            lines: LineStat { added, removed },
        };
        self.push(EventKind::DiffWritten {
            patch: patch("diff.patch"),
            stats: STATS,
            files: vec![
                file("src/retry.py", 8, 3),
                file("tests/test_retry.py", 4, 0),
            ],
        });
    }

    fn tested(&mut self, outcome: TestOutcome) {
        self.push(EventKind::SandboxChosen {
            sandbox: SandboxReport {
                tier: Tier::Full,
                gaps: vec![],
            },
        });
        self.push(Self::begin(Phase::Tests));
        let passed = outcome == TestOutcome::Passed;
        let stdout = if passed {
            "....\n128 passed, 3 skipped in 14.2s\n"
        } else {
            "...F\n1 failed, 127 passed, 3 skipped in 14.2s\n"
        };
        self.command(&["pytest", "-q"], false, i32::from(!passed), stdout);
        self.push(EventKind::VerificationSkipped {
            argv: strings(&["ruff", "check", "."]),
            reason: "ruff is not installed".to_owned(),
        });
        self.push(EventKind::TestsFinished {
            report: report(outcome),
        });
        let phase = if passed {
            PhaseOutcome::Done
        } else {
            PhaseOutcome::Failed
        };
        self.push(Self::end(Phase::Tests, phase));
    }
}

/// What a run that ends with `status` records, up to the human's turn.
pub(crate) fn script(status: Status) -> Script {
    let mut s = Script {
        kinds: vec![],
        now: 0,
        commands: 0,
    };
    s.opening();
    match status {
        Status::Success => {
            s.planned();
            s.judged(Gate::Proposal, vec![]);
            s.committed();
            s.tested(TestOutcome::Passed);
        }
        Status::TestFailure => {
            s.planned();
            s.judged(Gate::Proposal, vec![]);
            s.committed();
            s.tested(TestOutcome::Failed);
        }
        Status::BlockedByPolicy => {
            s.planned();
            s.judged(Gate::Proposal, vec![violation()]);
        }
        Status::GitError => {
            s.planned();
            s.judged(Gate::Proposal, vec![]);
        }
        Status::Stopped => {
            s.planned();
            s.judged(Gate::Proposal, vec![]);
            s.committed();
        }
        Status::PlanError | Status::InternalError => {}
    }
    s.ended_by(status);
    s.push(EventKind::EvidenceWritten {
        dir: "/state/runs/20260112-100000-7f3a".to_owned(),
        files: Vec::new(),
    });
    s.push(EventKind::RunFinished { status });
    s
}

/// The checklist as the evidence phase would have filled it on the finished success.
pub(crate) fn filled_checklist() -> Vec<ChecklistItem> {
    let item = |id: ItemId| ChecklistItem {
        id,
        text: id.text().to_owned(),
        by: id.by(),
        ticked: id.by() == crate::model::TickedBy::Machine,
        evidence: "measured".to_owned(),
    };
    ItemId::ALL.into_iter().map(item).collect()
}

/// What a reviewer who approves does after a success.
pub(crate) fn approval() -> Vec<EventKind> {
    let act = |act| EventKind::Reviewed { act };
    let tick = |item| {
        act(ReviewAct::ItemTicked {
            item,
            ticked: true,
            tree: oid('d'),
        })
    };
    vec![
        tick(ItemId::NoSecrets),
        tick(ItemId::Minimal),
        tick(ItemId::Documentation),
        act(ReviewAct::Approved {
            approval: Approval {
                base: oid('a'),
                commit: oid('c'),
                tree: oid('d'),
                diff_sha256: Digest::of(b"diff.patch"),
                policy_sha256: Digest::of(b"policy"),
                test_log_sha256: Some(Digest::of(b"log")),
                by: "ada".to_owned(),
            },
            merge_command: "git merge --no-ff cccccccccccccccccccccccccccccccccccccccc".to_owned(),
        }),
    ]
}

/// Numbers kinds into events.
pub(crate) fn events(kinds: impl IntoIterator<Item = (i64, EventKind)>) -> Vec<Event> {
    let event = |(index, (ms, kind)): (usize, (i64, EventKind))| Event {
        schema: crate::model::event::SCHEMA,
        seq: index as u64 + 1,
        at: time(ms),
        run: run_id(),
        kind,
    };
    kinds.into_iter().enumerate().map(event).collect()
}

/// The events of a run that ended with `status`.
pub(crate) fn ended(status: Status) -> Vec<Event> {
    events(script(status).kinds)
}

/// The state of a run that ended with `status`.
pub(crate) fn state(status: Status) -> RunState {
    RunState::replay(&ended(status)).unwrap()
}

/// The state of a run that was approved.
pub(crate) fn approved() -> RunState {
    let mut kinds = script(Status::Success).kinds;
    kinds.push((
        20_000,
        EventKind::ChecklistFilled {
            items: filled_checklist(),
        },
    ));
    kinds.extend(approval().into_iter().map(|kind| (30_000, kind)));
    let state = RunState::replay(&events(kinds)).unwrap();
    assert_eq!(state.decision, Decision::Approved);
    state
}

/// Every character that does not show or moves what is around it, in texts of a few.
pub(crate) fn hidden_characters() -> Vec<String> {
    let all = [
        '\0'..='\u{1f}',
        '\u{7f}'..='\u{a0}',
        '\u{ad}'..='\u{ad}',
        '\u{34f}'..='\u{34f}',
        '\u{61c}'..='\u{61c}',
        '\u{115f}'..='\u{1160}',
        '\u{180b}'..='\u{180f}',
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{2800}'..='\u{2800}',
        '\u{3164}'..='\u{3164}',
        '\u{fe00}'..='\u{fe0f}',
        '\u{feff}'..='\u{feff}',
        '\u{ffa0}'..='\u{ffa0}',
        '\u{fff9}'..='\u{fffb}',
        '\u{e0000}'..='\u{e007f}',
        '\u{e0100}'..='\u{e0107}',
    ];
    let all: Vec<char> = all.into_iter().flatten().collect();
    all.chunks(12).map(|few| few.iter().collect()).collect()
}

/// The event with the text in front of and behind every text of it that may hold one.
pub(crate) fn hostile(kind: &EventKind, text: &str) -> EventKind {
    let value = serde_json::to_value(kind).unwrap();
    let mut places = Vec::new();
    text_places(&value, &mut String::new(), &mut places);
    let mut hostile = value;
    for place in places {
        let old = hostile.pointer(&place).unwrap().clone();
        let new = format!("{text}{}{text}", old.as_str().unwrap());
        *hostile.pointer_mut(&place).unwrap() = new.into();
        // A word of the domain (a phase, an id) that no longer reads stays what it was.
        if serde_json::from_value::<EventKind>(hostile.clone()).is_err() {
            *hostile.pointer_mut(&place).unwrap() = old;
        }
    }
    serde_json::from_value(hostile).unwrap()
}

fn text_places(value: &serde_json::Value, place: &mut String, places: &mut Vec<String>) {
    let children: Vec<(String, &serde_json::Value)> = match value {
        serde_json::Value::String(_) => return places.push(place.clone()),
        serde_json::Value::Array(items) => (0_usize..).map(|n| n.to_string()).zip(items).collect(),
        serde_json::Value::Object(fields) => fields.iter().map(|(k, v)| (k.clone(), v)).collect(),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
            return;
        }
    };
    for (name, child) in children {
        let length = place.len();
        place.push('/');
        place.push_str(&name);
        text_places(child, place, places);
        place.truncate(length);
    }
}
