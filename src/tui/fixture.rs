//! A run as its events tell it, for the tests of the screen.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use crate::model::event::{ChangedFile, Gate, PatchRef, SCHEMA};
use crate::model::*;
use crate::tui::app::{App, Now};
use crate::tui::diff::Diff;
use crate::tui::update::{Effect, Msg, settle, update};
use crate::tui::{Mode, ScreenSettings, Session, ThemeChoice, Update, view};

pub(crate) const PATCH: &str = include_str!("fixture.patch");

pub(crate) fn tree() -> Oid {
    Oid::parse("5c0d91e2a7f34bb0c1d2e3f405162738495a6b7c").unwrap()
}

pub(crate) fn commit() -> Oid {
    Oid::parse("9f8e7d6c41b2a3948576a1b2c3d4e5f60718293a").unwrap()
}

fn patch_ref(file: &str) -> PatchRef {
    PatchRef {
        file: file.to_owned(),
        bytes: PATCH.len() as u64,
        sha256: Digest::of(PATCH.as_bytes()),
    }
}

pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// Events with rising numbers and times.
#[derive(Default)]
pub(crate) struct Story {
    pub(crate) events: Vec<Event>,
    milliseconds: i64,
}

impl Story {
    pub(crate) fn wait(&mut self, milliseconds: i64) -> &mut Self {
        self.milliseconds += milliseconds;
        self
    }

    pub(crate) fn tell(&mut self, kind: EventKind) -> &mut Self {
        self.events.push(Event {
            schema: SCHEMA,
            seq: self.events.len() as u64 + 1,
            at: start() + Duration::from_millis(self.milliseconds.unsigned_abs()),
            run: RunId::parse("20260112-100000-7f3a").unwrap(),
            kind,
        });
        self
    }

    fn phase(&mut self, phase: Phase, milliseconds: i64, inside: Vec<EventKind>) -> &mut Self {
        self.tell(EventKind::PhaseStarted { phase });
        for kind in inside {
            self.tell(kind);
        }
        self.wait(milliseconds);
        self.tell(EventKind::PhaseFinished {
            phase,
            outcome: PhaseOutcome::Done,
        })
    }

    pub(crate) fn act(&mut self, act: ReviewAct) -> &mut Self {
        self.tell(EventKind::Reviewed { act })
    }

    fn command(&mut self, id: u32, argv: &str, exit: Option<i32>, milliseconds: i64) -> &mut Self {
        let in_process = argv.starts_with("git ");
        self.tell(EventKind::CommandStarted {
            command: CommandStart {
                id: CommandId(id),
                argv: words(argv),
                cwd: "/repo".to_owned(),
                in_process,
                program: None,
                timeout_seconds: Some(300),
                output: (!in_process).then(|| format!("output/{id:03}.log")),
                purpose: crate::model::Purpose::Candidate,
            },
        });
        self.wait(milliseconds);
        if let Some(code) = exit {
            self.tell(EventKind::CommandFinished {
                end: CommandEnd {
                    id: CommandId(id),
                    exit: ExitKind::Exited { code },
                    duration_ms: milliseconds.unsigned_abs(),
                    stdout: OutputSummary::of_text("128 passed in 14.2s\n"),
                    stderr: OutputSummary::empty(),
                    log_sha256: Digest::of(b"log"),
                    traces: crate::model::Traces::default(),
                },
            });
        }
        self
    }
}

pub(crate) fn start() -> Timestamp {
    "2026-01-12T10:00:00Z".parse().unwrap()
}

fn risk(id: &str, subject: &str, detail: &str) -> Risk {
    Risk {
        id: id.to_owned(),
        subject: subject.to_owned(),
        detail: detail.to_owned(),
    }
}

