//! The entries of the catalogue that only the whole program in a real repository can answer. Each
//! expectation is the entry's own, checked word by word.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;

use milton::model::Digest;
use serde_json::{Value, json};

use crate::claims::LISTS;
use crate::environment::{Called, Environment};
use crate::proposals::{GOOD, writing};

/// Every claimed entry and the test that answers for it.
const ANSWERS: [(&str, Answer); 21] = [
    ("GIT-hooks-run", hooks_run),
    ("GIT-info-attr-nodiff", info_attributes),
    ("GIT-textconv", textconv),
    ("GIT-clean-filter", clean_filter),
    ("GIT-encoding", encoding),
    ("GIT-assume-unchanged", assume_unchanged),
    ("GIT-env-config", environment_config),
    ("GIT-owner", owner),
    ("GIT-worktree-gitfile", linked_work_tree),
    ("BR-collision", collision),
    ("BR-df-conflict", folder_conflict),
    ("BR-protected-checkout", base_of_the_checkout),
    ("POL-untracked-policy", untracked_policy),
    ("INJ-goal-subst", goal_substitution),
    ("EV-no-diff", diff_exists),
    ("EV-retro-edit", edit_after_the_commit),
    ("LOG-truncate", long_output),
    ("LOG-delete", deleted_log),
    ("LOG-secret", secret_in_argv_and_output),
    ("EVREF-push", pushed_evidence),
    ("EVREF-gc", collected_garbage),
];

/// Checks an entry's expectation.
type Answer = fn(&Entry);

/// An entry of the catalogue.
struct Entry {
    input: Value,
    expected: Value,
}

impl Entry {
    fn of(id: &str) -> Self {
        let line = include_str!("../data/bypasses.jsonl")
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .find(|entry| entry["id"] == id)
            .unwrap_or_else(|| panic!("{id} is not in the catalogue"));
        Self {
            input: line["input"].clone(),
            expected: line["expected"].clone(),
        }
    }

    /// The entry's shell line, run in the repository; `/tmp/pwn` becomes a place of the test's own.
    fn set_up(&self, place: &Environment) {
        let line = self.input["sh"].as_str().unwrap();
        let line = line.replace("/tmp/pwn", &mark(place).display().to_string());
        shell(place, &line);
    }

    /// The content that the entry's proposal gives a file.
    fn content(&self, path: &str) -> &str {
        let files = self.input["files"].as_array().unwrap();
        let file = files.iter().find(|file| file["path"] == path).unwrap();
        file["content"].as_str().unwrap()
    }
}

/// What an attack that is run leaves behind.
fn mark(place: &Environment) -> PathBuf {
    place.root().join("pwn")
}

