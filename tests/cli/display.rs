//! Hostile text in a real run: what a test prints and what a change holds, as a person meets it.

use serde_json::{Value, json};

use crate::environment::Environment;

/// The entry of the catalogue whose test prints terminal sequences and a forged result.
fn entry() -> Value {
    let entry = include_str!("../data/bypasses.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|entry| entry["id"] == "TTY-pytest-out");
    entry.expect("the catalogue has it")
}

fn assert_clean(name: &str, text: &str) {
    let raw = text
        .chars()
        .find(|c| *c != '\n' && milton::text::is_hidden(*c));
    assert_eq!(raw, None, "{name}: {text}");
}

#[test]
fn a_test_that_prints_terminal_sequences_fails_and_reaches_no_terminal() {
    let entry = entry();
    assert_eq!(entry["expected"]["status"], "TEST_FAILURE");
    assert_eq!(entry["expected"]["raw_bytes_to_terminal"], false);
    let files = entry["input"]["files"].as_array().unwrap();
    let edits: Vec<Value> = files
        .iter()
        .map(|file| {
            json!({"path": format!("tests/{}", file["path"].as_str().unwrap()),
                   "op": "write", "content": file["content"]})
        })
        .collect();
    let proposal = json!({"schema": 1, "goal": "Add a test", "edits": edits});
    for format in ["human", "json"] {
        let place = Environment::with_project();
        let called = place.milton_with_input(
            &["run", "--proposal", "-", "--headless", "--format", format],
            proposal.to_string().as_bytes(),
        );
        assert_eq!(called.code, 21, "{}\n{}", called.out, called.err);
        assert_clean("stdout", &called.out);
        assert_clean("stderr", &called.err);
        for arguments in [
            &["list"][..],
            &["show", "latest"],
            &["show", "latest", "--format", "json"],
            &["show", "latest", "--format", "markdown"],
        ] {
            assert_clean("show", &place.milton(arguments).out);
        }
        for file in ["evidence.json", "evidence.md", "audit.log", "events.jsonl"] {
            let text = place.run_file(file);
            let raw = text
                .chars()
                .find(|c| !matches!(c, '\n' | '\t') && c.is_control());
            assert_eq!(raw, None, "{file}");
        }
        let page = place.run_file("evidence.md");
        assert!(page.contains("␛[2J␛[32m500 passed␛[0m␛[8m"), "{page}");
        assert!(
            place
                .run_file("evidence.json")
                .contains("hidden_characters")
        );
    }
}
