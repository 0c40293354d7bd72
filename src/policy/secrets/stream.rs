//! Masks secrets in a stream, line by line, with bounded memory.

use std::ops::Range;
use std::sync::Arc;

use super::{Hit, Scanner, mask};
use crate::policy::floor::Floor;

/// How much of an unfinished line that was let through is remembered, in bytes: a secret whose
/// beginning is in it is still seen.
const CONTEXT: usize = 512;

/// The rules that go on over the lines after the one that names them, and what ends their block.
const BLOCKS: [(&str, &str); 2] = [
    ("private-key", "-----END"),
    ("putty-private-key", "Private-MAC:"),
];

/// Fields inside the blocks; other lines that are no Base64 end a block that was never closed.
const FIELDS: [&str; 12] = [
    "Proc-Type:",
    "DEK-Info:",
    "Comment:",
    "Version:",
    "Hash:",
    "Charset:",
    "Encryption:",
    "Key-Derivation:",
    "Argon2-",
    "Public-Lines:",
    "Private-Lines:",
    "Private-MAC:",
];

/// Masks one stream. Text without a keyword passes in bulk.
#[derive(Debug)]
pub struct StreamMask {
    floor: Arc<Floor>,
    /// The end of the line so far, as it was before masking, when that line is not finished.
    context: Vec<u8>,
    /// The rule of a secret that reached the end of what was given, in an unfinished line.
    open: Option<String>,
    /// The block of key lines that the stream is in: its rule and what ends it.
    block: Option<(&'static str, &'static str)>,
}

/// A secret in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskedLine {
    /// How many line feeds stand before it in what was written by the same call.
    pub line: u64,
    /// The rule.
    pub rule: String,
}

impl StreamMask {
    pub(in crate::policy) fn new(floor: Arc<Floor>) -> Self {
        Self {
            floor,
            context: Vec::new(),
            open: None,
            block: None,
        }
    }

