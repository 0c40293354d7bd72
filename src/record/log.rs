//! The event log's lines: how an event becomes one, and how a reader checks the chain.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::model::event::SCHEMA;
use crate::model::{Digest, Event, EventKind, RunId};

/// The longest line, in bytes with its newline (16 MiB): a report of 200 failed tests with 20 KiB
/// of traceback each fits, and a reader never holds more than this of a hostile file.
pub const MAX_LINE: usize = 16 << 20;

/// What the first line names as its predecessor.
const NO_PREDECESSOR: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A last line without an end: milton or the machine went down while writing it. It was never
/// shown to anybody, for events are shown after they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Its number, from 1.
    pub line: u64,
    /// How many bytes of it there are.
    pub bytes: u64,
    /// Where they were moved; `None` while they are still in the log.
    pub moved_to: Option<PathBuf>,
}

/// One line of `events.jsonl`.
#[derive(Serialize, Deserialize)]
struct Line<Kind> {
    r#type: LineType,
    schema: u32,
    seq: u64,
    at: Timestamp,
    run: RunId,
    /// The digest of the line before, without its newline.
    prev: String,
    kind: Kind,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LineType {
    Event,
}

/// What even a reader that is too old can read.
#[derive(Deserialize)]
struct Version {
    schema: u64,
}

/// Where a chain stands: what the next line must continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// Which run.
    pub(super) run: RunId,
    /// The number of the last line; 0 before the first.
    pub(super) seq: u64,
    /// The digest of the last line.
    pub(super) prev: String,
}

impl Chain {
    pub(super) fn new(run: RunId) -> Self {
        Self {
            run,
            seq: 0,
            prev: NO_PREDECESSOR.to_owned(),
        }
    }

    /// The next line with its newline, the event as a reader will read it, and the chain after it.
    pub(super) fn extend(
        &self,
        at: Timestamp,
        kind: &EventKind,
    ) -> Result<(Vec<u8>, Event, Self), Error> {
        let line = Line {
            r#type: LineType::Event,
            schema: SCHEMA,
            seq: self.seq + 1,
            at,
            run: self.run.clone(),
            prev: self.prev.clone(),
            kind,
        };
        let mut bytes =
            serde_json::to_vec(&line).map_err(|e| Error::NotRecordable(e.to_string()))?;
        if bytes.len() >= MAX_LINE {
            return Err(Error::TooLarge { bytes: bytes.len() });
        }
        // Read back at once: an event that only a writer understands would break the record, and
        // a replay must give exactly what was shown live.
        let mut after = self.clone();
        let event = after
            .check(&bytes, Path::new("events.jsonl"))
            .map_err(|e| Error::NotRecordable(e.to_string()))?;
        bytes.push(b'\n');
        Ok((bytes, event, after))
    }

    /// Checks that a line (without its newline) continues the chain, and moves the chain onto it.
    pub(super) fn check(&mut self, line: &[u8], path: &Path) -> Result<Event, Error> {
        let number = self.seq + 1;
        let broken = |why: String| Error::Broken {
            path: path.to_owned(),
            line: number,
            why,
        };
        let parsed: Result<Line<EventKind>, _> = serde_json::from_slice(line);
        let schema = match &parsed {
            Ok(line) => u64::from(line.schema),
            Err(_) => serde_json::from_slice::<Version>(line).map_or(0, |v| v.schema),
        };
        if schema > u64::from(SCHEMA) {
            return Err(Error::NewerSchema {
                path: path.to_owned(),
                line: number,
                schema,
            });
        }
        let parsed = parsed.map_err(|e| broken(format!("not an event ({e})")))?;
        if parsed.prev != self.prev {
            return Err(broken("it does not follow the line before it".to_owned()));
        }
        if parsed.seq != number {
            return Err(broken(format!("it says it is line {}", parsed.seq)));
        }
        if parsed.run != self.run {
            return Err(broken(format!("it belongs to run {}", parsed.run)));
        }
        self.seq = number;
        Digest::of(line).as_str().clone_into(&mut self.prev);
        Ok(Event {
            schema: parsed.schema,
            seq: parsed.seq,
            at: parsed.at,
            run: parsed.run,
            kind: parsed.kind,
        })
    }
}

/// A reader of the log that goes on where it stopped.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    pub(super) chain: Chain,
    /// How many bytes of whole lines were read.
    pub(super) offset: u64,
    /// How many bytes of an unfinished line follow.
    pub(super) unfinished: u64,
}

impl Reader {
    pub(super) fn new(path: PathBuf, run: RunId) -> Self {
        Self {
            path,
            chain: Chain::new(run),
            offset: 0,
            unfinished: 0,
        }
    }

    /// Reads every whole line that was added and gives its event and its digest to `each`.
    pub(super) fn read(&mut self, mut each: impl FnMut(Event, &str)) -> Result<(), Error> {
        let io = |source| Error::io("read", &self.path, source);
        let mut file = File::open(&self.path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        if size < self.offset {
            return Err(self.broken("the end of the record is gone"));
        }
        file.seek(SeekFrom::Start(self.offset)).map_err(io)?;
        let mut reader = BufReader::with_capacity(64 << 10, file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut limited = (&mut reader).take(MAX_LINE as u64 + 1);
            let read = limited
                .read_until(b'\n', &mut line)
                .map_err(|source| Error::io("read", &self.path, source))?;
            if read > MAX_LINE {
                return Err(self.broken("it is longer than any line milton writes"));
            }
            if line.pop_if(|last| *last == b'\n').is_none() {
                self.unfinished = read as u64;
                return Ok(());
            }
            let event = self.chain.check(&line, &self.path)?;
            self.offset += read as u64;
            each(event, &self.chain.prev);
        }
    }

    pub(super) fn broken(&self, why: &str) -> Error {
        Error::Broken {
            path: self.path.clone(),
            line: self.chain.seq + 1,
            why: why.to_owned(),
        }
    }
}
