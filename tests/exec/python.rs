//! Real pytest through the test view: what counts as a pass, and which code is imported.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use milton::exec::report::{self, Counted, PluginChannel, Reading};
use milton::exec::{CommandSpec, Finished, View, ViewRequest, prepare_view, resolve_program};
use milton::model::{CaseOutcome, Channel, ExitKind, TestOutcome, TestReport};

use super::support::{Place, variable};

/// A checkout, its view and a scratch folder.
struct Project {
    place: Place,
    linked: Vec<String>,
    timeout: Duration,
}

impl Project {
    /// The same files in checkout and view, as after an export of the unchanged tree.
    fn new(files: &[(&str, &str)]) -> Self {
        let project = Self {
            place: Place::new(),
            linked: Vec::new(),
            timeout: Duration::from_secs(120),
        };
        for (path, text) in files {
            write(&project.checkout().join(path), text);
            write(&project.view_root().join(path), text);
        }
        std::fs::create_dir_all(project.checkout()).unwrap();
        std::fs::create_dir_all(project.view_root()).unwrap();
        project
    }

    fn checkout(&self) -> PathBuf {
        self.place.path().join("checkout")
    }

    fn view_root(&self) -> PathBuf {
        self.place.path().join("view")
    }

    fn view(&self) -> View {
        prepare_view(&ViewRequest {
            root: self.view_root(),
            checkout: &self.checkout(),
            linked: &self.linked,
            parent_env: &parent_env(),
            restricted: true,
            scratch: &self.place.path().join("scratch"),
        })
        .unwrap()
    }

    /// Runs a test command the way the pipeline does.
    async fn test(&self, argv: &[&str]) -> (TestReport, Finished) {
        let (counted, finished) = self.count(argv).await;
        (counted.report, finished)
    }

    /// The same, test by test.
    async fn count(&self, argv: &[&str]) -> (Counted, Finished) {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        let view = self.view();
        let path = std::env::var_os("PATH");
        let program = resolve_program(&argv[0], &view, path.as_deref(), &self.checkout()).unwrap();
        let report_file = view.reports.join("report.xml");
        report::clear(&report_file).unwrap();
        let record_file = view.reports.join("record");
        report::clear(&record_file).unwrap();
        let channel = report::is_pytest(&argv).then(|| PluginChannel::new().unwrap());
        let (mut more, mut stdin) = (Vec::new(), Vec::new());
        if let Some(channel) = &channel {
            channel.install(&view.support_outside).unwrap();
            more = ["-p", channel.module()].map(str::to_owned).to_vec();
            stdin = channel.stdin(&record_file, &["pkg".to_owned()]);
        }
        let instrumented = report::instrument(&argv, &report_file, &more);
        let mut env = view.env.clone();
        env.extend(instrumented.env);
        let python_path = env.iter_mut().find(|(name, _)| name == "PYTHONPATH");
        let (_, python_path) = python_path.unwrap();
        python_path.push(":");
        python_path.push(&view.support);
        let spec = CommandSpec {
            argv: instrumented.argv,
            program,
            cwd: view.root.clone(),
            env,
            timeout: self.timeout,
            output: self.place.log_file(),
            output_limit: 1 << 24,
            stdin,
            reports: Vec::new(),
            confinement: view.confinement.clone(),
        };
        let finished = self.place.run(spec).await.unwrap();
        let text = &finished.stderr.head;
        assert!(
            !text.contains("No module named pytest"),
            "this test needs pytest: python3 -m pip install pytest ({text})"
        );
        let counted = report::read(&Reading {
            argv: &argv,
            kind: instrumented.kind,
            exit: &finished.exit,
            duration: finished.duration,
            report_file: &report_file,
            record: channel
                .as_ref()
                .map(|channel| (channel, record_file.as_path())),
            view: &view.candidate(),
        });
        (counted, finished)
    }

    async fn pytest(&self) -> TestReport {
        let (report, finished) = self.test(&["python3", "-m", "pytest", "-q"]).await;
        println!("{}{}", finished.stdout.head, finished.stderr.head);
        println!("{report:#?}");
        report
    }
}