fn shell(place: &Environment, line: &str) {
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(place.repo())
        .env("HOME", place.home())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A proposal that writes files.
fn proposal(files: &[(&str, &str)]) -> Value {
    let edits: Vec<Value> = files
        .iter()
        .map(|(path, content)| json!({"path": path, "op": "write", "content": content}))
        .collect();
    json!({"schema": 1, "goal": "Write files", "edits": edits})
}

fn assert_status(called: &Called, status: &str) {
    assert_eq!(
        called.verdict()["status"],
        status,
        "{}\n{}",
        called.out,
        called.err
    );
}

/// The bytes of a file in the commit of a run.
fn committed(place: &Environment, verdict: &Value, path: &str) -> Vec<u8> {
    let commit = verdict["commit"].as_str().unwrap();
    let output = place.try_git(&["cat-file", "blob", &format!("{commit}:{path}")]);
    assert!(output.status.success(), "{path}");
    output.stdout
}

fn verify(place: &Environment) {
    let called = place.milton(&["verify", "latest"]);
    assert_eq!(called.code, 0, "{}{}", called.out, called.err);
}

#[test]
fn every_claimed_entry_has_its_answer() {
    let answered: Vec<&str> = ANSWERS.iter().map(|(id, _)| *id).collect();
    let claimed = LISTS.iter().find(|(name, _)| *name == "program");
    assert_eq!(answered, claimed.unwrap().1);
}

/// One test a third, so that they run beside each other.
fn answer(part: usize) {
    for (id, answer) in ANSWERS.iter().skip(part).step_by(3) {
        answer(&Entry::of(id));
    }
}

#[test]
fn entries_for_the_program_end_as_the_catalogue_says_first_part() {
    answer(0);
}

#[test]
fn entries_for_the_program_end_as_the_catalogue_says_second_part() {
    answer(1);
}

#[test]
fn entries_for_the_program_end_as_the_catalogue_says_third_part() {
    answer(2);
}

fn hooks_run(entry: &Entry) {
    assert_eq!(entry.expected, json!({"status": "SUCCESS", "hooks_run": 0}));
    let place = Environment::with_project();
    entry.set_up(&place);
    // The attack works: git itself runs the hook.
    place.git(&["commit", "-q", "--allow-empty", "-m", "with a hook"]);
    fs::remove_file(mark(&place)).expect("the hook ran for git");
    assert_status(&place.run_patch(GOOD, &[]), "SUCCESS");
    verify(&place);
    assert_eq!(place.milton(&["abandon", "latest"]).code, 0);
    assert!(!mark(&place).exists(), "hooks_run: 0");
}

fn info_attributes(entry: &Entry) {
    assert_eq!(entry.expected, json!({"diff_complete": true}));
    let place = Environment::with_project();
    entry.set_up(&place);
    let verdict = place.run_patch(GOOD, &["--topic", "x"]).verdict();
    let hidden = place.git(&["diff", "main", "self-upgrade/x", "--", "calc.py"]);
    assert!(
        hidden.contains("Binary files"),
        "the attack works: {hidden}"
    );
    let diff = place.run_file("diff.patch");
    for line in [
        "-    return a + b",
        "+    return int(a) + int(b)",
        "+def test_add_text():",
    ] {
        assert!(diff.lines().any(|l| l == line), "{line} in\n{diff}");
    }
    let (added, removed) = (
        diff.lines()
            .filter(|l| l.starts_with('+') && !l.starts_with("+++"))
            .count(),
        diff.lines()
            .filter(|l| l.starts_with('-') && !l.starts_with("---"))
            .count(),
    );
    assert_eq!(
        verdict["stats"],
        json!({"files": 2, "added": added, "removed": removed})
    );
}

/// Proposes the entry's files as they are (the attributes file is refused), then puts the
/// attributes into the base, where a merge of somebody else would have brought them.
fn with_attributes_in_the_base(entry: &Entry, path: &str) -> (Environment, Value) {
    let attributes = entry.content(".gitattributes");
    let place = Environment::with_project();
    if entry.input["sh"].is_string() {
        entry.set_up(&place);
    }
    let both = [(".gitattributes", attributes), (path, entry.content(path))];
    let refused = place.run_proposal(&proposal(&both), &[]);
    assert_status(&refused, "BLOCKED_BY_POLICY");
    assert!(
        refused
            .rules()
            .contains(&"path.executes_on_host".to_owned())
    );

    fs::write(place.repo().join(".gitattributes"), attributes).unwrap();
    place.commit("attributes");
    let content = entry.content(path).replace('\0', "");
    let called = place.run_proposal(&writing(path, &content), &["--topic", "x"]);
    assert_status(&called, "SUCCESS");
    let verdict = called.verdict();
    assert_eq!(
        committed(&place, &verdict, path),
        content.as_bytes(),
        "the blob is what was checked"
    );
    verify(&place);
    (place, verdict)
}

fn textconv(entry: &Entry) {
    assert_eq!(entry.expected, json!({"diff_bytes_exact": true}));
    let (place, _) = with_attributes_in_the_base(entry, "a.py");
    let shown = place.git(&["diff", "main...self-upgrade/x"]);
    assert!(
        shown.contains("+good()"),
        "the attack works on git: {shown}"
    );
    let exact = place.git(&["diff", "--no-textconv", "main...self-upgrade/x"]);
    assert_eq!(place.run_file("diff.patch").trim_end(), exact);
    assert!(exact.contains("+evil()"));
}

fn clean_filter(entry: &Entry) {
    assert_eq!(entry.expected, json!({"blob_equals_checked_bytes": true}));
    let (place, verdict) = with_attributes_in_the_base(entry, "n.txt");
    place.write("m.txt", "good\n");
    place.git(&["add", "m.txt"]);
    assert_eq!(
        place.git(&["cat-file", "blob", ":m.txt"]),
        "evil",
        "the attack works on git"
    );
    assert_eq!(committed(&place, &verdict, "n.txt"), b"good\n");
}

fn encoding(entry: &Entry) {
    assert_eq!(entry.expected, json!({"blob_equals_checked_bytes": true}));
    with_attributes_in_the_base(entry, "n.txt");
}

fn assume_unchanged(entry: &Entry) {
    assert_eq!(
        entry.expected,
        json!({"dirty_detected_or_irrelevant": true})
    );
    let place = Environment::with_project();
    place.write("a.py", "a = 1\n");
    place.commit("a");
    entry.set_up(&place);
    let dirty = fs::read(place.repo().join("a.py")).unwrap();
    assert!(dirty.ends_with(b"z\n"));
    assert_eq!(
        place.git(&["status", "--porcelain"]),
        "",
        "the attack works on git"
    );
    // Irrelevant: neither the commit nor the tests see the work tree's bytes.
    let test = "def test_a():\n    assert open(\"a.py\").read() == \"a = 1\\n\"\n";
    let called = place.run_proposal(&writing("tests/test_a.py", test), &[]);
    assert_status(&called, "SUCCESS");
    assert_eq!(committed(&place, &called.verdict(), "a.py"), b"a = 1\n");
    assert_eq!(
        fs::read(place.repo().join("a.py")).unwrap(),
        dirty,
        "nothing was cleaned"
    );
}

fn environment_config(entry: &Entry) {
    assert_eq!(entry.expected, json!({"program_run": false}));
    let mut place = Environment::with_project();
    let pwn = mark(&place).display().to_string();
    for (name, value) in entry.input["env"].as_object().unwrap() {
        let value = value.as_str().unwrap().replace("/tmp/pwn", &pwn);
        place = place.set(name, &value);
    }
    place = place.set(
        "GIT_CONFIG_PARAMETERS",
        &format!("'core.fsmonitor=touch {pwn};'"),
    );
    place.try_git(&["status"]);
    fs::remove_file(mark(&place)).expect("the attack works on git");
    assert_status(&place.run_patch(GOOD, &[]), "SUCCESS");
    for arguments in [
        &["list"][..],
        &["verify", "latest"],
        &["abandon", "latest"],
        &["doctor"],
    ] {
        assert_eq!(place.milton(arguments).code, 0, "{arguments:?}");
    }
    assert!(!mark(&place).exists(), "program_run: false");
}

/// A checkout of another user. Only root can give files away; anybody else makes a repository whose
/// work tree is a folder of root's, which git asks the same about.
fn owner(entry: &Entry) {
    assert_eq!(
        entry.expected,
        json!({"status": "GIT_ERROR", "message_has_fix": true})
    );
    let place = Environment::with_project();
    let repo = place.repo();
    if rustix::process::geteuid().is_root() {
        shell(&place, "chown -R 12345:12345 .");
    } else {
        let own = fs::metadata(&repo).unwrap();
        let theirs = fs::metadata("/").unwrap();
        assert_ne!(own.uid(), theirs.uid());
        place.git(&["config", "core.worktree", "/"]);
    }
    let called = place.run_patch(GOOD, &[]);
    assert_eq!(called.code, 22, "GIT_ERROR: {}{}", called.out, called.err);
    assert!(
        called.err.contains("belongs to another user"),
        "{}",
        called.err
    );
    assert!(
        called.err.contains("safe.directory"),
        "message_has_fix: {}",
        called.err
    );
    if rustix::process::geteuid().is_root() {
        shell(&place, "chown -R 0:0 .");
    }
}

fn linked_work_tree(entry: &Entry) {
    assert_eq!(
        entry.expected,
        json!({"sandbox_protects": "common dir too"})
    );
    let place = Environment::with_project();
    place.git(&["worktree", "add", "-q", "../w"]);
    let (work_tree, common) = (place.root().join("w"), place.repo().join(".git"));
    let config = fs::read(common.join("config")).unwrap();
    // The test tries to write where git would read it: beside the work tree's own files and into
    // the common folder.
    let test = format!(
        "import pathlib\n\n\ndef test_reach():\n    for folder in [{:?}, {:?}]:\n        try:\n            (pathlib.Path(folder) / \"pwn\").write_text(\"x\")\n        except OSError:\n            pass\n",
        common.display().to_string(),
        common.join("worktrees/w").display().to_string(),
    );
    let change = writing("tests/test_reach.py", &test).to_string();
    fs::write(place.root().join("change.json"), change).unwrap();
    let output = place
        .command(&[
            "run",
            "--proposal",
            "../change.json",
            "--topic",
            "x",
            "--format",
            "json",
        ])
        .current_dir(&work_tree)
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let verdict: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(verdict["status"], "SUCCESS", "{out}");
    assert_eq!(
        place.git(&["rev-parse", "self-upgrade/x"]),
        verdict["commit"].as_str().unwrap(),
        "the branch is the repository's"
    );
    assert_eq!(fs::read(common.join("config")).unwrap(), config);
    let reached = [common.join("pwn"), common.join("worktrees/w/pwn")]
        .into_iter()
        .any(|path| path.exists());
    let gaps = verdict["sandbox"]["gaps"].to_string();
    match verdict["sandbox"]["tier"].as_str().unwrap() {
        // What this tier cannot do is said, and must be read before approval.
        "fallback" => assert!(gaps.contains("files of the user are readable and writable")),
        _ => assert!(!reached, "sandbox_protects: common dir too; {gaps}"),
    }
    // The record may not lie in the common folder either.
    let inside = common.join("state").display().to_string();
    let refused = place
        .command(&["list"])
        .current_dir(&work_tree)
        .env("MILTON_STATE_DIR", inside)
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
}

fn collision(entry: &Entry) {
    assert_eq!(
        entry.expected["second"],
        "-2 suffix or GIT_ERROR with the existing branch named"
    );
    assert_eq!(entry.expected["first_untouched"], true);
    let place = Environment::with_project();
    let mut branches = Vec::new();
    for topic in entry.input["topics"].as_array().unwrap() {
        // A topic that is typed must be a slug; a request becomes one.
        let called = place.milton_with_input(
            &[
                "run",
                topic.as_str().unwrap(),
                "--patch",
                "-",
                "--format",
                "json",
            ],
            GOOD.as_bytes(),
        );
        let verdict = called.verdict();
        assert_eq!(verdict["status"], "SUCCESS", "{}", called.out);
        branches.push((
            verdict["branch"].as_str().unwrap().to_owned(),
            verdict["commit"].as_str().unwrap().to_owned(),
        ));
    }
    let names: Vec<&str> = branches.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["self-upgrade/add-logging", "self-upgrade/add-logging-2"]
    );
    for (name, commit) in &branches {
        assert_eq!(&place.git(&["rev-parse", name]), commit);
    }
}

