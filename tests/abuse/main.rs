//! Abuse of milton itself: every parser of hostile text against seeded mutations of valid inputs,
//! and the real program against tables of huge, nested, truncated and binary ones. An error is
//! fine, a crash or a hang never is.
//!
//! `fuzz/` holds the same parsers as targets of cargo-fuzz.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::format_collect,
    clippy::too_many_lines,
    unreachable_pub,
    reason = "test helpers and long tables"
)]

mod corpus;
#[path = "../cli/environment.rs"]
#[expect(dead_code, reason = "shared with the other end-to-end tests")]
mod environment;
mod inputs;
mod mutate;
mod parsers;

use corpus::Corpus;
use mutate::{Numbers, mutated};

/// So many inputs for each parser; `MILTON_ABUSE_INPUTS` sets another number for a long run by hand.
/// A debug build takes a few seconds for them.
const INPUTS: usize = 1500;

fn inputs_wanted() -> usize {
    let wanted = std::env::var("MILTON_ABUSE_INPUTS");
    wanted.map_or(INPUTS, |number| number.parse().expect("a number of inputs"))
}

/// Gives mutations of a corpus to a parser; a panic names the input that made it.
fn abuse(name: &str, corpus: &Corpus, mut parser: impl FnMut(&[u8])) {
    for seed in corpus.seeds {
        parser(seed.as_bytes());
    }
    for round in 0..inputs_wanted() {
        let input = mutated(&mut Numbers::new(round as u64 + 1), corpus);
        let shown = String::from_utf8_lossy(&input).into_owned();
        let parsed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| parser(&input)));
        assert!(parsed.is_ok(), "{name}, input {round}: {shown:?}");
    }
}

#[test]
fn proposals_never_crash_the_gate() {
    abuse("proposal", &corpus::PROPOSALS, parsers::proposal);
}

#[test]
fn patches_never_crash_the_gate() {
    abuse("patch", &corpus::PATCHES, parsers::patch);
}

#[test]
fn policy_files_never_crash_the_loader_and_never_loosen_anything() {
    abuse("policy", &corpus::POLICIES, parsers::policy_file);
}

#[test]
fn command_lines_never_crash_the_judge() {
    abuse("command line", &corpus::COMMANDS, |bytes| {
        parsers::command_line(&String::from_utf8_lossy(bytes));
    });
}

#[test]
fn compose_files_never_crash_the_gate() {
    abuse("compose file", &corpus::COMPOSE, parsers::compose);
}

#[test]
fn reports_never_crash_the_reader() {
    let folder = tempfile::tempdir().unwrap();
    abuse("report", &corpus::REPORTS, |bytes| {
        parsers::junit(bytes, folder.path());
    });
}

#[test]
fn event_logs_never_crash_the_reader() {
    let folder = tempfile::tempdir().unwrap();
    let reader = parsers::LogReader::new(folder.path());
    abuse("event log", &corpus::EVENTS, |bytes| reader.read(bytes));
}

#[test]
fn the_mutations_are_the_same_in_every_run_and_differ_from_each_other() {
    let inputs = |from: u64| -> Vec<Vec<u8>> {
        let numbers = (from..from + 200).map(Numbers::new);
        numbers
            .map(|mut numbers| mutated(&mut numbers, &corpus::PATCHES))
            .collect()
    };
    assert_eq!(inputs(1), inputs(1));
    let different: std::collections::BTreeSet<_> = inputs(1).into_iter().collect();
    assert!(different.len() > 150, "only {}", different.len());
}