    /// Appends `bytes` to `out` with every secret masked, and says what was found. Lines end at LF
    /// and CR; a last line without an end is taken as it stands, and what follows in the next call
    /// is judged together with it.
    pub fn mask(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Vec<MaskedLine> {
        let mut found = Vec::new();
        let (mut counted, mut line_feeds) = (out.len(), 0);
        let mut rest = bytes;
        while !rest.is_empty() {
            let quiet = self.context.is_empty() && self.block.is_none();
            let skipped = if quiet { self.without_keyword(rest) } else { 0 };
            let (plain, tail) = rest.split_at_checked(skipped).unwrap_or((rest, &[]));
            out.extend_from_slice(plain);
            if !plain.is_empty() {
                self.remember(plain);
            }
            if tail.is_empty() {
                break;
            }
            let (line, tail) = first_line(tail);
            let before = out.len();
            let rules = self.line(line, out);
            if !rules.is_empty() {
                line_feeds += count_line_feeds(out.get(counted..before).unwrap_or_default());
                counted = before;
            }
            found.extend(rules.into_iter().map(|rule| MaskedLine {
                line: line_feeds,
                rule,
            }));
            rest = tail;
        }
        found
    }

    /// Whether an unfinished line holds nothing that could become a secret: it may be shown now.
    pub fn is_harmless(&self, unfinished: &[u8]) -> bool {
        self.block.is_none() && self.scanner().keywords.find(unfinished).is_none()
    }

    fn scanner(&self) -> &Scanner {
        &self.floor.secrets
    }

    /// How many bytes of whole lines stand before the first line with a keyword.
    fn without_keyword(&self, bytes: &[u8]) -> usize {
        let Some(keyword) = self.scanner().keywords.find(bytes) else {
            return bytes.len();
        };
        let before = bytes.get(..keyword.start()).unwrap_or_default();
        before
            .iter()
            .rposition(|byte| is_end(*byte))
            .map_or(0, |at| at + 1)
    }

    /// Writes one line (or the unfinished rest of one); returns the rules that masked something.
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Vec<String> {
        let line = self.in_block(line, out);
        let line = self.behind_open(line);
        if line.is_empty() {
            return Vec::new();
        }
        let mut whole = std::mem::take(&mut self.context);
        let mut known = whole.len();
        whole.extend_from_slice(line);
        let text = String::from_utf8_lossy(&whole).into_owned();
        if text.len() != whole.len() {
            // Positions of bytes say nothing in a text that was repaired: the line stands alone.
            known = 0;
        }
        let text = if known == 0 {
            String::from_utf8_lossy(line).into_owned()
        } else {
            text
        };
        let hits = self
            .scanner()
            .find(&text, |rule| rule.effect != super::Effect::Note);
        let rules = write_masked(&text, known, &hits, line, out);
        let finished = line.last().is_some_and(|byte| is_end(*byte));
        self.open = hits
            .last()
            .filter(|hit| !finished && hit.range.end == text.len())
            .map(|hit| hit.rule.clone());
        self.enter_block(&text, &hits);
        self.remember(&whole);
        rules
    }

    /// What is left of a line when the block of key lines that it belongs to is masked.
    fn in_block<'a>(&mut self, line: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let Some((rule, end)) = self.block else {
            return line;
        };
        let text = String::from_utf8_lossy(line);
        if let Some(at) = text.find(end) {
            self.block = None;
            out.extend_from_slice(mask(rule).as_bytes());
            // Behind the marker the line goes on as any other.
            let after = text.get(at + end.len()..).unwrap_or_default();
            let marker = after
                .find("-----")
                .map_or(after.trim_end().len(), |n| n + 5);
            let used = line.len() - after.len().saturating_sub(marker).min(line.len());
            return line.get(used..).unwrap_or_default();
        }
        if !is_body(&text) {
            self.block = None;
            return line;
        }
        let content = text.trim_end_matches(['\n', '\r']);
        if !content.trim().is_empty() {
            out.extend_from_slice(mask(rule).as_bytes());
        }
        let ending = text.get(content.len()..).unwrap_or_default();
        out.extend_from_slice(ending.as_bytes());
        &[]
    }

    /// The line without the rest of a secret whose beginning was masked before.
    fn behind_open<'a>(&mut self, line: &'a [u8]) -> &'a [u8] {
        if self.open.take().is_none() {
            return line;
        }
        let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./+=~%".contains(byte);
        let length = line.iter().take_while(|byte| token(byte)).count();
        line.get(length..).unwrap_or_default()
    }

    fn enter_block(&mut self, text: &str, hits: &[Hit]) {
        for (rule, end) in BLOCKS {
            let begun = hits.iter().rfind(|hit| hit.rule == rule);
            if let Some(hit) = begun
                && text
                    .get(hit.range.start..)
                    .is_some_and(|rest| !rest.contains(end))
            {
                self.block = Some((rule, end));
            }
        }
    }

    /// Keeps the end of a line that is not finished.
    fn remember(&mut self, bytes: &[u8]) {
        self.context.clear();
        let line = bytes
            .iter()
            .rposition(|byte| is_end(*byte))
            .and_then(|at| bytes.get(at + 1..))
            .unwrap_or(bytes);
        let from = line.len().saturating_sub(CONTEXT);
        self.context
            .extend_from_slice(line.get(from..).unwrap_or_default());
    }
}

/// Writes the part of a text behind `known`, masked; without a hit the bytes stay as they were.
fn write_masked(
    text: &str,
    known: usize,
    hits: &[Hit],
    original: &[u8],
    out: &mut Vec<u8>,
) -> Vec<String> {
    let mut rules = Vec::new();
    let mut done = known;
    let mut pieces: Vec<u8> = Vec::new();
    let new = |range: &Range<usize>| range.end > known;
    for hit in hits.iter().filter(|hit| new(&hit.range)) {
        let start = hit.range.start.max(known);
        pieces.extend_from_slice(text.get(done..start).unwrap_or_default().as_bytes());
        pieces.extend_from_slice(hit.masked().as_bytes());
        done = hit.range.end;
        rules.push(hit.rule.clone());
    }
    if rules.is_empty() {
        out.extend_from_slice(original);
    } else {
        pieces.extend_from_slice(text.get(done..).unwrap_or_default().as_bytes());
        out.extend_from_slice(&pieces);
    }
    rules
}

/// The first line with its end, and the rest.
fn first_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| is_end(*byte));
    let length = end.map_or(bytes.len(), |at| at + 1);
    bytes.split_at_checked(length).unwrap_or((bytes, &[]))
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn count_line_feeds(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

/// Whether a line could stand inside a key: Base64, a field, nothing; with whatever a test runner
/// or a diff puts around it.
fn is_body(line: &str) -> bool {
    let line = line
        .trim()
        .trim_start_matches(['E', '>', '|', '+', '-', '#', '*', ' ']);
    let line = line
        .trim_matches(['"', '\'', ',', '+', '\\', ' ', '(', ')'])
        .trim_end_matches("\\n");
    FIELDS.iter().any(|field| line.starts_with(field))
        || line
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
}
