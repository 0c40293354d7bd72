use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;
use crate::git::testing::Fixture;

struct Case {
    fixture: Fixture,
    place: TempDir,
}

impl Case {
    fn new(files: &[(&str, &str)]) -> Self {
        Self {
            fixture: Fixture::with(files),
            place: tempfile::tempdir().unwrap(),
        }
    }

    fn stage(&self, commit: &Oid, replaced: Option<&(Oid, Vec<String>)>) -> Staged {
        let into = self.place.path().join("stage");
        fs::remove_dir_all(&into).ok();
        self.fixture.open().stage(commit, replaced, &into).unwrap()
    }

    /// What the stage holds, without the git folder.
    fn written(&self) -> BTreeMap<String, String> {
        let root = self.place.path().join("stage");
        let mut found = BTreeMap::new();
        collect(&root, &root, &mut found);
        found
    }
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if entry.file_name() == ".git" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            collect(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            found.insert(name, fs::read_to_string(&path).unwrap_or_default());
        }
    }
}

fn files(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(path, content): &(&str, &str)| ((*path).to_owned(), (*content).to_owned());
    pairs.iter().map(owned).collect()
}

#[test]
fn a_clean_checkout_of_the_commit_needs_nothing() {
    let case = Case::new(&[("a.py", "a"), ("b/c.py", "c"), (".gitignore", "out/\n")]);
    case.fixture.write("out/x", b"ignored");
    let head = case.fixture.oid("HEAD");
    let staged = case.stage(&head, None);
    assert_eq!(staged.written, 0);
    assert_eq!(staged.ignored, ["out"]);
    assert_eq!(case.written(), files(&[]));
}

#[test]
fn what_the_user_changed_made_and_removed_is_not_seen() {
    let case = Case::new(&[("a.py", "a"), ("b.py", "b"), ("c.py", "c")]);
    let head = case.fixture.oid("HEAD");
    case.fixture.write("a.py", b"changed");
    fs::remove_file(case.fixture.path().join("b.py")).unwrap();
    fs::remove_file(case.fixture.path().join("c.py")).unwrap();
    symlink("/etc/passwd", case.fixture.path().join("c.py")).unwrap();
    case.fixture.write("new.py", b"new");
    case.fixture.write("folder/deep/new.py", b"new");
    case.fixture.write("staged.py", b"staged");
    case.fixture.git(&["add", "staged.py"]);
    let staged = case.stage(&head, None);
    assert_eq!(
        case.written(),
        files(&[("a.py", "a"), ("b.py", "b"), ("c.py", "c")])
    );
    for path in ["new.py", "folder", "staged.py"] {
        assert!(
            staged.hidden.iter().any(|p| p == path),
            "{path}: {staged:?}"
        );
    }
    assert!(!staged.hidden.iter().any(|path| path == "b.py"));
}

#[test]
fn another_commit_than_the_one_checked_out_is_shown_whole() {
    let case = Case::new(&[("a.py", "a"), ("gone.py", "g"), ("dir/x.py", "x")]);
    let first = case.fixture.oid("HEAD");
    case.fixture.git(&["rm", "-q", "gone.py", "dir/x.py"]);
    case.fixture.write("a.py", b"a2");
    case.fixture.write("dir", b"a file where a folder was");
    case.fixture.commit_all("second");
    let staged = case.stage(&first, None);
    assert_eq!(
        case.written(),
        files(&[("a.py", "a"), ("gone.py", "g"), ("dir/x.py", "x")])
    );
    // The stage's own folder stands where the file is.
    assert_eq!(staged.written, 3);
}

#[test]
fn what_git_is_told_to_assume_is_looked_at_all_the_same() {
    let case = Case::new(&[("a.py", "a"), ("b.py", "b")]);
    let head = case.fixture.oid("HEAD");
    case.fixture
        .git(&["update-index", "--assume-unchanged", "a.py"]);
    case.fixture
        .git(&["update-index", "--skip-worktree", "b.py"]);
    case.fixture.write("a.py", b"tampered");
    case.fixture.write("b.py", b"tampered too");
    case.stage(&head, None);
    assert_eq!(case.written(), files(&[("a.py", "a"), ("b.py", "b")]));
    let index = fs::read(case.fixture.path().join(".git/index")).unwrap();
    case.stage(&head, None);
    assert_eq!(
        fs::read(case.fixture.path().join(".git/index")).unwrap(),
        index,
        "the index is only read"
    );
}

#[test]
fn replaced_paths_stand_as_the_other_commit_has_them() {
    let case = Case::new(&[("conftest.py", "old"), ("a.py", "a")]);
    let base = case.fixture.oid("HEAD");
    case.fixture.write("conftest.py", b"new");
    case.fixture.write("pytest.ini", b"new");
    case.fixture.write("a.py", b"a2");
    let changed = case.fixture.commit_all("second");
    case.fixture.git(&["checkout", "-q", base.as_str()]);
    let paths = ["conftest.py", "pytest.ini"].map(str::to_owned).to_vec();
    let staged = case.stage(&changed, Some(&(base, paths)));
    assert_eq!(
        case.written(),
        files(&[("a.py", "a2"), ("conftest.py", "old")])
    );
    assert!(staged.hidden.iter().any(|path| path == "pytest.ini"));
}

#[test]
fn the_git_folder_shows_the_commit_and_no_address_of_a_remote() {
    let case = Case::new(&[("a.py", "a"), (".env", "S=1"), ("x/.env.example", "S=")]);
    let head = case.fixture.oid("HEAD");
    let address = "https://user:hunter2@example.org/x.git";
    case.fixture.git(&["remote", "add", "origin", address]);
    fs::write(case.fixture.path().join(".git/credentials"), address).unwrap();
    let staged = case.stage(&head, None);
    let git = case.place.path().join("stage/.git");
    assert_eq!(
        fs::read_to_string(git.join("HEAD")).unwrap(),
        format!("{head}\n")
    );
    assert!(
        !fs::read_to_string(git.join("config"))
            .unwrap()
            .contains("hunter2")
    );
    for name in ["hooks", "logs", "credentials"] {
        assert!(staged.hidden.contains(&format!(".git/{name}")), "{name}");
    }
    assert!(!staged.hidden.contains(&".git/objects".to_owned()));
    assert_eq!(staged.secrets, [".env"]);
}

#[test]
fn a_repository_without_an_index_is_shown_from_the_commit() {
    let case = Case::new(&[("a.py", "a")]);
    let head = case.fixture.oid("HEAD");
    fs::remove_file(case.fixture.path().join(".git/index")).unwrap();
    case.stage(&head, None);
    assert_eq!(case.written(), files(&[("a.py", "a")]));
}