fn plan() -> Plan {
    let file = |path: &str, letter, why: &str, added, removed| PlannedFile {
        path: path.to_owned(),
        letter,
        renamed_from: None,
        why: why.to_owned(),
        added,
        removed,
    };
    Plan {
        goal: "Cast the operands of calc.add to int.".to_owned(),
        topic: Topic::parse("calc-int-cast").unwrap(),
        files: vec![
            file("src/calc.py", 'M', "defines add", 2, 2),
            file("notes.md", 'A', "documents the cast", 3, 0),
        ],
        relevant: vec![RelevantFile {
            path: "tests/test_calc.py".to_owned(),
            reason: "tests of src/calc.py".to_owned(),
        }],
        verification: vec![
            VerificationCommand {
                argv: words("pytest -q"),
                origin: CommandOrigin::Repository,
                why: "pytest: [tool.pytest.ini_options] in pyproject.toml".to_owned(),
                is_suite: true,
            },
            VerificationCommand {
                argv: words("ruff check ."),
                origin: CommandOrigin::Proposal,
                why: "named by the proposal".to_owned(),
                is_suite: false,
            },
        ],
        risks: vec![risk(
            "no_tests_touched",
            "src/calc.py",
            "the behaviour of add changes and no test is part of the change",
        )],
    }
}

fn opening(overrides: Vec<Override>) -> Story {
    let mut story = Story::default();
    story
        .tell(EventKind::RunStarted {
            request: "cast to int".to_owned(),
            source: "patch fix.diff".to_owned(),
            repository: "/repo".to_owned(),
            version: "0.1.0".to_owned(),
        })
        .tell(EventKind::PolicyLoaded {
            policy: PolicySummary {
                version: "1.0".to_owned(),
                digest: Digest::of(b"policy"),
                rules: 23,
                sources: vec!["embedded".to_owned()],
                max_files: 10,
                max_lines: 400,
                timeout_seconds: 300,
            },
            overrides,
        })
        .tell(EventKind::BaseResolved {
            branch: Some("main".to_owned()),
            commit: Oid::parse("a1b2c3d4e5f60718293a9f8e7d6c41b2a3948576").unwrap(),
        });
    story.phase(
        Phase::Plan,
        120,
        vec![EventKind::PlanMade {
            plan: Box::new(plan()),
            patch: patch_ref("plan.patch"),
        }],
    );
    story
}

/// Up to the running tests.
pub(crate) fn running() -> Story {
    let mut story = opening(Vec::new());
    let stats = Stats {
        files: 2,
        added: 5,
        removed: 2,
    };
    let verdict = Verdict {
        stats,
        ..Verdict::default()
    };
    let judged = |gate| EventKind::GateJudged {
        gate,
        verdict: verdict.clone(),
    };
    story.phase(Phase::Policy, 80, vec![judged(Gate::Proposal)]);
    let built = EventKind::CommitBuilt {
        commit: commit(),
        tree: tree(),
    };
    story.phase(Phase::Commit, 210, vec![built]);
    story.phase(Phase::Recheck, 40, vec![judged(Gate::Tree)]);
    let branch = WorkBranch::new(Topic::parse("calc-int-cast").unwrap());
    story
        .tell(EventKind::PhaseStarted {
            phase: Phase::Branch,
        })
        .command(1, "git checkout -b self-upgrade/calc-int-cast", Some(0), 12)
        .tell(EventKind::BranchCreated {
            branch,
            commit: commit(),
        })
        .command(2, "git diff main...HEAD", Some(0), 9)
        .tell(EventKind::DiffWritten {
            patch: patch_ref("diff.patch"),
            stats,
            files: files(),
        })
        .tell(EventKind::PhaseFinished {
            phase: Phase::Branch,
            outcome: PhaseOutcome::Done,
        })
        .tell(EventKind::SandboxChosen {
            sandbox: SandboxReport {
                tier: Tier::Full,
                gaps: Vec::new(),
            },
        })
        .tell(EventKind::PhaseStarted {
            phase: Phase::Tests,
        })
        .command(3, "pytest -q", None, 3_200);
    story
}

fn files() -> Vec<ChangedFile> {
    let file = |letter, path: &str, added, removed| ChangedFile {
        letter,
        path: path.to_owned(),
        old_path: None,
        lines: LineStat { added, removed },
    };
    vec![file('M', "src/calc.py", 2, 2), file('A', "notes.md", 3, 0)]
}

