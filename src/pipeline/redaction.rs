//! No secret in the record: every text of an event is masked before the event is hashed, written
//! and shown.
//!
//! [`Driver::record`](super::driver::Driver) is the only way from a fact to the record and to the
//! watchers, so one call in it covers the log, the audit log, the evidence, printed lines and the
//! screen. What is *not* masked is the change itself: the commit, and `diff.patch`, which stays byte
//! for byte what git says (a change that adds or removes a secret never gets that far).

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use crate::error::Failure;
use crate::exec;
use crate::model::EventKind;
use crate::policy::{Redactor, StreamMask};

/// The event with every secret masked.
pub(super) fn redacted(kind: EventKind) -> Result<EventKind, Failure> {
    let redactor = redactor()?;
    let broken = |error: serde_json::Error| {
        Failure::internal(format!(
            "an event cannot be recorded without secrets: {error}"
        ))
    };
    let mut value = serde_json::to_value(&kind).map_err(broken)?;
    if mask(&mut value, &redactor) {
        return serde_json::from_value(value).map_err(broken);
    }
    Ok(kind)
}

/// The text with every secret masked.
pub(super) fn redacted_text(text: &str) -> Result<String, Failure> {
    Ok(redactor()?.redact(text).into_owned())
}

/// The embedded table; without it nothing can be recorded.
pub(super) fn redactor() -> Result<Redactor, Failure> {
    Redactor::embedded().map_err(|error| {
        Failure::internal(format!(
            "nothing is recorded without the secret rules: {error}"
        ))
    })
}

/// Masks every text in a value; says whether one changed.
fn mask(value: &mut Value, redactor: &Redactor) -> bool {
    match value {
        Value::String(text) => {
            let masked = redactor.redact(text);
            let changed = *masked != **text;
            if changed {
                *text = masked.into_owned();
            }
            changed
        }
        Value::Array(items) => mask_items(items, redactor),
        Value::Object(fields) => {
            let each = fields.values_mut().map(|field| mask(field, redactor));
            each.fold(false, |changed, one| changed | one)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A list of texts is also read as a command line: `--token VALUE` tells only together what it is.
fn mask_items(items: &mut [Value], redactor: &Redactor) -> bool {
    let words: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
    let Some(words) = words else {
        let each = items.iter_mut().map(|item| mask(item, redactor));
        return each.fold(false, |changed, one| changed | one);
    };
    let masked = redactor.redact_words(&words);
    let changed = masked != words;
    if changed {
        for (item, text) in items.iter_mut().zip(masked) {
            *item = Value::String(text);
        }
    }
    changed
}

/// The supervisor of every sandbox: what its commands print is masked before it is written.
pub(super) fn supervisor(program: PathBuf) -> exec::Supervisor {
    exec::Supervisor::new(program).masking(Arc::new(SecretRules))
}

/// Masks by the embedded table.
#[derive(Debug)]
struct SecretRules;

impl exec::Masking for SecretRules {
    fn stream(&self) -> Box<dyn exec::OutputMask> {
        match Redactor::embedded() {
            Ok(redactor) => Box::new(redactor.stream()),
            // Nothing can be recorded then either, so no command comes this far.
            Err(_) => Box::new(Withheld),
        }
    }
}

/// Lets nothing through.
struct Withheld;

impl exec::OutputMask for Withheld {
    fn mask(&mut self, _: &[u8], _: &mut Vec<u8>) -> Vec<exec::Masked> {
        Vec::new()
    }

    fn is_harmless(&self, _: &[u8]) -> bool {
        false
    }
}

impl exec::OutputMask for StreamMask {
    fn mask(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Vec<exec::Masked> {
        let found = Self::mask(self, bytes, out);
        let masked = |found: crate::policy::MaskedLine| exec::Masked {
            line: found.line,
            rule: found.rule,
        };
        found.into_iter().map(masked).collect()
    }

    fn is_harmless(&self, unfinished: &[u8]) -> bool {
        Self::is_harmless(self, unfinished)
    }
}
