//! `milton check` and `milton policy`: the policy from outside.

use serde_json::json;

use crate::environment::Environment;
use crate::proposals::{GOOD, writing};

fn rules_of(place: &Environment, arguments: &[&str]) -> (i32, Vec<String>) {
    let mut all = vec!["check", "--format", "json"];
    all.extend(arguments);
    let called = place.milton(&all);
    assert!(!called.out.is_empty(), "{arguments:?}: {}", called.err);
    (called.code, called.rules())
}

#[test]
fn paths_are_judged_by_every_spelling() {
    let place = Environment::with_project();
    for path in [
        ".env",
        ".ENV",
        "a/../.env",
        "secrets/x",
        "API_KEY.txt",
        ".git/config",
        "logs/x",
        "a/cache/x",
        "systemd/x.service",
        "../x",
        "/etc/passwd",
    ] {
        let (code, rules) = rules_of(&place, &["--path", path]);
        assert_eq!(code, 20, "{path}: {rules:?}");
        assert!(
            rules.iter().all(|rule| rule.starts_with("path.")),
            "{path}: {rules:?}"
        );
    }
    for path in [
        "src/a.py",
        "docs/deployment/x.rst",
        "cache.py",
        "with space/ü.py",
    ] {
        assert_eq!(
            rules_of(&place, &["--path", path]),
            (0, Vec::new()),
            "{path}"
        );
    }
}

#[test]
fn several_paths_are_all_judged_at_once() {
    let place = Environment::with_project();
    let called = place.milton(&[
        "check", "--format", "json", "--path", ".env", "ok.py", "id_rsa",
    ]);
    let subjects: Vec<String> = called.verdict()["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["subject"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        subjects.contains(&".env".to_owned()) && subjects.contains(&"id_rsa".to_owned()),
        "{subjects:?}"
    );
}

#[test]
fn options_may_stand_behind_the_paths() {
    let place = Environment::with_project();
    let called = place.milton(&["check", "--path", "src/a.py", "b.py", "--format", "json"]);
    assert_eq!(called.verdict()["stats"]["files"], 2, "{}", called.out);
    let called = place.milton(&["check", "--path", "-A", "--format", "json"]);
    assert_eq!((called.code, called.rules().is_empty()), (20, false));
    let called = place.milton(&["check", "--branch", "-x", "--format", "json"]);
    assert_eq!(called.code, 20, "{}", called.err);
}

#[test]
fn branches_are_judged_with_the_repositorys_own_in_mind() {
    let place = Environment::with_project();
    place.git(&["checkout", "-q", "-b", "trunk-of-ours"]);
    for branch in [
        "main",
        "refs/heads/main",
        "master",
        "deploy/x",
        "trunk-of-ours",
    ] {
        let (code, rules) = rules_of(&place, &["--branch", branch]);
        assert_eq!(
            (code, rules.contains(&"branch.protected".to_owned())),
            (20, true),
            "{branch}: {rules:?}"
        );
    }
    assert_eq!(rules_of(&place, &["--branch", "self-upgrade/x"]).0, 0);
    assert_eq!(rules_of(&place, &["--branch", "feature/x"]).0, 20);
}

#[test]
fn commands_are_judged_as_arguments_never_as_text() {
    let place = Environment::with_project();
    for command in [
        "git push",
        "git -C . push",
        "pytest -q; systemctl restart x",
        "sh -c 'git push'",
        "git commit --amend",
    ] {
        let (code, rules) = rules_of(&place, &["--command", command]);
        assert_eq!(
            (code, rules.as_slice()),
            (20, &["command.not_on_allow_list".to_owned()][..]),
            "{command}"
        );
    }
    for command in [
        "pytest -q",
        "git merge-base main HEAD",
        "git commit -m 'never git push'",
        "echo git push",
    ] {
        assert_eq!(rules_of(&place, &["--command", command]).0, 0, "{command}");
    }
    assert_eq!(
        rules_of(&place, &["--", "pytest", "-q", "tests/test_calc.py"]).0,
        0
    );
    assert_eq!(rules_of(&place, &["--", "git", "push"]).0, 20);
}

