//! The policy as a whole: sources, commands, both gates.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::{
    BaseTree, ChangeSet, FileChange, FileMode, FileState, LineStat, Oid, TreeEntry, TreeError,
    VerificationCommand,
};

/// A base tree in memory: path to mode.
struct Base(BTreeMap<String, FileMode>);

impl Base {
    fn of(entries: &[(&str, FileMode)]) -> Self {
        let owned = entries
            .iter()
            .map(|(path, mode)| ((*path).to_owned(), *mode));
        Self(owned.collect())
    }
}

fn oid(digit: &str) -> Oid {
    Oid::parse(&digit.repeat(40)).unwrap()
}

impl BaseTree for Base {
    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
        let folder = format!("{path}/");
        let is_folder = self.0.keys().any(|known| known.starts_with(&folder));
        let mode = self
            .0
            .get(path)
            .copied()
            .or(is_folder.then_some(FileMode::Tree));
        Ok(mode.map(|mode| TreeEntry {
            name,
            mode,
            oid: oid("1"),
        }))
    }

    fn list(&self, path: &str) -> Result<Vec<TreeEntry>, TreeError> {
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let mut names: Vec<&str> = self
            .0
            .keys()
            .filter_map(|known| known.strip_prefix(&prefix)?.split('/').next())
            .collect();
        names.dedup();
        let entries = names
            .into_iter()
            .map(|name| self.entry(&format!("{prefix}{name}")));
        entries.filter_map(Result::transpose).collect()
    }

    fn blob_size(&self, _: &Oid) -> Result<u64, TreeError> {
        Ok(0)
    }

    fn blob(&self, _: &Oid) -> Result<Vec<u8>, TreeError> {
        Ok(Vec::new())
    }
}

fn state(content: &str) -> FileState {
    FileState::proposed(FileMode::Regular, content.as_bytes().to_vec())
}

fn change(path: &str, before: Option<&str>, after: Option<&str>) -> FileChange {
    FileChange {
        path: path.to_owned(),
        before: before.map(state),
        after: after.map(state),
        renamed_from: None,
        lines: LineStat::default(),
    }
}

fn gate(policy: &Policy, files: Vec<FileChange>, base: &Base) -> Gated {
    let changes = ChangeSet { files };
    let proposed = Proposed {
        request: "",
        goal: "Change a file",
        notes: &[],
        branch: "self-upgrade/change-a-file",
        protected: &[],
        changes: &changes,
        verification: &[],
    };
    policy.gate(&proposed, base).unwrap()
}

fn rules(policy: &Policy, files: Vec<FileChange>, base: &Base) -> Vec<String> {
    let verdict = gate(policy, files, base).verdict;
    verdict.violations.into_iter().map(|v| v.rule).collect()
}

fn path_rules(policy: &Policy, path: &str) -> Vec<String> {
    policy
        .judge_path(path)
        .into_iter()
        .map(|v| v.rule)
        .collect()
}

fn policy_with(repository: &str, user: &str, overrides: Overrides) -> Result<Policy, Error> {
    Policy::load(Sources {
        repository: Some(RepositoryPolicy {
            origin: ".milton/policy.toml".to_owned(),
            text: repository.as_bytes(),
        }),
        user: Some(UserPolicy {
            path: "user.toml".to_owned(),
            text: user,
        }),
        user_file: String::new(),
        overrides,
    })
}

fn argv(line: &str) -> Vec<String> {
    shlex::split(line).unwrap()
}

fn allows(line: &str, origin: CommandOrigin) -> bool {
    Policy::embedded()
        .unwrap()
        .judge_argv(&argv(line), origin)
        .is_ok()
}

mod sources {
    use super::*;