fn folder_conflict(entry: &Entry) {
    assert_eq!(
        entry.expected,
        json!({"status": "GIT_ERROR", "message_has_fix": true})
    );
    let place = Environment::with_project();
    entry.set_up(&place);
    let before = place.digest();
    let called = place.run_patch(GOOD, &[]);
    assert_status(&called, "GIT_ERROR");
    let told = place.milton(&["show", "latest"]).out;
    assert!(
        told.contains("git branch -m self-upgrade another-name"),
        "message_has_fix: {told}"
    );
    assert_eq!(place.digest(), before);
}

fn base_of_the_checkout(entry: &Entry) {
    assert_eq!(entry.expected, json!({"base": "explicit, shown"}));
    let place = Environment::with_project();
    place.git(&["checkout", "-q", "-b", "dev"]);
    for _ in 0..40 {
        place.git(&["commit", "-q", "--allow-empty", "-m", "ahead"]);
    }
    let dev = place.git(&["rev-parse", "dev"]);
    let called = place.milton_with_input(&["run", "Change", "--patch", "-"], GOOD.as_bytes());
    assert_eq!(called.code, 0, "{}", called.err);
    assert!(
        called.out.contains("dev") && called.out.contains(&dev[..7]),
        "shown: {}",
        called.out
    );
    let evidence: Value =
        serde_json::from_str(&place.milton(&["show", "latest", "--format", "json"]).out).unwrap();
    assert_eq!(
        (&evidence["base_branch"], &evidence["base"]),
        (&json!("dev"), &json!(dev))
    );
    // Explicit: another base is named, and is what counts.
    let main = place.git(&["rev-parse", "main"]);
    let verdict = place.run_patch(GOOD, &["--base", "main"]).verdict();
    assert_eq!(verdict["base"], main.as_str());
    let commit = verdict["commit"].as_str().unwrap();
    assert_eq!(place.git(&["rev-parse", &format!("{commit}^")]), main);
}

