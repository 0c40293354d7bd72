use proptest::prelude::*;

use super::*;
use crate::model::ItemId;

/// Feeds inputs and returns the last state with all effects.
fn play(mut state: State, inputs: impl IntoIterator<Item = Input>) -> (State, Vec<Effect>) {
    let mut all = Vec::new();
    for input in inputs {
        let (next, effects) = step(state, input);
        state = next;
        all.extend(effects);
    }
    (state, all)
}

fn attended() -> State {
    State::new(Attendance::Attended)
}

/// `Begin` and as many `Done` as lead to the tests.
fn up_to_tests() -> Vec<Input> {
    let mut inputs = vec![Input::Begin];
    inputs.extend(std::iter::repeat_n(Input::Done, 5));
    inputs
}

#[test]
fn a_passing_run_goes_through_every_step_in_order() {
    let mut inputs = up_to_tests();
    inputs.extend([Input::TestsEnded(TestOutcome::Passed), Input::Done]);
    let (state, effects) = play(attended(), inputs);
    assert_eq!(
        effects,
        [
            Effect::MakePlan,
            Effect::GateProposal,
            Effect::BuildCommit,
            Effect::GateTree,
            Effect::CreateBranch,
            Effect::RunTests,
            Effect::Collect(Status::Success),
        ]
    );
    assert_eq!(state.stage, Stage::Reviewing);
    assert!(state.has_branch);
}

#[test]
fn a_refusal_ends_blocked_and_builds_nothing() {
    let (state, effects) = play(
        attended(),
        [Input::Begin, Input::Done, Input::Refused, Input::Done],
    );
    assert_eq!(
        effects,
        [
            Effect::MakePlan,
            Effect::GateProposal,
            Effect::Collect(Status::BlockedByPolicy)
        ]
    );
    assert!(!state.has_branch);
}

#[test]
fn a_policy_that_does_not_load_blocks_before_the_gate() {
    let (state, effects) = play(attended(), [Input::Begin, Input::Refused, Input::Done]);
    assert_eq!(
        effects,
        [Effect::MakePlan, Effect::Collect(Status::BlockedByPolicy)]
    );
    assert_eq!(state.stage, Stage::Reviewing);
}

#[test]
fn a_refused_tree_never_gets_a_branch() {
    let (state, effects) = play(
        attended(),
        [
            Input::Begin,
            Input::Done,
            Input::Done,
            Input::Done,
            Input::Refused,
            Input::Done,
        ],
    );
    assert!(!effects.contains(&Effect::CreateBranch));
    assert_eq!(state.status, Some(Status::BlockedByPolicy));
}

#[test]
fn ctrl_c_in_the_tests_stops_the_command_and_closes_after_the_evidence() {
    let mut inputs = up_to_tests();
    inputs.extend([
        Input::Human(ReviewCommand::Stop),
        Input::Human(ReviewCommand::Stop),
        Input::TestsEnded(TestOutcome::Failed),
        Input::Done,
    ]);
    let (state, effects) = play(attended(), inputs);
    let stops = effects
        .iter()
        .filter(|e| **e == Effect::StopCommand)
        .count();
    assert_eq!(stops, 2, "the second Ctrl-C reaches the command too");
    assert!(effects.contains(&Effect::Collect(Status::Stopped)));
    assert_eq!(state.stage, Stage::Closed);
}

#[test]
fn abandoning_while_tests_run_stops_them_first() {
    let mut inputs = up_to_tests();
    inputs.extend([
        Input::Human(ReviewCommand::Abandon),
        Input::TestsEnded(TestOutcome::Failed),
        Input::Done,
        Input::Decided(Decision::Abandoned),
    ]);
    let (state, effects) = play(attended(), inputs);
    assert_eq!(
        effects.get(6..),
        Some(
            &[
                Effect::StopCommand,
                Effect::Collect(Status::Stopped),
                Effect::Abandon,
                Effect::Close
            ][..]
        )
    );
    assert_eq!(state.decision, Decision::Abandoned);
}

