use insta::assert_snapshot;
use proptest::prelude::*;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use crate::tui::fixture::*;
use crate::tui::theme::{Role, Theme};
use crate::tui::update::Msg;
use crate::tui::{Mode, ThemeChoice};

fn screens(name: &str, story: &Story, keys: &str) {
    for size in [(120, 36), (80, 24), (40, 12)] {
        let mut bench = Bench::new(story, size);
        bench.keys(keys);
        assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), bench.text());
    }
}

#[test]
fn the_running_screen() {
    screens("running", &running(), "");
}

#[test]
fn the_review_screen() {
    screens("review", &review(), "]");
}

#[test]
fn the_blocked_screen() {
    screens("blocked", &blocked(), "");
}

#[test]
fn the_test_failure_screen() {
    screens("test_failure", &test_failure(), "4");
}

#[test]
fn the_approve_dialog() {
    screens("approve", &ready(), "A");
}

#[test]
fn the_wide_screen() {
    let mut bench = Bench::new(&review(), (160, 44));
    assert_snapshot!("review_160x44", bench.text());
}

/// Where a text begins on the screen.
fn find(buffer: &Buffer, text: &str) -> (u16, u16) {
    let width = buffer.area.width;
    let wanted: Vec<String> = text.chars().map(|c| c.to_string()).collect();
    let len = u16::try_from(wanted.len()).unwrap();
    for y in 0..buffer.area.height {
        for x in 0..=width.saturating_sub(len) {
            let fits = |(i, c): (u16, &String)| buffer[(x + i, y)].symbol() == c;
            if (0u16..).zip(&wanted).all(fits) {
                return (x, y);
            }
        }
    }
    panic!("{text:?} is not on the screen:\n{}", text_of(buffer));
}

#[test]
fn the_important_cells_have_their_styles() {
    let buffer = Bench::new(&review(), (120, 36)).draw();
    let at = |text: &str| buffer[find(&buffer, text)].style();
    assert_eq!(at("return a+b").bg, Some(Color::Indexed(52)));
    assert_eq!(at("[REVIEW]").fg, Some(Color::Green));
    let (x, y) = find(&buffer, "return int(a)");
    assert_eq!(buffer[(x, y)].style().bg, Some(Color::Indexed(22)));
    assert_eq!(
        buffer[(x + 7, y)].style().bg,
        Some(Color::Indexed(28)),
        "the changed word"
    );
    let blocked = Bench::new(&blocked(), (120, 36)).draw();
    let at = |text: &str| blocked[find(&blocked, text)].style();
    assert_eq!(at("[BLOCKED]").fg, Some(Color::Red));
    assert!(at("OVERRIDE").add_modifier.contains(Modifier::REVERSED));
    assert_eq!(at("path.forbidden").fg, Some(Color::Red));
}

#[test]
fn hidden_characters_are_named_in_reverse_video() {
    let mut bench = Bench::new(&review(), (120, 36));
    bench.keys("G");
    let buffer = bench.draw();
    let (x, y) = find(&buffer, "<U+202E>");
    assert!(
        buffer[(x, y)]
            .style()
            .add_modifier
            .contains(Modifier::REVERSED)
    );
    find(&buffer, "<U+200B>");
}

#[test]
fn the_monochrome_theme_has_no_colour_and_still_tells_everything() {
    for (story, keys) in [
        (review(), "5j"),
        (blocked(), ""),
        (ready(), "A"),
        (review(), "c"),
    ] {
        let mut bench = Bench::with(&story, (120, 36), Mode::Live, ThemeChoice::Mono);
        bench.keys(keys);
        let buffer = bench.draw();
        for cell in buffer.content() {
            assert_eq!(
                (cell.fg, cell.bg),
                (Color::Reset, Color::Reset),
                "{:?}",
                cell.symbol()
            );
        }
    }
    let mut bench = Bench::with(&review(), (120, 36), Mode::Live, ThemeChoice::Mono);
    bench.keys("5j");
    let buffer = bench.draw();
    let (x, y) = find(&buffer, "[x] Tests pass");
    assert!(
        buffer[(x, y)].modifier.contains(Modifier::REVERSED),
        "the selection"
    );
    assert_eq!(Theme::Mono.style(Role::Text), ratatui::style::Style::new());
}