fn untracked_policy(entry: &Entry) {
    assert_eq!(entry.expected, json!({"ignored": true}));
    let place = Environment::with_project();
    let policy = |called: &Called| -> Value {
        let mut events = called
            .out
            .lines()
            .map(|l| serde_json::from_str::<Value>(l).unwrap());
        let loaded = events
            .find(|e| e["kind"]["type"] == "policy_loaded")
            .unwrap();
        loaded["kind"]["policy"].clone()
    };
    let before = policy(&place.run_patch(GOOD, &[]));
    entry.set_up(&place);
    assert_eq!(policy(&place.run_patch(GOOD, &[])), before);
    place.write(
        ".milton/policy.toml",
        "[limits]\nmax_files = 1\nunknown = 1\n",
    );
    let called = place.run_patch(GOOD, &[]);
    assert_status(&called, "SUCCESS");
    assert_eq!(policy(&called), before);
    // Tracked in the base commit, the same file counts.
    place.commit("policy");
    assert_eq!(place.run_patch(GOOD, &[]).rules(), ["policy.invalid"]);
}

fn goal_substitution(entry: &Entry) {
    assert_eq!(entry.expected, json!({"executed": false}));
    let goal = entry.input["goal"].as_str().unwrap();
    let place = Environment::with_project();
    let mut change = writing("b.py", "b = 1\n");
    change["goal"] = json!(goal);
    let called = place.run_proposal(&change, &[]);
    assert_status(&called, "SUCCESS");
    assert_eq!(place.milton(&["verify", "latest"]).code, 0);
    let commit = called.verdict()["commit"].as_str().unwrap().to_owned();
    assert_eq!(
        place.git(&["log", "-1", "--format=%s", &commit]),
        goal,
        "taken as it is"
    );
    let found = Command::new("find")
        .arg(place.root())
        .args(["-name", "pwn*"])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&found.stdout),
        "",
        "executed: false"
    );
}

