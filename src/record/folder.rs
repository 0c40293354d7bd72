//! A run's folder as a reader sees it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::log::{Reader, Torn};
use super::{Error, audit};
use crate::model::{CommandId, Event, RunId, RunState, Seal};

/// The files of a run that only its writer may write.
pub(super) const EVENTS: &str = "events.jsonl";
/// The number and digest of the last line, so that a missing or edited end is found too.
pub(super) const HEAD: &str = "events.head";
pub(super) const TORN: &str = "events.torn";
pub(super) const AUDIT: &str = "audit.log";
pub(super) const LOCK: &str = "lock";

/// The folder of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    dir: PathBuf,
    run: RunId,
}

/// What a run's log holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The events of every whole line.
    pub events: Vec<Event>,
    /// An unfinished last line: a crash, or (while the run is live) a write under way.
    pub torn: Option<Torn>,
}

impl RunFolder {
    pub(super) fn new(dir: PathBuf, run: RunId) -> Self {
        Self { dir, run }
    }

    /// The run.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// The folder itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A file of the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The file that holds everything a command printed.
    pub fn output_path(&self, id: CommandId) -> PathBuf {
        self.dir.join(Self::output_name(id))
    }

    /// The same file as the record names it (`output/001.log`).
    pub fn output_name(id: CommandId) -> String {
        format!("output/{:03}.log", id.0)
    }

    /// Every event, after checking that the chain is whole.
    pub fn events(&self) -> Result<Vec<Event>, Error> {
        Ok(self.read()?.events)
    }

    /// Every event and what is left of an unfinished line, after checking that the chain is whole.
    pub fn read(&self) -> Result<Recorded, Error> {
        let (recorded, _) = self.read_with_chain()?;
        Ok(recorded)
    }

    /// As [`RunFolder::read`], with the reader as it stands at the end.
    pub(super) fn read_with_chain(&self) -> Result<(Recorded, Reader), Error> {
        // The head is read before the log: a writer adds to the log first, so the log never seems
        // to be behind.
        let head = self.read_head()?;
        let mut reader = Reader::new(self.path(EVENTS), self.run.clone());
        let mut events = Vec::new();
        let mut sealed_line = None;
        reader.read(|event, digest| {
            if head.as_ref().is_some_and(|head| head.events == event.seq) {
                sealed_line = Some(digest.to_owned());
            }
            events.push(event);
        })?;
        if let Some(seal) = &head {
            self.check_head(seal, sealed_line.as_deref(), &reader)?;
        } else if reader.chain.seq > 1 {
            return Err(reader.broken("events.head, which seals the last line, is missing"));
        }
        let torn = (reader.unfinished > 0).then(|| Torn {
            line: reader.chain.seq + 1,
            bytes: reader.unfinished,
            moved_to: None,
        });
        Ok((Recorded { events, torn }, reader))
    }

    /// Where the record ends now: its last line and that line's digest. `None` before the first.
    pub fn seal(&self) -> Option<Seal> {
        self.read_head().ok().flatten()
    }

    fn read_head(&self) -> Result<Option<Seal>, Error> {
        let path = self.path(HEAD);
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("read", &path, e)),
        };
        let parsed = text.trim_end().split_once(' ').and_then(|(seq, digest)| {
            Some(Seal {
                events: seq.parse().ok()?,
                sha256: digest.to_owned(),
            })
        });
        match parsed {
            Some(head) => Ok(Some(head)),
            // Created, and the machine went down before the first line was sealed.
            None if text.is_empty() => Ok(None),
            None => Err(Error::Broken {
                path,
                line: 1,
                why: "it does not name a line and its digest".to_owned(),
            }),
        }
    }

    /// Checks the line that the head seals. Lines after it are possible (a crash between the two
    /// writes), a log that ends before it is not.
    fn check_head(&self, seal: &Seal, line: Option<&str>, reader: &Reader) -> Result<(), Error> {
        let seq = seal.events;
        if seq > reader.chain.seq {
            let why = format!("the record ends here, but line {seq} was written");
            return Err(reader.broken(&why));
        }
        if line == Some(&seal.sha256) {
            return Ok(());
        }
        Err(Error::Broken {
            path: self.path(EVENTS),
            line: seq,
            why: "it is not the line that was written".to_owned(),
        })
    }

    /// The state after all events.
    pub fn state(&self) -> Result<RunState, Error> {
        RunState::replay(&self.events()?).ok_or_else(|| Error::Empty {
            run: self.run.clone(),
        })
    }

    /// A reader of a run that another process still writes.
    pub fn follow(&self) -> Follower {
        Follower(Reader::new(self.path(EVENTS), self.run.clone()))
    }

    /// Whether a milton holds the run's lock now.
    pub fn is_live(&self) -> bool {
        let Ok(lock) = File::open(self.path(LOCK)) else {
            return false;
        };
        // Dropping the file gives the shared lock back at once.
        flock(&lock, FlockOperation::NonBlockingLockShared).is_err()
    }

    /// Whether `audit.log` says what the events say.
    pub fn audit_matches(&self) -> Result<bool, Error> {
        let path = self.path(AUDIT);
        let expected = audit::render(&self.events()?);
        let actual = fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
        Ok(actual == expected.as_bytes())
    }
}

/// Reads a run that another process writes, a few events at a time.
#[derive(Debug)]
pub struct Follower(Reader);

impl Follower {
    /// The events since the last call; none when nothing was added. The chain is checked; a line
    /// that is still being written is left for the next call.
    pub fn poll(&mut self) -> Result<Vec<Event>, Error> {
        let mut events = Vec::new();
        self.0.read(|event, _| events.push(event))?;
        Ok(events)
    }
}