fn report(outcome: TestOutcome) -> TestReport {
    let failed = u64::from(outcome == TestOutcome::Failed) * 2;
    let failure = |name: &str, message: &str, line| FailedTest {
        name: format!("tests/test_calc.py::{name}"),
        file: Some("src/calc.py".to_owned()),
        line: Some(line),
        message: message.to_owned(),
        traceback: format!(
            "    def {name}():\n>       assert add(1.5, 1) == 2.5\nE       {message}\n\nsrc/calc.py:{line}: AssertionError\n"
        ),
        since: crate::model::Since::Unknown,
    };
    TestReport {
        argv: words("pytest -q"),
        outcome,
        exit: Some(i32::from(failed > 0)),
        passed: 128 - failed,
        failed,
        skipped: 0,
        seconds: 14.2,
        timed_out: false,
        failures: if failed > 0 {
            vec![
                failure("test_add_floats", "assert 2 == 2.5", 4),
                failure("test_add_strings", "TypeError: int() of 'a'", 4),
            ]
        } else {
            Vec::new()
        },
        reason: if failed > 0 {
            "pytest exited with 1; 2 tests failed".to_owned()
        } else {
            "pytest exited with 0 and 128 tests passed".to_owned()
        },
        integrity: Box::default(),
    }
}

fn finished(outcome: TestOutcome) -> Story {
    let mut story = running();
    let code = i32::from(!outcome.is_pass());
    story.wait(11_000).tell(EventKind::CommandFinished {
        end: CommandEnd {
            id: CommandId(3),
            exit: ExitKind::Exited { code },
            duration_ms: 14_200,
            stdout: OutputSummary::of_text(&"line\n".repeat(420)),
            stderr: OutputSummary::empty(),
            log_sha256: Digest::of(b"log"),
            traces: crate::model::Traces::default(),
        },
    });
    let phase = if outcome.is_pass() {
        PhaseOutcome::Done
    } else {
        PhaseOutcome::Failed
    };
    story
        .tell(EventKind::TestsFinished {
            report: report(outcome),
        })
        .tell(EventKind::VerificationSkipped {
            argv: words("ruff check ."),
            reason: "ruff is not installed".to_owned(),
        })
        .tell(EventKind::PhaseFinished {
            phase: Phase::Tests,
            outcome: phase,
        })
        .tell(EventKind::RisksNoted {
            risks: vec![risk(
                "hidden_characters",
                "notes.md:2",
                "a right-to-left override (U+202E) and a zero-width space (U+200B)",
            )],
        })
        .tell(EventKind::ChecklistFilled {
            items: checklist(outcome.is_pass()),
        });
    story.phase(Phase::Evidence, 30, Vec::new());
    story
}

fn checklist(passed: bool) -> Vec<ChecklistItem> {
    let evidence = |id| match id {
        ItemId::BranchCreated => "self-upgrade/calc-int-cast at 9f8e7d6",
        ItemId::TestsPass if passed => "128 passed, exit 0",
        ItemId::TestsPass => "2 failed, exit 1",
        ItemId::NoForbiddenFiles => "2 files, 23 rules, none matched",
        ItemId::NoSecrets => "no pattern matched in 5 added lines",
        ItemId::Minimal => "2 files, 7 lines",
        ItemId::Documentation => "notes.md is part of the change",
    };
    let item = |id: ItemId| ChecklistItem {
        id,
        text: id.text().to_owned(),
        by: id.by(),
        ticked: id.by() == TickedBy::Machine && (passed || id != ItemId::TestsPass),
        evidence: evidence(id).to_owned(),
    };
    ItemId::ALL.into_iter().map(item).collect()
}

/// In review, with one comment and one tick.
pub(crate) fn review() -> Story {
    let mut story = finished(TestOutcome::Passed);
    story
        .tell(EventKind::RunFinished {
            status: Status::Success,
        })
        .tell(EventKind::PhaseStarted {
            phase: Phase::Review,
        })
        .act(ReviewAct::Commented {
            comment: Comment {
                id: 1,
                kind: CommentKind::Question,
                path: Some("src/calc.py".to_owned()),
                line: Some(4),
                on_removed: false,
                text: "int() changes float behaviour: add(1.5, 1) was 2.5. Intended?".to_owned(),
            },
        })
        .act(ReviewAct::ItemTicked {
            item: ItemId::Documentation,
            ticked: true,
            tree: tree(),
        })
        .act(ReviewAct::FileViewed {
            path: "src/calc.py".to_owned(),
            viewed: true,
        });
    story
}

