//! Masks secrets for whoever records, writes or shows text, before there is a policy of a run: the
//! table of secrets is part of the floor, the same in every repository.

use std::borrow::Cow;
use std::sync::Arc;

use crate::policy::Error;
use crate::policy::floor::Floor;
use crate::policy::secrets::{Effect, MaskedLine, StreamMask};

/// Masks secrets by the embedded table.
#[derive(Clone, Debug)]
pub struct Redactor {
    floor: Arc<Floor>,
}

impl Redactor {
    /// The redactor of the embedded table.
    ///
    /// # Errors
    ///
    /// When the embedded policy does not load; nothing may be recorded then.
    pub fn embedded() -> Result<Self, Error> {
        Ok(Self {
            floor: Floor::embedded()?,
        })
    }

    /// The text with every secret masked as `[secret: <rule>]`.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.floor.secrets.redact(text)
    }

    /// The words of a command line, or of any list, with every secret masked: also those that only
    /// the word before tells (`--token VALUE`).
    pub fn redact_words(&self, words: &[&str]) -> Vec<String> {
        self.floor.secrets.redact_words(words)
    }

    /// A mask for one stream of output.
    pub fn stream(&self) -> StreamMask {
        StreamMask::new(self.floor.clone())
    }

    /// What the gate would refuse if every line of a text were added, with the number of the line
    /// from 0.
    pub fn refused(&self, text: &str) -> Vec<MaskedLine> {
        let mut found = Vec::new();
        for (number, line) in (0_u64..).zip(text.lines()) {
            let hits = self.floor.secrets.scan(line, Effect::Block);
            found.extend(hits.into_iter().map(|hit| MaskedLine {
                line: number,
                rule: hit.rule,
            }));
        }
        found
    }
}
