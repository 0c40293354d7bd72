//! Real repositories for the tests of this module, made with the real git.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::git::{Built, CommitMessage, Repository, open};
use crate::model::{ChangeSet, FileChange, FileMode, FileState, LineStat, Oid, Topic, WorkBranch};
use crate::policy::Cleared;

/// A repository in a temporary folder, with its own home and configuration.
pub(crate) struct Fixture {
    folder: TempDir,
}

impl Fixture {
    /// A repository without commits, on the branch `main`.
    pub(crate) fn empty() -> Self {
        let fixture = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(fixture.path()).unwrap();
        fs::create_dir(fixture.outside("home")).unwrap();
        fixture.git(&["init", "-q", "-b", "main"]);
        fixture.git(&["config", "user.name", "Ada Lovelace"]);
        fixture.git(&["config", "user.email", "ada@example.org"]);
        // Nothing may tidy up in the background while a test compares.
        fixture.git(&["config", "gc.auto", "0"]);
        fixture.git(&["config", "maintenance.auto", "false"]);
        fixture
    }

    /// A repository with one commit of these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let fixture = Self::empty();
        for (path, content) in files {
            fixture.write(path, content.as_bytes());
        }
        fixture.commit_all("first");
        fixture
    }

    /// The work tree.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    /// A path beside the work tree.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn open(&self) -> Repository {
        open(&self.path()).unwrap()
    }

    pub(crate) fn write(&self, path: &str, content: &[u8]) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn commit_all(&self, message: &str) -> Oid {
        self.git(&["add", "-A", "-f"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.oid("HEAD")
    }

    pub(crate) fn oid(&self, name: &str) -> Oid {
        let text = self.git(&["rev-parse", "--verify", "-q", name]);
        Oid::parse(text.trim()).unwrap()
    }

    /// Runs git in the work tree; its output as text.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        String::from_utf8_lossy(&self.git_bytes(&self.path(), arguments)).into_owned()
    }

    /// Runs git in a folder; its output.
    pub(crate) fn git_bytes(&self, folder: &Path, arguments: &[&str]) -> Vec<u8> {
        let output = self.try_git(folder, arguments);
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the tests compare with the real git"
    )]
    pub(crate) fn try_git(&self, folder: &Path, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new("git");
        for name in [
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_INDEX_FILE",
            "GIT_CONFIG_COUNT",
        ] {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir(folder)
            .env("HOME", self.outside("home"))
            .env("XDG_CONFIG_HOME", self.outside("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap()
    }

    /// The diff as git prints it with its default configuration.
    pub(crate) fn git_diff(&self, base: &Oid, commit: &Oid) -> Vec<u8> {
        self.git_bytes(&self.path(), &["diff", &format!("{base}...{commit}")])
    }

    /// Everything that nobody but the user may change: refs, HEAD, index, configuration, stash,
    /// work tree; by name.
    pub(crate) fn untouchables(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let refs = self.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        let others = refs
            .lines()
            .filter(|line| !line.starts_with("refs/heads/self-upgrade/"))
            .filter(|line| !line.starts_with("refs/milton/"))
            .collect::<Vec<_>>()
            .join("\n");
        found.insert("refs".to_owned(), others.into_bytes());
        collect(&self.path(), &self.path(), &mut found);
        found.retain(|name, _| {
            !name.starts_with(".git/objects/")
                && !name.starts_with(".git/refs/heads/self-upgrade")
                && !name.starts_with(".git/logs/refs/heads/self-upgrade")
                && !name.starts_with(".git/refs/milton")
        });
        found
    }
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let data = fs::symlink_metadata(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if data.is_dir() {
            collect(root, &path, found);
        } else {
            let time = format!("{:?} ", data.modified().unwrap()).into_bytes();
            let content = fs::read(&path).unwrap_or_default();
            found.insert(name, [time, content].concat());
        }
    }
}

/// Permission without a verdict.
pub(crate) fn cleared<T>(value: T) -> Cleared<T> {
    Cleared::for_tests(value)
}

pub(crate) fn branch(topic: &str) -> WorkBranch {
    WorkBranch::new(Topic::parse(topic).unwrap())
}

pub(crate) fn message(subject: &str) -> CommitMessage {
    CommitMessage {
        subject: subject.to_owned(),
        ..CommitMessage::default()
    }
}

/// What a change does to one path.
pub(crate) enum Do<'a> {
    Write(&'a [u8]),
    Mode(FileMode, &'a [u8]),
    Delete,
}

/// A change set for the base, as the plan would make it.
pub(crate) fn changes(repository: &Repository, base: &Oid, edits: &[(&str, Do<'_>)]) -> ChangeSet {
    use crate::model::BaseTree as _;
    let snapshot = repository.snapshot(base).unwrap();
    let files = edits.iter().map(|(path, act)| {
        let before = snapshot
            .entry(path)
            .unwrap()
            .filter(|entry| entry.mode != FileMode::Tree);
        let before = before.map(|entry| FileState {
            oid: Some(entry.oid.clone()),
            ..FileState::proposed(entry.mode, snapshot.blob(&entry.oid).unwrap_or_default())
        });
        let mode = before
            .as_ref()
            .map_or(FileMode::Regular, |state| state.mode);
        let after = match act {
            Do::Write(content) => Some(FileState::proposed(mode, content.to_vec())),
            Do::Mode(mode, content) => Some(FileState::proposed(*mode, content.to_vec())),
            Do::Delete => None,
        };
        FileChange {
            path: (*path).to_owned(),
            before,
            after,
            renamed_from: None,
            lines: LineStat::default(),
        }
    });
    ChangeSet {
        files: files.collect(),
    }
}

/// Builds a commit of these edits.
pub(crate) fn build(repository: &Repository, base: &Oid, edits: &[(&str, Do<'_>)]) -> Built {
    let set = cleared(changes(repository, base, edits));
    repository
        .build_commit(base, &set, &message("change"))
        .unwrap()
}
