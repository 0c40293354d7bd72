//! Faults at every port: each call of git fails once, the record fails at every event, the sandbox
//! cannot be made. The status is the right one, nothing is worked around, nothing half-done is left.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "test helpers"
)]

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use jiff::Timestamp;
use milton::error::Failure;
use milton::exec::{self, CommandSpec, StopSignal, View};
use milton::git::{self, Base, Built, CommitMessage, DiffText, ExportSummary};
use milton::model::{
    BaseTree, ChangeSet, Decision, Event, EventKind, ItemId, Oid, Phase, Purpose, ReviewCommand,
    RunId, RunState, Status, TestOutcome, TierChoice, WorkBranch,
};
use milton::pipeline::driver::{Driver, HumanPolicy, Job, Ports, ProposalText, RunEnd, Wires};
use milton::pipeline::machine::{Attendance, State};
use milton::pipeline::ports::{
    Git, Journal, PreparedView, Running, Sandbox, SandboxError, SystemClock, TestedTree,
};
use milton::pipeline::tiers::Tiers;
use milton::pipeline::verification::against_repository;
use milton::policy::Cleared;
use milton::record::{self, Store, Writer};
use tokio::sync::{mpsc, watch};

const PATCH: &str = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n";

/// A repository, a run store, and a way to run a job with some port broken.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            root: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(place.repo()).unwrap();
        std::fs::write(place.repo().join("a.py"), "x = 1\n").unwrap();
        for arguments in [
            &["init", "-q", "-b", "main"][..],
            &["config", "user.name", "Test Person"],
            &["config", "user.email", "test@example.com"],
            &["add", "-A"],
            &["commit", "-q", "-m", "start"],
        ] {
            place.git(arguments);
        }
        place
    }

    fn state(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap().join("state")
    }

    fn repo(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap().join("repo")
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(self.repo())
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}");
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    fn writer(&self) -> Writer {
        let store = Store::open(
            &self.root.path().canonicalize().unwrap().join("state"),
            &[self.repo()],
        )
        .unwrap();
        store.create(Timestamp::now()).unwrap()
    }

    fn real_git(&self) -> git::Repository {
        git::open(&self.repo()).unwrap()
    }

    fn branches(&self) -> String {
        self.git(&["for-each-ref", "--format=%(refname)", "refs/heads"])
    }
}

/// The test command of these runs writes the report that milton asks for.
const TEST: &str =
    "printf '<testsuite tests=\"1\"><testcase name=\"t\"/></testsuite>' > \"$MILTON_JUNIT_XML\"";

/// The ports of one test.
struct Parts {
    git: Box<dyn Git>,
    sandbox: Arc<dyn Sandbox>,
    journal: Box<dyn Journal>,
}

fn run(
    git: Box<dyn Git>,
    sandbox: Arc<dyn Sandbox>,
    journal: Box<dyn Journal>,
) -> Result<RunEnd, Failure> {
    let job = Job {
        request: "Set x".to_owned(),
        source: "patch".to_owned(),
        proposal: ProposalText::Patch(PATCH.as_bytes().to_vec()),
        topic: Some("x".to_owned()),
        base: None,
        test: Some(["sh", "-c", TEST].map(str::to_owned).to_vec()),
    };
    let run = RunState::new(journal.run().clone());
    let parts = Parts {
        git,
        sandbox,
        journal,
    };
    let machine = State::new(Attendance::Headless);
    in_runtime(async {
        let (driver, commands) = driver(parts, run, machine);
        drop(commands);
        driver.run(job).await
    })
}

/// Opens a recorded run again and gives these commands.
fn review(parts: Parts, commands: Vec<ReviewCommand>) -> RunState {
    let store_state = RunState::replay(&record_of(&*parts.journal)).unwrap();
    let machine = State::reviewing(Status::Success, store_state.decision, true);
    in_runtime(async {
        let (driver, channel) = driver(parts, store_state, machine);
        for command in commands {
            channel.send(command).await.unwrap();
        }
        drop(channel);
        driver.review().await
    })
    .unwrap()
    .run
}

fn record_of(journal: &dyn Journal) -> Vec<Event> {
    let state = journal.folder();
    let state = state.parent().unwrap().parent().unwrap();
    let store = Store::open(state, &[]).unwrap();
    store.folder(journal.run()).events().unwrap()
}

fn in_runtime<T>(work: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(work)
}

