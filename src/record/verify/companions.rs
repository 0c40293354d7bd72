//! The two files that go with the event log: its head and the audit log.

use std::io;

use super::Writing;
use super::files::{first_difference, unreadable};
use crate::model::{Check, Event, EventKind, Seal};
use crate::record::audit;
use crate::record::folder::{AUDIT, HEAD};

/// The head must seal the last line; while somebody writes, a line that is not the last will do.
pub(super) fn check_head(head: io::Result<Vec<u8>>, seals: &[Seal], writing: Writing) -> Check {
    let found = match head {
        Ok(found) => found,
        Err(error) => return unreadable(HEAD, &error),
    };
    let sealed = seals
        .iter()
        .rev()
        .find(|seal| found == head_line(seal).as_bytes());
    match (sealed, seals.last()) {
        (Some(seal), Some(last)) if seal == last || writing == Writing::Live => Check::ok(
            HEAD,
            format!("seals event {}, sha256 {}", seal.events, seal.sha256),
        ),
        (Some(seal), _) => Check::failed(
            HEAD,
            format!(
                "it seals event {} of {}: lines were added behind it, or milton was killed between the two files",
                seal.events,
                seals.len()
            ),
        ),
        (None, last) => {
            let expected = last.map(head_line).unwrap_or_default();
            let at = first_difference(&found, expected.as_bytes());
            Check::failed(
                HEAD,
                format!(
                    "byte {at}: it does not seal the last line (event {}): the end of the log was changed or is gone",
                    seals.len()
                ),
            )
        }
    }
}

/// What `events.head` holds for a line.
pub(in crate::record) fn head_line(seal: &Seal) -> String {
    format!("{:020} {}\n", seal.events, seal.sha256)
}

pub(super) fn check_audit(found: io::Result<Vec<u8>>, events: &[Event], writing: Writing) -> Check {
    let found = match found {
        Ok(found) => found,
        Err(error) => return unreadable(AUDIT, &error),
    };
    let expected = audit::render(events);
    let expected = expected.as_bytes();
    if found == expected || (writing == Writing::Live && expected.starts_with(&found)) {
        let lines = found.split_inclusive(|b| *b == b'\n').count();
        return Check::ok(AUDIT, format!("{lines} records, as the events say"));
    }
    let at = first_difference(&found, expected);
    let before = found.get(..at).unwrap_or(&found);
    let line = before.split(|b| *b == b'\n').count();
    let mut detail = format!("line {line}, byte {at}: it does not say what the events say");
    if let Some(version) = other_version(events) {
        // The records' wording may differ from one milton to the next.
        let now = env!("CARGO_PKG_VERSION");
        detail = format!("{detail} (written by milton {version}, checked by {now})");
    }
    Check::failed(AUDIT, detail)
}

/// The version of the milton that began the run, when it is not this one.
fn other_version(events: &[Event]) -> Option<&str> {
    let versions = events.iter().filter_map(|event| {
        if let EventKind::RunStarted { version, .. } = &event.kind {
            return Some(version.as_str());
        }
        None
    });
    versions
        .into_iter()
        .find(|version| *version != env!("CARGO_PKG_VERSION"))
}
