//! The run without a screen: plain lines for people, JSON Lines for programs.
//!
//! The lines read well in a log and through a screen reader: words carry the meaning, no colour is
//! needed, and everything from outside is made visible first. Nothing in here decides anything.

mod ending;
mod human;
mod list;

use std::io::{self, Write};

use serde::Serialize;

use crate::evidence;
use crate::model::{Event, EventKind, RunState, Seal};
use crate::text;

pub use ending::{next_step, sealed};
pub use list::{Life, Listed, list, list_json, show};

/// What the reader of the output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A person.
    Human,
    /// A program: one event a line, the verdict object last.
    Json,
}

/// Prints the events of one run as they happen.
#[derive(Debug)]
pub struct Printer<W: Write> {
    out: W,
    format: Format,
    /// What was printed so far, for durations and for facts that were said before.
    state: Option<RunState>,
}

/// An event as it is recorded, without the link to the line before it.
#[derive(Serialize)]
struct EventLine<'a> {
    r#type: &'static str,
    schema: u32,
    seq: u64,
    at: jiff::Timestamp,
    run: &'a crate::model::RunId,
    kind: &'a EventKind,
}

impl<W: Write> Printer<W> {
    /// A printer of one run.
    pub fn new(out: W, format: Format) -> Self {
        Self {
            out,
            format,
            state: None,
        }
    }

    /// Prints one event. A reader that has gone away is an error like any other.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        match self.format {
            Format::Json => {
                let line = EventLine {
                    r#type: "event",
                    schema: event.schema,
                    seq: event.seq,
                    at: event.at,
                    run: &event.run,
                    kind: &event.kind,
                };
                self.json_line(&line)?;
            }
            Format::Human => {
                let state = self
                    .state
                    .get_or_insert_with(|| RunState::new(event.run.clone()));
                let text = human::event(event, state);
                state.apply(event);
                self.out.write_all(text.as_bytes())?;
            }
        }
        self.out.flush()
    }

    /// Prints how the run ended: for people the status and, last, what to do next; for programs the
    /// verdict object. Both name the seal of the record, which then stands outside it.
    pub fn finish(&mut self, state: &RunState, seal: Option<&Seal>) -> io::Result<()> {
        match self.format {
            Format::Json => {
                let mut verdict = evidence::verdict(state);
                verdict.seal = seal.cloned();
                self.json_line(&verdict)?;
            }
            Format::Human => self.out.write_all(ending::finish(state, seal).as_bytes())?,
        }
        self.out.flush()
    }

    fn json_line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = text::json_escaped(serde_json::to_string(value)?);
        line.push('\n');
        self.out.write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests;