/// In review with nothing missing.
pub(crate) fn ready() -> Story {
    let mut story = review();
    for item in [ItemId::NoSecrets, ItemId::Minimal] {
        story.act(ReviewAct::ItemTicked {
            item,
            ticked: true,
            tree: tree(),
        });
    }
    story.act(ReviewAct::FileViewed {
        path: "notes.md".to_owned(),
        viewed: true,
    });
    for finding in 0..2 {
        story.act(ReviewAct::FindingRead { finding });
    }
    story
}

/// Tests failed.
pub(crate) fn test_failure() -> Story {
    let mut story = finished(TestOutcome::Failed);
    story
        .tell(EventKind::RunFailed {
            status: Status::TestFailure,
            message: "2 tests failed".to_owned(),
            hint: "press t for the choices".to_owned(),
            detail: Vec::new(),
        })
        .tell(EventKind::RunFinished {
            status: Status::TestFailure,
        });
    story
}

fn refusal() -> Verdict {
    let violation = |rule: &str, subject: &str, detail: &str, remedy: &str| Violation {
        rule: rule.to_owned(),
        subject: subject.to_owned(),
        detail: detail.to_owned(),
        source: "embedded".to_owned(),
        remedy: remedy.to_owned(),
    };
    Verdict {
        violations: vec![
            violation(
                "path.forbidden",
                ".env",
                "matches **/.env (credentials and secrets)",
                "never editable; change it by hand",
            ),
            violation(
                "limits.files",
                "12",
                "12 files are changed, at most 10 are allowed",
                "split the change, or set MILTON_SELF_UPGRADE_MAX_FILES=12",
            ),
            violation(
                "content.secret",
                "src/settings.py:14",
                "an AWS access key id (AKIA…)",
                "take the secret out and rotate it",
            ),
        ],
        risks: Vec::new(),
        stats: Stats {
            files: 12,
            added: 40,
            removed: 3,
        },
    }
}

/// Refused by the policy, under an override.
pub(crate) fn blocked() -> Story {
    let mut story = opening(vec![Override {
        name: "MAX_LOC".to_owned(),
        value: "9000".to_owned(),
        source: "environment".to_owned(),
    }]);
    let verdict = refusal();
    story
        .tell(EventKind::PhaseStarted {
            phase: Phase::Policy,
        })
        .tell(EventKind::GateJudged {
            gate: Gate::Proposal,
            verdict,
        })
        .tell(EventKind::PhaseFinished {
            phase: Phase::Policy,
            outcome: PhaseOutcome::Failed,
        })
        .tell(EventKind::RunFailed {
            status: Status::BlockedByPolicy,
            message: "the policy refuses this change".to_owned(),
            hint: "change the proposal and run milton again".to_owned(),
            detail: Vec::new(),
        })
        .tell(EventKind::RunFinished {
            status: Status::BlockedByPolicy,
        });
    story
}

/// The screen in a test: sends messages, advances its own clock, draws.
pub(crate) struct Bench {
    pub(crate) app: App,
    pub(crate) instant: Instant,
    pub(crate) wall: Timestamp,
}

impl Bench {
    pub(crate) fn new(story: &Story, size: (u16, u16)) -> Self {
        Self::with(story, size, Mode::Live, ThemeChoice::Dark)
    }

    pub(crate) fn with(story: &Story, size: (u16, u16), mode: Mode, theme: ThemeChoice) -> Self {
        let run = RunState::replay(&story.events).unwrap();
        let wall = start() + Duration::from_secs(17);
        let instant = Instant::now();
        let session = Session {
            run,
            folder: Path::new("/nowhere").to_owned(),
            mode,
            settings: ScreenSettings {
                no_color: false,
                theme,
                mouse: false,
            },
        };
        let mut bench = Self {
            app: App::new(session, size, Now { instant, wall }),
            instant,
            wall,
        };
        bench.pause();
        bench.work();
        bench
    }