#[test]
fn the_clock_counts_while_something_runs_and_is_gone_in_the_review() {
    let first_line = |bench: &mut Bench| bench.text().lines().next().unwrap().to_owned();
    let mut bench = Bench::new(&running(), (120, 36));
    assert!(first_line(&mut bench).ends_with("[RUNNING] 00:17"));
    bench.wall += std::time::Duration::from_secs(65);
    bench.send(Msg::Tick);
    assert!(first_line(&mut bench).ends_with("[RUNNING] 01:22"));
    let mut bench = Bench::new(&review(), (120, 36));
    assert!(first_line(&mut bench).ends_with("[REVIEW]"));
}

#[test]
fn below_the_smallest_size_one_sentence_is_left() {
    let text = Bench::new(&running(), (19, 5)).text();
    assert!(text.contains("[RUNNING]"), "{text}");
}

fn all_stories() -> Vec<Story> {
    vec![running(), review(), ready(), blocked(), test_failure()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_state_draws_at_any_size_and_keeps_the_decision_line(
        story in 0usize..5,
        prefix in 1usize..60,
        width in 1u16..300,
        height in 1u16..100,
        keys in "[1-6jkGgfwu\\]\\)\\}?tApcmhl/n ]{0,6}",
    ) {
        let mut story = all_stories().swap_remove(story);
        story.events.truncate(prefix);
        let mut bench = Bench::new(&story, (width, height));
        bench.keys(&keys);
        bench.draw();
        bench.keys("<Esc><Esc>");
        let text = bench.text();
        if width >= 20 && height >= 5 {
            let row = bench.app.screen.decision.y;
            let line = text.lines().nth(usize::from(row)).unwrap_or_default().to_owned();
            let known = ["A needs", "A:", "A approves", "running", "Ctrl-C", "BLOCKED", "abandoned", "NOT"];
            prop_assert!(known.iter().any(|k| line.contains(k)), "{line:?}\n{text}");
        }
    }

    #[test]
    fn hostile_text_reaches_no_cell(
        text in proptest::collection::vec(
            prop_oneof![
                proptest::char::range('\0', '\u{9f}'),
                proptest::char::range('\u{200b}', '\u{206f}'),
                proptest::char::range('\u{300}', '\u{36f}'),
                proptest::char::range('\u{1f300}', '\u{1f6ff}'),
                proptest::char::range('\u{e0000}', '\u{e007f}'),
                proptest::char::range('a', 'z'),
            ], 0..80),
        width in 20u16..130,
    ) {
        let text: String = text.into_iter().collect();
        let mut bench = Bench::new(&review(), (width, 30));
        if let Some(plan) = &mut bench.app.run.plan {
            plan.goal.clone_from(&text);
        }
        bench.app.run.changed_files[1].path.clone_from(&text);
        if let Some(comment) = bench.app.run.comments.get_mut(&1) {
            comment.text.clone_from(&text);
        }
        let source = bench.app.diff.source.clone().unwrap();
        let patch = format!("--- a/x\n+++ b/x\n@@ -0,0 +1,1 @@\n+{}\n", text.replace('\n', " "));
        let diff = crate::tui::diff::Diff::parse(patch.as_bytes());
        bench.send(Msg::Patch { source, result: Ok((diff, true)) });
        for keys in ["1", "2", "3", "w", "6", "A"] {
            bench.keys(keys);
            for cell in bench.draw().content() {
                let hidden = |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}') || c >= '\u{e0000}';
                prop_assert!(!cell.symbol().chars().any(hidden), "{:?}", cell.symbol());
            }
        }
    }
}

#[test]
fn no_cell_of_the_screen_holds_a_character_that_a_terminal_acts_on() {
    use crate::fixtures::{hidden_characters, hostile};
    let stories = [
        (review as fn() -> Story, "]5"),
        (blocked, "5"),
        (test_failure, "4"),
        (ready, "A"),
    ];
    for (text, (story, keys)) in hidden_characters().iter().zip(stories.into_iter().cycle()) {
        let mut story = story();
        for event in &mut story.events {
            event.kind = hostile(&event.kind, text);
        }
        let mut bench = Bench::new(&story, (120, 36));
        for key in keys.chars() {
            bench.keys(&key.to_string());
            let buffer = bench.draw();
            let hidden = |cell: &&Cell| cell.symbol().chars().any(crate::text::is_hidden);
            let raw = buffer.content().iter().find(hidden);
            assert!(raw.is_none(), "{text:?} after {key}: {raw:?}");
        }
    }
}
