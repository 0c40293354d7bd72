//! An honest project: a checkout with a package, tests, and what its tests are run with.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::snapshot::{Snapshot, differences, snapshot};

/// The import hook that setuptools writes, cut down to one package.
const FINDER: &str = "\
import sys
from importlib.util import spec_from_file_location

MAPPING = {'pkg': '{source}/pkg'}


class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in MAPPING:
            folder = MAPPING[name]
            return spec_from_file_location(
                name, folder + '/__init__.py', submodule_search_locations=[folder]
            )


def install():
    sys.meta_path.append(Finder)
";

/// One project, started by whoever runs the tests.
pub(crate) struct Project {
    place: TempDir,
}

impl Project {
    pub(crate) fn new() -> Self {
        let project = Self {
            place: tempdir().unwrap(),
        };
        std::fs::create_dir_all(project.home()).unwrap();
        std::fs::write(
            project.home().join(".gitconfig"),
            "[user]\n\tname = Test Person\n\temail = test@example.com\n[init]\n\tdefaultBranch = main\n",
        )
        .unwrap();
        project.write("src/pkg/__init__.py", "");
        project.write("src/pkg/m.py", "x = 1\n");
        project.write("README.md", "A project.\n");
        project.write(".gitignore", ".venv/\nbuild/\n*.egg-info/\n");
        project.git(&["init", "-q"]);
        project
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.place.path().canonicalize().unwrap().join("home")
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.place.path().canonicalize().unwrap().join("repo")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.repo().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "start"]);
    }

    fn git(&self, arguments: &[&str]) {
        let output = self.called("git", arguments);
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
    }

    /// Runs the machine's Python outside; it must succeed.
    pub(crate) fn python(&self, arguments: &[&str]) -> String {
        let output = self.called("python3", arguments);
        assert!(output.status.success(), "python3 {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn called(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.repo())
            .env("HOME", self.home())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("MILTON_STATE_DIR", self.place.path().join("state"))
            .stdin(Stdio::null());
        command.output().unwrap()
    }

    /// `.venv`, with the packages of the machine's Python in sight (pytest).
    pub(crate) fn make_virtual_environment(&self) {
        self.python(&[
            "-m",
            "venv",
            "--without-pip",
            "--system-site-packages",
            ".venv",
        ]);
    }

    /// What `pip install -e .` leaves in `.venv`, without a network: a path file, or a finder that
    /// a path file puts among Python's.
    pub(crate) fn install_editable(&self, kind: &str) {
        let packages = self.python(&[
            "-c",
            "import glob; print(glob.glob('.venv/lib/python3*/site-packages')[0])",
        ]);
        let source = self.repo().join("src");
        let source = source.display();
        let write = |name: &str, text: String| self.write(&format!("{packages}/{name}"), &text);
        if kind == "path file" {
            write("__editable__.pkg.pth", format!("{source}\n"));
            return;
        }
        write(
            "__editable___pkg_finder.pth",
            "import __editable___pkg_finder; __editable___pkg_finder.install()\n".to_owned(),
        );
        write(
            "__editable___pkg_finder.py",
            FINDER.replace("{source}", &source.to_string()),
        );
    }

    /// Runs a test command through milton: the verdict, and what was printed.
    pub(crate) fn run(&self, test: &str) -> (Value, String) {
        let patch = self.place.path().join("change.patch");
        std::fs::write(
            &patch,
            "--- a/src/pkg/m.py\n+++ b/src/pkg/m.py\n@@ -1 +1,2 @@\n x = 1\n+y = 2\n",
        )
        .unwrap();
        let milton = env!("CARGO_BIN_EXE_milton");
        let arguments = [
            "run",
            "Change one file",
            "--patch",
            patch.to_str().unwrap(),
            "--headless",
            "--format",
            "json",
            "--test",
            test,
        ];
        let output = self.called(milton, &arguments);
        let out = String::from_utf8_lossy(&output.stdout);
        let last = out.lines().last().unwrap_or_default();
        let verdict: Value =
            serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {out}\n{output:?}"));
        let folder = Path::new(verdict["evidence_dir"].as_str().unwrap()).join("output");
        let mut printed = String::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            if file.extension().is_some_and(|end| end == "log") {
                printed += &String::from_utf8_lossy(&std::fs::read(file).unwrap());
            }
        }
        (verdict, printed)
    }

    /// The checkout and the home folder as they stand.
    pub(crate) fn looked_at(&self) -> Snapshot {
        snapshot(self.place.path(), &is_touched)
    }

    /// How they differ from before, but for what milton adds.
    pub(crate) fn differences(&self, before: &Snapshot) -> Vec<String> {
        let is_new = |path: &Path| {
            let text = path.to_str().unwrap_or_default();
            text.starts_with("state")
                || text == "change.patch"
                || text.starts_with("repo/.git/objects/")
                || text.contains("/self-upgrade")
        };
        differences(before, &self.looked_at(), &is_new)
    }

    /// A link in the checkout.
    pub(crate) fn link(&self, to: &Path, name: &str) {
        let path = self.repo().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(to, path).unwrap();
    }
}

fn is_touched(path: &Path) -> bool {
    let text = path.to_str().unwrap_or_default();
    text.is_empty()
        || ["objects", "refs", "logs"]
            .iter()
            .any(|name| text.starts_with(&format!("repo/.git/{name}")))
}