    #[test]
    fn a_repository_tightens_and_cannot_loosen() {
        let policy = policy_with(
            "[paths]\nforbid = [\"vendor/*\"]\n[limits]\nmax_files = 3\nmax_lines = 100000\n[branches]\nprotect = [\"self-upgrade/x\"]\n[commands]\nforbid = [\"npm test\"]\n",
            "",
            Overrides::default(),
        )
        .unwrap();
        let summary = policy.summary();
        assert_eq!((summary.max_files, summary.max_lines), (3, 400));
        let violations = policy.judge_path("vendor/x");
        assert_eq!(violations[0].source, "repository");
        assert!(policy.judge_branch("self-upgrade/x", &[]).is_err());
        assert!(
            policy
                .judge_argv(&argv("npm test"), CommandOrigin::Human)
                .is_err()
        );
        assert_eq!(
            summary.sources,
            [
                "embedded",
                "repository .milton/policy.toml",
                "user user.toml"
            ]
        );
    }

    #[test]
    fn the_human_can_loosen_and_it_shows() {
        let overrides = Overrides {
            max_files: Some(12),
            timeout_seconds: Some(10),
            ..Overrides::default()
        };
        let policy = policy_with("[limits]\nmax_files = 3", "", overrides).unwrap();
        assert_eq!(policy.summary().max_files, 12);
        assert_eq!(policy.timeout(), Duration::from_secs(10));
        let gated = gate(&policy, vec![change("a", None, Some("x"))], &Base::of(&[]));
        let active = gated
            .verdict
            .risks
            .iter()
            .filter(|r| r.id == "override_active");
        assert_eq!(active.count(), 2);
    }

    #[test]
    fn an_exception_lifts_a_name_rule_for_one_exact_path_only() {
        let user = "[[exception]]\npath = \"src/Tokenizer.py\"\nreason = \"a lexer\"\n[[exception]]\npath = \"src/token.py\"\nreason = \"a lexer\"\n";
        let policy = policy_with("", user, Overrides::default()).unwrap();
        assert!(path_rules(&policy, "src/Tokenizer.py").is_empty());
        assert!(path_rules(&policy, "src/token.py").is_empty());
        assert_eq!(
            path_rules(&policy, "src/tokenizer.py"),
            ["path.secret_glob"]
        );
        assert_eq!(
            path_rules(&policy, "src/Token.py"),
            ["path.secret_glob", "path.forbidden"]
        );
        assert_eq!(path_rules(&policy, ".env"), ["path.forbidden"]);
        let names: Vec<_> = policy
            .active_overrides()
            .into_iter()
            .map(|o| o.label())
            .collect();
        assert_eq!(names[0], "exception=src/Tokenizer.py (a lexer)");
    }

    #[test]
    fn an_exception_is_one_canonical_path_with_a_reason() {
        for (path, reason) in [
            ("src/*", "x"),
            ("a/../b", "x"),
            ("", "x"),
            ("a\\\\b", "x"),
            ("a", " "),
            (".env", "x"),
            ("config/id_rsa", "x"),
            ("credentials/api_key", "x"),
            ("src/k\u{435}y.py", "x"),
            ("src/k\u{200b}ey.py", "x"),
            ("self_upgrade/token.py", "x"),
        ] {
            let user = format!("[[exception]]\npath = \"{path}\"\nreason = \"{reason}\"\n");
            assert!(
                policy_with("", &user, Overrides::default()).is_err(),
                "{path:?}"
            );
        }
    }

    #[test]
    fn a_broken_policy_of_any_source_refuses_with_its_position() {
        let broken = "[paths]\nforbid = [\"ok\", \"[a\"]\n";
        for error in [
            policy_with(broken, "", Overrides::default()).unwrap_err(),
            policy_with("", broken, Overrides::default()).unwrap_err(),
        ] {
            let violation = error.violation();
            assert_eq!(violation.rule, "policy.invalid");
            assert!(
                violation.detail.contains("line 2, column 17"),
                "{violation:?}"
            );
        }
        let untrue = "[paths]\nforbid = [\"vendor/*\"]\nmust_match = [\"src/x\"]\n";
        assert!(matches!(
            policy_with(untrue, "", Overrides::default()).unwrap_err(),
            Error::SelfTest { .. }
        ));
    }