fn driver(parts: Parts, run: RunState, machine: State) -> (Driver, mpsc::Sender<ReviewCommand>) {
    let Parts {
        git,
        sandbox,
        journal,
    } = parts;
    // Nobody watches: the driver goes on without.
    let (updates, _) = mpsc::channel(4);
    let (sender, commands) = mpsc::channel(16);
    let (_, signals) = mpsc::channel(1);
    let real = Ports {
        git,
        sandbox,
        journal,
        clock: Arc::new(SystemClock),
    };
    let wires = Wires {
        updates,
        commands,
        signals,
    };
    (
        Driver::new(real, HumanPolicy::default(), wires, run, machine),
        sender,
    )
}

fn real_sandbox() -> Arc<dyn Sandbox> {
    let environment = std::env::vars_os().collect();
    Arc::new(Tiers::new(
        TierChoice::Strongest,
        PathBuf::from(env!("CARGO_BIN_EXE_milton")),
        environment,
    ))
}

/// Git whose call of one name fails.
struct BrokenGit {
    inner: git::Repository,
    broken: &'static str,
}

impl BrokenGit {
    fn check(&self, call: &str) -> Result<(), git::Error> {
        if call != self.broken {
            return Ok(());
        }
        Err(git::Error::Git {
            doing: call.to_owned(),
            detail: "the disk caught fire".to_owned(),
        })
    }
}

impl Git for BrokenGit {
    fn stage(&self, tree: &TestedTree, into: &Path) -> Result<git::Staged, git::Error> {
        self.check("stage")?;
        Git::stage(&self.inner, tree, into)
    }
    fn is_bare(&self) -> bool {
        self.inner.is_bare()
    }
    fn root(&self) -> &Path {
        self.inner.root()
    }
    fn resolve_base(&self, wanted: Option<&str>) -> Result<Base, git::Error> {
        self.check("resolve_base")?;
        self.inner.resolve_base(wanted)
    }
    fn protected_branches(&self, base: &Base) -> Vec<String> {
        self.inner.protected_branches(base)
    }
    fn snapshot(&self, commit: &Oid) -> Result<Box<dyn BaseTree + '_>, git::Error> {
        self.check("snapshot")?;
        Ok(Box::new(self.inner.snapshot(commit)?))
    }
    fn build_commit(
        &self,
        base: &Oid,
        changes: &Cleared<ChangeSet>,
        message: &CommitMessage,
    ) -> Result<Built, git::Error> {
        self.check("build_commit")?;
        self.inner.build_commit(base, changes, message)
    }
    fn delta(&self, base: &Oid, commit: &Oid) -> Result<ChangeSet, git::Error> {
        self.check("delta")?;
        let mut delta = self.inner.delta(base, commit)?;
        if self.broken == "delta differs" {
            // What was committed is not what was cleared.
            delta.files[0].after = Some(milton::model::FileState::proposed(
                milton::model::FileMode::Regular,
                b"x = 3\n".to_vec(),
            ));
        }
        Ok(delta)
    }
    fn create_branch(
        &self,
        branch: &Cleared<WorkBranch>,
        commit: &Cleared<Oid>,
    ) -> Result<WorkBranch, git::Error> {
        self.check("create_branch")?;
        self.inner.create_branch(branch, commit)
    }
    fn diff(&self, base: &Oid, commit: &Oid) -> Result<DiffText, git::Error> {
        self.check("diff")?;
        self.inner.diff(base, commit)
    }
    fn branch_tip(&self, branch: &WorkBranch) -> Result<Option<Oid>, git::Error> {
        self.check("branch_tip")?;
        self.inner.branch_tip(branch)
    }
    fn base_tip(&self, branch: &str) -> Result<Option<Oid>, git::Error> {
        self.inner.base_tip(branch)
    }
    fn abandon(
        &self,
        branch: &WorkBranch,
        commit: &Oid,
        run: &RunId,
    ) -> Result<String, git::Error> {
        self.check("abandon")?;
        self.inner.abandon(branch, commit, run)
    }
    fn restore(&self, branch: &WorkBranch, commit: &Oid, run: &RunId) -> Result<(), git::Error> {
        self.inner.restore(branch, commit, run)
    }
    fn export_tree(
        &self,
        tree: &TestedTree,
        into: &Path,
        most_bytes: u64,
    ) -> Result<ExportSummary, git::Error> {
        self.check("export_tree")?;
        self.inner
            .export_tree_within(&tree.commit, into, most_bytes)
    }
    fn ignored_environment(&self) -> Result<Vec<String>, git::Error> {
        self.inner.ignored_environment()
    }
    fn user_name(&self) -> String {
        self.inner.user_name()
    }
}

