//! One function a parser of hostile text: takes any bytes, must come back, and what it says must
//! hold together. Used by the seeded run in here and by the targets of `fuzz/`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use milton::exec::report::{Reading, Runner, read};
use milton::model::{
    BaseTree, ChangeSet, Digest, ExitKind, FileChange, FileMode, FileState, LineStat, Oid, RunId,
    RunState, TreeEntry, TreeError, Verdict,
};
use milton::plan::{self, Error as PlanError, Proposal};
use milton::policy::{Policy, Proposed, RepositoryPolicy, Sources, UserPolicy};
use milton::record::Store;

/// A base tree in memory that counts how often it is asked.
pub struct Base {
    files: BTreeMap<String, (FileMode, Vec<u8>)>,
    asked: Cell<usize>,
}

fn oid_of(index: usize) -> Oid {
    Oid::parse(&format!("{index:040x}")).unwrap()
}

impl Default for Base {
    fn default() -> Self {
        let compose = b"services:\n  web:\n    image: a\n    ports: [\"80:80\"]\n".to_vec();
        let code = b"one\ntwo\nthree\nfour\nfive\n".to_vec();
        let files = [
            ("src/a.py", FileMode::Regular, code.clone()),
            ("docs/b.md", FileMode::Regular, b"# B\r\ntext\r\n".to_vec()),
            ("bin/run", FileMode::Executable, code),
            ("link", FileMode::Symlink, b"src".to_vec()),
            ("compose.yaml", FileMode::Regular, compose),
            ("empty", FileMode::Regular, Vec::new()),
        ];
        let files = files.map(|(path, mode, content)| (path.to_owned(), (mode, content)));
        Self {
            files: files.into(),
            asked: Cell::new(0),
        }
    }
}

impl BaseTree for Base {
    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        self.asked.set(self.asked.get() + 1);
        let folder = format!("{path}/");
        let at = self.files.keys().position(|known| known == path);
        let mode = match self.files.get(path) {
            Some((mode, _)) => *mode,
            None if self.files.keys().any(|known| known.starts_with(&folder)) => FileMode::Tree,
            None => return Ok(None),
        };
        Ok(Some(TreeEntry {
            name: path.rsplit('/').next().unwrap_or(path).to_owned(),
            mode,
            oid: oid_of(at.unwrap_or(usize::MAX)),
        }))
    }

    fn list(&self, path: &str) -> Result<Vec<TreeEntry>, TreeError> {
        let prefix = match path {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        let inside = self.files.keys().filter_map(|k| k.strip_prefix(&prefix));
        let mut names: Vec<&str> = inside.filter_map(|rest| rest.split('/').next()).collect();
        names.dedup();
        let entries = names
            .iter()
            .map(|name| self.entry(&format!("{prefix}{name}")));
        entries.filter_map(Result::transpose).collect()
    }

    fn blob_size(&self, oid: &Oid) -> Result<u64, TreeError> {
        Ok(self.blob(oid)?.len() as u64)
    }

    fn blob(&self, oid: &Oid) -> Result<Vec<u8>, TreeError> {
        self.asked.set(self.asked.get() + 1);
        let mut files = self.files.values().enumerate();
        let found = files.find(|(index, _)| oid_of(*index) == *oid);
        Ok(found.map_or_else(Vec::new, |(_, (_, content))| content.clone()))
    }
}

/// A proposal in JSON, from its text to the gate's verdict.
pub fn proposal(bytes: &[u8]) {
    judge(bytes, plan::read_proposal(bytes));
}

/// A patch, from its text to the gate's verdict.
pub fn patch(bytes: &[u8]) {
    judge(bytes, plan::read_patch(bytes));
}

