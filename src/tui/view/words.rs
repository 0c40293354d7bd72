//! Words and numbers as they are written everywhere on the screen.

use jiff::Timestamp;

use crate::model::PhaseOutcome;
use crate::model::run::{CommandState, PhaseState};
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

/// An argument list as a person types it, for reading only.
pub(super) fn argv(argv: &[String]) -> String {
    let quoted = argv.iter().map(|word| {
        let plain = !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_alphanumeric() || "-_./:=@+,%^~[]*".contains(c));
        if plain {
            word.clone()
        } else {
            format!("'{word}'")
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
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
}