    /// Lets the type-ahead guard pass.
    pub(crate) fn pause(&mut self) {
        self.instant += Duration::from_secs(1);
    }

    pub(crate) fn send(&mut self, msg: Msg) -> Vec<Effect> {
        let now = Now {
            instant: self.instant,
            wall: self.wall,
        };
        let effects = update(&mut self.app, msg, now);
        self.work();
        effects
    }

    pub(crate) fn event(&mut self, kind: EventKind) -> Vec<Effect> {
        let event = Event {
            schema: SCHEMA,
            seq: self.app.run.last_seq + 1,
            at: self.wall,
            run: self.app.run.run.clone(),
            kind,
        };
        self.send(Msg::Update(Update::Event(Box::new(event))))
    }

    /// Types keys: `<Esc>`, `<Enter>`, `<C-c>` and so on are one key each.
    pub(crate) fn keys(&mut self, keys: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for key in parse_keys(keys) {
            effects.extend(self.send(Msg::Key(key)));
        }
        effects
    }

    /// Answers the jobs of the screen from the fixture, then settles.
    pub(crate) fn work(&mut self) {
        use crate::tui::jobs::Job;
        settle(&mut self.app);
        for _ in 0..4 {
            let now = Now {
                instant: self.instant,
                wall: self.wall,
            };
            for job in self.app.jobs() {
                let msg = match job {
                    Job::Patch { source, path: _ } => Msg::Patch {
                        source,
                        result: Ok((Diff::parse(PATCH.as_bytes()), true)),
                    },
                    Job::Paint { diff, hunks } => Msg::Painted {
                        painted: hunks
                            .into_iter()
                            .map(|h| (h, crate::tui::diff::paint(&diff, h)))
                            .collect(),
                        diff,
                    },
                    Job::Log { command, place, .. } => Msg::Log {
                        command,
                        result: output(place),
                    },
                };
                let _none = update(&mut self.app, msg, now);
            }
            settle(&mut self.app);
        }
    }

    pub(crate) fn draw(&mut self) -> Buffer {
        let (width, height) = self.app.size;
        settle(&mut self.app);
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view::draw(&self.app, frame)).unwrap();
        terminal.backend().buffer().clone()
    }

    pub(crate) fn text(&mut self) -> String {
        text_of(&self.draw())
    }
}

fn output(place: crate::tui::log::Place) -> Result<crate::tui::log::Window, String> {
    use std::io::Write as _;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for n in 0..60 {
        writeln!(file, "tests/test_part_{n:02}.py ........ [{n:>3}%]").unwrap();
    }
    crate::tui::log::read(file.path(), place).map_err(|e| e.to_string())
}

pub(crate) fn text_of(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut skip = 0;
        let mut line = String::new();
        for x in 0..buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            if skip == 0 {
                line.push_str(symbol);
                skip = unicode_width::UnicodeWidthStr::width(symbol).max(1);
            }
            skip -= 1;
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn parse_keys(keys: &str) -> Vec<crossterm::event::KeyEvent> {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    let mut out = Vec::new();
    let mut rest = keys;
    while let Some(c) = rest.chars().next() {
        let named = rest
            .strip_prefix('<')
            .and_then(|r| r.split_once('>'))
            .filter(|(name, _)| name.len() > 1);
        if let Some((name, after)) = named {
            let (code, modifiers) = match name {
                "Esc" => (KeyCode::Esc, KeyModifiers::NONE),
                "Enter" => (KeyCode::Enter, KeyModifiers::NONE),
                "Tab" => (KeyCode::Tab, KeyModifiers::NONE),
                "Down" => (KeyCode::Down, KeyModifiers::NONE),
                "Space" => (KeyCode::Char(' '), KeyModifiers::NONE),
                other => {
                    let c = other.strip_prefix("C-").unwrap().chars().next().unwrap();
                    (KeyCode::Char(c), KeyModifiers::CONTROL)
                }
            };
            out.push(KeyEvent::new(code, modifiers));
            rest = after;
        } else {
            out.push(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    out
}
