//! Runs the attacks: as whom, in what order, and what counts as stopped.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;

use serde_json::Value;

use crate::cases::{CASES, Case};
use crate::claims::LISTS;
use crate::machine::{How, Machine, Who, is_root, ordinary};

/// How many machines are attacked at the same time, for each user.
const AT_ONCE: usize = 2;
/// What of the kernel a test may reach at most (entry `SBX-surface` of the catalogue).
const SURFACE: [&str; 5] = ["memfd_create", "kcmp", "AF_NETLINK", "AF_INET", "AF_UNIX"];

/// Attacks that take much of the machine: one at a time, over all users.
static HEAVY: Mutex<()> = Mutex::new(());

#[test]
fn no_test_program_of_an_ordinary_user_gets_out() {
    let cases = CASES.iter().filter(|case| !case.only_root);
    assert!(stopped(ordinary(), cases.collect()) >= 40);
}

#[test]
fn no_test_program_of_root_gets_out() {
    if !is_root() {
        // Not a gap of this machine: whoever runs the tests is the ordinary user then.
        eprintln!("not started by root: the attacks were run as an ordinary user only");
        return;
    }
    // Those that are as heavy for both are run once, by the ordinary user.
    let cases = CASES.iter().filter(|case| !case.heavy);
    assert!(stopped(Who::Myself, cases.collect()) >= 45);
}

/// Each attack that can do no lasting harm is run outside of any sandbox and must be noticed there:
/// otherwise its being "stopped" would say nothing.
#[test]
fn outside_of_the_sandbox_the_attacks_are_noticed() {
    let cases = CASES.iter().filter(|case| case.succeeds_outside);
    let waiting = Mutex::new(cases.collect::<VecDeque<_>>());
    let unnoticed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().pop_front();
                    let Some(case) = next else { break };
                    // A new machine each time, for it does not survive.
                    let mut machine = Machine::new(ordinary());
                    let line = machine.command_line(case.attack, case.arguments);
                    let line: Vec<&str> = line.iter().map(String::as_str).collect();
                    if machine.run_bare(&line).is_empty() {
                        unnoticed.lock().unwrap().push(case.attack);
                    }
                }
            });
        }
    });
    let unnoticed = unnoticed.into_inner().unwrap();
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
}

#[test]
fn every_attack_of_the_catalogue_is_claimed() {
    let catalogue = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/bypasses.jsonl");
    let claimed: BTreeSet<&str> = LISTS
        .iter()
        .filter(|(name, _)| *name == "sandbox")
        .flat_map(|(_, ids)| ids.iter().copied())
        .collect();
    let run: BTreeSet<&str> = CASES.iter().map(|case| case.id).collect();
    for line in std::fs::read_to_string(catalogue).unwrap().lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let (id, class) = (
            entry["id"].as_str().unwrap(),
            entry["class"].as_str().unwrap(),
        );
        if class == "sandbox" {
            assert!(run.contains(id), "{id} is not run");
        }
        if class.starts_with("sandbox") {
            assert!(claimed.contains(id), "{id} is not claimed");
        }
    }
}

/// What gets out at the fallback tier: each is one of the gaps that it names.
const FALLBACK_GAPS: [(&str, &str); 8] = [
    ("tcp", "the network"),
    ("tcp6", "the network"),
    ("udp", "the network"),
    ("every_address", "the network"),
    ("unix_tmp", "Unix sockets of the user"),
    ("unix_datagram", "Unix sockets of the user"),
    ("virtual_environment", "times and attributes"),
    ("shared_folders", "/dev/shm is shared"),
];
/// Attacks that say nothing at that tier: three that do nothing outside of a pid name space, and one
/// that looks for a mark on programs which means nothing without new privileges.
const NOT_FOR_FALLBACK: [&str; 4] = ["kill_everyone", "kill_first", "starve_first", "set_user_id"];

