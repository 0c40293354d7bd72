use proptest::prelude::*;

use super::*;

/// The display cases of the shared table: text and expected form.
fn display_cases() -> Vec<(String, String, String)> {
    include_str!("../../tests/data/bypasses.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|case| case["class"] == "display" && case["input"]["kind"] == "display")
        .map(|case| {
            let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
            let expected = text(&case["expected"]["tui"]);
            (text(&case["id"]), text(&case["input"]["text"]), expected)
        })
        .collect()
}

#[test]
fn every_display_case_of_the_table_is_shown_as_expected() {
    let cases = display_cases();
    assert!(cases.len() >= 12, "{}", cases.len());
    for (id, text, expected) in cases {
        let shown = visible(&text);
        match expected.as_str() {
            "tab expanded" => assert_eq!(shown, "a   b"),
            "cut after 4 marks with a note" => {
                assert_eq!(shown, format!("a{}<36 marks cut>", "\u{301}".repeat(4)));
            }
            expected => {
                let expected = expected.trim_end_matches(" marked as mixed script");
                for part in expected.split(" and ") {
                    let part = part.trim_end_matches('…');
                    assert!(shown.contains(part), "{id}: {shown:?} has no {part:?}");
                }
            }
        }
        assert!(!shown.chars().any(char::is_control), "{id}: {shown:?}");
    }
}

#[test]
fn clean_text_is_borrowed_and_one_piece() {
    assert!(matches!(visible("plain text"), Cow::Borrowed(_)));
    assert!(matches!(visible_block("two\nlines"), Cow::Borrowed(_)));
    assert_eq!(pieces("plain", 4), [Piece::Plain("plain")]);
    assert_eq!(pieces("", 4), []);
}

#[test]
fn marked_pieces_are_told_from_plain_ones() {
    let marked = |t: &str| Piece::Marked(t.to_owned());
    assert_eq!(
        pieces("a\u{1b}[31m\u{200b}\u{200b}b", 4),
        [
            Piece::Plain("a"),
            marked("␛"),
            Piece::Plain("[31m"),
            marked("<U+200B><U+200B>"),
            Piece::Plain("b")
        ]
    );
    assert_eq!(
        pieces("a<U+200B>", 4),
        [Piece::Plain("a<U+200B>")],
        "spelled out by the author: not marked"
    );
}

#[test]
fn tabs_go_to_the_next_stop_or_show_themselves() {
    assert_eq!(joined(&pieces("a\tb", 8)), "a       b");
    assert_eq!(joined(&pieces("\tx\t|", 4)), "    x   |");
    assert_eq!(joined(&pieces("日\t|", 4)), "日  |");
    assert_eq!(joined(&pieces("a\tb", 0)), "a␉b");
    assert_eq!(
        visible_block_with_tabs("a:\n\tb\u{200b}"),
        "a:\n\tb<U+200B>"
    );
}

#[test]
fn a_block_keeps_its_lines_and_a_line_shows_them() {
    assert_eq!(visible_block("a\r\nb\u{202e}\n"), "a␍\nb<U+202E>\n");
    assert_eq!(visible("a\nb"), "a␊b");
}

#[test]
fn ordinary_text_of_other_scripts_is_left_alone() {
    for text in [
        "Привет, мир: а и о",
        "日本語のテキスト text",
        "naïve café façade Żółw",
        "m² ≈ 3 µs, α = 0.1, Δt → ∞ “quoted” … ✓ ☐",
        "e\u{301}tude",
        "한국어",
        "\u{1112}\u{1161}\u{11ab}",
        "שלום",
        "GPU-память",
    ] {
        assert_eq!(visible(text), text);
    }
}

#[test]
fn look_alikes_are_written_out() {
    assert_eq!(visible("def p\u{430}ss():"), "def p<\u{430} U+0430>ss():");
    assert_eq!(
        visible("call \u{441}\u{43e}\u{440}\u{443}(x)"),
        "call <\u{441} U+0441><\u{43e} U+043E><\u{440} U+0440><\u{443} U+0443>(x)"
    );
    assert_eq!(visible("\u{1d41e}val"), "<\u{1d41e} U+1D41E>val");
    assert_eq!(visible("ａb"), "<ａ U+FF41>b");
}

#[test]
fn a_mark_without_a_letter_cannot_climb_onto_the_frame() {
    assert_eq!(visible("\u{301}a"), "<U+0301>a");
    assert_eq!(visible("\t\u{301}"), "    <U+0301>");
}

#[test]
fn characters_that_hide_are_all_written_out() {
    for c in [
        '\u{ad}',
        '\u{61c}',
        '\u{202e}',
        '\u{2066}',
        '\u{feff}',
        '\u{e0041}',
        '\u{e0100}',
        '\u{fe0f}',
        '\u{3164}',
        '\u{a0}',
        '\u{e0b0}',
        '\u{ffff}',
        '\u{85}',
        '\u{2029}',
    ] {
        let shown = visible(&format!("x{c}y")).into_owned();
        assert_eq!(shown, format!("x<U+{:04X}>y", u32::from(c)));
    }
    assert_eq!(visible("\u{7f}"), "␡");
}

#[test]
fn a_line_is_cut_by_columns() {
    assert_eq!(one_line("short", 10), "short");
    assert_eq!(one_line("exactly", 7), "exactly");
    assert_eq!(one_line("too long for it", 8), "too lon…");
    assert_eq!(one_line("日本語日本語", 6), "日本…");
    assert_eq!(one_line("a\nb", 10), "a␊b");
    assert_eq!(one_line("abc", 0), "");
}

#[test]
fn durations_read_like_a_clock() {
    let cases = [
        (0, "0.0s"),
        (249, "0.2s"),
        (14_200, "14.2s"),
        (59_999, "59.9s"),
        (134_000, "2:14"),
        (3_734_000, "1:02:14"),
    ];
    for (ms, expected) in cases {
        assert_eq!(duration(ms), expected);
    }
}

#[test]
fn a_command_line_reads_back_as_the_same_arguments() {
    let argv: Vec<String> = [
        "git",
        "commit",
        "-m",
        "it's a \"goal\" $(x)",
        "[in-process]",
        "",
    ]
    .map(String::from)
    .into();
    assert_eq!(shlex::split(&command_line(&argv)).unwrap(), argv);
    let hostile = ["a\nb\u{1b}\u{202e}'\\".to_owned()];
    assert_eq!(command_line(&hostile), r"$'a\nb\x1b\u202e\'\\'");
}

#[test]
fn json_stays_the_same_document_and_shows_everything() {
    let text = "a\u{202e}b\u{e0041}c\u{9b}\u{7f}\u{1b}\n日本";
    let json = serde_json::to_string_pretty(&[text]).unwrap();
    let escaped = json_escaped(json);
    assert!(
        !escaped.chars().any(|c| c != '\n' && is_hidden(c)),
        "{escaped}"
    );
    assert!(escaped.contains(r"\u202eb\udb40\udc41c"));
    assert_eq!(
        serde_json::from_str::<Vec<String>>(&escaped).unwrap(),
        [text]
    );
}

proptest! {
    #[test]
    fn the_last_guard_lets_nothing_hidden_through_and_changes_nothing_else(text in any::<String>()) {
        let guarded = guarded(&text).into_owned();
        prop_assert!(!guarded.chars().any(|c| !matches!(c, '\n' | '\t') && is_hidden(c)));
        prop_assert_eq!(super::guarded(&guarded), guarded.as_str());
        if !text.chars().any(is_hidden) {
            prop_assert_eq!(guarded, text);
        }
    }

    #[test]
    fn nothing_that_hides_survives(text in any::<String>()) {
        for shown in [visible(&text), Cow::Owned(joined(&pieces(&text, 8)))] {
            prop_assert!(!shown.chars().any(is_hidden), "{shown:?}");
        }
        let block = visible_block(&text);
        prop_assert!(!block.chars().any(|c| c != '\n' && is_hidden(c)));
        prop_assert_eq!(block.matches('\n').count(), text.matches('\n').count());
        prop_assert!(one_line(&text, 20).width() <= 20);
        prop_assert!(!command_line(&[text]).chars().any(is_hidden));
    }
}
