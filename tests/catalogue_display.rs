//! The display class of the catalogue: hostile text is shown as the entry says, raises its risk
//! wherever it stands, and reaches no output raw. The one entry that needs a real test run is in
//! `tests/cli/display.rs`.

#![expect(clippy::unwrap_used, reason = "test helpers")]

use milton::evidence;
use milton::headless::{Format, Printer};
use milton::model::event::SCHEMA;
use milton::model::{
    BaseTree, ChangeSet, CommandEnd, CommandId, CommandStart, Digest, Event, EventKind, ExitKind,
    FileChange, FileMode, FileState, LineStat, Oid, OutputSummary, Risk, RunId, RunState, Traces,
    TreeEntry, TreeError, Verdict,
};
use milton::policy::{Policy, Proposed};
use milton::text;
use serde_json::Value;

/// Entries of the class that are checked elsewhere, and where.
const ELSEWHERE: [(&str, &str); 1] = [("TTY-pytest-out", "tests/cli/display.rs, in a real run")];

/// Tools print tables with tabs: in output a tab is shown expanded and is no risk.
const ORDINARY_IN_OUTPUT: &str = "TTY-tab";

/// The class is `display`; the goal with an escape sequence is one of it.
fn entries() -> Vec<Value> {
    include_str!("data/bypasses.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|entry| entry["class"] == "display")
        .collect()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The tree of a base without files.
struct Empty;

impl BaseTree for Empty {
    fn entry(&self, _: &str) -> Result<Option<TreeEntry>, TreeError> {
        Ok(None)
    }
    fn list(&self, _: &str) -> Result<Vec<TreeEntry>, TreeError> {
        Ok(Vec::new())
    }
    fn blob_size(&self, _: &Oid) -> Result<u64, TreeError> {
        Ok(0)
    }
    fn blob(&self, _: &Oid) -> Result<Vec<u8>, TreeError> {
        Ok(Vec::new())
    }
}

struct Texts<'a> {
    request: &'a str,
    goal: &'a str,
    note: &'a str,
    path: &'a str,
    line: &'a str,
}

const PLAIN: Texts<'static> = Texts {
    request: "Add a file",
    goal: "Add a file",
    note: "a note",
    path: "a.py",
    line: "x",
};

fn judged(texts: &Texts<'_>) -> Verdict {
    let content = format!("ok\n{}\n", texts.line);
    let file = FileChange {
        path: texts.path.to_owned(),
        before: None,
        after: Some(FileState::proposed(FileMode::Regular, content.into_bytes())),
        renamed_from: None,
        lines: LineStat {
            added: 2,
            removed: 0,
        },
    };
    let proposed = Proposed {
        request: texts.request,
        goal: texts.goal,
        notes: &[texts.note.to_owned()],
        branch: "self-upgrade/x",
        protected: &[],
        changes: &ChangeSet { files: vec![file] },
        verification: &[],
    };
    let policy = Policy::embedded().unwrap();
    policy.gate(&proposed, &Empty).unwrap().verdict
}

fn is_noted(risks: &[Risk], subject: &str) -> bool {
    let mut risks = risks.iter();
    risks.any(|risk| risk.id == "hidden_characters" && risk.subject == subject)
}

fn events(kinds: Vec<EventKind>) -> Vec<Event> {
    let event = |(seq, kind): (u64, EventKind)| Event {
        schema: SCHEMA,
        seq,
        at: "2026-01-12T10:00:00Z".parse().unwrap(),
        run: RunId::parse("20260112-100000-7f3a").unwrap(),
        kind,
    };
    (1..).zip(kinds).map(event).collect()
}

/// A run whose test prints the text.
fn run_that_prints(text: &str) -> Vec<Event> {
    let started = EventKind::RunStarted {
        request: text.to_owned(),
        source: format!("patch {text}"),
        repository: "/repo".to_owned(),
        version: "0".to_owned(),
    };
    let command = CommandStart {
        purpose: milton::model::Purpose::Candidate,
        id: CommandId(1),
        argv: vec!["pytest".to_owned(), text.to_owned()],
        cwd: "/repo".to_owned(),
        in_process: false,
        program: None,
        timeout_seconds: None,
        output: Some("output/001.log".to_owned()),
    };
    let end = CommandEnd {
        id: CommandId(1),
        exit: ExitKind::Exited { code: 1 },
        duration_ms: 1,
        stdout: OutputSummary::of_text(&format!("one\n{text}\n")),
        stderr: OutputSummary::empty(),
        log_sha256: Digest::of(b""),
        traces: Traces::default(),
    };
    events(vec![
        started,
        EventKind::CommandStarted { command },
        EventKind::CommandFinished { end },
    ])
}

