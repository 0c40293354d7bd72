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
