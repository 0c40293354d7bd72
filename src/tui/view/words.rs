//! Words and numbers as they are written everywhere on the screen.

use jiff::Timestamp;

use crate::model::PhaseOutcome;
use crate::model::RunState;
use crate::model::run::{CommandState, PhaseState};
use crate::text::command_line;
use crate::tui::theme::Role;

/// `0.1s`, `14.2s`, `02:14`, `1:02:14`.
pub(super) fn duration(milliseconds: u64) -> String {
    if milliseconds < 100_000 {
        return format!("{}.{}s", milliseconds / 1_000, milliseconds % 1_000 / 100);
    }
    clock(milliseconds / 1_000)
}

/// `02:14`, `1:02:14`.
pub(super) fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

/// The milliseconds between two moments; 0 when the clock went back.
pub(super) fn between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_millisecond().saturating_sub(from.as_millisecond())).unwrap_or(0)
}

/// `12 B`, `12.3 KiB`, `4.0 MiB`.
pub(super) fn bytes(count: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", count / unit, count % unit * 10 / unit);
    match count {
        0..1_024 => format!("{count} B"),
        1_024..1_048_576 => format!("{} KiB", tenths(1_024)),
        1_048_576..1_073_741_824 => format!("{} MiB", tenths(1_048_576)),
        _ => format!("{} GiB", tenths(1_073_741_824)),
    }
}

/// `1 file`, `2 files`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The state of a phase in four columns.
pub(super) fn phase(state: Option<&PhaseState>) -> (Role, &'static str) {
    match state.map(|s| s.outcome) {
        None | Some(Some(PhaseOutcome::Skipped)) => (Role::Dim, "[--]"),
        Some(None) => (Role::Running, "[>>]"),
        Some(Some(PhaseOutcome::Done)) => (Role::Ok, "[ok]"),
        Some(Some(PhaseOutcome::Failed)) => (Role::Bad, "[!!]"),
    }
}

/// The state of a command in four columns.
pub(super) fn command(state: &CommandState) -> (Role, &'static str) {
    match &state.end {
        None => (Role::Running, "[>>]"),
        Some(end) if end.exit.is_success() => (Role::Ok, "[ok]"),
        Some(_) => (Role::Bad, "[!!]"),
    }
}

/// What milton appended to a planned command when it ran it: `pytest -q` runs as
/// `pytest -q --junitxml=…` or `python3 -m pytest -q --junitxml=…`. `None` when this is another
/// command.
fn appended<'a>(ran: &'a [String], planned: &[String]) -> Option<&'a [String]> {
    let as_module = || {
        let [_, dash, module, rest @ ..] = ran else {
            return None;
        };
        let (name, arguments) = planned.split_first()?;
        (dash == "-m" && module == name).then(|| rest.strip_prefix(arguments))?
    };
    ran.strip_prefix(planned)
        .filter(|_| !planned.is_empty())
        .or_else(as_module)
}

/// A command as it was planned, and behind it what milton appended (often nothing).
pub(super) fn command_parts(run: &RunState, ran: &[String]) -> (String, String) {
    let planned = run.plan.iter().flat_map(|plan| &plan.verification);
    let planned = planned.map(|command| &command.argv);
    let reported = run.tests.iter().map(|report| &report.argv);
    let known = planned
        .chain(reported)
        .find_map(|argv| Some((argv, appended(ran, argv)?)));
    match known {
        Some((argv, appended)) => (command_line(argv), command_line(appended)),
        None => (command_line(ran), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(duration(0), "0.0s");
        assert_eq!(duration(14_249), "14.2s");
        assert_eq!(duration(134_000), "02:14");
        assert_eq!(clock(3_734), "1:02:14");
        assert_eq!(bytes(12_600), "12.3 KiB");
        assert_eq!(count(1, "file", "files"), "1 file");
    }

    #[test]
    fn a_command_is_shown_as_it_was_planned() {
        use crate::tui::fixture::{Bench, review, words};
        let run = Bench::new(&review(), (80, 24)).app.run;
        let parts = |line: &str| command_parts(&run, &words(line));
        let plain = ("pytest -q".to_owned(), String::new());
        assert_eq!(parts("pytest -q"), plain);
        let with = ("pytest -q".to_owned(), "-o --junit".to_owned());
        assert_eq!(parts("pytest -q -o --junit"), with);
        assert_eq!(parts("/usr/bin/python3 -m pytest -q -o --junit"), with);
        let other = ("pytest -v".to_owned(), String::new());
        assert_eq!(parts("pytest -v"), other);
    }
}
