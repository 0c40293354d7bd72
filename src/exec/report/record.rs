//! Reads the record of milton's own plugin: authenticated lines, one a test.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};

use hmac::Mac as _;
use serde::Deserialize;

use crate::exec::report::LARGEST;
use crate::exec::report::plugin::PluginChannel;
use crate::model::{CaseOutcome, Cases};

/// The longest line that is read, in bytes; the one that names imported files is the longest.
const LONGEST: usize = 2 << 20;

/// Tests that are told apart by name; of more, only the counts would be known, so there may not be
/// more.
pub(super) const MOST_CASES: usize = 200_000;

/// What the record says.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Every test by its node id.
    pub(super) cases: Cases,
    /// How many tests were to be run, where collection came to its end.
    pub(super) collected: Option<u64>,
    /// How many tests told their end.
    pub(super) told: u64,
    /// Whether a test has parts that count for themselves.
    pub(super) has_parts: bool,
    /// The end.
    pub(super) finish: Option<Finish>,
}

/// What the plugin saw when the session ended.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Finish {
    /// The exit status as pytest set it.
    pub(super) exit_before: i32,
    /// The exit status after every hook.
    pub(super) exit: i32,
    /// Whether a hook turned a failed test into another.
    pub(super) changed: bool,
    /// Whether functions of pytest were replaced while it ran.
    pub(super) tampered: bool,
    /// The files of the modules that were asked for.
    pub(super) modules: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line {
    Begin {},
    Collected {
        run: u64,
    },
    Collection {
        id: String,
        outcome: Told,
    },
    Test {
        id: String,
        outcome: Told,
        calls: u64,
    },
    Finish(Finish),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Told {
    Passed,
    Xpassed,
    Xfailed,
    Skipped,
    Failed,
}

#[derive(Deserialize)]
struct Numbered {
    seq: u64,
}

/// Reads a record to its last line.
///
/// # Errors
///
/// One phrase that says why the file cannot be believed.
pub(super) fn parse(file: File, channel: &PluginChannel) -> Result<Record, String> {
    let mut lines = BufReader::new(file.take(LARGEST));
    let mut record = Record::default();
    let mut before: Vec<u8> = Vec::new();
    let mut seq = 0_u64;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let read = lines
            .by_ref()
            .take(LONGEST as u64)
            .read_until(b'\n', &mut buffer)
            .map_err(|error| format!("the record of the tests cannot be read: {error}"))?;
        if read == 0 {
            break;
        }
        let Some(line) = buffer.strip_suffix(b"\n") else {
            return Err("the record of the tests ends within a line".to_owned());
        };
        let (own, text) = authenticated(line, &before, channel)
            .ok_or("the record of the tests was not written by milton's plugin alone")?;
        before = own;
        record.take(text, seq)?;
        seq += 1;
    }
    if seq == 0 {
        return Err("the record of the tests is empty".to_owned());
    }
    Ok(record)
}

/// The authentication and the text of a line, if it continues the lines before it.
fn authenticated<'a>(
    line: &'a [u8],
    before: &[u8],
    channel: &PluginChannel,
) -> Option<(Vec<u8>, &'a [u8])> {
    let (told, rest) = line.split_at_checked(64)?;
    let text = rest.strip_prefix(b" ")?;
    let told = from_hex(told)?;
    channel
        .mac(before, text)?
        .verify_slice(&told)
        .ok()
        .map(|()| (told, text))
}

fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digits = std::str::from_utf8(text).ok()?;
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
        .collect()
}

impl Record {
    fn take(&mut self, text: &[u8], seq: u64) -> Result<(), String> {
        let unreadable = |error| format!("the record of the tests is not readable: {error}");
        let numbered: Numbered = serde_json::from_slice(text).map_err(unreadable)?;
        if numbered.seq != seq || self.finish.is_some() {
            return Err("the record of the tests is out of order".to_owned());
        }
        let line: Line = serde_json::from_slice(text).map_err(unreadable)?;
        if matches!(line, Line::Begin {}) != (seq == 0) {
            return Err("the record of the tests is out of order".to_owned());
        }
        match line {
            Line::Begin {} => {}
            Line::Collected { run } => self.collected = Some(run),
            Line::Collection { id, outcome } => self.insert(id, outcome),
            Line::Test { id, outcome, calls } => {
                self.told += 1;
                self.has_parts |= calls > 1;
                self.insert(id, outcome);
            }
            Line::Finish(finish) => self.finish = Some(finish),
        }
        if self.cases.len() > MOST_CASES {
            return Err(format!("the record holds more than {MOST_CASES} tests"));
        }
        Ok(())
    }