/// A record that fails at its n-th event, as on a full disk.
struct BrokenJournal {
    inner: Writer,
    left: Cell<u32>,
}

impl Journal for BrokenJournal {
    fn run(&self) -> &RunId {
        self.inner.run()
    }
    fn folder(&self) -> PathBuf {
        self.inner.folder().path("")
    }
    fn append(&mut self, at: Timestamp, kind: EventKind) -> Result<Event, record::Error> {
        if self.left.get() == 0 {
            return Err(record::Error::Full {
                source: std::io::ErrorKind::StorageFull.into(),
                path: self.folder(),
            });
        }
        self.left.set(self.left.get() - 1);
        self.inner.append(at, kind)
    }
    fn write_file(&self, name: &str, bytes: &[u8]) -> Result<(), record::Error> {
        self.inner.write_file(name, bytes)
    }
}

/// A sandbox that cannot be made.
struct NoSandbox;

impl Sandbox for NoSandbox {
    fn available(&self) -> Result<(), String> {
        Ok(())
    }
    fn prepare(
        &self,
        _git: &dyn Git,
        _tree: &TestedTree,
        scratch: &Path,
    ) -> Result<PreparedView, SandboxError> {
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
        Err(exec::Error::View {
            path: scratch.to_owned(),
            source,
        }
        .into())
    }
    fn run<'a>(
        &'a self,
        _spec: CommandSpec,
        _progress: &'a watch::Sender<u64>,
        _stop: &'a StopSignal,
    ) -> Running<'a> {
        unreachable!("nothing is run without a view")
    }
    fn resolve(&self, name: &str, _view: &View, _checkout: &Path) -> Result<PathBuf, exec::Error> {
        Err(exec::Error::ProgramNotFound {
            name: name.to_owned(),
        })
    }
}

#[test]
fn without_a_fault_the_run_succeeds() {
    let place = Place::new();
    let end = run(
        Box::new(place.real_git()),
        real_sandbox(),
        Box::new(place.writer()),
    )
    .unwrap();
    assert_eq!(
        end.run.status,
        Some(Status::Success),
        "{:?}",
        end.run.failure
    );
    assert_eq!(end.run.tests.unwrap().outcome, TestOutcome::Passed);
}

#[test]
fn every_failing_call_of_git_is_a_git_error_with_gits_words_and_no_second_try() {
    for (broken, has_branch) in [
        ("resolve_base", false),
        ("snapshot", false),
        ("build_commit", false),
        ("delta", false),
        ("create_branch", false),
        ("diff", true),
        ("stage", true),
    ] {
        let place = Place::new();
        let git = BrokenGit {
            inner: place.real_git(),
            broken,
        };
        let end = run(Box::new(git), real_sandbox(), Box::new(place.writer())).unwrap();
        assert_eq!(end.run.status, Some(Status::GitError), "{broken}");
        let failure = end.run.failure.unwrap();
        assert!(
            failure.message.contains("the disk caught fire"),
            "{broken}: {failure:?}"
        );
        assert_eq!(
            place.branches().contains("self-upgrade/x"),
            has_branch,
            "{broken}"
        );
        let folder = end.run.evidence_dir.unwrap();
        let evidence = std::fs::read_to_string(Path::new(&folder).join("evidence.json")).unwrap();
        assert!(evidence.contains("GIT_ERROR"), "{broken}");
        assert_eq!(place.git(&["status", "--porcelain"]), "", "{broken}");
    }
}

#[test]
fn a_tree_that_is_not_what_was_cleared_never_gets_a_branch() {
    let place = Place::new();
    let git = BrokenGit {
        inner: place.real_git(),
        broken: "delta differs",
    };
    let end = run(Box::new(git), real_sandbox(), Box::new(place.writer())).unwrap();
    assert_eq!(end.run.status, Some(Status::BlockedByPolicy));
    assert_eq!(place.branches(), "refs/heads/main");
}