/// Checks the form that a person sees.
fn check_form(id: &str, text: &str, expected: &str) {
    let shown = text::visible(text);
    let pieces: String = text::pieces(text, text::TAB_WIDTH)
        .iter()
        .map(|piece| piece.text().to_owned())
        .collect();
    assert_eq!(shown, pieces, "{id}: lines and screen differ");
    match expected {
        "tab expanded" => assert_eq!(shown, "a   b"),
        "cut after 4 marks with a note" => {
            assert_eq!(shown, format!("a{}<36 marks cut>", "\u{301}".repeat(4)));
        }
        expected => {
            let (form, mixed) = match expected.strip_suffix(" marked as mixed script") {
                Some(form) => (form, true),
                None => (expected, false),
            };
            for part in form.split(" and ").map(|part| part.trim_end_matches('…')) {
                assert!(shown.contains(part), "{id}: {shown:?} has no {part:?}");
            }
            let marked = text::pieces(text, 4);
            let is_marked = |piece: &text::Piece<'_>| matches!(piece, text::Piece::Marked(_));
            assert!(!mixed || marked.iter().any(is_marked), "{id}");
        }
    }
}

/// Checks the risk in every place that the text can stand in.
fn check_risk(id: &str, text: &str) {
    let hostile = |texts: &Texts<'_>| judged(texts);
    let line = hostile(&Texts {
        line: text,
        ..PLAIN
    });
    assert!(is_noted(&line.risks, "a.py:2"), "{id}: {:#?}", line.risks);
    let request = hostile(&Texts {
        request: text,
        ..PLAIN
    });
    assert!(
        is_noted(&request.risks, "request"),
        "{id}: {:#?}",
        request.risks
    );
    let note = hostile(&Texts {
        note: text,
        ..PLAIN
    });
    assert!(
        is_noted(&note.risks, "risk note 1"),
        "{id}: {:#?}",
        note.risks
    );
    let goal = hostile(&Texts {
        goal: text,
        ..PLAIN
    });
    assert!(is_noted(&goal.risks, "goal"), "{id}: {:#?}", goal.risks);
    let path = format!("src/{text}.py");
    let name = hostile(&Texts {
        path: &path,
        ..PLAIN
    });
    let refused = name.violations.iter().any(|v| v.rule.starts_with("path."));
    let noted = name.risks.iter().any(|r| r.id == "hidden_characters");
    assert!(refused || noted, "{id}: {name:#?}");
    let run = RunState::replay(&run_that_prints(text)).unwrap();
    let risks = evidence::risks_after(&run);
    let noted = is_noted(&risks, "output/001.log");
    assert!(noted || id == ORDINARY_IN_OUTPUT, "{id}: {risks:#?}");
}

/// Checks that no output holds a byte that a terminal would act on.
fn check_outputs(id: &str, text: &str) {
    let events = run_that_prints(text);
    let run = RunState::replay(&events).unwrap();
    let mut outputs = vec![
        evidence::json(&run),
        evidence::markdown(&run, &format!("+{text}\n"), text),
        milton::record::audit::render(&events),
    ];
    for format in [Format::Human, Format::Json] {
        let mut out = Vec::new();
        let mut printer = Printer::new(&mut out, format);
        for event in &events {
            printer.event(event).unwrap();
        }
        printer.finish(&run, None).unwrap();
        outputs.push(String::from_utf8(out).unwrap());
    }
    for output in outputs {
        let raw = output
            .chars()
            .find(|c| !matches!(c, '\n' | '\t') && text::is_hidden(*c));
        assert_eq!(raw, None, "{id}: {output}");
    }
}

#[test]
fn every_entry_of_the_display_class_ends_as_it_says() {
    let mut checked = 0;
    for entry in entries() {
        let id = string(&entry["id"]);
        if ELSEWHERE.iter().any(|(known, _)| *known == id) {
            continue;
        }
        let (input, expected) = (&entry["input"], &entry["expected"]);
        if input["kind"] == "goal" {
            let goal = string(&input["goal"]);
            let violations = Policy::embedded().unwrap().judge_goal(&goal);
            let rule = string(&expected["rule"]);
            assert!(
                violations.iter().any(|v| v.rule == rule),
                "{id}: {violations:#?}"
            );
            check_outputs(&id, &goal);
            checked += 1;
            continue;
        }
        assert_eq!(input["kind"], "display", "{id}: no way to check it");
        let text = string(&input["text"]);
        check_form(&id, &text, &string(&expected["tui"]));
        assert_eq!(expected["raw_bytes_to_terminal"], false, "{id}");
        check_outputs(&id, &text);
        assert_eq!(expected["risk"], "hidden_characters", "{id}");
        check_risk(&id, &text);
        checked += 1;
    }
    assert_eq!(checked + ELSEWHERE.len(), entries().len());
    assert!(checked >= 13, "{checked}");
}
