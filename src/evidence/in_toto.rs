//! The test result as an in-toto Statement: what other tools that check a supply chain read.
//!
//! Statement v1 with the predicate test-result v0.1. It is not signed: whoever publishes it puts it
//! into an envelope with a key of his own.

use serde_json::{Map, Value, json};

use crate::model::{Digest, Override, RunState, TestOutcome, TestReport};
use crate::text;

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// Risks that say something about the tests themselves: a pass beside one of them is a warning.
const ABOUT_TESTS: [&str; 2] = ["tests_", "harness_changed"];

/// The Statement of a run as indented JSON with a newline at its end.
///
/// # Errors
///
/// Why there is no test result of a commit to state: nothing was committed, or no test was run.
pub fn in_toto(state: &RunState) -> Result<String, &'static str> {
    let statement = statement(state)?;
    Ok(text::json_escaped(format!("{statement:#}\n")))
}

fn statement(state: &RunState) -> Result<Value, &'static str> {
    if state.is_busy() {
        return Err("it has not come to its end");
    }
    let commit = state.commit.as_ref().ok_or("nothing was committed")?;
    let report = match &state.tests {
        Some(report) if report.outcome != TestOutcome::Skipped => report,
        Some(_) => return Err("its tests were switched off"),
        None => return Err("no test was run"),
    };
    let branch = state.branch.as_ref().map(ToString::to_string);
    let repository = state.repository.rsplit('/').next().unwrap_or_default();
    let name = format!(
        "{repository}/{}",
        branch.as_deref().unwrap_or("(no branch)")
    );
    Ok(json!({
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"gitCommit": commit}}],
        "predicateType": TEST_RESULT,
        "predicate": predicate(state, report),
    }))
}

fn predicate(state: &RunState, report: &TestReport) -> Value {
    let failed: Vec<&str> = report
        .failures
        .iter()
        .map(|test| test.name.as_str())
        .collect();
    let mut fields = Map::new();
    fields.insert("result".to_owned(), json!(result(state, report)));
    fields.insert(
        "configuration".to_owned(),
        json!(configuration(state, report)),
    );
    if report.passed == 0 {
        // The record counts the tests that passed and does not name them: an empty list beside a
        // count would be a lie, so the list, which is optional, is left out.
        fields.insert("passedTests".to_owned(), json!([]));
    }
    fields.insert("warnedTests".to_owned(), json!([]));
    fields.insert("failedTests".to_owned(), json!(failed));
    Value::Object(fields)
}

/// The strictest word that fits: only a counted pass passes, and only without a doubt about the
/// tests themselves.
fn result(state: &RunState, report: &TestReport) -> &'static str {
    let doubted = || {
        state.findings.iter().any(|finding| {
            let id = finding.risk.id.as_str();
            ABOUT_TESTS.iter().any(|begin| id.starts_with(begin))
        })
    };
    match report.outcome {
        TestOutcome::Passed if doubted() => "WARNED",
        TestOutcome::Passed => "PASSED",
        TestOutcome::Failed
        | TestOutcome::TimedOut
        | TestOutcome::NoneCounted
        | TestOutcome::NoReport
        | TestOutcome::NotStarted
        | TestOutcome::Skipped => "FAILED",
    }
}

/// What the tests were run with, each with the digest that binds it.
fn configuration(state: &RunState, report: &TestReport) -> Vec<Value> {
    let mut descriptors = vec![command(state, report)];
    if let Some(base) = &state.base {
        descriptors.push(json!({
            "name": "base",
            "digest": {"gitCommit": base},
            "annotations": {"branch": state.base_branch},
        }));
    }
    if let Some(policy) = &state.policy {
        let overrides: Vec<String> = state.overrides.iter().map(Override::label).collect();
        descriptors.push(json!({
            "name": "policy",
            "digest": {"sha256": policy.digest},
            "annotations": {
                "version": policy.version,
                "sources": policy.sources,
                "overrides": overrides,
            },
        }));
    }
    for patch in [&state.plan_patch, &state.diff].into_iter().flatten() {
        descriptors.push(json!({
            "name": patch.file,
            "digest": {"sha256": patch.sha256},
            "mediaType": "text/x-diff",
        }));
    }
    descriptors
}