fn diff_exists(entry: &Entry) {
    assert_eq!(
        entry.expected["evidence.diff"],
        "non-empty, sha256 recorded"
    );
    assert_eq!(entry.expected["missing_evidence"], "never SUCCESS");
    let file = &entry.input["files"][0];
    let change = writing(
        file["path"].as_str().unwrap(),
        file["content"].as_str().unwrap(),
    );
    let place = Environment::with_project();
    assert_status(&place.run_proposal(&change, &[]), "SUCCESS");
    let diff = fs::read(place.newest_run().join("diff.patch")).unwrap();
    assert!(!diff.is_empty());
    let evidence: Value = serde_json::from_str(&place.run_file("evidence.json")).unwrap();
    assert_eq!(evidence["digests"]["diff"], Digest::of(&diff).as_str());
    // The run's folder takes no diff: then there is no success. A test under way makes it so.
    let place = Environment::with_project();
    let script = "import pathlib, shutil, sys\nfor run in pathlib.Path(sys.argv[1]).iterdir():\n    shutil.rmtree(run)\n";
    let attack = place.root().join("attack.py");
    fs::write(&attack, script).unwrap();
    let runs = place.state().join("runs");
    let test = format!("python3 {} {}", attack.display(), runs.display());
    let called = place.run_proposal(&change, &["--test", &test]);
    if runs.read_dir().unwrap().next().is_none() {
        assert_ne!(called.code, 0, "missing_evidence: never SUCCESS");
        assert!(
            !called.out.contains("\"status\":\"SUCCESS\""),
            "{}",
            called.out
        );
    } else {
        // The sandbox did not let the test reach the record.
        verify(&place);
    }
}