    #[test]
    fn every_source_changes_the_digest() {
        let digest = |repository, user, overrides| {
            policy_with(repository, user, overrides)
                .unwrap()
                .summary()
                .digest
        };
        let plain = digest("", "", Overrides::default());
        assert_eq!(plain, digest("", "", Overrides::default()));
        let skip = Overrides {
            skip_tests: true,
            ..Overrides::default()
        };
        for other in [
            digest("[paths]\nforbid = [\"x\"]", "", Overrides::default()),
            digest(
                "[commands]\nforbid = [\"make test\"]",
                "",
                Overrides::default(),
            ),
            digest("[branches]\nprotect = [\"x\"]", "", Overrides::default()),
            digest(
                "",
                "[[exception]]\npath = \"key.py\"\nreason = \"x\"",
                Overrides::default(),
            ),
            digest("", "", skip),
        ] {
            assert_ne!(plain, other);
        }
    }

    #[test]
    fn every_rule_can_be_shown_and_explained() {
        let policy = Policy::embedded().unwrap();
        let rules = policy.rules();
        assert!(
            rules
                .iter()
                .all(|rule| !rule.why.is_empty() && !rule.name.is_empty())
        );
        for id in [
            "path.forbidden",
            "path.secret_glob",
            "path.executes_on_host",
            "path.outside",
            "path.absolute",
            "path.characters",
            "path.through_symlink",
            "path.collision",
            "policy.self_edit",
            "policy.invalid",
            "override.malformed",
            "branch.protected",
            "branch.slug",
            "branch.characters",
            "tree.mode",
            "limits.files",
            "limits.lines",
            "limits.line_length",
            "limits.bytes",
            "content.secret",
            "content.binary",
            "content.line_endings",
            "goal.control_characters",
            "goal.not_one_sentence",
            "command.not_on_allow_list",
        ] {
            assert!(!policy.explain(id).is_empty(), "{id}");
        }
        assert!(!policy.explain("command").is_empty());
        assert!(policy.explain("no such thing").is_empty());
        assert_eq!(policy.document().version, "1.0");
    }
}

mod self_edit {
    use super::*;

    fn allowing() -> Policy {
        let overrides = Overrides {
            allow_policy_edits: true,
            ..Overrides::default()
        };
        policy_with("", "", overrides).unwrap()
    }

    #[test]
    fn the_override_lifts_the_canonical_spelling_only() {
        let strict = Policy::embedded().unwrap();
        let allowing = allowing();
        for path in [
            "self_upgrade/policy.py",
            "docs/SELF_UPGRADE_POLICY.md",
            ".milton/policy.toml",
        ] {
            assert_eq!(path_rules(&strict, path), ["policy.self_edit"], "{path}");
            assert!(path_rules(&allowing, path).is_empty(), "{path}");
        }
        for path in [
            "Self_Upgrade/policy.py",
            "x/../self_upgrade/policy.py",
            "docs/self_upgrade_policy.md",
            "./self_upgrade/a",
            "self_upgrade\\a",
            "s\u{435}lf_upgrade/a",
            ".milton/../.milton/x",
            "self_upgr\u{200b}ade/a",
        ] {
            for policy in [&strict, &allowing] {
                let rules = path_rules(policy, path);
                assert!(rules.contains(&"policy.self_edit".to_owned()), "{path}");
                assert!(rules.contains(&"path.forbidden".to_owned()), "{path}");
            }
        }
    }

    #[test]
    fn a_proposed_repository_policy_has_to_load_whatever_is_lifted() {
        let base = Base::of(&[]);
        let file = |text: &str| vec![change(".milton/policy.toml", None, Some(text))];
        assert!(rules(&allowing(), file("[limits]\nmax_files = 2\n"), &base).is_empty());
        for bad in [
            "[paths]\nallow = [\"*\"]\n",
            "[paths]\nforbid = [\"[\"]\n",
            "x",
        ] {
            assert_eq!(
                rules(&allowing(), file(bad), &base),
                ["policy.invalid"],
                "{bad}"
            );
        }
    }
}