/// The command, its isolation, and its counts. A descriptor must have a digest: that of its words
/// as a JSON list.
fn command(state: &RunState, report: &TestReport) -> Value {
    let words = json!(report.argv).to_string();
    let sandbox = state.sandbox.as_ref();
    json!({
        "name": "test command",
        "digest": {"sha256": Digest::of(words.as_bytes())},
        "annotations": {
            "argv": report.argv,
            "exit": report.exit,
            "seconds": report.seconds,
            "passed": report.passed,
            "failed": report.failed,
            "skipped": report.skipped,
            "outcome": report.outcome,
            "reason": report.reason,
            "sandbox": sandbox.map(|sandbox| sandbox.tier),
            "sandbox_gaps": sandbox.map(|sandbox| &sandbox.gaps),
            "run": state.run,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{STATUSES, report, state};
    use crate::model::run::Finding;
    use crate::model::{Risk, Status};

    /// What the specifications demand of a Statement, of a descriptor and of this predicate.
    fn assert_well_formed(statement: &Value) {
        let object = |value: &Value| value.as_object().unwrap().clone();
        let names = |value: &Value| object(value).keys().cloned().collect::<Vec<_>>();
        assert_eq!(
            names(statement),
            ["_type", "predicate", "predicateType", "subject"]
        );
        assert_eq!(statement["_type"], STATEMENT);
        assert_eq!(statement["predicateType"], TEST_RESULT);
        for subject in statement["subject"].as_array().unwrap() {
            let commit = subject["digest"]["gitCommit"].as_str().unwrap();
            assert!(commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()));
        }
        let predicate = &statement["predicate"];
        for (name, value) in object(predicate) {
            match name.as_str() {
                "result" => {
                    assert!(["PASSED", "WARNED", "FAILED"].contains(&value.as_str().unwrap()));
                }
                "configuration" => assert!(!value.as_array().unwrap().is_empty()),
                "passedTests" | "warnedTests" | "failedTests" => {
                    assert!(value.as_array().unwrap().iter().all(Value::is_string));
                }
                other => panic!("{other} is no field of the predicate"),
            }
        }
        for descriptor in predicate["configuration"].as_array().unwrap() {
            let known = ["name", "digest", "mediaType", "annotations"];
            assert!(
                names(descriptor)
                    .iter()
                    .all(|name| known.contains(&name.as_str()))
            );
            for (algorithm, digest) in object(&descriptor["digest"]) {
                let length = if algorithm == "gitCommit" { 40 } else { 64 };
                assert_eq!(digest.as_str().unwrap().len(), length, "{descriptor}");
            }
        }
    }

    #[test]
    fn a_run_that_built_a_commit_and_ran_tests_has_a_statement() {
        for status in STATUSES {
            let state = state(status);
            match in_toto(&state) {
                Ok(text) => assert_well_formed(&serde_json::from_str(&text).unwrap()),
                Err(why) => assert!(
                    state.commit.is_none() || state.tests.is_none(),
                    "{status}: {why}"
                ),
            }
        }
        let statement: Value =
            serde_json::from_str(&in_toto(&state(Status::Success)).unwrap()).unwrap();
        insta::assert_snapshot!(format!("{statement:#}"));
    }

    #[test]
    fn only_a_counted_pass_without_a_doubt_about_the_tests_is_passed() {
        let mut state = state(Status::Success);
        state.findings.clear();
        let word = |state: &RunState| statement(state).unwrap()["predicate"]["result"].clone();
        assert_eq!(word(&state), "PASSED");
        state.findings.push(Finding {
            risk: Risk {
                id: "tests_removed".to_owned(),
                subject: "tests/test_a.py".to_owned(),
                detail: "deleted".to_owned(),
            },
            read: true,
        });
        assert_eq!(word(&state), "WARNED", "reading a risk does not remove it");
        for outcome in [
            TestOutcome::Failed,
            TestOutcome::TimedOut,
            TestOutcome::NoneCounted,
            TestOutcome::NoReport,
            TestOutcome::NotStarted,
        ] {
            state.tests = Some(report(outcome));
            assert_eq!(word(&state), "FAILED", "{outcome:?}");
        }
    }

    #[test]
    fn a_failed_test_is_named_and_tests_that_were_switched_off_are_no_result() {
        let mut state = state(Status::TestFailure);
        let failed = &statement(&state).unwrap()["predicate"]["failedTests"];
        assert!(!failed.as_array().unwrap().is_empty());
        state.tests = Some(report(TestOutcome::Skipped));
        assert!(in_toto(&state).is_err());
    }
}