fn edit_after_the_commit(entry: &Entry) {
    assert_eq!(entry.expected, json!({"diff_from": "commit objects"}));
    assert_eq!(entry.input["attack"], "worktree");
    let place = Environment::with_project();
    let checkout = place.repo().join("calc.py").display().to_string();
    let test = format!(
        "import pathlib\n\n\ndef test_edit():\n    for path in [\"calc.py\", {checkout:?}]:\n        try:\n            pathlib.Path(path).write_text(\"evil = 1\\n\")\n        except OSError:\n            pass\n"
    );
    let called = place.run_proposal(&writing("tests/test_edit.py", &test), &["--topic", "x"]);
    assert_status(&called, "SUCCESS");
    let diff = place.run_file("diff.patch");
    assert_eq!(
        diff.trim_end(),
        place.git(&["diff", "main...self-upgrade/x"])
    );
    assert!(!diff.contains("calc.py b/calc.py") && !diff.contains("evil"[..4].repeat(2).as_str()));
    assert_eq!(
        committed(&place, &called.verdict(), "calc.py"),
        b"def add(a, b):\n    return a + b\n"
    );
    verify(&place);
}

fn long_output(entry: &Entry) {
    assert_eq!(
        entry.expected,
        json!({"log": "digest + byte count + bounded head and tail"})
    );
    let place = Environment::with_project();
    let command = entry.input["sh"].as_str().unwrap();
    let called = place.run_patch(GOOD, &["--test", &format!("sh -c '{command}'")]);
    assert_ne!(called.code, 0, "no report, no pass");
    let audit = place.run_file("audit.log");
    let whole = "y\n".repeat(50_000);
    let digest = Digest::of(whole.as_bytes());
    let line = audit
        .lines()
        .find(|line| line.contains("STDOUT:") && line.contains("100000 bytes"))
        .unwrap_or_else(|| panic!("{audit}"));
    assert!(
        line.contains(&format!("(100000 bytes, sha256 {digest})")),
        "{line}"
    );
    assert!(
        line.contains("\" … \"") && line.len() < 16_000,
        "bounded: {}",
        line.len()
    );
    let outputs = place.newest_run().join("output");
    let kept = outputs
        .read_dir()
        .unwrap()
        .any(|file| fs::read(file.unwrap().path()).is_ok_and(|bytes| bytes == whole.as_bytes()));
    assert!(kept, "and every byte is kept");
}

fn deleted_log(entry: &Entry) {
    assert_eq!(entry.expected, json!({"host_changed": false}));
    let python = entry.input["python"].as_str().unwrap();
    let place = Environment::with_project();
    // The store is where the attack looks for it.
    let state = place.home().join(".local/state/milton");
    let place = place.set("MILTON_STATE_DIR", &state.display().to_string());
    assert_status(&place.run_patch(GOOD, &[]), "SUCCESS");
    let test = format!(
        "def test_delete():\n    {}\n",
        python.replace("; ", "\n    ")
    );
    let test = test.replace(
        "shutil.rmtree(os.path.expanduser('~/.local/state/milton'))",
        "shutil.rmtree(os.path.expanduser('~/.local/state/milton'), ignore_errors=True)",
    );
    let called = place.run_proposal(&writing("tests/test_delete.py", &test), &[]);
    assert_status(&called, "SUCCESS");
    let runs = state.join("runs").read_dir().unwrap();
    let runs: Vec<String> = runs
        .map(|run| run.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(runs.len(), 2, "host_changed: false");
    for run in runs {
        let called = place.milton(&["verify", &run]);
        assert_eq!(called.code, 0, "{}", called.out);
    }
}

fn secret_in_argv_and_output(entry: &Entry) {
    assert_eq!(entry.expected, json!({"log": "redacted"}));
    // A token that looks like one; the catalogue holds no literal secret.
    let token = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    let command = entry.input["command"]
        .as_str()
        .unwrap()
        .replace("TOKEN", &token);
    let argv = shlex::split(&command).unwrap();
    let place = Environment::with_project();
    let mut change = writing("b.py", "b = 1\n");
    change["verify"] = json!([argv]);
    assert_status(&place.run_proposal(&change, &[]), "BLOCKED_BY_POLICY");
    assert_not_stored(&place, &token, "in the argv of a proposal");
    // In the words of the human.
    let request = format!("Use {token} to log in");
    let patch = ["run", &request, "--patch", "-", "--format", "json"];
    let called = place.milton_with_input(&patch, GOOD.as_bytes());
    assert_status(&called, "BLOCKED_BY_POLICY");
    assert!(!called.out.contains(&token), "{}", called.out);
    assert_not_stored(&place, &token, "in the request");
    // In the argv that the human chose for the tests, which is run as it is.
    let test = format!("python3 -c 'import sys; sys.exit(len(sys.argv[1]) - 40)' {token}");
    place.run_patch(GOOD, &["--test", &test]).verdict();
    assert_not_stored(&place, &token, "in the test command");
    let exit = place.run_file("audit.log");
    assert!(
        exit.contains("EXIT_CODE: 0"),
        "the whole token was given: {exit}"
    );
    // In the content of a change that is refused for it.
    let change = writing("c.py", &format!("t = \"{token}\"\n"));
    assert_status(&place.run_proposal(&change, &[]), "BLOCKED_BY_POLICY");
    assert_not_stored(&place, &token, "in a refused change");
    // What a test prints, too.
    let backwards: String = token.chars().rev().collect();
    let test = format!("def test_print():\n    print({backwards:?}[::-1])\n");
    let called = place.run_proposal(
        &writing("tests/test_print.py", &test),
        &["--test", "pytest -q -s"],
    );
    assert_status(&called, "SUCCESS");
    for name in ["events.jsonl", "audit.log", "evidence.json", "evidence.md"] {
        assert!(
            !place.run_file(name).contains(&token),
            "printed by a test: {name}"
        );
    }
}

fn assert_not_stored(place: &Environment, secret: &str, what: &str) {
    for entry in fs::read_dir(place.newest_run()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(secret), "{what}: {}", path.display());
        }
    }
}