mod command {
    use super::*;

    #[test]
    fn a_proposal_gets_only_what_is_listed() {
        for line in [
            "pytest -q",
            "pytest -q tests/test_a.py::test_b",
            "python -m pytest -q",
            "ruff check .",
            "cargo test --locked",
            "git diff main...HEAD",
            "git add src/a.py",
            "npm test",
            "git log -- src/a.py",
            "git show HEAD~1",
            "git merge-base main HEAD",
            "make test",
        ] {
            assert!(allows(line, CommandOrigin::Proposal), "{line}");
        }
        for line in [
            "pytest -q .. ",
            "pytest /etc",
            "./pytest",
            "/usr/bin/pytest",
            "pytest --co",
            "git push",
            "git -C . status",
            "git diff --output x",
            "git add .milton/policy.toml",
            "git add key.py",
            "git log --pretty=%x",
            "git diff -- /etc/passwd",
            "git diff ../a ../b",
            "go test -exec=x",
            "python",
            "env pytest",
            "PYTEST -q",
            "pytest \u{200b}",
            "rg --pre=x y",
            "make test X=1",
        ] {
            assert!(!allows(line, CommandOrigin::Proposal), "{line}");
        }
        assert!(!allows(".venv/bin/pytest -q", CommandOrigin::Proposal));
        assert!(allows(".venv/bin/pytest -q", CommandOrigin::Repository));
        assert!(!allows(".venv/bin/../../x -q", CommandOrigin::Repository));
        assert!(
            Policy::embedded()
                .unwrap()
                .judge_argv(&[], CommandOrigin::Human)
                .is_err()
        );
    }

    #[test]
    fn a_human_may_start_anything_but_what_nobody_may() {
        for line in [
            "pytest -k one",
            "./run-tests.sh",
            "tox -e py312",
            "uv run pytest -q",
            "git status",
            "env A=1 pytest",
            "sh -c 'pytest -q'",
            "python -c 'print(1)'",
            "make lint",
            "timeout 60 pytest",
            "git --version",
            "uv run pytest -k service",
            "tox -e docker",
            "make docker",
        ] {
            assert!(allows(line, CommandOrigin::Human), "{line}");
        }
        for line in [
            "git push",
            "/usr/bin/git push",
            "git -C . push",
            "git commit -m x",
            "gh pr merge 1",
            "env GIT_DIR=x git push",
            "timeout 5 git merge x",
            "sh -c 'git push'",
            "bash -lc \"gi''t push\"",
            "xargs git push",
            "nice -n 5 systemctl restart x",
            "python -m pip install x",
            "python3.12 -m pip install x",
            "pip3 install x",
            "python -c \"import os; os.system('git push')\"",
            "npm ci",
            "cargo install x",
            "sudo pytest",
            "docker-compose up",
            "docker compose up",
            "nft flush ruleset",
            "env sh -c 'git push'",
            "git-push",
            "env -u X git push",
            "uv run npm install",
            "poetry run python -m pip install x",
            "iptables -F",
            "ssh host",
            "uv pip install x",
            "find . -exec git push ;",
            "GIT push",
        ] {
            assert!(!allows(line, CommandOrigin::Human), "{line}");
        }
    }

