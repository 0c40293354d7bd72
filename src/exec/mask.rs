//! What a command prints is masked before it reaches the disk. What a secret is, somebody else knows:
//! this module only knows lines.

use std::fmt;

/// Gives out masks, one for each stream.
pub trait Masking: Send + Sync + fmt::Debug {
    /// A mask for one stream of one command.
    fn stream(&self) -> Box<dyn OutputMask>;
}

/// Masks one stream.
pub trait OutputMask: Send {
    /// Appends `bytes` to `out`, masked, and says what was found. `bytes` end with a line or, when
    /// it must be written now, anywhere in one.
    fn mask(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Vec<Masked>;
    /// Whether an unfinished line can be written now without giving away the beginning of something.
    fn is_harmless(&self, unfinished: &[u8]) -> bool;
}

/// Something that was masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masked {
    /// How many line feeds stand before it in what the same call wrote.
    pub line: u64,
    /// The rule that found it.
    pub rule: String,
}

/// The most of an unfinished line that is held back, in bytes.
const MOST_HELD: usize = 8 * 1024;

/// How far back a cut may move so that it does not go through a word, in bytes.
const WORD: usize = 1024;

/// One stream on its way to the file: holds back the line that is not finished.
pub(super) struct Lines {
    mask: Box<dyn OutputMask>,
    held: Vec<u8>,
}

impl Lines {
    pub(super) fn new(mask: Box<dyn OutputMask>) -> Self {
        Self {
            mask,
            held: Vec::new(),
        }
    }

    /// Whether something waits for the end of its line.
    pub(super) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes what came; returns what may be written now, masked.
    pub(super) fn take(&mut self, bytes: &[u8]) -> (Vec<u8>, Vec<Masked>) {
        self.held.extend_from_slice(bytes);
        let end = self
            .held
            .iter()
            .rposition(|byte| matches!(byte, b'\n' | b'\r'));
        let mut ready = end.map_or(0, |at| at + 1);
        if self.held.len() - ready > MOST_HELD {
            ready = cut_before_word(&self.held);
        }
        self.release(ready)
    }

    /// The line has waited long enough: what can be shown of it is.
    pub(super) fn hurry(&mut self) -> (Vec<u8>, Vec<Masked>) {
        if self.mask.is_harmless(&self.held) {
            return self.release(self.held.len());
        }
        (Vec::new(), Vec::new())
    }

    /// The stream has ended.
    pub(super) fn finish(&mut self) -> (Vec<u8>, Vec<Masked>) {
        self.release(self.held.len())
    }

    fn release(&mut self, length: usize) -> (Vec<u8>, Vec<Masked>) {
        let mut out = Vec::with_capacity(length);
        let found = self
            .mask
            .mask(self.held.get(..length).unwrap_or_default(), &mut out);
        self.held.drain(..length.min(self.held.len()));
        (out, found)
    }
}

/// Where a long line is cut: at its end, or before a word that reaches it.
fn cut_before_word(line: &[u8]) -> usize {
    let from = line.len().saturating_sub(WORD);
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./+=~%:@".contains(byte);
    let tail = line.get(from..).unwrap_or_default();
    tail.iter()
        .rposition(|byte| !is_word(byte))
        .map_or(line.len(), |at| from + at + 1)
}
