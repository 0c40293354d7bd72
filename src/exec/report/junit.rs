//! Reads a JUnit file as a stream, with bounds on everything a hostile one could grow.

use std::fs::File;
use std::io::{BufReader, Read};

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::exec::Candidate;
use crate::exec::report::LARGEST;
use crate::exec::report::case::{Case, MESSAGE, cut};
use crate::exec::report::record::MOST_CASES;
use crate::model::{CaseOutcome, Cases, FailedTest};

/// Failures that are kept; the others are only counted.
pub(super) const FAILURES: usize = 200;

/// How deep elements may lie in each other. Real reports have five levels, and one more for each
/// `describe` in a suite.
const DEPTH: usize = 64;

/// How many attributes an element may have. Real ones have ten.
const ATTRIBUTES: usize = 64;

const NOT_JUNIT: &str = "the report is not a JUnit file";
const AFTER_END: &str = "the report goes on after its end";

/// Whose names are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// Every test's.
    All,
    /// Only of those that failed.
    Failures,
}

/// What the report says, counted from its test cases.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Neither failed nor skipped.
    pub(super) passed: u64,
    /// With a failure or an error.
    pub(super) failed: u64,
    /// Skipped, expected failures included.
    pub(super) skipped: u64,
    /// The first failures.
    pub(super) failures: Vec<FailedTest>,
    /// What the suites' own numbers say against it.
    pub(super) contradictions: Vec<String>,
    /// Every test by its name; one that occurs twice with the worse of its ends.
    pub(super) cases: Cases,
}

/// Reads a report.
///
/// # Errors
///
/// One phrase that says why the file cannot be believed.
pub(super) fn parse(file: File, view: &Candidate, named: Named) -> Result<Counts, String> {
    // The size was looked at before; the file may still be growing.
    let mut reader = Reader::from_reader(BufReader::new(file.take(LARGEST)));
    let mut report = Report::new(view, named);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let event = reader
            .read_event_into(&mut buffer)
            .map_err(|error| unreadable(&error))?;
        if !report.take(event)? {
            return report.finish();
        }
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> String {
    let mut text = format!("the report is not readable XML: {error}");
    cut(&mut text, MESSAGE);
    text
}

/// The numbers of a suite: of its attributes or counted.
#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    tests: u64,
    failures: u64,
    errors: u64,
    skipped: u64,
}

impl Numbers {
    fn add(&mut self, other: Self) {
        self.tests += other.tests;
        self.failures += other.failures;
        self.errors += other.errors;
        self.skipped += other.skipped;
    }
}

/// An open suite.
#[derive(Debug, Default)]
struct Suite {
    /// Named `pytest`, which counts sub-tests that have no element.
    is_of_pytest: bool,
    claimed: [(&'static str, Option<u64>); 4],
    direct: Numbers,
    nested: Numbers,
}

/// What an open element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Suites,
    Suite,
    Case,
    /// A failure or an error: its text is the traceback.
    Failure,
    Other,
}

struct Report<'a> {
    view: &'a Candidate,
    named: Named,
    open: Vec<Element>,
    suites: Vec<Suite>,
    case: Option<Case>,
    ended: bool,
    counts: Counts,
}

impl<'a> Report<'a> {
    fn new(view: &'a Candidate, named: Named) -> Self {
        Self {
            view,
            named,
            open: Vec::new(),
            suites: Vec::new(),
            case: None,
            ended: false,
            counts: Counts::default(),
        }
    }

    /// Takes one event; `false` at the end of the file.
    fn take(&mut self, event: Event<'_>) -> Result<bool, String> {
        match event {
            Event::Start(start) => self.start(&start)?,
            Event::Empty(start) => {
                self.start(&start)?;
                self.end();
            }
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(&text.xml10_content())?,
            Event::CData(text) => self.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let character = resolve(&reference)?;
                self.text(character.encode_utf8(&mut [0; 4]))?;
            }
            // Entities are defined in there, and no runner writes one.
            Event::DocType(_) => return Err("the report has a document type".to_owned()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return Ok(false),
        }
        Ok(true)
    }