    #[test]
    fn a_human_command_off_the_list_is_a_risk_and_a_harmless_one_verifies_nothing() {
        let policy = Policy::embedded().unwrap();
        let command = |line: &str, origin| VerificationCommand {
            argv: argv(line),
            origin,
            why: "asked".to_owned(),
            is_suite: true,
        };
        let changes = ChangeSet {
            files: vec![change("a.txt", None, Some("x"))],
        };
        let verdict = |verification: &[VerificationCommand]| {
            let proposed = Proposed {
                request: "",
                goal: "Change a file",
                notes: &[],
                branch: "self-upgrade/a",
                protected: &[],
                changes: &changes,
                verification,
            };
            policy.gate(&proposed, &Base::of(&[])).unwrap()
        };
        let by_hand = verdict(&[command("./t.sh", CommandOrigin::Human)]);
        assert_eq!(by_hand.verdict.risks[0].id, "override_active");
        assert_eq!(by_hand.cleared.unwrap().verification.len(), 1);
        let echo = verdict(&[command("echo ok", CommandOrigin::Proposal)]);
        assert_eq!(echo.verdict.violations[0].rule, "command.not_on_allow_list");
        assert!(echo.cleared.is_none());
        let listed = verdict(&[command("pytest -q", CommandOrigin::Human)]);
        assert_eq!(listed.verdict.risks, []);
    }
}

mod tree {
    use super::*;

    #[test]
    fn a_path_through_a_link_or_a_submodule_is_refused() {
        let base = Base::of(&[
            ("out", FileMode::Symlink),
            ("sub", FileMode::Gitlink),
            ("dir/a", FileMode::Regular),
        ]);
        let policy = Policy::embedded().unwrap();
        for path in ["out/x.txt", "sub/x.txt", "out/a/b/c.txt"] {
            assert_eq!(
                rules(&policy, vec![change(path, None, Some("x"))], &base),
                ["path.through_symlink"]
            );
        }
        assert!(rules(&policy, vec![change("dir/b.txt", None, Some("x"))], &base).is_empty());
    }

    #[test]
    fn names_that_collide_with_the_base_or_each_other_are_refused() {
        let base = Base::of(&[
            ("Docs/a.md", FileMode::Regular),
            ("x", FileMode::Regular),
            ("lib/y.py", FileMode::Regular),
        ]);
        let policy = Policy::embedded().unwrap();
        let new = |path| change(path, None, Some("x"));
        for files in [
            vec![new("docs/b.md")],
            vec![new("Docs/A.md")],
            vec![new("X")],
            vec![new("x/y")],
            vec![new("lib")],
            vec![new("lib/\u{443}.py")],
            vec![new("a"), new("a")],
            vec![new("q.txt"), new("Q.txt")],
            vec![new("n/a"), new("N/b")],
            vec![new("m"), new("m/n")],
        ] {
            let shown: Vec<_> = files.iter().map(|f| f.path.clone()).collect();
            let found = rules(&policy, files, &base);
            assert!(
                found.contains(&"path.collision".to_owned()),
                "{shown:?}: {found:?}"
            );
        }
        assert!(rules(&policy, vec![new("Docs/b.md"), new("Docs/c.md")], &base).is_empty());
        assert!(rules(&policy, vec![change("x", Some("a"), Some("b"))], &base).is_empty());
    }

    #[test]
    fn only_what_is_executable_may_be_executable() {
        let base = Base::of(&[
            ("run", FileMode::Executable),
            ("a.txt", FileMode::Regular),
            ("l", FileMode::Symlink),
        ]);
        let policy = Policy::embedded().unwrap();
        let with_mode = |path: &str, before: Option<FileMode>, mode| {
            let mut file = change(path, before.map(|_| "x"), Some("y"));
            if let (Some(state), Some(mode)) = (&mut file.before, before) {
                state.mode = mode;
            }
            if let Some(state) = &mut file.after {
                state.mode = mode;
            }
            rules(&policy, vec![file], &base)
        };
        assert!(with_mode("run", Some(FileMode::Executable), FileMode::Executable).is_empty());
        assert!(with_mode("run", Some(FileMode::Executable), FileMode::Regular).is_empty());
        for (path, before, mode) in [
            ("a.txt", Some(FileMode::Regular), FileMode::Executable),
            // What the proposal claims about the base does not count.
            ("a.txt", Some(FileMode::Executable), FileMode::Executable),
            ("new", None, FileMode::Executable),
            ("new", None, FileMode::Symlink),
            ("new", None, FileMode::Gitlink),
            ("new", None, FileMode::Tree),
            ("l", Some(FileMode::Symlink), FileMode::Regular),
        ] {
            assert_eq!(
                with_mode(path, before, mode),
                ["tree.mode"],
                "{path} {mode}"
            );
        }
    }

