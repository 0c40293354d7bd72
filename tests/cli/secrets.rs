//! No secret in anything that a run leaves or prints, wherever it came in.

use std::path::Path;

use serde_json::json;

use crate::environment::{Called, Environment};
use crate::proposals::GOOD;

/// A token of its own for every place, so that a leak names its source. Put together here, so that
/// no literal of this form stands in the sources.
fn token(place: &str) -> String {
    let mut body = format!("{place}Q7w9Zk2Lx8Vb4Nm6Tr1Yp3Hs5Jd0Gf");
    body.truncate(36);
    while body.len() < 36 {
        body.push_str(&format!("{}", body.len() % 7));
    }
    body.truncate(36);
    format!("ghp_{body}")
}

/// Every file under a folder that holds the text.
fn holding(folder: &Path, text: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holding(&path, text, found);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        if bytes.windows(text.len()).any(|w| w == text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
}

/// Nothing of a secret stands in the run store or in what milton prints, also later.
fn assert_gone(place: &Environment, called: &Called, secret: &str) {
    let mut found = Vec::new();
    holding(&place.state(), secret, &mut found);
    assert!(found.is_empty(), "{secret} stands in {found:?}");
    assert!(
        !called.out.contains(secret),
        "{secret} on stdout: {}",
        called.out
    );
    assert!(
        !called.err.contains(secret),
        "{secret} on stderr: {}",
        called.err
    );
    for arguments in [
        &["list"][..],
        &["list", "--format", "json"],
        &["show", "latest"],
        &["show", "latest", "--format", "markdown"],
        &["show", "latest", "--format", "json"],
    ] {
        let shown = place.milton(arguments);
        assert!(!shown.out.contains(secret), "{arguments:?}: {}", shown.out);
        assert!(!shown.err.contains(secret), "{arguments:?}: {}", shown.err);
    }
}

#[test]
fn a_refused_run_keeps_no_secret_wherever_it_stood() {
    for format in ["json", "human"] {
        let place = Environment::with_project();
        let secrets: Vec<String> = ["request", "goal", "note", "argv", "path", "line", "topic"]
            .into_iter()
            .map(token)
            .collect();
        let [request, goal, note, argv, path, line, topic] = secrets.as_slice() else {
            panic!("seven places");
        };
        // One that is a topic by its form.
        let slug = format!("key-{}", "0f1e2d3c4b5a69788796a5b4c3d2e1f0");
        let proposal = json!({
            "schema": 1,
            "goal": format!("Use {goal} for everything"),
            "topic": slug,
            "edits": [
                {"path": format!("docs/{path}.md"), "op": "write", "content": format!("t = '{line}'\n")}],
            "verify": [["curl", "-H", format!("Authorization: Bearer {argv}")],
                       ["deploy", "--token", "plain-Words-2"]],
            "risks": [format!("{} {note}", "long ".repeat(96)), format!("token {topic}")]});
        let called = place.milton_with_input(
            &[
                "run",
                &format!("Use {request}"),
                "--proposal",
                "-",
                "--headless",
                "--format",
                format,
            ],
            proposal.to_string().as_bytes(),
        );
        assert_eq!(called.code, 20, "{}\n{}", called.out, called.err);
        for secret in secrets
            .iter()
            .map(String::as_str)
            .chain([slug.as_str(), "plain-Words-2"])
        {
            assert_gone(&place, &called, secret);
        }
        if format == "json" {
            let verdict = called.verdict();
            let violations = verdict["violations"].as_array().unwrap();
            let subjects: Vec<&str> = violations
                .iter()
                .filter(|v| v["rule"] == "content.secret")
                .map(|v| v["subject"].as_str().unwrap())
                .collect();
            for subject in ["request", "goal", "risk note 1", "risk note 2", "branch"] {
                assert!(subjects.contains(&subject), "{subject}: {subjects:?}");
            }
            let first = violations
                .iter()
                .find(|v| v["subject"] == "request")
                .unwrap();
            assert_eq!(first["detail"], "holds [secret: github-token]");
        }
    }
}

/// A place whose only new test prints one secret on each stream, one in two pieces with a pause, and
/// one in an assertion. The test puts the tokens together itself.
fn with_leaking_test(secrets: [&str; 4]) -> Environment {
    let place = Environment::with_project();
    let built = |secret: &str| {
        let (prefix, rest) = secret.split_at(3);
        format!("'{prefix}' + '{rest}'")
    };
    let [out, err, halves, assertion] = secrets.map(built);
    let lines = [
        "import sys, time".to_owned(),
        String::new(),
        String::new(),
        "def test_leak(capfd):".to_owned(),
        "    with capfd.disabled():".to_owned(),
        "        print('first line', flush=True)".to_owned(),
        format!("        print('out', {out}, flush=True)"),
        format!("        print('err', {err}, file=sys.stderr, flush=True)"),
        format!("        text = 'halves ' + {halves}"),
        "        for half in text[:20], text[20:]:".to_owned(),
        "            sys.stdout.write(half)".to_owned(),
        "            sys.stdout.flush()".to_owned(),
        "            time.sleep(0.3)".to_owned(),
        "        print()".to_owned(),
        format!("    assert {assertion} == 'x'"),
        String::new(),
    ];
    place.write("tests/test_leak.py", &lines.join("\n"));
    place.commit("a test that prints secrets");
    place
}

#[test]
fn what_tests_print_is_masked_in_the_record_with_its_line() {
    let secrets = ["stdout", "stderr", "halves", "assert"].map(token);
    for format in ["json", "human"] {
        let place = with_leaking_test(secrets.each_ref().map(String::as_str));
        let run = ["run", "Change the calculator", "--patch", "-", "--headless"];
        let called =
            place.milton_with_input(&[&run[..], &["--format", format]].concat(), GOOD.as_bytes());
        assert_eq!(called.code, 21, "{}\n{}", called.out, called.err);
        for secret in &secrets {
            assert_gone(&place, &called, secret);
        }
        let log = place.run_file("output/005.log");
        assert!(log.contains("out [secret: github-token]\n"), "{log}");
        assert!(log.contains("err [secret: github-token]\n"), "{log}");
        assert!(log.contains("halves [secret: github-token]"), "{log}");
        assert!(log.contains("test_leak.py:1"), "the location stays: {log}");
        if format == "json" {
            the_reviewer_is_told(&called, &log);
        }
    }
}

fn the_reviewer_is_told(called: &Called, log: &str) {
    let verdict = called.verdict();
    let number = log.lines().position(|line| line.starts_with("out "));
    let expected = format!("output/005.log:{}", 1 + number.unwrap());
    let risks = verdict["risks"].as_array().unwrap();
    let told = risks
        .iter()
        .find(|risk| risk["id"] == "secret_in_output" && risk["subject"] == expected.as_str())
        .unwrap_or_else(|| panic!("{expected}: {risks:#?}"));
    assert!(told["detail"].as_str().unwrap().contains("github-token"));
    let item = &verdict["checklist"][3];
    assert_eq!(item["id"], "no_secrets", "{item}");
    let evidence = item["evidence"].as_str().unwrap();
    assert!(evidence.contains("masked in the record"), "{evidence}");
}

#[test]
fn the_diff_of_an_allowed_change_is_what_git_says_and_the_pages_about_it_are_masked() {
    let place = Environment::with_project();
    let secret = token("context");
    place.write("conf.py", &format!("KEY = '{secret}'\nx = 1\n"));
    place.commit("a secret that is there already");
    let patch = format!(
        "--- a/conf.py\n+++ b/conf.py\n@@ -1,2 +1,2 @@\n KEY = '{secret}'\n-x = 1\n+x = 2\n"
    );
    let called = place.run_patch(&patch, &["--topic", "context"]);
    assert_eq!(called.code, 0, "{}\n{}", called.out, called.err);
    assert!(!called.out.contains(&secret), "{}", called.out);
    let mut found = Vec::new();
    holding(&place.state(), &secret, &mut found);
    let diff = place.newest_run().join("diff.patch");
    assert_eq!(found, [diff.display().to_string()]);
    let said = place.git(&["diff", "main...self-upgrade/context"]);
    assert_eq!(place.run_file("diff.patch").trim_end(), said.trim_end());
    assert!(
        place
            .run_file("evidence.md")
            .contains("[secret: github-token]")
    );
}

#[test]
fn an_error_about_arguments_repeats_no_secret_and_no_control_character() {
    let place = Environment::with_project();
    let secret = token("usage");
    let hostile = format!("--bogus={secret}\u{1b}[2J");
    let missing = format!("/nowhere/{secret}\u{1b}[2J\u{202e}");
    for arguments in [
        &["run", hostile.as_str()][..],
        &["run", "--patch", missing.as_str(), "--headless"],
        &["show", missing.as_str()],
        &[
            "check",
            "--command",
            &format!("curl -H \"Authorization: Bearer {secret}\u{1b}\""),
        ],
        &["check", "--path", &format!("a/{secret}\u{202e}")],
    ] {
        let called = place.milton(arguments);
        assert!(
            matches!(called.code, 2 | 20),
            "{arguments:?}: {}",
            called.code
        );
        for text in [&called.out, &called.err] {
            assert!(!text.contains(&secret), "{arguments:?}: {text}");
            assert!(
                !text.contains(['\u{1b}', '\u{202e}']),
                "{arguments:?}: {text:?}"
            );
        }
    }
}