#[test]
fn a_check_writes_nothing_anywhere() {
    let place = Environment::with_project();
    let before = place.digest();
    let called = place.milton_with_input(
        &["check", "--patch", "-", "--format", "json"],
        GOOD.as_bytes(),
    );
    assert_eq!(called.code, 0, "{}\n{}", called.out, called.err);
    assert_eq!(
        called.verdict()["stats"],
        json!({"files": 2, "added": 6, "removed": 1})
    );
    assert_eq!(place.digest(), before);
    assert!(!place.state().exists(), "no run store was made");
    assert_eq!(
        place.git(&["count-objects"]).split(' ').next(),
        place.git(&["count-objects"]).split(' ').next()
    );
}

#[test]
fn an_unreadable_input_is_exit_2() {
    let place = Environment::with_project();
    assert_eq!(place.milton(&["check", "--patch", "no-such-file"]).code, 2);
    assert_eq!(
        place
            .milton_with_input(&["check", "--proposal", "-"], b"{")
            .code,
        2
    );
    assert_eq!(place.milton(&["check"]).code, 2);
}

#[test]
fn check_works_outside_of_a_repository() {
    let place = Environment::empty();
    let mut command = place.command(&["check", "--path", ".env", "--format", "json"]);
    let output = command.current_dir(place.home()).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(20),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_repositorys_policy_is_read_from_the_base_commit_and_can_only_tighten() {
    let place = Environment::with_project();
    place.write(".milton/policy.toml", "[limits]\nmax_files = 1\n");
    let patch_is_fine = |place: &Environment| {
        place
            .milton_with_input(
                &["check", "--patch", "-", "--format", "json"],
                GOOD.as_bytes(),
            )
            .code
    };
    assert_eq!(patch_is_fine(&place), 0, "an uncommitted policy is ignored");
    place.commit("policy");
    assert_eq!(patch_is_fine(&place), 20, "a committed one tightens");
    place.write(".milton/policy.toml", "[limits]\nmax_files = 1000\n");
    place.commit("looser");
    let many: Vec<_> = (0..11)
        .map(|n| json!({"path": format!("f{n}.py"), "op": "write", "content": "x = 1\n"}))
        .collect();
    let proposal = json!({"schema": 1, "goal": "Many files", "edits": many}).to_string();
    let called = place.milton_with_input(
        &["check", "--proposal", "-", "--format", "json"],
        proposal.as_bytes(),
    );
    assert_eq!(called.rules(), ["limits.files"], "the embedded floor holds");
    place.write(".milton/policy.toml", "[paths]\nallow = [\".git/**\"]\n");
    place.commit("typo");
    let called = place.milton_with_input(
        &["check", "--patch", "-", "--format", "json"],
        GOOD.as_bytes(),
    );
    assert_eq!(called.code, 20);
    assert_eq!(called.rules(), ["policy.invalid"], "{}", called.out);
}

#[test]
fn the_policys_own_files_need_the_humans_override() {
    let proposal = writing("self_upgrade/policy.py", "x = 1\n").to_string();
    let check = |place: &Environment| {
        place.milton_with_input(
            &["check", "--proposal", "-", "--format", "json"],
            proposal.as_bytes(),
        )
    };
    assert_eq!(
        check(&Environment::with_project()).rules(),
        ["policy.self_edit"]
    );
    let allowed = Environment::with_project().set("MILTON_SELF_UPGRADE_ALLOW_POLICY_EDITS", "1");
    let called = check(&allowed);
    assert_eq!(called.code, 0, "{}", called.out);
    assert!(called.out.contains("override_active"), "{}", called.out);
    let malformed =
        Environment::with_project().set("MILTON_SELF_UPGRADE_ALLOW_POLICY_EDITS", "true");
    let called = check(&malformed);
    assert_eq!(
        (called.code, called.rules()),
        (2, vec!["override.malformed".to_owned()])
    );
}

#[test]
fn policy_show_names_version_dates_and_sources() {
    let place = Environment::with_project();
    let called = place.milton(&["policy", "show"]);
    assert_eq!(called.code, 0, "{}", called.err);
    for text in [
        "version 1.0",
        "2026-01-12",
        "When self-upgrade capabilities expand",
        "path.forbidden",
        "embedded",
    ] {
        assert!(called.out.contains(text), "{text}: {}", called.out);
    }
    let called = place.milton(&["policy", "explain", "path.forbidden"]);
    assert_eq!(called.code, 0);
    assert!(
        called.out.contains("**/.env") || called.out.contains(".env"),
        "{}",
        called.out
    );
    assert_eq!(place.milton(&["policy", "explain", "no.such.rule"]).code, 2);
}

/// Writes the user's own policy file.
fn user_policy(place: &Environment, text: &str) -> std::path::PathBuf {
    let folder = place.home().join(".config/milton");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("policy.toml");
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn a_false_positive_is_lifted_by_writing_what_the_message_says() {
    let place = Environment::with_project();
    let arguments = ["check", "--format", "json", "--path", "src/tokenizer.py"];
    let called = place.milton(&arguments);
    assert_eq!(
        (called.code, called.rules()),
        (20, vec!["path.secret_glob".to_owned()])
    );
    let verdict = called.verdict();
    let remedy = verdict["violations"][0]["remedy"].as_str().unwrap();
    let (file, lines) = remedy.split_once(": ").unwrap();
    let file = file.rsplit(' ').next().unwrap();
    let expected = place.home().join(".config/milton/policy.toml");
    assert_eq!(std::path::Path::new(file), expected, "{remedy}");
    user_policy(&place, &lines.replace(" / ", "\n"));
    assert_eq!(place.milton(&arguments).code, 0, "{lines}");
    // No other spelling of the path is meant.
    for other in [
        "src/Tokenizer.py",
        "src/tokenizer.py.bak",
        "tokenizer.py",
        "src/t\u{43e}kenizer.py",
    ] {
        assert_eq!(
            place.milton(&["check", "--path", other]).code,
            20,
            "{other}"
        );
    }
    let explained = place.milton(&["policy", "explain", "--path", "src/tokenizer.py"]);
    assert_eq!(explained.code, 0, "{}", explained.out);
    assert!(
        explained
            .out
            .contains("lifted by your exception for this exact path: why")
    );
    assert!(explained.out.contains(&expected.display().to_string()));
    let shown = place.milton(&["policy", "show"]);
    assert!(
        shown.out.contains("exception=src/tokenizer.py (why)"),
        "{}",
        shown.out
    );
}

#[test]
fn an_exception_shows_in_the_evidence_of_a_run() {
    let place = Environment::with_project();
    user_policy(
        &place,
        "[[exception]]\npath = \"docs/keyboard.md\"\nreason = \"about typing\"\n",
    );
    let patch = "--- /dev/null\n+++ b/docs/keyboard.md\n@@ -0,0 +1 @@\n+# Typing\n";
    let run = [
        "run",
        "Describe the typing",
        "--patch",
        "-",
        "--test",
        "true",
        "--format",
        "json",
    ];
    let called = place.milton_with_input(&run, patch.as_bytes());
    let verdict = called.verdict();
    let label = "exception=docs/keyboard.md (about typing)";
    assert_eq!(verdict["overrides"], json!([label]), "{}", called.out);
    let risks = verdict["risks"].as_array().unwrap();
    assert!(
        risks
            .iter()
            .any(|r| r["id"] == "override_active" && r["subject"] == label)
    );
    assert!(verdict["branch"].is_string(), "{}", called.out);
}

#[test]
fn an_exception_that_would_lift_too_much_refuses_everything_with_its_place() {
    let place = Environment::with_project();
    for (path, says) in [
        ("src/*key*", "is a pattern"),
        (".env", "which no exception lifts"),
        ("config/id_rsa", "which no exception lifts"),
        ("./src/key.py", "is not how a path is written"),
        ("src/\u{43a}ey.py", "only looks like"),
    ] {
        let text = format!("[[exception]]\npath = \"{path}\"\nreason = \"x\"\n");
        let file = user_policy(&place, &text);
        let called = place.milton(&["check", "--format", "json", "--path", "README.md"]);
        assert_eq!(called.rules(), ["policy.invalid"], "{path}");
        let verdict = called.verdict();
        let detail = verdict["violations"][0]["detail"].as_str().unwrap();
        let whereabouts = format!("{}, line 2, column 8", file.display());
        assert!(detail.starts_with(&whereabouts), "{detail}");
        assert!(detail.contains(says), "{detail}");
    }
    // The repository has no word for it.
    user_policy(&place, "");
    place.write(
        ".milton/policy.toml",
        "[[exception]]\npath = \"src/key.py\"\nreason = \"x\"\n",
    );
    place.commit("exception");
    let called = place.milton(&["check", "--format", "json", "--path", "src/key.py"]);
    assert_eq!(called.rules(), ["policy.invalid"]);
}

#[test]
fn explain_says_which_rule_decides_and_where_it_comes_from() {
    let place = Environment::with_project();
    place.write(
        ".milton/policy.toml",
        "[[path]]\nid = \"team.migrations\"\nwhy = \"by hand\"\nforbid = [\"**/migrations/*\"]\nmust_match = [\"a/migrations/1.py\"]\nmust_not_match = [\"a.py\"]\n\n[[command]]\nid = \"team.slow\"\nwhy = \"too slow\"\nforbid = [\"make test\"]\nmust_match = [\"make test\"]\nmust_not_match = [\"make check\"]\n",
    );
    place.commit("policy");
    for (arguments, code, says) in [
        (
            &["--path", "app/migrations/2.py"][..],
            20,
            &[
                "team.migrations: by hand",
                "repository .milton/policy.toml at ",
            ][..],
        ),
        (
            &["--path", "docs/deployment/x.rst"],
            0,
            &["anchored at the root"],
        ),
        (
            &["--path", ".env"],
            20,
            &["environment files", "change it by hand"],
        ),
        (
            &["--branch", "main"],
            20,
            &["branch.protected", "main is protected"],
        ),
        (&["--branch", "self-upgrade/x"], 0, &["branch.slug"]),
        (
            &["--command", "git -C . push"],
            20,
            &["does not begin with one of: git status", "typed by you"],
        ),
        (
            &["--command", "make test"],
            20,
            &["team.slow: too slow", "repository .milton/policy.toml at "],
        ),
        (
            &["--", "git", "push", "origin"],
            20,
            &["command.never", "is refused too"],
        ),
        (
            &["--", "pytest", "-q"],
            0,
            &["command.pytest", "runs the test suite"],
        ),
        (&["team.migrations"], 0, &["by hand", "**/migrations/*"]),
        (&["path.secret_glob"], 0, &["**/*key*"]),
    ] {
        let mut all = vec!["policy", "explain"];
        all.extend(arguments);
        let called = place.milton(&all);
        assert_eq!(
            called.code, code,
            "{arguments:?}: {}{}",
            called.out, called.err
        );
        for text in says {
            assert!(
                called.out.contains(text),
                "{arguments:?}: {text}: {}",
                called.out
            );
        }
    }
    let called = place.milton(&[
        "policy", "explain", "--format", "json", "--path", "key.py", "a.py",
    ]);
    let answer: serde_json::Value = serde_json::from_str(&called.out).unwrap();
    assert_eq!(answer["status"], "BLOCKED_BY_POLICY");
    assert_eq!(
        answer["decisions"][0]["decided_by"][0]["rule"],
        "path.secret_glob"
    );
    assert_eq!(answer["decisions"][1]["allowed"], true);
}

#[test]
fn a_wrong_question_is_answered_with_the_right_one() {
    let place = Environment::with_project();
    for (arguments, says) in [
        (&["src/key.py"][..], "--path src/key.py"),
        (&["git push"], "--command \"git push\""),
        (&["feature"], "--branch feature"),
        (&[], "--path"),
        (&["--pth", "x"], "'--path'"),
        (&["--path", "a", "--branch", "b"], "cannot be used with"),
    ] {
        let mut all = vec!["policy", "explain"];
        all.extend(arguments);
        let called = place.milton(&all);
        assert_eq!(called.code, 2, "{arguments:?}: {}", called.out);
        assert!(called.err.contains(says), "{arguments:?}: {}", called.err);
    }
}

#[test]
fn a_rule_that_fails_its_own_example_is_named_with_file_and_example() {
    let place = Environment::with_project();
    place.write(
        ".milton/policy.toml",
        "[[path]]\nid = \"team.x\"\nwhy = \"y\"\nforbid = [\"vendor/*\"]\nmust_match = [\"src/wrong.py\"]\nmust_not_match = [\"a.py\"]\n",
    );
    place.commit("policy");
    let called = place.milton(&["check", "--path", "README.md"]);
    assert_eq!(called.code, 20);
    for text in [
        "policy.invalid",
        ".milton/policy.toml at ",
        "team.x",
        "src/wrong.py",
    ] {
        assert!(called.out.contains(text), "{text}: {}", called.out);
    }
}