#[test]
fn nothing_is_decided_twice_and_only_an_abandon_can_be_taken_back() {
    let decided = State::reviewing(Status::Success, Decision::Approved, true);
    for command in [
        ReviewCommand::Abandon,
        ReviewCommand::RequestChanges,
        ReviewCommand::Restore,
    ] {
        let (state, effects) = step(decided, Input::Human(command));
        assert_eq!(state.decision, Decision::Approved);
        assert!(matches!(effects[..], [Effect::Explain(_)]));
    }
    let abandoned = State::reviewing(Status::Success, Decision::Abandoned, false);
    let (_, effects) = step(abandoned, Input::Human(ReviewCommand::Restore));
    assert_eq!(effects, [Effect::Restore]);
}

#[test]
fn a_headless_run_closes_with_its_evidence() {
    let mut inputs = up_to_tests();
    inputs.extend([Input::TestsEnded(TestOutcome::Failed), Input::Done]);
    let (state, effects) = play(State::new(Attendance::Headless), inputs);
    assert_eq!(effects.last(), Some(&Effect::Close));
    assert_eq!(state.status, Some(Status::TestFailure));
}

#[test]
fn tests_run_again_on_the_same_commit() {
    let failed = State::reviewing(Status::TestFailure, Decision::Pending, true);
    let (state, effects) = play(
        failed,
        [
            Input::Human(ReviewCommand::RerunTests),
            Input::TestsEnded(TestOutcome::Passed),
            Input::Done,
        ],
    );
    assert_eq!(
        effects,
        [
            Effect::RecordAct(ReviewCommand::RerunTests),
            Effect::RunTests,
            Effect::Collect(Status::Success)
        ]
    );
    assert_eq!(state.stage, Stage::Reviewing);
}

fn any_input() -> impl Strategy<Value = Input> {
    let status = prop_oneof![
        Just(Status::GitError),
        Just(Status::PlanError),
        Just(Status::InternalError)
    ];
    let outcome = prop_oneof![
        Just(TestOutcome::Passed),
        Just(TestOutcome::Failed),
        Just(TestOutcome::Skipped)
    ];
    let command = prop_oneof![
        Just(ReviewCommand::Toggle(ItemId::Minimal)),
        Just(ReviewCommand::RerunTests),
        Just(ReviewCommand::RequestChanges),
        Just(ReviewCommand::Abandon),
        Just(ReviewCommand::Restore),
        Just(ReviewCommand::Stop),
        Just(ReviewCommand::Leave),
    ];
    let decision = prop_oneof![
        Just(Decision::Approved),
        Just(Decision::Abandoned),
        Just(Decision::ChangesRequested)
    ];
    prop_oneof![
        1 => Just(Input::Begin),
        4 => Just(Input::Done),
        1 => Just(Input::Refused),
        1 => status.prop_map(Input::Failed),
        1 => outcome.prop_map(Input::TestsEnded),
        2 => command.prop_map(Input::Human),
        1 => Just(Input::Signal),
        1 => decision.prop_map(Input::Decided),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_commit_comes_after_gate_1_and_the_branch_after_gate_2(
        inputs in proptest::collection::vec(any_input(), 0..60)
    ) {
        let (state, effects) = play(attended(), inputs);
        let first = |wanted: &Effect| effects.iter().position(|e| e == wanted);
        if let Some(commit) = first(&Effect::BuildCommit) {
            prop_assert!(first(&Effect::GateProposal).is_some_and(|gate| gate < commit));
        }
        if let Some(branch) = first(&Effect::CreateBranch) {
            prop_assert!(first(&Effect::GateTree).is_some_and(|gate| gate < branch));
        }
        if state.stage == Stage::Closed {
            let (after, effects) = step(state, Input::Human(ReviewCommand::Abandon));
            prop_assert_eq!(after.stage, Stage::Closed);
            prop_assert!(effects.is_empty(), "a closed run does nothing more");
        }
    }

    #[test]
    fn a_signal_always_leads_to_the_end_within_two_answers(
        inputs in proptest::collection::vec(any_input(), 0..40)
    ) {
        let (state, _) = play(attended(), inputs);
        let ends = [Input::Signal, Input::Failed(Status::GitError), Input::Done, Input::Decided(Decision::Abandoned)];
        let (state, _) = play(state, ends);
        prop_assert_eq!(state.stage, Stage::Closed);
    }
}
