//! The five `MILTON_SELF_UPGRADE_*` variables: the human's explicit loosenings.

use std::ffi::OsString;

use serde::Serialize;

use crate::model::{Override, Violation};
use crate::policy::finding::broken;

const PREFIX: &str = "MILTON_SELF_UPGRADE_";
/// How the record names the source of a variable.
const ENVIRONMENT: &str = "environment";

/// More files than this is a migration, not a change that somebody reviews.
const MOST_FILES: u64 = 10_000;
/// As many lines as a large program has.
const MOST_LINES: u64 = 1_000_000;
/// One day.
const MOST_SECONDS: u64 = 86_400;

/// What the human who started milton loosened, from the start environment only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Overrides {
    /// `ALLOW_POLICY_EDITS=1`: files of the policy itself may be changed.
    pub allow_policy_edits: bool,
    /// `MAX_FILES=N`.
    pub max_files: Option<u64>,
    /// `MAX_LOC=N`, in added and removed lines.
    pub max_lines: Option<u64>,
    /// `SKIP_TESTS=1`: the tests are not run.
    pub skip_tests: bool,
    /// `TIMEOUT=SECONDS` of one command.
    pub timeout_seconds: Option<u64>,
}

impl Overrides {
    /// Reads the variables through `get`; every malformed one is a violation of
    /// `override.malformed`, because guessing what a loosening meant is not an option.
    pub fn parse(get: impl Fn(&str) -> Option<OsString>) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        let mut text = |name: &str| {
            let full = format!("{PREFIX}{name}");
            let value = get(&full)?;
            if let Ok(text) = value.into_string() {
                return (!text.is_empty()).then_some((full, text));
            }
            violations.push(malformed(&full, "is not UTF-8"));
            None
        };
        let flags = [text("ALLOW_POLICY_EDITS"), text("SKIP_TESTS")];
        let numbers = [
            (text("MAX_FILES"), MOST_FILES),
            (text("MAX_LOC"), MOST_LINES),
            (text("TIMEOUT"), MOST_SECONDS),
        ];
        let [allow_policy_edits, skip_tests] = flags.map(|given| match given {
            Some((name, value)) => parse_flag(&name, &value).unwrap_or_else(|violation| {
                violations.push(violation);
                false
            }),
            None => false,
        });
        let [max_files, max_lines, timeout_seconds] = numbers.map(|(given, most)| {
            let (name, value) = given?;
            parse_number(&name, &value, most)
                .map_err(|violation| violations.push(violation))
                .ok()
        });
        if violations.is_empty() {
            Ok(Self {
                allow_policy_edits,
                max_files,
                max_lines,
                skip_tests,
                timeout_seconds,
            })
        } else {
            Err(violations)
        }
    }

    /// The variables that a run recorded as active, so that its policy can be made again.
    pub fn recorded(active: &[Override]) -> Result<Self, Vec<Violation>> {
        Self::parse(|full| {
            let name = full.strip_prefix(PREFIX)?;
            let found = active
                .iter()
                .find(|active| active.name == name && active.source == ENVIRONMENT)?;
            Some(OsString::from(&found.value))
        })
    }

    /// The active ones, as they are shown and recorded.
    pub(super) fn active(&self) -> Vec<Override> {
        let flag = |on: bool| on.then(|| "1".to_owned());
        let number = |n: Option<u64>| n.map(|n| n.to_string());
        [
            ("MAX_FILES", number(self.max_files)),
            ("MAX_LOC", number(self.max_lines)),
            ("ALLOW_POLICY_EDITS", flag(self.allow_policy_edits)),
            ("SKIP_TESTS", flag(self.skip_tests)),
            ("TIMEOUT", number(self.timeout_seconds)),
        ]
        .into_iter()
        .filter_map(|(name, value)| {
            Some(Override {
                name: name.to_owned(),
                value: value?,
                source: ENVIRONMENT.to_owned(),
            })
        })
        .collect()
    }
}

/// Only `1` turns on; `0` (and unset, and empty) is off; anything else is a mistake to point out.
fn parse_flag(name: &str, value: &str) -> Result<bool, Violation> {
    match value {
        "1" => Ok(true),
        "0" => Ok(false),
        other => Err(malformed(
            name,
            &format!("is {other:?}: only 1 turns it on, 0 or nothing leaves it off"),
        )),
    }
}

fn parse_number(name: &str, value: &str, most: u64) -> Result<u64, Violation> {
    let plain = value.bytes().all(|b| b.is_ascii_digit()) && !value.starts_with('0');
    match value.parse::<u64>() {
        Ok(number) if plain && (1..=most).contains(&number) => Ok(number),
        Ok(_) | Err(_) => Err(malformed(
            name,
            &format!(
                "is {value:?}: it takes a plain number from 1 to {most} without sign, space or leading zero"
            ),
        )),
    }
}

fn malformed(name: &str, what: &str) -> Violation {
    broken(
        "override.malformed",
        name,
        format!("{name} {what}"),
        format!("correct or unset {name}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Result<Overrides, Vec<Violation>> {
        let full = format!("{PREFIX}{name}");
        Overrides::parse(|asked| (asked == full).then(|| value.into()))
    }

    #[test]
    fn only_exactly_one_turns_a_flag_on() {
        assert!(with("ALLOW_POLICY_EDITS", "1").unwrap().allow_policy_edits);
        for off in ["", "0"] {
            let overrides = with("SKIP_TESTS", off).unwrap();
            assert_eq!(overrides, Overrides::default());
        }
        for wrong in [
            "true", "yes", " 1", "1 ", "01", "on", "TRUE", "1\n", "2", "１",
        ] {
            let violations = with("ALLOW_POLICY_EDITS", wrong).unwrap_err();
            assert_eq!(violations[0].rule, "override.malformed", "{wrong:?}");
        }
    }

    #[test]
    fn a_number_is_plain_and_within_reason() {
        assert_eq!(with("MAX_LOC", "9000").unwrap().max_lines, Some(9000));
        for wrong in [
            "0",
            "-1",
            "+1",
            "007",
            " 5",
            "5 ",
            "1e3",
            "0x10",
            "99999999999999999999",
            "1_000",
            "１２",
            "abc",
        ] {
            assert!(with("MAX_FILES", wrong).is_err(), "{wrong:?}");
        }
        assert!(with("TIMEOUT", "86401").is_err());
    }

    #[test]
    fn every_malformed_variable_is_named() {
        let violations = Overrides::parse(|_| Some("nonsense".into())).unwrap_err();
        assert_eq!(violations.len(), 5);
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_text_is_malformed() {
        use std::os::unix::ffi::OsStringExt as _;
        let result = Overrides::parse(|_| Some(OsString::from_vec(vec![0xff])));
        assert_eq!(result.unwrap_err().len(), 5);
    }

    #[test]
    fn active_overrides_are_named_as_the_evidence_lists_them() {
        let overrides = with("MAX_LOC", "9000").unwrap();
        let labels: Vec<_> = overrides.active().iter().map(Override::label).collect();
        assert_eq!(labels, ["MAX_LOC=9000"]);
    }
}
