//! Secrets are masked before an event is recorded: what is never written need not be kept from
//! anybody. The chain then hashes the masked text, so nothing has to be taken out later.
//!
//! Masked is every text of an event: request, goal, arguments, the quoted ends of outputs, failed
//! tests, comments. What a change itself holds stays exact (a commit with a secret in it is
//! refused before it is built), and so does `output/NNN.log`, which is every byte that was printed.

use serde_json::Value;

use crate::model::EventKind;

/// The event with every text masked.
///
/// # Errors
///
/// When the masked event is no event any more; nothing may be recorded then.
pub(super) fn masked(
    kind: EventKind,
    mask: &impl Fn(&str) -> String,
) -> Result<EventKind, serde_json::Error> {
    let mut value = serde_json::to_value(&kind)?;
    if mask_texts(&mut value, mask) {
        return serde_json::from_value(value);
    }
    Ok(kind)
}

/// Masks every text in a value; whether any changed.
fn mask_texts(value: &mut Value, mask: &impl Fn(&str) -> String) -> bool {
    match value {
        Value::String(text) => {
            if is_digest(text) {
                return false;
            }
            let masked = mask(text);
            let changed = masked != *text;
            *text = masked;
            changed
        }
        Value::Array(values) => values
            .iter_mut()
            .fold(false, |changed, value| mask_texts(value, mask) | changed),
        Value::Object(fields) => fields
            .values_mut()
            .fold(false, |changed, value| mask_texts(value, mask) | changed),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Ids and digests are how everything is bound together; no rule may touch them.
fn is_digest(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{STATUSES, approval, script};

    #[test]
    fn texts_are_masked_wherever_they_stand_and_ids_stay() {
        let id = "a".repeat(64);
        let mask = |text: &str| text.replace("hunter2", "h…").replace(&id, "…");
        let kind = EventKind::VerificationSkipped {
            argv: vec!["curl".to_owned(), "hunter2".to_owned(), id.clone()],
            reason: "hunter2".to_owned(),
        };
        assert_eq!(
            masked(kind, &mask).unwrap(),
            EventKind::VerificationSkipped {
                argv: vec!["curl".to_owned(), "h…".to_owned(), id.clone()],
                reason: "h…".to_owned(),
            }
        );
    }

    #[test]
    fn an_event_without_a_secret_stays_as_it_is() {
        let policy = crate::policy::Policy::embedded().unwrap();
        for status in STATUSES {
            for kind in script(status)
                .kinds
                .into_iter()
                .map(|(_, kind)| kind)
                .chain(approval())
            {
                let masked = masked(kind.clone(), &|text| policy.redact(text)).unwrap();
                assert_eq!(masked, kind);
            }
        }
    }
}