fn pushed_evidence(entry: &Entry) {
    assert_eq!(entry.expected, json!({"pushed": false}));
    let place = Environment::with_project();
    let remote = place.root().join("remote.git");
    place.git(&["init", "-q", "--bare", remote.to_str().unwrap()]);
    place.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
    place.git(&["config", "push.default", "current"]);
    let kept = place.run_patch(GOOD, &["--topic", "kept"]).verdict();
    assert_eq!(place.milton(&["abandon", "latest"]).code, 0);
    let open = place.run_patch(GOOD, &["--topic", "open"]).verdict();
    entry.set_up(&place);
    let pushed = place.git(&["ls-remote", "origin"]);
    assert!(
        pushed.contains("refs/heads/main"),
        "the push worked: {pushed}"
    );
    assert!(!pushed.contains("refs/milton"), "{pushed}");
    let kept = kept["commit"].as_str().unwrap();
    let has = |object: &str| {
        let done = Command::new("git")
            .args(["-C", remote.to_str().unwrap(), "cat-file", "-e", object])
            .stderr(std::process::Stdio::null())
            .status();
        done.unwrap().success()
    };
    assert!(!has(kept), "pushed: false");
    // A work branch is a branch: `--all` takes it along, as every other. Its commit holds the change
    // and nothing of the record.
    let open = open["commit"].as_str().unwrap();
    let names = place.git(&["ls-tree", "-r", "--name-only", open]);
    assert!(
        !names.contains("events.jsonl") && !names.contains("evidence"),
        "{names}"
    );
}

fn collected_garbage(entry: &Entry) {
    assert_eq!(entry.expected, json!({"kept": true}));
    let place = Environment::with_project();
    assert_eq!(place.run_patch(GOOD, &["--topic", "gone"]).code, 0);
    assert_eq!(place.milton(&["abandon", "latest"]).code, 0);
    let gone = place.newest_run();
    assert_eq!(place.run_patch(GOOD, &["--topic", "open"]).code, 0);
    place.git(&["reflog", "expire", "--expire=now", "--all"]);
    entry.set_up(&place);
    verify(&place);
    let gone = gone.file_name().unwrap().to_str().unwrap();
    let called = place.milton(&["verify", gone]);
    assert_eq!(called.code, 0, "kept: {}", called.out);
    assert_eq!(place.milton(&["restore", gone]).code, 0);
    assert_eq!(place.git(&["fsck", "--strict"]), "");
}
