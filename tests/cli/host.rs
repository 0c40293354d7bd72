//! What a hostile repository or a hostile test must not reach.

use crate::environment::Environment;
use crate::proposals::GOOD;

#[test]
fn no_hook_filter_or_monitor_of_the_repository_ever_runs() {
    let place = Environment::with_project();
    let mark = place.root().join("pwned");
    let script = format!("#!/bin/sh\ntouch {}\n", mark.display());
    for hook in [
        "pre-commit",
        "post-commit",
        "prepare-commit-msg",
        "commit-msg",
        "post-checkout",
        "reference-transaction",
        "post-index-change",
        "pre-push",
    ] {
        let path = place.repo().join(".git/hooks").join(hook);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &script).unwrap();
        std::os::unix::fs::PermissionsExt::set_mode(
            &mut std::fs::metadata(&path).unwrap().permissions(),
            0o755,
        );
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
    }
    let program = place.root().join("monitor");
    std::fs::write(&program, &script).unwrap();
    std::fs::set_permissions(
        &program,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let program = program.display().to_string();
    // Written as text: git itself would run some of these at once.
    let config = place.repo().join(".git/config");
    let mut text = std::fs::read_to_string(&config).unwrap();
    text.push_str(&format!(
        "[core]\n\tfsmonitor = {program}\n\tsshCommand = {program}\n\tpager = {program}\n[filter \"swap\"]\n\tclean = {program}\n\tsmudge = {program}\n[diff \"forge\"]\n\ttextconv = {program}\n\tcommand = {program}\n"
    ));
    std::fs::write(&config, text).unwrap();
    std::fs::create_dir_all(place.repo().join(".git/info")).unwrap();
    std::fs::write(
        place.repo().join(".git/info/attributes"),
        "*.py filter=swap diff=forge -diff\n",
    )
    .unwrap();

    let called = place.run_patch(GOOD, &["--topic", "x"]);
    assert_eq!(called.code, 0, "{}\n{}", called.out, called.err);
    let run = called.verdict()["run"].as_str().unwrap().to_owned();
    assert_eq!(place.milton(&["abandon", &run]).code, 0);
    assert!(
        !mark.exists(),
        "something of the repository's configuration was run"
    );
    let diff = place.run_file("diff.patch");
    assert!(
        diff.contains("+    return int(a) + int(b)"),
        "attributes hide nothing:\n{diff}"
    );
}

#[test]
fn the_environment_of_the_tests_holds_no_secret_of_the_human() {
    let place = Environment::with_project()
        .set("MY_API_TOKEN", "do-not-leak")
        .set("AWS_SECRET_ACCESS_KEY", "do-not-leak");
    let patch = "\
--- /dev/null
+++ b/tests/test_env.py
@@ -0,0 +1,5 @@
+import os
+
+
+def test_environment():
+    print(sorted(os.environ.items()))
";
    let called = place.run_patch(patch, &["--test", "pytest -q -s"]);
    assert_eq!(called.code, 0, "{}\n{}", called.out, called.err);
    let output = std::fs::read_dir(place.newest_run().join("output")).unwrap();
    let all: String = output
        .map(|e| std::fs::read_to_string(e.unwrap().path()).unwrap())
        .collect();
    assert!(
        all.contains("PYTHONDONTWRITEBYTECODE") && !all.contains("do-not-leak"),
        "{all}"
    );
}

#[test]
fn tests_cannot_reach_the_remote_branch_through_the_view() {
    let place = Environment::with_project();
    let remote = place.root().join("remote.git");
    place.git(&["init", "-q", "--bare", remote.to_str().unwrap()]);
    place.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
    let patch = "\
--- /dev/null
+++ b/tests/test_push.py
@@ -0,0 +1,6 @@
+import subprocess
+
+
+def test_push():
+    done = subprocess.run([\"git\", \"push\", \"origin\", \"HEAD:refs/heads/pwned\"])
+    assert done.returncode != 0
";
    let called = place.run_patch(patch, &[]);
    assert_eq!(
        called.code, 0,
        "the test view is no repository to push from: {}",
        called.out
    );
    assert_eq!(place.git(&["ls-remote", "origin"]), "");
}

#[test]
fn milton_never_starts_git() {
    let place = Environment::with_project();
    // A `git` that leaves a mark stands first on the path.
    let tools = place.root().join("tools");
    let mark = place.root().join("git-was-started");
    std::fs::create_dir(&tools).unwrap();
    let script = format!("#!/bin/sh\ntouch {}\n", mark.display());
    std::fs::write(tools.join("git"), script).unwrap();
    std::fs::set_permissions(
        tools.join("git"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let search_path = format!("{}:{}", tools.display(), crate::environment::path());
    std::fs::write(place.root().join("good.patch"), GOOD).unwrap();
    let patch = place.root().join("good.patch").display().to_string();
    for arguments in [
        &["run", "Change", "--patch", &patch, "--format", "json"][..],
        &["list"],
        &["abandon", "latest"],
        &["restore", "latest"],
        &["check", "--patch", &patch],
        &["doctor"],
    ] {
        let output = place
            .command(arguments)
            .env("PATH", &search_path)
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {out}");
        assert!(!mark.exists(), "git was started by {arguments:?}");
    }
}