fn judge(bytes: &[u8], read: Result<Proposal, PlanError>) {
    let proposal = match read {
        Ok(proposal) => proposal,
        Err(error) => {
            assert!(
                !error.message.is_empty() && !error.hint.is_empty(),
                "{error:?}"
            );
            // A message quotes a part of the input at most.
            assert!(error.message.len() < 2000, "{} bytes", error.message.len());
            return;
        }
    };
    let base = Base::default();
    let draft = plan::draft(&proposal, &base).unwrap();
    let goal = plan::goal("", &proposal);
    let topic = plan::topic("", &goal, proposal.topic.as_deref(), "check");
    let verification = plan::verification(&base, None, &proposal.verify).unwrap();
    let proposed = Proposed {
        request: "",
        goal: &goal,
        notes: &proposal.risks,
        branch: &format!("self-upgrade/{topic}"),
        protected: &["main".to_owned()],
        changes: &draft.changes,
        verification: &verification,
    };
    let policy = Policy::embedded().unwrap();
    let gated = policy.gate(&proposed, &base).unwrap();
    assert_eq!(gated.cleared.is_some(), gated.verdict.is_allowed());
    holds_together(&gated.verdict);
    // The work is bounded by the input: a few questions for each path that it names, and no path
    // is shorter than a byte and its separators.
    let most = 500 + 50 * bytes.len();
    assert!(base.asked.get() <= most, "{} of {most}", base.asked.get());
}

fn holds_together(verdict: &Verdict) {
    for violation in &verdict.violations {
        assert!(!violation.rule.is_empty() && !violation.remedy.is_empty());
        assert!(violation.detail.chars().count() <= 200);
        assert!(violation.subject.chars().count() <= 200);
    }
}

/// A policy file, as the repository's and as the user's.
pub fn policy_file(bytes: &[u8]) {
    let repository = Policy::load(Sources {
        repository: Some(RepositoryPolicy {
            origin: ".milton/policy.toml at 1234567".to_owned(),
            text: bytes,
        }),
        ..Sources::default()
    });
    let user = std::str::from_utf8(bytes).ok().map(|text| {
        Policy::load(Sources {
            user: Some(UserPolicy {
                path: "policy.toml".to_owned(),
                text,
            }),
            ..Sources::default()
        })
    });
    let floor = Policy::embedded().unwrap().summary();
    for loaded in [Some(repository), user].into_iter().flatten() {
        match loaded {
            Err(error) => {
                let violation = error.violation();
                assert_eq!(violation.rule, "policy.invalid");
                assert!(violation.detail.contains("policy.toml"), "{violation:?}");
            }
            Ok(policy) => {
                // Whatever is written, nothing gets looser.
                let summary = policy.summary();
                assert!(summary.max_files <= floor.max_files);
                assert!(summary.max_lines <= floor.max_lines);
                assert!(summary.timeout_seconds <= floor.timeout_seconds);
                for path in [".env", ".git/config", "secrets/x", ".milton/policy.toml"] {
                    assert!(!policy.judge_path(path).is_empty(), "{path}");
                }
                assert!(policy.judge_branch("main", &[]).is_err());
                assert!(policy.judge_command_line("git push").is_err());
            }
        }
    }
}

/// A command written as one string.
pub fn command_line(text: &str) {
    let policy = Policy::embedded().unwrap();
    let judged = policy.judge_command_line(text);
    let decision = policy.explain_command_line(text);
    assert_eq!(judged.is_ok(), decision.allowed, "{text:?}");
    assert!(!decision.decided_by.is_empty(), "{text:?}");
    match judged {
        Ok(cleared) => {
            let argv = cleared.into_inner();
            assert!(argv.first().is_some_and(|program| !program.is_empty()));
            assert!(argv.iter().all(|word| !word.contains(char::is_control)));
            assert!(
                !argv.iter().any(|word| word == "push") || argv[0] != "git" || argv[1] != "push"
            );
        }
        Err(violations) => assert!(violations.iter().all(|v| !v.detail.is_empty())),
    }
}