#[test]
fn a_record_that_cannot_be_written_ends_the_run_at_once() {
    // A whole run, to know how many events there are and which one announces the branch's creation.
    let place = Place::new();
    let end = run(
        Box::new(place.real_git()),
        real_sandbox(),
        Box::new(place.writer()),
    )
    .unwrap();
    let store = Store::open(&place.state(), &[place.repo()]).unwrap();
    let recorded = store.folder(&end.run.run).events().unwrap();
    let begun = |event: &Event| {
        event.kind
            == EventKind::PhaseStarted {
                phase: Phase::Branch,
            }
    };
    let branch_phase = u32::try_from(recorded.iter().position(begun).unwrap()).unwrap();
    let events = u32::try_from(end.run.last_seq).unwrap();
    for left in 0..events {
        let place = Place::new();
        let journal = BrokenJournal {
            inner: place.writer(),
            left: Cell::new(left),
        };
        let failure = run(
            Box::new(place.real_git()),
            real_sandbox(),
            Box::new(journal),
        )
        .unwrap_err();
        assert_eq!(
            failure.status(),
            Status::InternalError,
            "after {left} events"
        );
        assert!(
            failure.message.contains("record cannot be written"),
            "{failure:?}"
        );
        if left <= branch_phase {
            assert_eq!(place.branches(), "refs/heads/main", "after {left} events");
        }
        assert_eq!(place.git(&["status", "--porcelain"]), "");
        assert_eq!(place.git(&["fsck", "--strict", "--no-dangling"]), "");
    }
}

#[test]
fn a_sandbox_that_cannot_be_made_runs_nothing() {
    let place = Place::new();
    let end = run(
        Box::new(place.real_git()),
        Arc::new(NoSandbox),
        Box::new(place.writer()),
    )
    .unwrap();
    assert_ne!(end.run.status, Some(Status::Success));
    assert!(end.run.tests.is_none(), "no result is made up");
    let item = end
        .run
        .checklist
        .iter()
        .find(|item| item.id == ItemId::TestsPass)
        .unwrap();
    assert!(!item.ticked);
}

#[test]
fn an_abandon_that_git_refuses_changes_nothing_and_says_so() {
    let place = Place::new();
    let first = place.finished_run();
    let parts = Parts {
        git: Box::new(BrokenGit {
            inner: place.real_git(),
            broken: "abandon",
        }),
        ..place.parts(&first)
    };
    let run = review(parts, vec![ReviewCommand::Abandon]);
    assert_eq!(run.decision, Decision::Pending);
    let said = |(text, _): &(String, String)| text.contains("the disk caught fire");
    assert!(run.notices.iter().any(said), "{:?}", run.notices);
    assert!(place.branches().contains("self-upgrade/x"));
}

impl Place {
    /// The state of a run that succeeded.
    fn finished_run(&self) -> RunState {
        let git = Box::new(self.real_git());
        run(git, real_sandbox(), Box::new(self.writer()))
            .unwrap()
            .run
    }

    /// Real ports on a recorded run.
    fn parts(&self, recorded: &RunState) -> Parts {
        let store = Store::open(&self.state(), &[self.repo()]).unwrap();
        Parts {
            git: Box::new(self.real_git()),
            sandbox: real_sandbox(),
            journal: Box::new(store.reopen(&recorded.run).unwrap()),
        }
    }

    /// What a reviewer types into the approval dialog, after everything else was done.
    fn approve(&self, run: &RunState, typed: &str) -> RunState {
        let approve = ReviewCommand::Approve {
            tree: run.tree.clone().unwrap(),
            typed: typed.to_owned(),
        };
        review(self.parts(run), vec![approve])
    }
}

/// Ticks, marks and reads everything that approval asks for.
fn everything(run: &RunState) -> Vec<ReviewCommand> {
    let human = [ItemId::NoSecrets, ItemId::Minimal, ItemId::Documentation];
    let ticks = human.map(ReviewCommand::Toggle);
    let views = run.changed_files.iter().map(|file| ReviewCommand::View {
        path: file.path.clone(),
        viewed: true,
    });
    let findings = u32::try_from(run.findings.len()).unwrap();
    let reads = (0..findings).map(ReviewCommand::ReadFinding);
    ticks.into_iter().chain(views).chain(reads).collect()
}

fn right(run: &RunState) -> &str {
    &run.tree.as_ref().unwrap().as_str()[..4]
}

