use std::time::Duration;

use super::*;
use crate::model::review::CommentKind;
use crate::model::{Comment, ItemId};
use crate::tui::app::Target;
use crate::tui::fixture::*;
use crate::tui::keymap::Pane;
use crate::tui::{Mode, ThemeChoice};

const SIZE: (u16, u16) = (120, 36);

fn sent(effects: &[Effect]) -> Vec<ReviewCommand> {
    let commands = effects.iter().filter_map(|effect| match effect {
        Effect::Send(command) => Some(command.clone()),
        Effect::Copy(_) | Effect::Leave(_) => None,
    });
    commands.collect()
}

fn view(path: &str, viewed: bool) -> ReviewCommand {
    ReviewCommand::View {
        path: path.to_owned(),
        viewed,
    }
}

fn flash(bench: &Bench) -> &str {
    bench.app.flash.as_deref().unwrap_or_default()
}

#[test]
fn keys_become_commands() {
    let approve = ReviewCommand::Approve {
        tree: tree(),
        typed: "5c0d".to_owned(),
    };
    let cases: Vec<(Story, &str, Vec<ReviewCommand>)> = vec![
        (review(), " ", vec![view("src/calc.py", false)]),
        (review(), "} ", vec![view("notes.md", true)]),
        (review(), "2jj ", vec![view("notes.md", true)]),
        (
            review(),
            "5jjj ",
            vec![ReviewCommand::Toggle(ItemId::NoSecrets)],
        ),
        (review(), "5j ", vec![]),
        (review(), "5G ", vec![ReviewCommand::ReadFinding(1)]),
        (review(), ")", vec![ReviewCommand::ReadFinding(0)]),
        (review(), "6jdd", vec![ReviewCommand::DeleteComment(1)]),
        (review(), "6d", vec![]),
        (review(), "S", vec![ReviewCommand::RequestChanges]),
        (review(), "X", vec![ReviewCommand::Abandon]),
        (review(), "U", vec![]),
        (review(), "A", vec![]),
        (review(), "q", vec![ReviewCommand::Leave]),
        (review(), "<C-c>", vec![ReviewCommand::Leave]),
        (ready(), "A", vec![]),
        (blocked(), "X", vec![ReviewCommand::Abandon]),
        (blocked(), "S", vec![]),
        (running(), "X", vec![]),
        (running(), "q", vec![]),
        (running(), "<C-c>", vec![ReviewCommand::Stop]),
        (
            running(),
            "<C-c><C-c>",
            vec![ReviewCommand::Stop, ReviewCommand::Stop],
        ),
    ];
    for (story, keys, expected) in cases {
        let mut bench = Bench::new(&story, SIZE);
        assert_eq!(sent(&bench.keys(keys)), expected, "{keys:?}");
    }
    let mut bench = Bench::new(&ready(), SIZE);
    bench.keys("A");
    bench.pause();
    assert_eq!(sent(&bench.keys("5c0d")), [approve]);
}

#[test]
fn space_and_enter_never_decide() {
    for story in [ready(), review(), blocked(), test_failure()] {
        for open in ["", "A", "t", "m", "?"] {
            let mut bench = Bench::new(&story, SIZE);
            bench.keys(open);
            bench.pause();
            let effects = bench.keys("j<Enter>jj<Enter><Space><Enter><Space>");
            let decided = sent(&effects).into_iter().any(|command| {
                matches!(
                    command,
                    ReviewCommand::Approve { .. }
                        | ReviewCommand::Abandon
                        | ReviewCommand::RequestChanges
                        | ReviewCommand::AcknowledgeTestFailure { .. }
                )
            });
            assert!(!decided, "{open:?}: {effects:?}");
        }
    }
}

#[test]
fn a_key_typed_ahead_of_a_dialog_does_not_approve() {
    let mut bench = Bench::new(&ready(), SIZE);
    assert!(bench.keys("A5c0d").is_empty());
    assert!(flash(&bench).contains("ignored"));
    bench.instant += Duration::from_millis(399);
    assert!(bench.keys("5").is_empty());
    bench.instant += Duration::from_millis(1);
    assert_eq!(sent(&bench.keys("5c0d")).len(), 1);
}

#[test]
fn the_first_key_after_the_focus_returns_decides_nothing() {
    let mut bench = Bench::new(&review(), SIZE);
    bench.send(Msg::FocusGained);
    assert!(bench.keys("X").is_empty());
    assert_eq!(sent(&bench.keys("X")), [ReviewCommand::Abandon]);
}