fn parent_env() -> BTreeMap<OsString, OsString> {
    std::env::vars_os().collect()
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[tokio::test]
async fn a_green_suite_is_a_pass() {
    let project = Project::new(&[(
        "tests/test_a.py",
        "def test_one(): pass\ndef test_two(): pass\n",
    )]);
    let report = project.pytest().await;
    assert_eq!(report.outcome, TestOutcome::Passed);
    assert_eq!((report.passed, report.failed, report.skipped), (2, 0, 0));
    assert_eq!(report.exit, Some(0));
    assert_eq!(report.argv, ["python3", "-m", "pytest", "-q"]);
    assert_eq!(report.reason, "exit code 0; 2 passed, 0 failed, 0 skipped");
}

#[tokio::test]
async fn a_failure_names_test_file_line_and_message() {
    let source = "import pytest\n\nclass TestX:\n    @pytest.mark.parametrize('n', [1, 2])\n    \
                  def test_n(self, n):\n        helper(n)\n\ndef helper(n):\n    assert n == 1, 'no <&> one'\n";
    let project = Project::new(&[("tests/test_a.py", source)]);
    let report = project.pytest().await;
    assert_eq!(report.outcome, TestOutcome::Failed);
    assert_eq!((report.passed, report.failed, report.exit), (1, 1, Some(1)));
    let failure = &report.failures[0];
    assert_eq!(failure.name, "tests/test_a.py::TestX::test_n[2]");
    assert_eq!(failure.file.as_deref(), Some("tests/test_a.py"));
    assert_eq!(failure.line, Some(9));
    assert_eq!(failure.message, "AssertionError: no <&> one");
    assert!(
        failure.traceback.contains("assert 2 == 1"),
        "{}",
        failure.traceback
    );
}

#[tokio::test]
async fn a_failure_inside_the_package_is_shown_there() {
    let project = Project::new(&[
        (
            "src/pkg/__init__.py",
            "def half(n):\n    raise ValueError('odd')\n",
        ),
        (
            "tests/test_a.py",
            "import pkg\ndef test_half(): pkg.half(3)\n",
        ),
    ]);
    let report = project.pytest().await;
    let failure = &report.failures[0];
    assert_eq!(failure.name, "tests/test_a.py::test_half");
    assert_eq!(failure.file.as_deref(), Some("src/pkg/__init__.py"));
    assert_eq!(failure.line, Some(2));
}

#[tokio::test]
async fn no_tests_are_not_a_pass() {
    let report = Project::new(&[("README", "")]).pytest().await;
    assert_eq!(report.outcome, TestOutcome::NoneCounted);
    assert_eq!(report.exit, Some(5));
    assert_eq!(
        report.reason,
        "exit code 5 (no tests collected); the report counts no test"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_collected_is_a_failure_with_its_reason() {
    let project = Project::new(&[
        ("tests/test_a.py", "import no_such_module\n"),
        ("tests/test_b.py", "def test_b(): pass\n"),
    ]);
    let report = project.pytest().await;
    assert_eq!(
        (report.outcome, report.exit),
        (TestOutcome::Failed, Some(2))
    );
    let failure = &report.failures[0];
    assert_eq!(failure.name, "tests/test_a.py");
    assert_eq!(
        (failure.file.as_deref(), failure.line),
        (Some("tests/test_a.py"), Some(1))
    );
    assert_eq!(
        failure.message,
        "ModuleNotFoundError: No module named 'no_such_module'"
    );
}

#[tokio::test]
async fn skips_and_expected_failures_are_counted_as_skipped() {
    let source = "import pytest\n@pytest.mark.skip\ndef test_s(): pass\n@pytest.mark.xfail\n\
                  def test_x(): assert 0\ndef test_p(): pass\n";
    let project = Project::new(&[("test_a.py", source)]);
    let report = project.pytest().await;
    assert_eq!(report.outcome, TestOutcome::Passed);
    assert_eq!((report.passed, report.failed, report.skipped), (1, 0, 2));

    let project = Project::new(&[(
        "test_a.py",
        "import pytest\n@pytest.mark.skip\ndef test_s(): pass\n",
    )]);
    let report = project.pytest().await;
    assert_eq!(report.outcome, TestOutcome::NoneCounted);
    assert_eq!(report.exit, Some(0));
}

#[tokio::test]
async fn sub_tests_and_errors_in_teardown_do_not_upset_the_counts() {
    let source = "import unittest\nclass T(unittest.TestCase):\n    def test_s(self):\n        \
                  for n in range(3):\n            with self.subTest(n=n): self.assertLess(n, 9)\n";
    let report = Project::new(&[("test_a.py", source)]).pytest().await;
    assert_eq!((report.outcome, report.passed), (TestOutcome::Passed, 1));

    let source =
        "import pytest\n@pytest.fixture\ndef bad():\n    yield\n    1 / 0\ndef test_t(bad): pass\n";
    let report = Project::new(&[("test_a.py", source)]).pytest().await;
    assert_eq!((report.outcome, report.failed), (TestOutcome::Failed, 1));
    assert_eq!(report.failures[0].line, Some(5));
}

#[tokio::test]
async fn forged_ends_are_not_a_pass() {
    let green = ("test_a.py", "def test_a(): pass\n");
    let red = ("test_a.py", "def test_a(): assert 0\n");
    let exit = (
        "conftest.py",
        "import os\nprint('999 passed')\nos._exit(0)\n",
    );
    let report = Project::new(&[green, exit]).pytest().await;
    assert_eq!(
        (report.outcome, report.exit),
        (TestOutcome::NoReport, Some(0))
    );
    assert_eq!(
        report.reason,
        "exit code 0; pytest ended before its session did: the record of the tests has no end"
    );

    let finish = (
        "conftest.py",
        "def pytest_sessionfinish(session): session.exitstatus = 0\n",
    );
    let report = Project::new(&[red, finish]).pytest().await;
    assert_eq!(
        (report.outcome, report.exit),
        (TestOutcome::Failed, Some(0))
    );

    let shadow = ("pytest.py", "print('999 passed')\n");
    let report = Project::new(&[green, shadow]).pytest().await;
    assert_eq!(report.outcome, TestOutcome::NoReport);

    let off = ("pytest.ini", "[pytest]\naddopts = -p no:junitxml\n");
    let report = Project::new(&[green, off]).pytest().await;
    assert_ne!(report.outcome, TestOutcome::Passed);
}

#[tokio::test]
async fn a_suite_that_sets_its_own_report_still_writes_ours() {
    let ini = "[pytest]\naddopts = --ff --junitxml=theirs.xml -o junit_family=xunit2 -o junit_logging=all -o junit_suite_name=x\n";
    let project = Project::new(&[("pytest.ini", ini), ("test_a.py", "def test_a(): pass\n")]);
    let report = project.pytest().await;
    assert_eq!((report.outcome, report.passed), (TestOutcome::Passed, 1));
    assert!(!project.view_root().join("theirs.xml").exists());
}

#[tokio::test]
async fn an_endless_suite_is_timed_out() {
    let mut project = Project::new(&[(
        "test_a.py",
        "import time\ndef test_a(): pass\ndef test_b(): time.sleep(61.71)\n",
    )]);
    project.timeout = Duration::from_secs(3);
    let report = project.pytest().await;
    assert_eq!(report.outcome, TestOutcome::TimedOut);
    assert!(report.timed_out);
    assert_eq!(report.exit, None);
}

#[tokio::test]
async fn the_candidate_is_imported_even_with_an_editable_install_of_the_checkout() {
    let mut project = Project::new(&[(
        "tests/test_a.py",
        "import pkg, sys\ndef test_origin():\n    print(pkg.__file__, sys.prefix)\n    assert pkg.WHO == 'candidate'\n",
    )]);
    write(
        &project.checkout().join("src/pkg/__init__.py"),
        "WHO = 'checkout'\n",
    );
    write(
        &project.view_root().join("src/pkg/__init__.py"),
        "WHO = 'candidate'\n",
    );
    let venv = project.checkout().join(".venv");
    let made = Command::new("python3")
        .args(["-m", "venv", "--without-pip", "--system-site-packages"])
        .arg(&venv)
        .status();
    assert!(made.unwrap().success());
    let lib = std::fs::read_dir(venv.join("lib"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let editable = lib.path().join("site-packages/__editable__.pkg.pth");
    write(&editable, project.checkout().join("src").to_str().unwrap());
    project.linked = vec![".venv".into(), "node_modules".into()];

    let view = project.view();
    assert_eq!(view.linked, [".venv"]);
    let path = variable(&view.env, "PATH").unwrap();
    let first = format!("{}/.venv/bin", view.root.display());
    assert!(path.starts_with(&first), "{path}");
    std::fs::remove_file(view.root.join(".venv")).unwrap();

    let report = project.pytest().await;
    assert_eq!(report.outcome, TestOutcome::Passed, "{report:#?}");
}

#[tokio::test]
async fn node_is_counted_by_its_own_report() {
    let source = "const {test, describe} = require('node:test'); const assert = require('assert');\n\
                  describe('group', () => { test('good', () => {}); test.skip('later', () => {}); });\n\
                  test('bad', () => { assert.equal(1, 2); });\n";
    let project = Project::new(&[("a.test.js", source)]);
    let (report, finished) = project.test(&["node", "--test"]).await;
    assert_eq!(report.outcome, TestOutcome::Failed, "{report:#?}");
    assert_eq!(
        (report.passed, report.failed, report.skipped),
        (1, 1, 1),
        "{report:#?}"
    );
    assert_eq!(report.failures[0].file.as_deref(), Some("a.test.js"));
    assert_eq!(report.failures[0].line, Some(3));
    assert!(finished.stdout.bytes > 0);
}

#[tokio::test]
async fn any_command_may_write_the_report_that_the_variable_names() {
    let project = Project::new(&[]);
    let script =
        r#"echo '<testsuite tests="1"><testcase name="t"/></testsuite>' > "$MILTON_JUNIT_XML""#;
    let (report, _) = project.test(&["sh", "-c", script]).await;
    assert_eq!((report.outcome, report.passed), (TestOutcome::Passed, 1));

    let project = Project::new(&[]);
    let (report, finished) = project.test(&["sh", "-c", "echo 999 passed"]).await;
    assert_eq!(finished.exit, ExitKind::Exited { code: 0 });
    assert_eq!(report.outcome, TestOutcome::NoReport);

    let project = Project::new(&[]);
    let script = r#"mkfifo "$MILTON_JUNIT_XML""#;
    let (report, _) = project.test(&["sh", "-c", script]).await;
    assert_eq!(report.outcome, TestOutcome::NoReport);
    assert_eq!(
        report.reason,
        "exit code 0; the report is not a regular file"
    );

    let project = Project::new(&[]);
    let script = r#"echo '<testsuite tests="1"><testcase/></testsuite>' > x; ln -s "$PWD/x" "$MILTON_JUNIT_XML""#;
    let (report, _) = project.test(&["sh", "-c", script]).await;
    assert_eq!(report.reason, "exit code 0; the report is a symbolic link");
}

/// Every way in which a test of pytest or unittest can end.
const ENDS: &str = "import unittest

import pytest


@pytest.fixture
def broken():
    raise RuntimeError('set-up')


@pytest.fixture
def leaky():
    yield
    raise RuntimeError('tear-down')


def test_passes(): pass
def test_fails(): assert False
def test_set_up(broken): pass
def test_tear_down(leaky): pass
@pytest.mark.skip
def test_skipped(): pass
def test_skips(): pytest.skip('now')
@pytest.mark.xfail
def test_expected(): assert False
def test_expects(): pytest.xfail('now')
@pytest.mark.xfail
def test_better(): pass
@pytest.mark.xfail(strict=True)
def test_too_good(): pass
@pytest.mark.parametrize('n', ['a b', '\u{e4}', '::'])
def test_n(n): assert n != '::'


class TestClass:
    def test_inside(self): pass


class Case(unittest.TestCase):
    def test_passes(self): pass
    def test_fails(self): self.fail()
    def test_errs(self): raise ValueError
    @unittest.skip('x')
    def test_skipped(self): pass
    def test_skips(self): self.skipTest('x')
    @unittest.expectedFailure
    def test_expected(self): self.fail()
    def test_parts(self):
        for n in range(3):
            with self.subTest(n=n):
                self.assertNotEqual(n, 1)
";

/// How each of them ends.
const ENDED: [(&str, CaseOutcome); 21] = [
    ("test_passes", CaseOutcome::Passed),
    ("test_fails", CaseOutcome::Failed),
    ("test_set_up", CaseOutcome::Failed),
    ("test_tear_down", CaseOutcome::Failed),
    ("test_skipped", CaseOutcome::Skipped),
    ("test_skips", CaseOutcome::Skipped),
    ("test_expected", CaseOutcome::ExpectedFailure),
    ("test_expects", CaseOutcome::ExpectedFailure),
    ("test_better", CaseOutcome::Passed),
    ("test_too_good", CaseOutcome::Failed),
    ("test_n[a b]", CaseOutcome::Passed),
    ("test_n[\\xe4]", CaseOutcome::Passed),
    ("test_n[::]", CaseOutcome::Failed),
    ("TestClass::test_inside", CaseOutcome::Passed),
    ("Case::test_passes", CaseOutcome::Passed),
    ("Case::test_fails", CaseOutcome::Failed),
    ("Case::test_errs", CaseOutcome::Failed),
    ("Case::test_skipped", CaseOutcome::Skipped),
    ("Case::test_skips", CaseOutcome::Skipped),
    ("Case::test_expected", CaseOutcome::ExpectedFailure),
    ("Case::test_parts", CaseOutcome::Failed),
];

#[tokio::test]
async fn every_end_of_a_test_is_recorded_as_what_it_is() {
    use CaseOutcome::{Failed, Skipped};
    let project = Project::new(&[
        ("tests/test_a.py", ENDS),
        ("tests/test_b.py", "import nothing_of_this_name\n"),
        (
            "tests/test_c.py",
            "import pytest\npytest.skip('x', allow_module_level=True)\n",
        ),
    ]);
    let argv = [
        "python3",
        "-m",
        "pytest",
        "-q",
        "--continue-on-collection-errors",
    ];
    let (counted, finished) = project.count(&argv).await;
    println!(
        "{}{}\n{counted:#?}",
        finished.stdout.head, finished.stderr.head
    );
    assert_eq!(counted.report.outcome, TestOutcome::Failed);
    assert_eq!(counted.report.integrity.channel, Channel::Record);
    assert!(counted.is_complete && !counted.tampered);
    let mut expected = vec![("tests/test_b.py", Failed), ("tests/test_c.py", Skipped)];
    expected.extend(ENDED);
    let short = |name: &str| {
        name.strip_prefix("tests/test_a.py::")
            .unwrap_or(name)
            .to_owned()
    };
    let found: BTreeMap<String, CaseOutcome> = counted
        .cases
        .iter()
        .map(|(name, outcome)| (short(name), *outcome))
        .collect();
    let expected: BTreeMap<String, CaseOutcome> = expected
        .into_iter()
        .map(|(name, outcome)| (name.to_owned(), outcome))
        .collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn the_file_of_a_module_is_told() {
    let project = Project::new(&[
        ("pkg/__init__.py", ""),
        ("tests/test_a.py", "def test_a():\n    import pkg\n"),
    ]);
    let (counted, _) = project.count(&["python3", "-m", "pytest", "-q"]).await;
    assert_eq!(counted.report.outcome, TestOutcome::Passed);
    let file = project.view_root().join("pkg/__init__.py");
    assert_eq!(counted.modules["pkg"], file.to_str().unwrap());
}
