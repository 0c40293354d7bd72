//! `milton verify`, the record's part: whether every byte of a run's folder is as it was written.
//!
//! What it finds: an edited, deleted, inserted or reordered line of the event log (each line names
//! the digest of the one before, and `events.head` the last), a log without its end, an audit log
//! that does not say what the events say, an output, patch or piece of evidence with another digest
//! than its event names, a file that is gone, and one that no event knows of.
//!
//! What it cannot find: a folder that somebody rewrote as a whole, all digests and the head with it.
//! No secret is in the chain, so whoever can write the folder can do that. It takes something that
//! was kept elsewhere: the seal that every run prints at its end (`--seal`), or the commit, which is
//! compared in the repository. The times of a record are its writer's word.

mod companions;
mod files;
mod named;

use std::collections::BTreeMap;
use std::fs;

use companions::{check_audit, check_head};
use files::{differs, digest_of, names_in, unreadable};
use named::{Wanted, named_files};

use super::folder::{AUDIT, EVENTS, HEAD, LOCK, TORN};
use super::log::Reader;
use super::writer::torn_digest;
use super::{Error, RunFolder};
use crate::model::{Check, Event, EventKind, RelPath, Seal};

pub(super) use companions::head_line;
pub use files::first_difference;

/// The folder that a killed milton may leave behind: the test view, which is no part of the record.
const VIEW: &str = "view";
/// The folder of the outputs.
const OUTPUT: &str = "output";

/// What a run's folder holds, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// One entry a file, in the order of the contract.
    pub checks: Vec<Check>,
    /// The events, as far as the chain is whole.
    pub events: Vec<Event>,
    /// The digest of each event's line.
    pub seals: Vec<Seal>,
    /// Whether the chain is whole: only then do the events prove anything.
    pub is_whole: bool,
}

/// Whether somebody writes the run while it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Live,
    Closed,
}

/// Whether the reports of test runners are sealed: that happens when the evidence is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reports {
    Sealed,
    Open,
}

impl Reports {
    fn of(events: &[Event]) -> Self {
        let last = |is: fn(&EventKind) -> bool| events.iter().rposition(|event| is(&event.kind));
        let written = last(|kind| matches!(kind, EventKind::EvidenceWritten { .. }));
        let started = last(|kind| matches!(kind, EventKind::CommandStarted { .. }));
        if written.is_some() && written > started {
            Self::Sealed
        } else {
            Self::Open
        }
    }
}

impl RunFolder {
    /// Checks every file of the run's folder. Never fails: what cannot be read is a failed check.
    pub fn verify(&self) -> Verified {
        let strange = self.check_kinds();
        if !strange.is_empty() {
            return Verified {
                checks: strange,
                events: Vec::new(),
                seals: Vec::new(),
                is_whole: false,
            };
        }
        let writing = if self.is_live() {
            Writing::Live
        } else {
            Writing::Closed
        };
        // The companions are read before the log: a writer adds to the log first, so that the log
        // is never behind them.
        let head = fs::read(self.path(HEAD));
        let audit_log = fs::read(self.path(AUDIT));
        let mut found = self.verify_log(writing);
        if !found.is_whole {
            let why = "not checked: the event log itself cannot be trusted";
            for name in [HEAD, AUDIT] {
                found.checks.push(Check::not_checked(name, why));
            }
            return found;
        }
        found.checks.push(check_head(head, &found.seals, writing));
        found
            .checks
            .push(check_audit(audit_log, &found.events, writing));
        let named = named_files(&found.events);
        for (name, wanted) in &named {
            found.checks.push(self.check_file(name, wanted, writing));
        }
        found.checks.extend(self.check_torn(&found.events));
        found.checks.extend(self.check_lock(writing));
        let reports = Reports::of(&found.events);
        found.checks.extend(self.check_unknown(&named, reports));
        found
    }

    /// The record is made of plain files: reading a pipe that stands in a file's place would wait
    /// for ever, and a link says nothing about what it points at tomorrow.
    fn check_kinds(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        for folder in ["", OUTPUT] {
            let dir = self.path(folder);
            for name in names_in(&dir).unwrap_or_default() {
                let path = dir.join(&name);
                let is_plain = fs::symlink_metadata(&path)
                    .is_ok_and(|found| found.is_file() || found.is_dir());
                if !is_plain {
                    let name = if folder.is_empty() {
                        name
                    } else {
                        format!("{folder}/{name}")
                    };
                    checks.push(Check::failed(name, "it is neither a file nor a folder"));
                }
            }
        }
        checks
    }