#[test]
fn keys_meant_for_the_running_phase_do_not_decide_in_the_review() {
    let mut bench = Bench::new(&running(), SIZE);
    bench.event(EventKind::RunFinished {
        status: Status::Success,
    });
    assert!(bench.keys("X").is_empty());
    bench.pause();
    assert_eq!(sent(&bench.keys("X")), [ReviewCommand::Abandon]);
}

#[test]
fn pasted_text_is_only_text() {
    let mut bench = Bench::new(&ready(), SIZE);
    bench.keys("A");
    bench.pause();
    assert!(bench.send(Msg::Paste("5c0d".to_owned())).is_empty());
    assert!(matches!(&bench.app.overlay, Some(Overlay::Approve { typed, .. }) if typed.is_empty()));
    assert!(
        bench.keys("<Esc>X").is_empty(),
        "a key right behind a paste"
    );
    bench.pause();
    bench.keys("c");
    bench.send(Msg::Paste("two\nlines".to_owned()));
    let effects = bench.keys("<C-s>");
    let [ReviewCommand::Comment(comment)] = &sent(&effects)[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(comment.text, "two\nlines");
}

#[test]
fn a_wrong_tree_id_approves_nothing_and_can_be_typed_again() {
    let mut bench = Bench::new(&ready(), SIZE);
    bench.keys("A");
    bench.pause();
    assert!(bench.keys("ffff").is_empty());
    assert!(bench.text().contains("no match"));
    assert_eq!(sent(&bench.keys("5C0D")).len(), 1);
}

#[test]
fn approval_is_refused_when_something_opens_meanwhile() {
    let mut bench = Bench::new(&ready(), SIZE);
    bench.keys("A");
    bench.pause();
    bench.event(EventKind::Reviewed {
        act: ReviewAct::FileViewed {
            path: "notes.md".to_owned(),
            viewed: false,
        },
    });
    assert!(bench.keys("5c0d").is_empty());
}

#[test]
fn what_does_not_fit_on_the_screen_cannot_be_approved() {
    let mut bench = Bench::new(&ready(), (40, 12));
    bench.keys("A");
    assert!(bench.app.overlay.is_none());
    assert!(flash(&bench).contains("larger"));
    let mut bench = Bench::new(&ready(), SIZE);
    bench.keys("A");
    bench.send(Msg::Resize(40, 12));
    bench.pause();
    assert!(bench.keys("5c0d").is_empty());
}

#[test]
fn a_patch_that_is_not_the_recorded_one_cannot_be_approved() {
    let mut bench = Bench::new(&ready(), SIZE);
    let source = bench.app.diff.source.clone().unwrap();
    let result = Ok((Diff::parse(PATCH.as_bytes()), false));
    bench.send(Msg::Patch { source, result });
    bench.keys("A");
    assert!(bench.app.overlay.is_none());
    assert!(bench.text().contains("not the recorded one"));
}

#[test]
fn a_line_gets_a_comment() {
    let mut bench = Bench::new(&review(), SIZE);
    let effects = bench.keys("/2000<Enter>c<Tab>why 2000?<Enter>really<C-s>");
    let expected = Comment {
        id: 2,
        kind: CommentKind::Change,
        path: Some("src/calc.py".to_owned()),
        line: Some(27),
        on_removed: false,
        text: "why 2000?\nreally".to_owned(),
    };
    assert_eq!(sent(&effects), [ReviewCommand::Comment(expected)]);
    assert_eq!(bench.app.run.comments.len(), 1, "only the event adds it");
}

#[test]
fn a_comment_left_with_escape_comes_back() {
    let mut bench = Bench::new(&review(), SIZE);
    bench.keys("cdraft<Esc>");
    assert!(bench.app.overlay.is_none());
    let effects = bench.keys("c!<C-s>");
    let [ReviewCommand::Comment(comment)] = &sent(&effects)[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(comment.text, "draft!");
}

#[test]
fn an_existing_comment_is_edited_under_its_own_number() {
    let mut bench = Bench::new(&review(), SIZE);
    let effects = bench.keys("6je more<C-s>");
    let [ReviewCommand::Comment(comment)] = &sent(&effects)[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(comment.id, 1);
    assert!(comment.text.ends_with("Intended? more"));
}

#[test]
fn failing_tests_are_acknowledged_only_with_a_note() {
    let mut bench = Bench::new(&test_failure(), SIZE);
    bench.keys("ta");
    bench.pause();
    assert!(bench.keys("<Space><C-s>").is_empty());
    let effects = bench.keys("known flake<C-s>");
    let note = "known flake".to_owned();
    let expected = ReviewCommand::AcknowledgeTestFailure { note };
    assert_eq!(sent(&effects), [expected]);
    let mut bench = Bench::new(&test_failure(), SIZE);
    bench.keys("t");
    bench.pause();
    assert_eq!(sent(&bench.keys("r")), [ReviewCommand::RerunTests]);
}

#[test]
fn a_need_is_a_place_to_jump_to() {
    let mut bench = Bench::new(&review(), SIZE);
    bench.keys("Ajj<Enter>");
    assert_eq!(bench.app.focus, Pane::Diff);
    assert_eq!(place_of_cursor(&bench.app).unwrap().0, "notes.md");
    bench.pause();
    bench.keys("A<Enter>");
    assert_eq!(bench.app.focus, Pane::Checklist);
    assert_eq!(
        sent(&bench.keys(" ")),
        [ReviewCommand::Toggle(ItemId::NoSecrets)]
    );
}

#[test]
fn evidence_leads_to_its_place() {
    let mut bench = Bench::new(&review(), SIZE);
    bench.keys("5jj<Enter>");
    let item = bench.app.list(Pane::Checklist).target;
    assert_eq!(
        item,
        Some(crate::tui::app::Target::Item(ItemId::NoForbiddenFiles))
    );
    let mut bench = Bench::new(&review(), SIZE);
    bench.keys("5j<Enter>");
    assert_eq!(bench.app.focus, Pane::Log);
    assert_eq!(bench.app.log.mode, LogMode::Output(CommandId(3)));
}

#[test]
fn a_failure_leads_to_its_line() {
    let mut bench = Bench::new(&test_failure(), SIZE);
    bench.keys("4G<Enter>");
    assert_eq!(bench.app.log.mode, LogMode::Failure(1));
    assert!(bench.text().contains("TypeError: int() of 'a'"));
    bench.keys("<Enter>");
    let (path, line, _) = place_of_cursor(&bench.app).unwrap();
    assert_eq!((path.as_str(), line), ("src/calc.py", Some(4)));
}

#[test]
fn a_read_only_run_cannot_be_changed() {
    let mode = Mode::ReadOnly {
        reason: "another milton writes this run".to_owned(),
    };
    let mut bench = Bench::with(&ready(), SIZE, mode, ThemeChoice::Auto);
    for keys in ["A", "X", "S", " ", "c", "5jjj ", "5G ", ")", "6dd", "t"] {
        assert!(sent(&bench.keys(keys)).is_empty(), "{keys:?}");
        assert!(bench.app.overlay.is_none(), "{keys:?}");
    }
    assert!(
        bench
            .text()
            .contains("read only: another milton writes this run")
    );
    assert_eq!(bench.keys("q"), [Effect::Leave(Outcome::Left)]);
}

#[test]
fn a_stopped_run_is_left_when_it_has_stopped() {
    let mut bench = Bench::new(&running(), SIZE);
    bench.keys("<C-c>");
    let status = Status::Stopped;
    let effects = bench.event(EventKind::RunFinished { status });
    assert_eq!(effects, [Effect::Leave(Outcome::Left)]);
    let mut bench = Bench::new(&running(), SIZE);
    let effects = bench.event(EventKind::RunFinished { status });
    assert!(
        effects.is_empty(),
        "not asked for here: it stays to be seen"
    );
}

#[test]
fn an_abandoned_run_stays_on_screen_and_can_be_restored() {
    let mut bench = Bench::new(&review(), SIZE);
    bench.event(EventKind::Reviewed {
        act: ReviewAct::Abandoned {
            branch: bench.app.run.branch.clone(),
            kept_as: Some("refs/milton/abandoned/x".to_owned()),
            by: "ada".to_owned(),
        },
    });
    assert!(bench.text().contains("abandoned; press U to restore"));
    bench.pause();
    assert_eq!(sent(&bench.keys("U")), [ReviewCommand::Restore]);
    assert_eq!(bench.keys("q"), [Effect::Leave(Outcome::Decided)]);
}

fn approved() -> EventKind {
    EventKind::Reviewed {
        act: ReviewAct::Approved {
            approval: crate::model::Approval {
                base: commit(),
                commit: commit(),
                tree: tree(),
                diff_sha256: crate::model::Digest::of(b"d"),
                policy_sha256: crate::model::Digest::of(b"p"),
                test_log_sha256: None,
                by: "ada".to_owned(),
            },
            merge_command: format!("git merge --no-ff {}", commit()),
        },
    }
}

#[test]
fn the_merge_command_is_shown_and_copied_after_approval() {
    let mut bench = Bench::new(&ready(), SIZE);
    let command = format!("git merge --no-ff {}", commit());
    assert_eq!(bench.event(approved()), [Effect::Copy(command.clone())]);
    let text = bench.text();
    assert!(text.contains("[APPROVED]") && text.contains(&command));
    assert_eq!(bench.keys("<Esc>m"), [Effect::Copy(command)]);
    assert_eq!(bench.keys("<Esc>q"), [Effect::Leave(Outcome::Decided)]);
}

#[test]
fn the_end_of_the_updates_leaves_only_what_nobody_can_decide_any_more() {
    let mut live = Bench::new(&review(), SIZE);
    assert_eq!(live.send(Msg::UpdatesEnded), [Effect::Leave(Outcome::Left)]);
    let mut decided = Bench::new(&ready(), SIZE);
    decided.event(approved());
    assert!(decided.send(Msg::UpdatesEnded).is_empty());
    let closed = Msg::Update(Update::Closed);
    assert_eq!(decided.send(closed), [Effect::Leave(Outcome::Decided)]);
}

#[test]
fn the_focus_does_not_jump_when_the_review_begins() {
    let mut bench = Bench::new(&running(), SIZE);
    bench.keys("4");
    bench.event(EventKind::RunFinished {
        status: Status::Success,
    });
    assert_eq!(bench.app.focus, Pane::Log);
}

#[test]
fn moving_up_pauses_the_log_and_f_follows_again() {
    let mut bench = Bench::new(&running(), SIZE);
    bench.keys("4");
    assert!(bench.text().contains("following"));
    let top = bench.app.log.top;
    bench.keys("kkk");
    assert!(bench.app.log.top < top);
    assert!(bench.text().contains("paused, F follows"));
    bench.keys("F");
    assert_eq!(bench.app.log.top, top);
}

#[test]
fn hunks_and_files_are_walked_across_the_whole_diff() {
    let mut bench = Bench::new(&review(), SIZE);
    let hunk = |bench: &Bench| bench.app.diff.diff().unwrap().lines[bench.app.diff.cursor].hunk;
    bench.keys("]");
    assert_eq!(hunk(&bench), Some(0));
    bench.keys("]]");
    assert_eq!(hunk(&bench), Some(2));
    bench.keys("[");
    assert_eq!(hunk(&bench), Some(1));
    bench.keys("}");
    assert_eq!(place_of_cursor(&bench.app).unwrap().0, "notes.md");
    bench.keys("{");
    assert_eq!(bench.app.diff.cursor, 0);
    bench.keys("08j");
    assert_eq!(bench.app.diff.cursor, 8);
    bench.keys("026G");
    assert_eq!(place_of_cursor(&bench.app).unwrap().1, Some(26));
}

#[test]
fn a_hunk_counts_as_seen_only_when_all_of_it_was_on_screen() {
    let mut bench = Bench::new(&review(), (80, 24));
    assert!(bench.text().contains("not seen"));
    bench.keys("ju");
    let first_unseen = bench.app.diff.unseen.iter().position(|n| *n > 0);
    assert!(first_unseen.is_none_or(|hunk| hunk > 0));
    bench.keys("G");
    assert!(bench.app.diff.unseen.iter().all(|n| *n == 0));
}

#[test]
fn only_what_is_visible_of_a_large_diff_is_painted() {
    let mut patch = String::from("diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n");
    for n in 0..20_000 {
        let line = n * 10 + 1;
        let hunk = format!("@@ -{line},3 +{line},3 @@\n a\n-b = {n}\n+b = {n}0\n c\n");
        patch.push_str(&hunk);
    }
    let mut bench = Bench::new(&review(), SIZE);
    let source = bench.app.diff.source.clone().unwrap();
    let diff = Diff::parse(patch.as_bytes());
    assert_eq!(diff.lines.len(), 100_001);
    bench.send(Msg::Patch {
        source,
        result: Ok((diff, true)),
    });
    bench.keys("G");
    assert!(bench.text().contains("b = 199990"));
    assert!(bench.app.diff.painted.len() < 40);
    assert_eq!(bench.app.diff.cursor, 100_000);
}

#[test]
fn the_reference_of_a_line_is_copied() {
    let mut bench = Bench::new(&review(), SIZE);
    let effects = bench.keys("/2000<Enter>y");
    assert_eq!(effects, [Effect::Copy("src/calc.py:27".to_owned())]);
}

#[test]
fn the_reasons_of_a_refusal_and_the_patch_change_places() {
    let mut bench = Bench::new(&blocked(), SIZE);
    for part in [
        "path.forbidden",
        ".env",
        "matches **/.env",
        "embedded",
        "never editable",
    ] {
        assert!(bench.text().contains(part), "{part}");
    }
    bench.keys("p");
    assert!(bench.text().contains("return int(a) + int(b)"));
    bench.keys("p");
    assert!(bench.text().contains("limits.files"));
}

#[test]
fn a_long_finding_is_cut_in_the_panes_and_enter_shows_and_reads_it_all() {
    let mut bench = Bench::new(&review(), (80, 24));
    let last = bench.app.run.findings.len() - 1;
    let risk = &mut bench.app.run.findings[last].risk;
    "nowhere in the diff".clone_into(&mut risk.subject);
    let sentences: Vec<String> = (0..60).map(|n| format!("sentence {n} of many.")).collect();
    risk.detail = sentences.join(" ");
    let text = bench.keys("5G").is_empty().then(|| bench.text()).unwrap();
    assert!(text.contains("… (Enter shows all)"), "{text}");
    assert!(!text.contains("sentence 59"), "{text}");
    let read = u32::try_from(last).unwrap();
    let effects = bench.keys("<Enter>");
    assert_eq!(sent(&effects), [ReviewCommand::ReadFinding(read)]);
    assert!(bench.text().contains("sentence 0 "));
    bench.keys(&"j".repeat(40));
    let text = bench.text();
    assert!(text.contains("sentence 59"), "{text}");
    bench.keys("<Esc>");
    assert!(bench.app.overlay.is_none());
}

#[test]
fn a_failure_outside_of_the_change_leads_to_the_innermost_frame_inside() {
    let mut bench = Bench::new(&test_failure(), SIZE);
    let failure = &mut bench.app.run.tests.as_mut().unwrap().failures[0];
    failure.file = Some("tests/test_calc.py".to_owned());
    failure.line = Some(11);
    "tests/test_calc.py:11:\n\nsrc/calc.py:4: TypeError\n".clone_into(&mut failure.traceback);
    bench.keys("4");
    assert_eq!(bench.app.list(Pane::Log).target, Some(Target::Failure(0)));
    bench.keys("<Enter><Enter>");
    assert_eq!(bench.app.focus, Pane::Diff);
    let place = place_of_cursor(&bench.app).unwrap();
    assert_eq!(place, ("src/calc.py".to_owned(), Some(4), false));
}

#[test]
fn a_failure_that_the_change_does_not_touch_says_where_it_is() {
    let mut bench = Bench::new(&test_failure(), SIZE);
    let failure = &mut bench.app.run.tests.as_mut().unwrap().failures[0];
    failure.file = Some("tests/test_calc.py".to_owned());
    failure.line = Some(11);
    failure.traceback.clear();
    bench.keys("4<Enter><Enter>");
    let said = "failed at tests/test_calc.py:11, which is not in this diff";
    assert_eq!(flash(&bench), said);
    assert_eq!(bench.app.focus, Pane::Log);
}

#[test]
fn a_hunk_is_seen_when_the_ends_of_its_lines_were() {
    let mut bench = Bench::new(&review(), SIZE);
    let source = bench.app.diff.source.clone().unwrap();
    let hidden = format!("+ok(){}steal()", " ".repeat(300));
    let patch = format!("--- a/notes.md\n+++ b/notes.md\n@@ -0,0 +1,1 @@\n{hidden}\n");
    let read = |bench: &mut Bench| {
        let result = Ok((Diff::parse(patch.as_bytes()), true));
        let source = source.clone();
        bench.send(Msg::Patch { source, result });
    };
    read(&mut bench);
    assert!(bench.text().contains("steal()"), "lines wrap at first");
    assert_eq!(unseen_hunks(&bench.app, "notes.md"), 0);
    bench.keys("w");
    read(&mut bench);
    let text = bench.text();
    assert!(!text.contains("steal()"));
    assert!(text.contains("cut, w wraps"), "{text}");
    assert_eq!(unseen_hunks(&bench.app, "notes.md"), 1);
    bench.keys(&"l".repeat(40));
    assert_eq!(unseen_hunks(&bench.app, "notes.md"), 0);
}