    fn finish(self) -> Result<Counts, String> {
        if self.ended {
            Ok(self.counts)
        } else if self.open.is_empty() {
            Err("the report is empty".to_owned())
        } else {
            Err("the report ends before it is complete".to_owned())
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        if self.ended {
            return Err(AFTER_END.to_owned());
        }
        if self.open.len() >= DEPTH {
            return Err(format!("the report is nested deeper than {DEPTH} levels"));
        }
        let name = start.local_name();
        let element = match (name.as_ref(), self.open.last()) {
            ("testsuites", None) => Element::Suites,
            (_, None) if name.as_ref() != "testsuite" => {
                return Err(NOT_JUNIT.to_owned());
            }
            ("testsuite", None | Some(Element::Suites | Element::Suite)) => Element::Suite,
            ("testcase", Some(Element::Suites | Element::Suite)) => Element::Case,
            ("testsuites" | "testsuite" | "testcase", _) => {
                return Err("the report has suites and tests in the wrong places".to_owned());
            }
            ("failure" | "error", Some(Element::Case)) => Element::Failure,
            (_, _) => Element::Other,
        };
        match element {
            Element::Suites | Element::Other => self.mark(name.as_ref()),
            Element::Suite => self.start_suite(start)?,
            Element::Case => self.start_case(start)?,
            Element::Failure => self.start_failure(start)?,
        }
        self.open.push(element);
        Ok(())
    }

    /// Notes `skipped` directly below a test case.
    fn mark(&mut self, name: &str) {
        if name == "skipped"
            && self.open.last() == Some(&Element::Case)
            && let Some(case) = &mut self.case
        {
            case.skipped = true;
        }
    }

    fn start_suite(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        let mut suite = Suite {
            claimed: ["tests", "failures", "errors", "skipped"].map(|name| (name, None)),
            ..Suite::default()
        };
        each_attribute(start, |name, value| {
            if name == "name" {
                suite.is_of_pytest = value == "pytest";
            }
            for (claim, number) in &mut suite.claimed {
                if *claim == name {
                    *number = value.trim().parse().ok();
                }
            }
        })?;
        self.suites.push(suite);
        Ok(())
    }

    fn start_case(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        let mut case = Case::default();
        each_attribute(start, |name, mut value| {
            cut(&mut value, MESSAGE);
            match name {
                "name" => case.name = value,
                "classname" => case.class = value,
                "file" => case.file = Some(value),
                "line" => case.line = value.parse().ok(),
                _ => {}
            }
        })?;
        self.case = Some(case);
        Ok(())
    }

    fn start_failure(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        let is_failure = start.local_name().as_ref() == "failure";
        let Some(case) = &mut self.case else {
            return Ok(());
        };
        if is_failure {
            case.failures += 1;
        } else {
            case.errors += 1;
        }
        if !case.traceback.is_empty() {
            case.push_traceback("\n\n");
        }
        let message = &mut case.message;
        each_attribute(start, |name, mut value| {
            if name == "message" && message.is_empty() {
                cut(&mut value, MESSAGE);
                *message = value;
            }
        })
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        let blank = |text: &str| {
            text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n'])
                .is_empty()
        };
        match (self.open.last(), &mut self.case) {
            (Some(Element::Failure), Some(case)) => case.push_traceback(text),
            (None, _) if !blank(text) && self.ended => return Err(AFTER_END.to_owned()),
            (None, _) if !blank(text) => return Err(NOT_JUNIT.to_owned()),
            (_, _) => {}
        }
        Ok(())
    }

    fn end(&mut self) {
        match self.open.pop() {
            Some(Element::Case) => self.end_case(),
            Some(Element::Suite) => self.end_suite(),
            Some(Element::Suites | Element::Failure | Element::Other) | None => {}
        }
        self.ended = self.open.is_empty();
    }

    fn end_case(&mut self) {
        let Some(case) = self.case.take() else {
            return;
        };
        if let Some(suite) = self.suites.last_mut() {
            suite.direct.add(Numbers {
                tests: 1,
                failures: case.failures,
                errors: case.errors,
                skipped: u64::from(case.skipped),
            });
        }
        let outcome = if case.failures + case.errors > 0 {
            CaseOutcome::Failed
        } else if case.skipped {
            CaseOutcome::Skipped
        } else {
            CaseOutcome::Passed
        };
        // Finding a test's file asks the disk: the runner that has a better channel is not asked.
        if self.named == Named::All && self.counts.cases.len() < MOST_CASES {
            let name = case.full_name(self.view);
            let known = self.counts.cases.entry(name).or_insert(outcome);
            if outcome == CaseOutcome::Failed {
                *known = outcome;
            }
        }
        if case.failures + case.errors > 0 {
            self.counts.failed += 1;
            if self.counts.failures.len() < FAILURES {
                self.counts.failures.push(case.into_failed_test(self.view));
            }
        } else if case.skipped {
            self.counts.skipped += 1;
        } else {
            self.counts.passed += 1;
        }
    }

    fn end_suite(&mut self) {
        let Some(suite) = self.suites.pop() else {
            return;
        };
        self.counts.contradictions.extend(suite.contradiction());
        // One is enough to disbelieve the report.
        self.counts.contradictions.truncate(1);
        if let Some(parent) = self.suites.last_mut() {
            parent.nested.add(suite.direct);
            parent.nested.add(suite.nested);
        }
    }
}

impl Suite {
    /// What the suite's own numbers say against the count of its elements.
    ///
    /// A suite with suites in it may mean all tests or only its own. pytest counts each sub-test
    /// that passed as a test and writes no element for it, so its suites may hold fewer elements
    /// than tests, never more.
    fn contradiction(&self) -> Option<String> {
        let mut all = self.direct;
        all.add(self.nested);
        let counted = |numbers: Numbers| {
            [
                numbers.tests,
                numbers.failures,
                numbers.errors,
                numbers.skipped,
            ]
        };
        let claims = self
            .claimed
            .iter()
            .zip(counted(self.direct).into_iter().zip(counted(all)));
        claims
            .into_iter()
            .find_map(|((name, claimed), (direct, all))| {
                let claimed = (*claimed)?;
                let agrees = claimed == direct
                    || claimed == all
                    || (self.is_of_pytest && *name == "tests" && claimed > all);
                (!agrees).then(|| format!("the report claims {name}={claimed} but holds {all}"))
            })
    }
}

/// Calls `take` with each attribute, decoded.
fn each_attribute(
    start: &BytesStart<'_>,
    mut take: impl FnMut(&str, String),
) -> Result<(), String> {
    // The library's own check for repeated names takes time by the square of their number.
    for (index, attribute) in start.attributes().with_checks(false).enumerate() {
        if index >= ATTRIBUTES {
            return Err(format!("an element has more than {ATTRIBUTES} attributes"));
        }
        let attribute = attribute.map_err(|error| unreadable(&error))?;
        let value = attribute
            .normalized_value(XmlVersion::Explicit1_0)
            .map_err(|error| unreadable(&error))?;
        take(attribute.key.local_name().as_ref(), value.into_owned());
    }
    Ok(())
}

/// The character that a reference means; only the predefined ones exist without a document type.
fn resolve(reference: &BytesRef<'_>) -> Result<char, String> {
    if let Some(character) = reference
        .resolve_char_ref()
        .map_err(|error| unreadable(&error))?
    {
        return Ok(character);
    }
    match reference.xml10_content().as_ref() {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err("the report uses an entity that is not defined".to_owned()),
    }
}

#[cfg(test)]
mod tests;