    fn insert(&mut self, id: String, outcome: Told) {
        let outcome = match outcome {
            Told::Passed | Told::Xpassed => CaseOutcome::Passed,
            Told::Xfailed => CaseOutcome::ExpectedFailure,
            Told::Skipped => CaseOutcome::Skipped,
            Told::Failed => CaseOutcome::Failed,
        };
        self.cases.insert(id, outcome);
    }

    /// How many tests ended so.
    pub(super) fn count(&self, outcome: CaseOutcome) -> u64 {
        self.cases.values().filter(|case| **case == outcome).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(channel: &PluginChannel, texts: &[&str]) -> String {
        let mut before = Vec::new();
        let mut file = String::new();
        for text in texts {
            let mac = channel.mac(&before, text.as_bytes()).unwrap();
            before = mac.finalize().into_bytes().to_vec();
            for byte in &before {
                use std::fmt::Write as _;
                write!(file, "{byte:02x}").unwrap();
            }
            file.push(' ');
            file.push_str(text);
            file.push('\n');
        }
        file
    }

    fn parsed(channel: &PluginChannel, text: &str) -> Result<Record, String> {
        use std::io::{Seek as _, Write as _};
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        parse(file, channel)
    }

    const BEGIN: &str = r#"{"kind":"begin","seq":0,"version":1,"pytest":"9"}"#;
    const TEST: &str =
        r#"{"kind":"test","seq":1,"id":"t.py::a","outcome":"xfailed","reason":"","calls":2}"#;
    const FINISH: &str = r#"{"kind":"finish","seq":2,"exit_before":1,"exit":0,"failed":1,"changed":false,"tampered":true,"modules":{"a":"/a.py"}}"#;

    #[test]
    fn a_whole_record_is_read() {
        let channel = PluginChannel::new().unwrap();
        let record = parsed(&channel, &written(&channel, &[BEGIN, TEST, FINISH])).unwrap();
        assert_eq!(record.count(CaseOutcome::ExpectedFailure), 1);
        assert!(record.has_parts);
        let finish = record.finish.unwrap();
        assert_eq!((finish.exit_before, finish.exit), (1, 0));
        assert!(finish.tampered && !finish.changed);
        assert_eq!(finish.modules["a"], "/a.py");
    }

    #[test]
    fn a_record_that_was_cut_edited_or_written_by_another_is_none() {
        let channel = PluginChannel::new().unwrap();
        let whole = written(&channel, &[BEGIN, TEST, FINISH]);
        let lines: Vec<&str> = whole.lines().collect();
        let other = PluginChannel::new().unwrap();
        for (what, text) in [
            ("nothing", String::new()),
            (
                "the first line is gone",
                format!("{}\n{}\n", lines[1], lines[2]),
            ),
            (
                "a line between is gone",
                format!("{}\n{}\n", lines[0], lines[2]),
            ),
            (
                "swapped",
                format!("{}\n{}\n{}\n", lines[0], lines[2], lines[1]),
            ),
            ("edited", whole.replace("xfailed", "passed")),
            ("cut within a line", whole.trim_end().to_owned()),
            ("another's key", written(&other, &[BEGIN, TEST, FINISH])),
            ("something behind it", format!("{whole}x\n")),
            ("a line after the end", {
                let late = TEST.replace("\"seq\":1", "\"seq\":3");
                written(&channel, &[BEGIN, TEST, FINISH, &late])
            }),
            (
                "no beginning",
                written(&channel, &[&TEST.replace("\"seq\":1", "\"seq\":0")]),
            ),
        ] {
            assert!(parsed(&channel, &text).is_err(), "{what}");
        }
        // The end alone may be missing; whoever judges it sees that.
        let cut = format!("{}\n{}\n", lines[0], lines[1]);
        assert!(parsed(&channel, &cut).unwrap().finish.is_none());
    }
}
