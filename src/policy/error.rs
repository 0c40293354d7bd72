//! Why a policy could not be put into force.

use crate::model::Violation;

/// The policy could not be loaded; nothing may be judged with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not a policy: TOML syntax, an unknown key, a wrong type, a bad pattern.
    #[error("{origin}, line {line}, column {column}: {message}")]
    Invalid {
        /// Which source (`embedded`, `.milton/policy.toml at <oid>`, a path).
        origin: String,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// A rule fails its own `must_match` or `must_not_match`, or has no id of its own.
    #[error("{origin}: rule {rule:?} fails its own examples: {message}")]
    SelfTest {
        /// Which source.
        origin: String,
        /// The rule's name.
        rule: String,
        /// What it should have matched, or should not have.
        message: String,
    },
}

impl Error {
    /// The same as a violation of `policy.invalid`.
    pub fn violation(&self) -> Violation {
        let (Self::Invalid { origin, .. } | Self::SelfTest { origin, .. }) = self;
        Violation {
            rule: "policy.invalid".to_owned(),
            subject: origin.clone(),
            detail: self.to_string(),
            source: "embedded".to_owned(),
            remedy: "correct the policy; until then everything is refused".to_owned(),
        }
    }

    /// An error at a byte offset of a text.
    pub(super) fn at(origin: &str, text: &str, offset: usize, message: &str) -> Self {
        let before = text.get(..offset.min(text.len())).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let in_line = before.get(line_start..).unwrap_or_default();
        Self::Invalid {
            origin: origin.to_owned(),
            line: before.matches('\n').count() + 1,
            column: in_line.chars().count() + 1,
            // A pattern that is quoted back may be as long as the file.
            message: crate::policy::finding::bounded(&message.trim().replace('\n', "; ")),
        }
    }

    pub(super) fn of_toml(origin: &str, text: &str, error: &toml::de::Error) -> Self {
        let offset = error.span().map_or(0, |span| span.start);
        Self::at(origin, text, offset, error.message())
    }

    pub(super) fn self_test(origin: &str, rule: &str, message: impl Into<String>) -> Self {
        Self::SelfTest {
            origin: origin.to_owned(),
            rule: rule.to_owned(),
            message: message.into(),
        }
    }
}