    fn verify_log(&self, writing: Writing) -> Verified {
        let mut reader = Reader::new(self.path(EVENTS), self.run().clone());
        let (mut events, mut seals) = (Vec::new(), Vec::new());
        let read = reader.read(|event, digest| {
            seals.push(Seal {
                events: event.seq,
                sha256: digest.to_owned(),
            });
            events.push(event);
        });
        let at = |why: &str| {
            format!(
                "line {}, byte {}: {why}",
                reader.chain.seq + 1,
                reader.offset
            )
        };
        let check = match read {
            Err(Error::Broken { why, .. }) => Check::failed(EVENTS, at(&why)),
            Err(Error::Io { source, .. }) => unreadable(EVENTS, &source),
            Err(error) => Check::failed(EVENTS, error.to_string()),
            Ok(()) if reader.unfinished > 0 && writing == Writing::Closed => Check::failed(
                EVENTS,
                at("it has no end: milton was killed while writing it, or its end was cut off"),
            ),
            Ok(()) if events.is_empty() => Check::failed(EVENTS, "it holds no event"),
            Ok(()) => Check::ok(
                EVENTS,
                format!("{} events, each names the one before it", events.len()),
            ),
        };
        Verified {
            is_whole: !check.is_failed(),
            checks: vec![check],
            events,
            seals,
        }
    }

    fn check_file(&self, name: &str, wanted: &Wanted, writing: Writing) -> Check {
        let (size, digest) = match wanted {
            Wanted::Digest(size, digest) => (*size, digest),
            Wanted::Unfinished if writing == Writing::Live => {
                return Check::not_checked(name, "the command still runs");
            }
            Wanted::Unfinished => {
                return Check::not_checked(
                    name,
                    "its command has no recorded end, so no digest either",
                );
            }
        };
        if RelPath::parse(name).is_err() {
            return Check::failed(name, "it is not the name of a file of a run");
        }
        match digest_of(&self.path(name)) {
            Err(error) => unreadable(name, &error),
            Ok((_, found)) if found == *digest => {
                Check::ok(name, format!("sha256 {}", digest.short()))
            }
            Ok((bytes, found)) => Check::failed(name, differs(bytes, size, &found, digest)),
        }
    }

    /// The unfinished lines that were moved aside: the last notice names the digest of them all.
    fn check_torn(&self, events: &[Event]) -> Option<Check> {
        let notices = events.iter().rev().filter_map(|event| {
            if let EventKind::Noticed { text, .. } = &event.kind {
                return Some(text);
            }
            None
        });
        let notice = notices.into_iter().find(|text| text.contains(TORN));
        match (notice, digest_of(&self.path(TORN))) {
            (None, Err(_)) => None,
            (None, Ok(_)) => Some(Check::failed(TORN, "no event knows of it")),
            (Some(_), Err(error)) => Some(unreadable(TORN, &error)),
            (Some(text), Ok((_, found))) => Some(if text.ends_with(&torn_digest(&found)) {
                Check::ok(TORN, format!("sha256 {}", found.short()))
            } else {
                Check::failed(TORN, "its digest is not the recorded one")
            }),
        }
    }

    /// The lock is no record, but nothing may hide in it either: it holds the number of the process
    /// that works on the run, and nothing afterwards.
    fn check_lock(&self, writing: Writing) -> Option<Check> {
        let text = match fs::read(self.path(LOCK)) {
            Ok(text) => String::from_utf8_lossy(&text).into_owned(),
            Err(error) => return Some(unreadable(LOCK, &error)),
        };
        let is_number = text
            .strip_suffix('\n')
            .is_some_and(|number| number.parse::<u32>().is_ok());
        match (writing, text.as_str()) {
            (Writing::Live, _) | (Writing::Closed, "") => None,
            (Writing::Closed, _) if is_number => Some(Check::not_checked(
                LOCK,
                format!("left by process {}, which was killed", text.trim_end()),
            )),
            (Writing::Closed, _) => Some(Check::failed(LOCK, "it holds what milton never wrote")),
        }
    }

    /// Files that no event names: put there by somebody else, or named by lines that are gone.
    fn check_unknown(&self, named: &BTreeMap<String, Wanted>, reports: Reports) -> Vec<Check> {
        let own = [EVENTS, HEAD, AUDIT, LOCK, TORN, OUTPUT];
        let mut checks = Vec::new();
        for folder in ["", OUTPUT] {
            let dir = self.path(folder);
            let mut entries = match names_in(&dir) {
                Ok(entries) => entries,
                Err(error) => {
                    let what = if folder.is_empty() { "folder" } else { folder };
                    checks.push(unreadable(what, &error));
                    continue;
                }
            };
            entries.sort_unstable();
            for name in entries {
                let name = if folder.is_empty() {
                    name
                } else {
                    format!("{folder}/{name}")
                };
                if named.contains_key(&name) || own.contains(&name.as_str()) {
                    continue;
                }
                checks.push(if name == VIEW {
                    Check::not_checked(name, "a test view; it is no part of the record")
                } else if !folder.is_empty() && reports == Reports::Open {
                    Check::not_checked(
                        name,
                        "it is sealed with the evidence, which is not written yet",
                    )
                } else {
                    Check::failed(name, "no event knows of it")
                });
            }
        }
        checks
    }
}
