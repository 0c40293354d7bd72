//! Every text that leaves milton passes the sanitiser: each way out is given events that hold every
//! character that hides or moves something, in every field that may hold text.

use crate::evidence;
use crate::fixtures::{STATUSES, approval, events, hidden_characters, hostile, script};
use crate::headless::{self, Format, Life, Listed, Printer};
use crate::model::{Event, EventKind, RunState};
use crate::record;
use crate::text::is_hidden;

/// The first character of an output that a terminal would act on or a reader would not see.
fn raw(output: &str, allowed: &[char]) -> Option<char> {
    output
        .chars()
        .find(|c| is_hidden(*c) && !allowed.contains(c))
}

/// Runs of every status whose texts all hold `text`.
fn hostile_runs(text: &str) -> Vec<Vec<Event>> {
    let with_review = |kinds: Vec<(i64, EventKind)>| {
        let acts = approval().into_iter().map(|kind| (30_000, kind));
        kinds.into_iter().chain(acts).collect::<Vec<_>>()
    };
    STATUSES
        .into_iter()
        .map(|status| with_review(script(status).kinds))
        .map(|kinds| {
            let hostile = kinds
                .into_iter()
                .map(|(at, kind)| (at, hostile(&kind, text)));
            events(hostile)
        })
        .collect()
}

/// Everything that a run is shown as, and the blanks that the form itself has.
fn outputs(run: &[Event], text: &str) -> Vec<(&'static str, String, &'static [char])> {
    let state = RunState::replay(run).unwrap();
    let mut outputs = Vec::new();
    for (name, format) in [("lines", Format::Human), ("JSON lines", Format::Json)] {
        let mut out = Vec::new();
        let mut printer = Printer::new(&mut out, format);
        for event in run {
            printer.event(event).unwrap();
        }
        printer.finish(&state, None).unwrap();
        outputs.push((name, String::from_utf8(out).unwrap(), &['\n'][..]));
    }
    let listed = Listed {
        state: state.clone(),
        life: Life::Free,
    };
    let rows = std::slice::from_ref(&listed);
    let now = run.last().unwrap().at;
    let page = evidence::markdown(&state, &format!("+{text}\n {text}"), text);
    outputs.extend([
        ("list", headless::list(rows, now), &['\n'][..]),
        ("list as JSON", headless::list_json(rows), &['\n']),
        ("show", headless::show(&listed), &['\n']),
        ("next step", headless::next_step(&state), &[]),
        ("evidence.json", evidence::json(&state), &['\n']),
        ("evidence.md", page, &['\n', '\t']),
        ("audit.log", record::audit::render(run), &['\n']),
    ]);
    outputs
}

#[test]
fn no_way_out_lets_a_character_through_that_hides_or_moves_something() {
    for text in hidden_characters() {
        for run in hostile_runs(&text) {
            for (name, output, allowed) in outputs(&run, &text) {
                let lines = || output.split('\n');
                let found = lines().find(|line| raw(line, allowed).is_some());
                assert_eq!(found, None, "{name}, {text:?}");
            }
        }
    }
}

#[test]
fn the_hostile_text_reaches_the_outputs_in_its_visible_form() {
    let run = &hostile_runs("\u{1b}[8m\u{200b}")[0];
    for (name, output, _) in outputs(run, "\u{1b}[8m\u{200b}") {
        let forms = [
            "\u{241b}[8m<U+200B>",
            "\\u001b[8m\\u200b",
            "\\x1b[8m\\u200b",
            "␛[8m&lt;U+200B&gt;",
            "␛\\[8m&lt;U+200B\\>",
        ];
        assert!(
            forms.iter().any(|form| output.contains(form)),
            "{name}: {output}"
        );
    }
}

#[test]
fn a_json_way_out_reads_back_as_the_same_text() {
    for text in hidden_characters() {
        let run = &hostile_runs(&text)[0];
        let state = RunState::replay(run).unwrap();
        let json: serde_json::Value = serde_json::from_str(&evidence::json(&state)).unwrap();
        let repository = json["repository"].as_str().unwrap();
        assert!(repository.starts_with(&text), "{repository:?}");
    }
}