    #[test]
    fn a_compose_file_is_blocked_by_its_ports_only() {
        let policy = Policy::embedded().unwrap();
        let base = Base::of(&[("docker-compose.yml", FileMode::Regular)]);
        let text = "services:\n  web:\n    image: a:1\n    ports: [\"1:1\"]\n";
        let judge = |after: &str| {
            gate(
                &policy,
                vec![change("docker-compose.yml", Some(text), Some(after))],
                &base,
            )
            .verdict
        };
        let image = judge(&text.replace("a:1", "a:2"));
        assert!(image.is_allowed());
        assert!(image.risks.iter().any(|r| r.id == "compose_changed"));
        let ports = judge(&text.replace("1:1", "2:1"));
        assert_eq!(ports.violations[0].rule, "path.forbidden");
        assert!(
            ports.violations[0].detail.contains("web"),
            "{:?}",
            ports.violations
        );
    }
}

mod risk {
    use super::*;

    fn risks(files: Vec<FileChange>) -> Vec<String> {
        let verdict = gate(&Policy::embedded().unwrap(), files, &Base::of(&[])).verdict;
        verdict.risks.into_iter().map(|r| r.id).collect()
    }

    #[test]
    fn lost_tests_and_lost_assertions_are_noted() {
        let before = "def test_a():\n    assert 1\n\ndef test_b():\n    assert 2\n";
        for after in [
            None,
            Some("def test_a():\n    assert 1\n"),
            Some("def test_a():\n    assert 1\n\ndef test_b():\n    pass\n"),
        ] {
            let found = risks(vec![change("tests/test_x.py", Some(before), after)]);
            assert!(found.contains(&"tests_removed".to_owned()), "{after:?}");
        }
        assert_eq!(
            risks(vec![change(
                "tests/test_x.py",
                Some(before),
                Some(&format!("{before}x = 1\n"))
            )]),
            [""; 0]
        );
        let moved = FileChange {
            renamed_from: Some("tests/test_x.py".to_owned()),
            ..change("tests/test_y.py", None, Some(before))
        };
        assert_eq!(
            risks(vec![change("tests/test_x.py", Some(before), None), moved]),
            [""; 0]
        );
    }

    #[test]
    fn skips_dependencies_and_missing_tests_are_noted() {
        assert_eq!(
            risks(vec![change(
                "tests/test_x.py",
                Some("a\n"),
                Some("a\n@pytest.mark.skip\n")
            )]),
            ["tests_skipped"]
        );
        let leaving = "a\nraise SystemExit(sys.exit(3))\n";
        assert_eq!(
            risks(vec![change("tests/test_x.py", Some("a\n"), Some(leaving))]),
            [""; 0]
        );
        assert_eq!(
            risks(vec![change("requirements.txt", Some("a\n"), Some("b\n"))]),
            ["dependency_changed"]
        );
        assert_eq!(
            risks(vec![change("src/a.py", None, Some("x\n"))]),
            ["no_tests_touched"]
        );
        assert_eq!(
            risks(vec![change("a.md", None, Some(&"x\n".repeat(201)))]),
            ["large_change"]
        );
    }
}

mod gates {
    use super::*;

