//! The runs of the suite that one result stands on: the candidate's, the deciding one with the
//! base's harness, and the base's.

use std::collections::BTreeMap;

use crate::error::Failure;
use crate::exec::report;
use crate::exec::{StopLevel, StopSignal};
use crate::model::{Digest, EventKind, Purpose, TestReport, VerificationCommand};
use crate::pipeline::baseline;
use crate::pipeline::building::{git_failure, out_of_order};
use crate::pipeline::comparing::{Beside, compare};
use crate::pipeline::driver::Driver;
use crate::pipeline::imports;
use crate::pipeline::ports::TestedTree;
use crate::pipeline::testing::{self, SuiteRun, TestJob};
use crate::policy::Cleared;
use crate::record::Baselines;

impl Driver {
    /// Runs the suite on the candidate, and then what its result has to be held against: first with
    /// the base's harness, where the change touches it, then on the base. The candidate comes
    /// first, because that is what the reviewer waits for.
    pub(super) async fn try_tests(&mut self) -> Result<Result<TestReport, Failure>, Failure> {
        let prepared = tokio::task::block_in_place(|| self.prepare_candidate());
        let (job, facts) = match prepared {
            Ok(Prepared::Run(job, facts)) => (*job, facts),
            Ok(Prepared::Skipped(report)) => return Ok(Ok(*report)),
            Err(failure) => return Ok(Err(failure)),
        };
        self.record(EventKind::SandboxChosen {
            sandbox: job.view.sandbox.clone(),
        })
        .await?;
        let mut candidate = match self.drive_tests(job).await? {
            Ok(suite) => suite,
            Err(failure) => return Ok(Err(failure)),
        };
        for import in &mut candidate.imports {
            import.is_changed = facts.modules.get(&import.module) == Some(&true);
        }
        let deciding = self.run_deciding(&candidate, &facts).await?;
        let base = self.run_base(&candidate, &facts).await?;
        Ok(Ok(compare(candidate, base, deciding)))
    }

    fn prepare_candidate(&mut self) -> Result<Prepared, Failure> {
        let commands = self.cleared_commands()?;
        let suite = commands.iter().find(|command| command.get().is_suite);
        let suite = suite.or(commands.first()).cloned();
        let policy = self.work.policy.as_ref().ok_or_else(out_of_order)?;
        if policy.skip_tests() {
            let argv = suite.map(|suite| suite.get().argv.clone());
            let report = testing::skipped_report(argv.unwrap_or_default());
            return Ok(Prepared::Skipped(Box::new(report)));
        }
        let commit = self.run.commit.clone().ok_or_else(out_of_order)?;
        if !self.machine.stopping {
            self.stop = StopSignal::default();
        }
        let argv = suite.as_ref().map(|suite| suite.get().argv.clone());
        let harness = self.changed_harness(&argv.unwrap_or_default())?;
        let mut job = self.prepare_job(
            &TestedTree::of(commit.clone()),
            commands,
            Purpose::Candidate,
        )?;
        let tree = self
            .ports
            .git
            .snapshot(&commit)
            .map_err(|error| git_failure(&error))?;
        let modules = imports::wanted(&*tree, &self.run.changed_files).unwrap_or_default();
        drop(tree);
        job.modules = modules.keys().cloned().collect();
        let key = suite.as_ref().and_then(|suite| self.base_key(suite, &job));
        let facts = Facts {
            suite,
            harness,
            modules,
            key,
        };
        Ok(Prepared::Run(Box::new(job), facts))
    }

    /// The changed files that steer the suite.
    fn changed_harness(&self, argv: &[String]) -> Result<Vec<String>, Failure> {
        let policy = self.work.policy.as_ref().ok_or_else(out_of_order)?;
        let mut changed: Vec<(&str, bool)> = Vec::new();
        for file in &self.run.changed_files {
            changed.push((&file.path, file.letter != 'A' && file.old_path.is_none()));
            changed.extend(file.old_path.as_deref().map(|old| (old, true)));
        }
        // What pytest and node are given are tests; what a shell or make is given runs them.
        let runs_tests = report::is_pytest(argv) || argv.first().is_some_and(|name| name == "node");
        let named = if runs_tests { &[][..] } else { argv };
        Ok(policy.harness_files(&changed, named))
    }