/// A compose file that takes the place of the base's.
pub fn compose(bytes: &[u8]) {
    let state = |content: &[u8]| FileState::proposed(FileMode::Regular, content.to_vec());
    let base = Base::default();
    let changes = ChangeSet {
        files: vec![FileChange {
            path: "compose.yaml".to_owned(),
            before: Some(state(&base.files["compose.yaml"].1)),
            after: Some(state(bytes)),
            renamed_from: None,
            lines: LineStat::default(),
        }],
    };
    let proposed = Proposed {
        request: "",
        goal: "Change a file",
        notes: &[],
        branch: "self-upgrade/x",
        protected: &[],
        changes: &changes,
        verification: &[],
    };
    let gated = Policy::embedded().unwrap().gate(&proposed, &base).unwrap();
    holds_together(&gated.verdict);
    if !String::from_utf8_lossy(bytes).contains("80") {
        // Without its port the file exposes something else, or cannot be read.
        assert!(!gated.verdict.is_allowed());
    }
}

/// A report of a test runner; `folder` is a place to write it to.
pub fn junit(bytes: &[u8], folder: &Path) {
    let report_file = folder.join("report.xml");
    std::fs::write(&report_file, bytes).unwrap();
    for code in [0, 1] {
        let report = read(&Reading {
            record: None,
            argv: &["pytest".to_owned()],
            kind: Runner::Pytest,
            exit: &ExitKind::Exited { code },
            duration: Duration::from_secs(1),
            report_file: &report_file,
            view: &milton::exec::Candidate::at(Path::new("/view")),
        })
        .report;
        if report.outcome.is_pass() {
            assert_eq!(code, 0, "a command that failed cannot pass");
            assert!(report.passed > 0 && report.failed == 0);
        }
        let text: usize = report
            .failures
            .iter()
            .map(|f| f.traceback.len() + f.message.len())
            .sum();
        assert!(text <= 200 * (64 << 10), "{text} bytes are kept");
    }
}

/// The event log of a run, as it is, and its lines as events of a chain that is whole.
pub struct LogReader {
    store: Store,
    run: RunId,
}

impl LogReader {
    /// Makes a store in a folder.
    pub fn new(folder: &Path) -> Self {
        let store = Store::open(&folder.join("state"), &[]).unwrap();
        let writer = store
            .create("2026-01-12T00:00:00Z".parse().unwrap())
            .unwrap();
        let run = writer.run().clone();
        Self { store, run }
    }

    /// Reads any bytes as the run's log.
    pub fn read(&self, bytes: &[u8]) {
        self.read_log(bytes, None);
        let mut log = Vec::new();
        let mut head = (0, "0".repeat(64));
        for kind in String::from_utf8_lossy(bytes).lines() {
            let (seq, prev) = &head;
            let seq = seq + 1;
            let line = format!(
                "{{\"type\":\"event\",\"schema\":1,\"seq\":{seq},\"at\":\"2026-01-12T00:00:00Z\",\"run\":\"{}\",\"prev\":\"{prev}\",\"kind\":{kind}}}",
                self.run
            );
            head = (seq, Digest::of(line.as_bytes()).as_str().to_owned());
            log.extend(line.into_bytes());
            log.push(b'\n');
        }
        self.read_log(&log, Some(format!("{} {}\n", head.0, head.1)));
    }

    fn read_log(&self, bytes: &[u8], head: Option<String>) {
        let folder = self.store.folder(&self.run);
        std::fs::write(folder.path("events.jsonl"), bytes).unwrap();
        let head_file = folder.path("events.head");
        std::fs::write(&head_file, head.unwrap_or_default()).unwrap();
        match folder.read() {
            Ok(recorded) => {
                let lines = bytes.split(|byte| *byte == b'\n').count() - 1;
                assert_eq!(recorded.events.len(), lines);
                drop(RunState::replay(&recorded.events));
                drop(folder.audit_matches());
            }
            Err(error) => assert!(!error.to_string().is_empty() && !error.hint().is_empty()),
        }
    }
}
