//! Reports that real runners do not write, and the bounds.

use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::exec::report::case::TRACEBACK;

fn parsed(text: impl AsRef<[u8]>) -> Result<Counts, String> {
    let view = tempfile::tempdir().unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_ref()).unwrap();
    parse(
        file.reopen().unwrap(),
        &crate::exec::Candidate::at(view.path()),
        Named::All,
    )
}

fn numbers(counts: &Counts) -> (u64, u64, u64) {
    (counts.passed, counts.failed, counts.skipped)
}

#[test]
fn what_is_no_complete_report_is_refused_with_a_reason() {
    let bomb =
        "<!DOCTYPE t [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><testsuite>&b;</testsuite>";
    let deep = format!("<testsuites>{}", "<testsuite>".repeat(100_000));
    let wide = format!(
        "<testsuite {}/>",
        (0..100_000).fold(String::new(), |all, n| all + &format!("a{n}='' "))
    );
    for (text, reason) in [
        ("", "the report is empty"),
        ("garbage", "the report is not a JUnit file"),
        ("\0\u{1}\u{2}", "the report is not a JUnit file"),
        ("<html/>", "the report is not a JUnit file"),
        (
            "<testsuites><testsuite>",
            "the report ends before it is complete",
        ),
        ("<testsuites><testcase", "the report is not readable XML"),
        ("<testsuite></testsuites>", "the report is not readable XML"),
        (
            "<testsuite/><testsuite/>",
            "the report goes on after its end",
        ),
        ("<testsuite/>more", "the report goes on after its end"),
        (
            "<testsuite>&nope;</testsuite>",
            "an entity that is not defined",
        ),
        (
            "<testsuite><testcase name='&nope;'/></testsuite>",
            "the report is not readable XML",
        ),
        (
            "<testsuite><testcase><testcase/></testcase></testsuite>",
            "in the wrong places",
        ),
        (
            "<testsuite><properties><testcase/></properties></testsuite>",
            "in the wrong places",
        ),
        (bomb, "the report has a document type"),
        (&deep, "nested deeper than 64 levels"),
        (&wide, "more than 64 attributes"),
    ] {
        let error = parsed(text).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
    assert!(parsed(b"<testsuite name='\xff\xfe'/>").is_err());
}

#[test]
fn tests_are_counted_by_their_elements() {
    let counts = parsed(
        "<?xml version='1.0'?><!-- c --><testsuites><testsuite tests='4' failures='1' errors='1' skipped='1'>
         <testcase name='a'/><testcase name='b'><failure message='m&#10;n'>t&lt;<![CDATA[&]]></failure></testcase>
         <testcase name='c'><error/></testcase><testcase name='d'><skipped/></testcase>
         </testsuite></testsuites>\n",
    )
    .unwrap();
    assert_eq!(numbers(&counts), (1, 2, 1));
    assert_eq!(counts.contradictions, [""; 0]);
    assert_eq!(counts.failures[0].message, "m");
    assert_eq!(counts.failures[0].traceback, "t<&");
    assert_eq!(counts.failures[0].name, "b");
}

#[test]
fn numbers_that_contradict_the_elements_are_noticed() {
    let one = "<testcase name='a'/>";
    for (attributes, expected) in [
        ("tests='1'", None),
        ("tests='x'", None),
        // Sub-tests that passed have no element.
        ("name='pytest' tests='3'", None),
        ("tests='3'", Some("the report claims tests=3 but holds 1")),
        ("tests='0'", Some("the report claims tests=0 but holds 1")),
        (
            "tests='1' failures='1'",
            Some("the report claims failures=1 but holds 0"),
        ),
        ("errors='2'", Some("the report claims errors=2 but holds 0")),
        (
            "skipped='1'",
            Some("the report claims skipped=1 but holds 0"),
        ),
    ] {
        let counts = parsed(format!("<testsuite {attributes}>{one}</testsuite>")).unwrap();
        assert_eq!(counts.contradictions.first().map(String::as_str), expected);
    }
    // A suite of suites may count all of them, or only its own.
    for claimed in [2, 1] {
        let text = format!(
            "<testsuite tests='{claimed}' failures='0'>{one}<testsuite tests='1'>{one}</testsuite></testsuite>"
        );
        assert_eq!(parsed(text).unwrap().contradictions, [""; 0]);
    }
}

#[test]
fn failures_and_tracebacks_are_bounded_and_still_counted() {
    let long = "ä".repeat(TRACEBACK);
    let case =
        format!("<testcase name='{long}'><failure message='{long}'>{long}</failure></testcase>");
    let counts = parsed(format!("<testsuite>{}</testsuite>", case.repeat(250))).unwrap();
    assert_eq!(counts.failed, 250);
    assert_eq!(counts.failures.len(), FAILURES);
    assert_eq!(counts.failures[0].traceback.len(), TRACEBACK);
    assert_eq!(counts.failures[0].message.len(), MESSAGE);
    assert_eq!(counts.failures[0].name.len(), MESSAGE);
}

#[test]
fn a_skip_inside_something_else_does_not_count() {
    let counts = parsed("<testsuite><testcase><x><skipped/><failure/></x></testcase></testsuite>");
    assert_eq!(numbers(&counts.unwrap()), (1, 0, 0));
}

proptest! {
    #[test]
    fn no_bytes_crash_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(parsed(bytes).is_err());
    }

    #[test]
    fn a_report_cut_anywhere_is_refused(cut in 1..130_usize) {
        let whole = "<testsuites><testsuite tests=\"2\"><testcase name=\"a\"/>\
                     <testcase name=\"b\"><failure>x &amp; y</failure></testcase></testsuite></testsuites>";
        prop_assert!(parsed(whole).is_ok());
        let end = whole.len().saturating_sub(cut);
        prop_assert!(parsed(whole.get(..end).unwrap()).is_err());
    }
}