    #[test]
    fn every_violation_is_listed_and_secrets_and_hostile_text_are_bounded() {
        let policy = Policy::embedded().unwrap();
        let token = secrets::fill("ghp_{alnum:36}");
        let changes = ChangeSet {
            files: vec![
                change(".env", None, Some(&token)),
                change(&format!("{token}.txt"), None, Some("x")),
                change(&"a;".repeat(120), None, Some("x")),
            ],
        };
        let proposed = Proposed {
            request: "",
            goal: "One. Two.",
            notes: &[format!("uses {token}")],
            branch: "main",
            protected: &[],
            changes: &changes,
            verification: &[],
        };
        let verdict = policy.gate(&proposed, &Base::of(&[])).unwrap().verdict;
        let rules: Vec<_> = verdict.violations.iter().map(|v| v.rule.as_str()).collect();
        for rule in [
            "path.forbidden",
            "content.secret",
            "path.characters",
            "goal.not_one_sentence",
            "branch.protected",
            "branch.slug",
        ] {
            assert!(rules.contains(&rule), "{rule}: {rules:?}");
        }
        let shown = serde_json::to_string(&verdict).unwrap();
        assert!(!shown.contains(&token));
        let length = |v: &Violation| v.subject.chars().count().max(v.detail.chars().count());
        assert!(verdict.violations.iter().all(|v| length(v) <= 200));
    }

    #[test]
    fn the_built_tree_has_to_be_what_was_cleared() {
        let policy = Policy::embedded().unwrap();
        let base = Base::of(&[]);
        let cleared = gate(&policy, vec![change("a.txt", None, Some("x"))], &base)
            .cleared
            .unwrap();
        let recheck = |files: Vec<FileChange>| {
            policy
                .recheck(oid("2"), &ChangeSet { files }, &cleared.changes, &base)
                .unwrap()
        };
        let (verdict, permission) = recheck(vec![change("a.txt", None, Some("x"))]);
        assert!(verdict.is_allowed());
        assert_eq!(permission.unwrap().into_inner(), oid("2"));
        for files in [
            vec![],
            vec![change("a.txt", None, Some("y"))],
            vec![change("a.txt", Some("x"), None)],
            vec![change("b.txt", None, Some("x"))],
            vec![
                change("a.txt", None, Some("x")),
                change("b.txt", None, Some("x")),
            ],
        ] {
            let (verdict, permission) = recheck(files);
            assert!(permission.is_none());
            assert!(
                verdict
                    .violations
                    .iter()
                    .any(|v| v.detail.contains("differs from what was cleared"))
            );
        }
    }
}

fn any_change() -> impl Strategy<Value = FileChange> {
    let path = prop_oneof![
        "[a-zA-Z._-]{1,6}(/[a-zA-Z.]{1,4}){0,2}",
        Just("x".to_owned()),
        Just("x/y".to_owned()),
        Just("X".to_owned()),
        Just(".env".to_owned()),
        Just("lib/token.py".to_owned()),
        Just("docker-compose.yml".to_owned()),
        any::<String>(),
    ];
    let content = prop_oneof![
        "[a-z\n]{0,40}",
        Just("x\n".repeat(250)),
        Just("services: {web: {ports: [1]}}".to_owned()),
        any::<String>(),
    ];
    let sides = (
        proptest::option::of(content.clone()),
        proptest::option::of(content),
    );
    (path, sides)
        .prop_map(|(path, (before, after))| change(&path, before.as_deref(), after.as_deref()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn adding_a_file_never_turns_blocked_into_allowed(
        files in proptest::collection::vec(any_change(), 1..4),
        extra in any_change(),
    ) {
        let policy = Policy::embedded().unwrap();
        let base = Base::of(&[("x", FileMode::Regular), ("lib/a", FileMode::Regular), ("l", FileMode::Symlink)]);
        let blocked = !gate(&policy, files.clone(), &base).verdict.is_allowed();
        let mut more = files;
        more.push(extra);
        if blocked {
            prop_assert!(!gate(&policy, more, &base).verdict.is_allowed());
        }
    }

    #[test]
    fn no_text_makes_a_judge_panic(text in any::<String>()) {
        let policy = Policy::embedded().unwrap();
        drop(policy.judge_path(&text));
        drop(policy.judge_goal(&text));
        drop(policy.judge_branch(&text, &[]));
        drop(policy.judge_command_line(&text));
        drop(policy.judge_argv(std::slice::from_ref(&text), CommandOrigin::Human));
        prop_assert!(!policy.redact(&text).is_empty() || text.is_empty());
    }
}