#[test]
fn at_the_fallback_tier_nothing_but_the_named_gaps_gets_out() {
    // The disk is one of the gaps, and a test must not fill it.
    let cases: Vec<&Case> = CASES
        .iter()
        .filter(|case| !case.only_root && !case.heavy)
        .filter(|case| !NOT_FOR_FALLBACK.contains(&case.attack))
        .collect();
    let count = cases.len();
    let escaped: Vec<String> = escaped(ordinary(), cases, "fallback");
    let surprising: Vec<&String> = escaped
        .iter()
        .filter(|report| {
            let is_of = |attack: &str| report.contains(&format!(" {attack}: "));
            !FALLBACK_GAPS.iter().any(|(attack, _)| is_of(attack))
        })
        .collect();
    assert!(surprising.is_empty(), "{surprising:#?}");
    let stopped = count - escaped.len();
    assert!(stopped >= 36, "{stopped} of {count} were stopped");
    assert!(
        stopped + escaped.len() >= 80 && escaped.len() <= 10,
        "{escaped:#?}"
    );
    let mut machine = Machine::new(ordinary());
    let honest = machine.run(&["true"], How::Plain, None, &["--sandbox", "fallback"]);
    let gaps = honest.verdict["sandbox"]["gaps"].to_string();
    for (attack, gap) in FALLBACK_GAPS {
        assert!(
            gaps.contains(gap),
            "the gap of {attack} is not named: {gaps}"
        );
    }
}

/// Runs the attacks in several machines and says how many were stopped; all must be.
fn stopped(who: Who, cases: Vec<&Case>) -> usize {
    let count = cases.len();
    let escaped = escaped(who, cases, "full");
    assert!(
        escaped.is_empty(),
        "as {who:?}, {} of {count} got out:\n{}",
        escaped.len(),
        escaped.join("\n")
    );
    count
}

/// Runs the attacks in several machines; a report for each that got out.
fn escaped(who: Who, cases: Vec<&Case>, tier: &str) -> Vec<String> {
    let waiting = Mutex::new(VecDeque::from(cases));
    let escaped = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let mut machine = Machine::new(who);
                loop {
                    let next = waiting.lock().unwrap().pop_front();
                    let Some(case) = next else { break };
                    let begun = std::time::Instant::now();
                    let wrong = attack(&mut machine, case, tier);
                    eprintln!(
                        "{:?} {} {:?} {}",
                        who,
                        case.attack,
                        begun.elapsed(),
                        wrong.len()
                    );
                    if wrong.is_empty() {
                        continue;
                    }
                    let report = format!("{} {}: {wrong:#?}", case.id, case.attack);
                    escaped.lock().unwrap().push(report);
                    machine = Machine::new(who);
                }
            });
        }
    });
    escaped.into_inner().unwrap()
}

/// Runs one attack; what is wrong afterwards.
fn attack(machine: &mut Machine, case: &Case, tier: &str) -> Vec<String> {
    let _alone = case.heavy.then(|| HEAVY.lock().unwrap());
    let line = machine.command_line(case.attack, case.arguments);
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    let seconds = match tier {
        "full" => case.seconds,
        // One waits for an answer that only the full sandbox gives.
        _ => case.seconds.or(Some(20)),
    };
    let attacked = machine.run(&line, case.how, seconds, &["--sandbox", tier]);
    let mut wrong = attacked.wrong;
    if !attacked.printed.contains(&format!("BEGIN {}", case.attack)) {
        wrong.push(format!(
            "it did not even begin: {} {}",
            attacked.printed, attacked.verdict["tests"]
        ));
    }
    // None of them writes a report, so nothing may be called a pass.
    let verdict = &attacked.verdict;
    if verdict["status"] != "TEST_FAILURE" || verdict["tests"]["passed"] != 0 {
        wrong.push(format!("a strange verdict: {verdict}"));
    }
    if verdict["sandbox"]["tier"] != tier {
        wrong.push(format!("not in tier {tier}: {}", verdict["sandbox"]));
    }
    if case.seconds.is_some() && verdict["tests"]["timed_out"] != true && case.id != "SBX-33" {
        wrong.push(format!("it did not run into the time limit: {verdict}"));
    }
    for line in attacked.printed.lines() {
        if let Some(name) = line.strip_prefix("SURFACE ")
            && !SURFACE.contains(&name)
        {
            wrong.push(format!("{name} can be reached"));
        }
    }
    wrong
}
