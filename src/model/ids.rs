//! Identifiers: commits, runs, topics and the work branch.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An object id of git in lower-case hexadecimal (40 digits for SHA-1, 64 for SHA-256).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Oid(String);

/// The text is not an object id.
#[derive(Debug, thiserror::Error)]
#[error("not a git object id: {0:?}")]
pub struct OidError(String);

impl Oid {
    /// Parses 40 or 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, OidError> {
        let plausible =
            matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if plausible {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(OidError(text.to_owned()))
        }
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first seven digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Oid {
    type Error = OidError;
    fn try_from(text: String) -> Result<Self, OidError> {
        Self::parse(&text)
    }
}

impl From<Oid> for String {
    fn from(oid: Oid) -> Self {
        oid.0
    }
}

/// The name of one run: sorts by time, safe as a folder name and as the last part of a ref
/// (`20261122-143900-7f3a`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// The text is not a run id.
#[derive(Debug, thiserror::Error)]
#[error("not a run id: {0:?} (digits, lower-case letters and '-', at most 40)")]
pub struct RunIdError(String);

impl RunId {
    /// Parses a run id; only `[a-z0-9-]`, so that it can never leave its folder.
    pub fn parse(text: &str) -> Result<Self, RunIdError> {
        let safe = !text.is_empty()
            && text.len() <= 40
            && !text.starts_with('-')
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if safe {
            Ok(Self(text.to_owned()))
        } else {
            Err(RunIdError(text.to_owned()))
        }
    }

    /// Builds the id of a run that starts now. The last part is the fraction of the second, so that
    /// ids sort by time; `salt` separates runs that start within its 15 microseconds.
    pub fn at(now: jiff::Timestamp, salt: u16) -> Self {
        let nanoseconds = now.subsec_nanosecond().unsigned_abs();
        let fraction = u64::from(nanoseconds) * u64::from(u16::MAX) / 1_000_000_000;
        let last = u16::try_from(fraction)
            .unwrap_or(u16::MAX)
            .saturating_add(salt);
        Self(format!("{}-{last:04x}", now.strftime("%Y%m%d-%H%M%S")))
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part that tells runs of one day apart, for narrow headers.
    pub fn short(&self) -> &str {
        self.0.rsplit('-').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RunId {
    type Error = RunIdError;
    fn try_from(text: String) -> Result<Self, RunIdError> {
        Self::parse(&text)
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

/// The `<topic>` of `self-upgrade/<topic>`: `[a-z0-9-]{1,50}`, no `-` at either end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Topic(String);

/// The text is not a topic.
#[derive(Debug, thiserror::Error)]
#[error("not a topic: {0:?} (a-z, 0-9 and '-', 1 to 50 characters, no '-' at either end)")]
pub struct TopicError(String);

impl Topic {
    /// The longest topic, in characters.
    pub const MAX_LEN: usize = 50;

    /// Takes a topic exactly as written, or refuses it.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        let good = (1..=Self::MAX_LEN).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(TopicError(text.to_owned()))
        }
    }

    /// Makes a topic from free text ("Add logging!" gives `add-logging`); `None` when nothing of
    /// the text survives (empty, or no ASCII letter or digit).
    pub fn slug(text: &str) -> Option<Self> {
        let mut slug = String::new();
        for c in text.chars() {
            if c.is_ascii_alphanumeric() {
                slug.push(c.to_ascii_lowercase());
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
            if slug.len() >= Self::MAX_LEN {
                break;
            }
        }
        let slug = slug.trim_end_matches('-');
        Self::parse(slug).ok()
    }

    /// The same topic with `-<n>` behind it, shortened so that it stays valid.
    #[must_use]
    pub fn numbered(&self, n: u32) -> Self {
        let suffix = format!("-{n}");
        let keep = Self::MAX_LEN.saturating_sub(suffix.len());
        let head: String = self.0.chars().take(keep).collect();
        Self(format!("{}{suffix}", head.trim_end_matches('-')))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Topic {
    type Error = TopicError;
    fn try_from(text: String) -> Result<Self, TopicError> {
        Self::parse(&text)
    }
}

impl From<Topic> for String {
    fn from(topic: Topic) -> Self {
        topic.0
    }
}

/// A branch that milton may create: always `self-upgrade/<topic>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkBranch(Topic);

impl WorkBranch {
    /// What every work branch begins with.
    pub const PREFIX: &'static str = "self-upgrade/";

    /// The branch of a topic.
    pub fn new(topic: Topic) -> Self {
        Self(topic)
    }

    /// The topic of the branch.
    pub fn topic(&self) -> &Topic {
        &self.0
    }

    /// The full reference name, `refs/heads/self-upgrade/<topic>`.
    pub fn ref_name(&self) -> String {
        format!("refs/heads/{self}")
    }
}

impl fmt::Display for WorkBranch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0)
    }
}

impl TryFrom<String> for WorkBranch {
    type Error = TopicError;
    fn try_from(text: String) -> Result<Self, TopicError> {
        match text.strip_prefix(Self::PREFIX) {
            Some(topic) => Topic::parse(topic).map(Self),
            None => Err(TopicError(text)),
        }
    }
}

impl From<WorkBranch> for String {
    fn from(branch: WorkBranch) -> Self {
        branch.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_keeps_letters_and_digits_only() {
        let slug = |t: &str| Topic::slug(t).map(String::from);
        assert_eq!(slug("Add logging!").as_deref(), Some("add-logging"));
        assert_eq!(slug("../../x").as_deref(), Some("x"));
        assert_eq!(slug("-rf").as_deref(), Some("rf"));
        assert_eq!(slug(""), None);
        assert_eq!(slug("日本語"), None);
        assert_eq!(slug(&"a".repeat(80)).map(|s| s.len()), Some(50));
    }

    #[test]
    fn a_numbered_topic_stays_a_topic() {
        let long = Topic::parse(&"a".repeat(50)).unwrap();
        let second = long.numbered(12);
        assert!(Topic::parse(second.as_str()).is_ok());
        assert!(second.as_str().ends_with("-12"));
    }

    #[test]
    fn a_run_id_cannot_leave_its_folder() {
        for bad in ["", "..", "../x", "a/b", "A", "-x", "a b"] {
            assert!(RunId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_the_prefix_makes_a_work_branch() {
        assert!(WorkBranch::try_from("main".to_owned()).is_err());
        assert!(WorkBranch::try_from("self-upgrade/x".to_owned()).is_ok());
        assert!(WorkBranch::try_from("self-upgrade/../main".to_owned()).is_err());
    }
}