    /// What a kept result of the base run is known by; `None` when that cannot be told.
    fn base_key(&self, suite: &Cleared<VerificationCommand>, job: &TestJob) -> Option<Digest> {
        let base = self.run.base.as_ref()?;
        let tree = self.ports.git.snapshot(base).ok()?;
        let suite = baseline::Suite {
            argv: &suite.get().argv,
            view: &job.view,
            checkout: &job.checkout,
            folder: &job.folder,
            sandbox: &*self.ports.sandbox,
        };
        baseline::key(&*tree, &suite).ok()
    }

    /// The suite on the candidate with the base's harness files, where the change touches some. It
    /// can only take a pass away, so a run that did not pass has no need of it.
    async fn run_deciding(
        &mut self,
        candidate: &SuiteRun,
        facts: &Facts,
    ) -> Result<Option<Beside>, Failure> {
        let passed = candidate.counted.report.outcome.is_pass();
        let (Some(suite), Some(base), Some(commit)) =
            (&facts.suite, self.run.base.clone(), self.run.commit.clone())
        else {
            return Ok(None);
        };
        if facts.harness.is_empty() || !passed || self.stop_asked() {
            return Ok(None);
        }
        let tree = TestedTree {
            commit,
            replaced: Some((base, facts.harness.clone())),
        };
        let run = self.run_beside(&tree, suite, Purpose::Deciding).await?;
        Ok(Some(match run {
            Ok(run) => Beside::of(run, facts.harness.clone()),
            Err(reason) => Beside::failed(reason, facts.harness.clone()),
        }))
    }

    /// The suite on the base, or what it came to before. It changes nothing where the candidate's
    /// run names no test.
    async fn run_base(
        &mut self,
        candidate: &SuiteRun,
        facts: &Facts,
    ) -> Result<Option<Beside>, Failure> {
        let (Some(suite), Some(base)) = (&facts.suite, self.run.base.clone()) else {
            return Ok(None);
        };
        if candidate.counted.cases.is_empty() || self.stop_asked() {
            return Ok(None);
        }
        let kept = Baselines::beside(&self.ports.journal.folder()).zip(facts.key.clone());
        let known = tokio::task::block_in_place(|| {
            let (baselines, key) = kept.as_ref()?;
            serde_json::from_slice::<Beside>(&baselines.get(key)?).ok()
        });
        if let Some(mut known) = known {
            known.run.command = None;
            return Ok(Some(known));
        }
        let tree = TestedTree::of(base);
        let run = self.run_beside(&tree, suite, Purpose::Base).await?;
        let beside = match run {
            Ok(run) => Beside::of(run, Vec::new()),
            Err(reason) => Beside::failed(reason, Vec::new()),
        };
        if let (true, Some((baselines, key)), Ok(bytes)) =
            (beside.is_complete, kept, serde_json::to_vec(&beside))
        {
            tokio::task::block_in_place(|| baselines.put(&key, &bytes));
        }
        Ok(Some(beside))
    }

    /// Runs the suite on another tree. That it could not be run is a result here: the candidate's
    /// own stands.
    async fn run_beside(
        &mut self,
        tree: &TestedTree,
        suite: &Cleared<VerificationCommand>,
        purpose: Purpose,
    ) -> Result<Result<SuiteRun, String>, Failure> {
        let commands = vec![suite.clone()];
        let prepared = tokio::task::block_in_place(|| self.prepare_job(tree, commands, purpose));
        let job = match prepared {
            Ok(job) => job,
            Err(failure) => return Ok(Err(failure.message)),
        };
        let run = self.drive_tests(job).await?;
        Ok(run.map_err(|failure| failure.message))
    }

    fn stop_asked(&self) -> bool {
        self.machine.stopping || self.stop.level() != StopLevel::Go
    }
}

enum Prepared {
    Skipped(Box<TestReport>),
    Run(Box<TestJob>, Facts),
}

/// What the runs of one suite share.
struct Facts {
    suite: Option<Cleared<VerificationCommand>>,
    harness: Vec<String>,
    /// The modules that are asked for, with whether the change touches them.
    modules: BTreeMap<String, bool>,
    key: Option<Digest>,
}
