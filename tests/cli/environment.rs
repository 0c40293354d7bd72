//! A hermetic place for one test: its own HOME, run store and repository; nothing of the machine's
//! git configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// One test's place.
pub(crate) struct Environment {
    root: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// What one call of milton came to.
#[must_use = "look at the exit code or the output"]
pub(crate) struct Called {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Called {
    /// The verdict object: the last line of JSON Lines output.
    pub(crate) fn verdict(&self) -> Value {
        let last = self
            .out
            .lines()
            .last()
            .unwrap_or_else(|| panic!("no output; stderr: {}", self.err));
        serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {last}\nstderr: {}", self.err))
    }

    /// The rules of all violations of the verdict.
    pub(crate) fn rules(&self) -> Vec<String> {
        let verdict = self.verdict();
        let violations = verdict["violations"].as_array().unwrap();
        violations
            .iter()
            .map(|v| v["rule"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Environment {
    /// A place with a repository of one commit: a small Python project with one passing test.
    pub(crate) fn with_project() -> Self {
        let environment = Self::empty();
        environment.write("calc.py", "def add(a, b):\n    return a + b\n");
        environment.write(
            "tests/test_calc.py",
            "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n",
        );
        environment.write(
            "pytest.ini",
            "[pytest]\npythonpath = .\ntestpaths = tests\n",
        );
        environment.commit("start");
        environment
    }

    /// A place with an empty repository.
    pub(crate) fn empty() -> Self {
        let root = tempfile::tempdir().unwrap();
        let environment = Self {
            root,
            variables: Vec::new(),
        };
        std::fs::create_dir_all(environment.home()).unwrap();
        std::fs::create_dir_all(environment.repo()).unwrap();
        std::fs::write(
            environment.home().join(".gitconfig"),
            "[user]\n\tname = Test Person\n\temail = test@example.com\n[init]\n\tdefaultBranch = main\n",
        )
        .unwrap();
        environment.git(&["init", "-q"]);
        environment
    }

    /// The same place with one more environment variable for milton.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.root().join("repo")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.root().join("state")
    }

    /// Writes a file of the repository.
    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.repo().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    /// Runs git in the repository; it must succeed.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let output = self.try_git(arguments);
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    pub(crate) fn try_git(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.repo());
        self.dress(&mut command);
        command.output().unwrap()
    }

    fn dress(&self, command: &mut Command) {
        command
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("MILTON_STATE_DIR", self.state())
            // The demo's folder stays on purpose; here it goes with the test.
            .env("TMPDIR", self.root())
            .env("LANG", "C.UTF-8");
        for (name, value) in &self.variables {
            command.env(name, value);
        }
    }

    /// The command for milton, in the repository.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_milton"));
        command
            .args(arguments)
            .current_dir(self.repo())
            .stdin(Stdio::null());
        self.dress(&mut command);
        command
    }

    /// Calls milton and waits for it.
    pub(crate) fn milton(&self, arguments: &[&str]) -> Called {
        called(&self.command(arguments).output().unwrap())
    }

    /// Calls milton with something on its standard input.
    pub(crate) fn milton_with_input(&self, arguments: &[&str], input: &[u8]) -> Called {
        use std::io::Write as _;
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A milton that refuses early closes the pipe; that is its right.
        child.stdin.take().unwrap().write_all(input).ok();
        called(&child.wait_with_output().unwrap())
    }

    /// `milton run … --patch -` headless with JSON output.
    pub(crate) fn run_patch(&self, patch: &str, more: &[&str]) -> Called {
        let mut arguments = vec![
            "run",
            "Change the calculator",
            "--patch",
            "-",
            "--headless",
            "--format",
            "json",
        ];
        arguments.extend(more);
        self.milton_with_input(&arguments, patch.as_bytes())
    }

    /// `milton run … --proposal -` headless with JSON output.
    pub(crate) fn run_proposal(&self, proposal: &Value, more: &[&str]) -> Called {
        let mut arguments = vec!["run", "--proposal", "-", "--headless", "--format", "json"];
        arguments.extend(more);
        self.milton_with_input(&arguments, proposal.to_string().as_bytes())
    }

    /// Starts milton without waiting.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Everything of the repository that milton must not change, as one comparable map: refs but
    /// its own, HEAD, index, configuration, stash, hooks, and every file of the work tree.
    pub(crate) fn digest(&self) -> BTreeMap<String, Vec<u8>> {
        let mut map = BTreeMap::new();
        let refs = self.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        let own = |line: &&str| {
            !line.contains("refs/heads/self-upgrade/") && !line.starts_with("refs/milton/")
        };
        map.insert(
            "refs".to_owned(),
            refs.lines()
                .filter(own)
                .collect::<Vec<_>>()
                .join("\n")
                .into_bytes(),
        );
        for name in [
            "HEAD",
            "index",
            "config",
            "packed-refs",
            "logs/HEAD",
            "logs/refs/heads/main",
            "logs/refs/stash",
        ] {
            if let Ok(bytes) = std::fs::read(self.repo().join(".git").join(name)) {
                map.insert(format!(".git/{name}"), bytes);
            }
        }
        collect(&self.repo(), &self.repo(), &mut map);
        collect(&self.repo().join(".git/hooks"), &self.repo(), &mut map);
        map
    }

    /// The folder of the newest run.
    pub(crate) fn newest_run(&self) -> PathBuf {
        let mut runs: Vec<PathBuf> = std::fs::read_dir(self.state().join("runs"))
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        runs.sort();
        runs.pop().expect("there is a run")
    }

    /// A file of the newest run.
    pub(crate) fn run_file(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.newest_run().join(name)).unwrap()).into_owned()
    }
}

fn collect(dir: &Path, root: &Path, map: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path == root.join(".git") {
            continue;
        }
        if path.is_dir() && !path.is_symlink() {
            collect(&path, root, map);
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            map.insert(name, std::fs::read(&path).unwrap_or_default());
        }
    }
}

fn called(output: &Output) -> Called {
    Called {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The machine's PATH: python and git are wherever they are.
pub(crate) fn path() -> String {
    std::env::var("PATH").unwrap()
}