#[test]
fn an_approval_needs_every_item_and_the_trees_own_characters() {
    let place = Place::new();
    let run = place.finished_run();
    let early = place.approve(&run, right(&run));
    assert_eq!(early.decision, Decision::Pending, "items are open");
    review(place.parts(&run), everything(&run));
    assert_eq!(place.approve(&run, "zzzz").decision, Decision::Pending);
    let approved = place.approve(&run, right(&run));
    assert_eq!(
        approved.decision,
        Decision::Approved,
        "{:?}",
        approved.notices
    );
    let commit = run.commit.unwrap();
    let command = approved.merge_command.unwrap();
    assert!(command.contains(commit.as_str()), "{command}");
    assert_ne!(
        place.git(&["rev-parse", "main"]),
        commit.as_str(),
        "milton never merges"
    );
    place.git(&["checkout", "-q", "main"]);
    let merged = Command::new("sh").args(["-c", &command]).output().unwrap();
    assert!(
        merged.status.success(),
        "the printed command works: {merged:?}"
    );
}

#[test]
fn an_approval_is_void_when_the_branch_or_the_test_log_changed() {
    let place = Place::new();
    let run = place.finished_run();
    review(place.parts(&run), everything(&run));
    let tip = place.git(&["rev-parse", "self-upgrade/x"]);
    place.git(&["branch", "-f", "self-upgrade/x", "main"]);
    let refused = place.approve(&run, right(&run));
    assert_eq!(refused.decision, Decision::Pending);
    let told = |run: &RunState| run.notices.last().unwrap().clone();
    let (words, hint) = told(&refused);
    assert!(
        words.contains("self-upgrade/x no longer points at"),
        "{words}"
    );
    assert!(hint.contains("run the change again"), "{hint}");
    place.git(&["branch", "-D", "self-upgrade/x"]);
    let refused = place.approve(&run, right(&run));
    assert_eq!(refused.decision, Decision::Pending);
    assert!(
        told(&refused).0.contains("self-upgrade/x"),
        "{:?}",
        told(&refused)
    );
    place.git(&["branch", "self-upgrade/x", &tip]);
    let journal = place.parts(&run).journal;
    // The log that the approval is bound to: the candidate's, not the base's.
    let suite = run
        .commands
        .iter()
        .rfind(|command| command.start.purpose == Purpose::Candidate)
        .unwrap();
    let log = journal.folder().join(suite.start.output.as_ref().unwrap());
    drop(journal);
    let honest = std::fs::read(&log).unwrap();
    std::fs::write(&log, "999 passed\n").unwrap();
    assert_eq!(place.approve(&run, right(&run)).decision, Decision::Pending);
    std::fs::write(&log, honest).unwrap();
    let approved = place.approve(&run, right(&run));
    assert_eq!(approved.decision, Decision::Approved);
}

#[test]
fn an_approval_says_that_the_base_has_moved_since() {
    let place = Place::new();
    let run = place.finished_run();
    review(place.parts(&run), everything(&run));
    place.git(&["commit", "-q", "--allow-empty", "-m", "somebody else"]);
    let approved = place.approve(&run, right(&run));
    assert_eq!(approved.decision, Decision::Approved);
    let (words, hint) = approved.notices.last().unwrap();
    assert!(words.contains("main moved on to"), "{words}");
    assert!(hint.contains("new base"), "{hint}");
    assert_eq!(
        approved.base, run.base,
        "the approval stays bound to what was reviewed"
    );
}

#[test]
fn an_approved_run_verifies_and_an_approval_of_something_else_does_not() {
    let place = Place::new();
    let run = place.finished_run();
    review(place.parts(&run), everything(&run));
    let approved = place.approve(&run, right(&run));
    assert_eq!(approved.decision, Decision::Approved);
    let store = Store::look(&place.state(), &[]).unwrap();
    let verified = store.folder(&run.run).verify();
    let checks = against_repository(
        &approved,
        &place.real_git(),
        store.folder(&run.run).dir(),
        &HumanPolicy::default(),
    );
    for check in verified.checks.iter().chain(&checks) {
        assert!(!check.is_failed(), "{check:?}");
    }
    assert!(checks.iter().any(|check| check.subject == "approval"));
    // An approval that was given for something else is found.
    let mut forged = approved.clone();
    forged.approval.as_mut().unwrap().diff_sha256 = milton::model::Digest::of(b"another");
    let folder = store.folder(&run.run);
    let checks = against_repository(
        &forged,
        &place.real_git(),
        folder.dir(),
        &HumanPolicy::default(),
    );
    let approval = checks
        .iter()
        .find(|check| check.subject == "approval")
        .unwrap();
    assert!(
        approval.is_failed() && approval.detail.contains("diff"),
        "{approval:?}"
    );
}
