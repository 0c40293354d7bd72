//! What the printed text of the commands, and what the sandbox noticed of them, add to the risks.

use super::risks::risk;
use crate::model::run::CommandState;
use crate::model::{CommandEnd, Purpose, Risk, RunState};
use crate::text;

/// How much of a command or of a strange line a risk quotes, in columns.
const QUOTED: usize = 60;

/// The risks of all outputs.
pub(super) fn risks(facts: &RunState, risks: &mut Vec<Risk>) {
    for command in &facts.commands {
        if let (Some(end), Some(output)) = (&command.end, &command.start.output) {
            secrets(command, end, output, risks);
            hidden(end, output, risks);
            network(facts, command, end, risks);
        }
    }
}

/// Secrets that a command printed: the record has them masked, the program that printed them has
/// them in clear.
fn secrets(command: &CommandState, end: &CommandEnd, output: &str, risks: &mut Vec<Risk>) {
    let shown = end.traces.secrets.len() as u64;
    for secret in &end.traces.secrets {
        let detail = format!(
            "{} printed what looks like a secret ({}); it is masked in the record",
            text::one_line(&text::command_line(&command.start.argv), QUOTED),
            secret.rule
        );
        let subject = format!("{output}:{}", secret.line);
        risks.push(risk("secret_in_output", &subject, detail));
    }
    if end.traces.secrets_count > shown {
        let more = end.traces.secrets_count - shown;
        let detail = format!("{more} more, masked like the first {shown}");
        risks.push(risk("secret_in_output", output, detail));
    }
}

/// Addresses outside the sandbox that a command tried to reach, and that the base's run did not.
fn network(facts: &RunState, command: &CommandState, end: &CommandEnd, risks: &mut Vec<Risk>) {
    if command.start.purpose == Purpose::Base {
        return;
    }
    let of_base: Vec<&String> = facts
        .commands
        .iter()
        .filter(|other| other.start.purpose == Purpose::Base)
        .filter_map(|other| other.end.as_ref())
        .flat_map(|end| &end.traces.network)
        .collect();
    let new = end.traces.network.iter().filter(|a| !of_base.contains(a));
    let new: Vec<&str> = new.map(String::as_str).collect();
    if new.is_empty() {
        return;
    }
    let detail = format!(
        "it tried to reach {} ({}; nothing got out)",
        new.join(", "),
        super::count(end.traces.network_count, "attempt")
    );
    let subject = text::one_line(&text::command_line(&command.start.argv), QUOTED);
    risks.push(risk("network_attempted", &subject, detail));
}

/// Text in what is shown of an output that would look like something else, or move what is around it.
fn hidden(end: &CommandEnd, output: &str, risks: &mut Vec<Risk>) {
    let shown = [&end.stdout, &end.stderr]
        .into_iter()
        .flat_map(|stream| [&stream.head, &stream.tail]);
    let mut lines = shown.flat_map(|part| part.split('\n'));
    if let Some(line) = lines.find(|line| is_strange(line)) {
        let detail = format!(
            "what the tests printed holds characters that a terminal acts on or a reader does not see: {}",
            text::one_line(line.trim_start(), QUOTED)
        );
        risks.push(risk("hidden_characters", output, detail));
    }
}

/// Whether the sanitiser marks something in a line besides colours and a carriage return at its end.
fn is_strange(line: &str) -> bool {
    let plain = without_colours(line.strip_suffix('\r').unwrap_or(line));
    let marked = |piece: &text::Piece<'_>| matches!(piece, text::Piece::Marked(_));
    text::pieces(&plain, text::TAB_WIDTH).iter().any(marked)
}

/// The line without the sequences that set colours, and without what belongs to emoji and French
/// punctuation. A sequence that conceals is left in.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, sequence)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let length = sequence
            .bytes()
            .take_while(|b| b.is_ascii_digit() || *b == b';')
            .count();
        let (numbers, behind) = sequence.split_at_checked(length).unwrap_or((sequence, ""));
        let colour = behind
            .strip_prefix('m')
            .filter(|_| numbers.split(';').all(|n| n != "8"));
        if colour.is_none() {
            plain.push('\u{1b}');
        }
        rest = colour.unwrap_or(behind);
    }
    plain.push_str(rest);
    plain.retain(|c| !matches!(c, '\u{fe0f}' | '\u{200d}' | '\u{a0}' | '\u{202f}'));
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_ordinary_and_what_hides_or_overwrites_is_not() {
        for ordinary in [
            "plain text",
            "\u{1b}[32mpassed\u{1b}[0m in \u{1b}[1;31m2 s\u{1b}[m",
            "tests/a.py ..\t[100%]\r",
            "\u{2714}\u{fe0f} 12\u{a0}%",
        ] {
            assert!(!is_strange(ordinary), "{ordinary:?}");
        }
        for strange in [
            "\u{1b}[8mhidden",
            "\u{1b}[1;8mhidden",
            "\u{1b}[2J",
            "\u{1b}]52;c;cm0=\u{7}",
            "safe text\revil",
            "a\u{8}b",
            "p\u{200b}ay",
            "a\u{9b}31mb",
            "p\u{430}ss",
        ] {
            assert!(is_strange(strange), "{strange:?}");
        }
    }
}
