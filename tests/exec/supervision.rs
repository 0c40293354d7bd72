//! Ends, limits, stops, and that nothing is left behind.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use milton::exec::{Error, StopSignal};
use milton::model::{Digest, ExitKind};

use super::support::{Place, appears, is_running, until};

#[tokio::test]
async fn exit_codes_and_signals_are_told_apart() {
    for (script, exit) in [
        ("exit 0", ExitKind::Exited { code: 0 }),
        ("exit 7", ExitKind::Exited { code: 7 }),
        ("exit 137", ExitKind::Exited { code: 137 }),
        ("kill -9 $$", ExitKind::Signalled { signal: 9 }),
        ("kill -11 $$", ExitKind::Signalled { signal: 11 }),
    ] {
        let place = Place::new();
        let finished = place.run(place.shell(script)).await.unwrap();
        assert_eq!(finished.exit, exit, "{script}");
    }
}

#[tokio::test]
async fn both_streams_are_captured_with_their_digests() {
    let place = Place::new();
    let finished = place
        .run(place.shell("printf 'to out\\n'; printf 'to err\\n' >&2"))
        .await
        .unwrap();
    assert_eq!(finished.stdout.head, "to out\n");
    assert_eq!(finished.stderr.head, "to err\n");
    assert_eq!(finished.stdout.sha256, Digest::of(b"to out\n"));
    assert_eq!(finished.log_sha256, Digest::of(&place.log()));
    assert_eq!(*place.progress.borrow(), 14);
    assert_eq!(place.log().len(), 14);
}

#[tokio::test]
async fn hostile_bytes_are_kept_exactly() {
    let place = Place::new();
    let bytes: Vec<u8> = (0..=255_u8).cycle().take(40_000).collect();
    std::fs::write(place.path().join("bytes"), &bytes).unwrap();
    let finished = place.run(place.shell("cat bytes")).await.unwrap();
    assert_eq!(place.log(), bytes);
    assert_eq!(finished.stdout.bytes, 40_000);
    assert_eq!(finished.stdout.sha256, Digest::of(&bytes));
    assert_eq!(finished.stdout.tail.as_bytes().last(), Some(&63));
}

#[tokio::test]
async fn standard_input_is_empty_and_there_is_no_terminal() {
    let place = Place::new();
    // The sixth field is the session: the supervisor leads one of its own, without a terminal.
    let script = "cat; (: </dev/tty) 2>/dev/null && echo terminal; \
                  read -r pid name state parent group session rest < /proc/$$/stat; \
                  [ $session = $PPID ] && [ $group = $$ ] && echo alone";
    let finished = place.run(place.shell(script)).await.unwrap();
    assert_eq!(finished.stdout.head, "alone\n");
}

#[tokio::test]
async fn the_environment_is_exactly_what_was_given() {
    let place = Place::new();
    let mut spec = place.shell("");
    spec.program = "/usr/bin/env".into();
    spec.argv = vec!["env".into()];
    spec.env = vec![("B".into(), "2\n3".into()), ("A".into(), "1".into())];
    let finished = place.run(spec).await.unwrap();
    let mut lines: Vec<&str> = finished.stdout.head.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["3", "A=1", "B=2"]);
}

#[tokio::test]
async fn the_supervisor_itself_holds_no_environment() {
    let place = Place::new();
    let finished = place
        .run(
            place.shell("tr '\\0' '\\n' < /proc/$PPID/environ; tr '\\0' ' ' < /proc/$PPID/cmdline"),
        )
        .await
        .unwrap();
    assert!(
        finished.stdout.head.ends_with("milton __supervise "),
        "{}",
        finished.stdout.head
    );
    assert_eq!(finished.stdout.head.lines().count(), 1);
}

#[tokio::test]
async fn what_cannot_be_started_is_a_result_that_says_why() {
    let place = Place::new();
    std::fs::write(place.path().join("plain"), "no program").unwrap();
    let cases = [
        (
            "/no/such/program",
            place.path().to_path_buf(),
            "No such file",
        ),
        (
            place.path().join("plain").to_str().unwrap(),
            place.path().into(),
            "ermission denied",
        ),
        ("/bin/sh", place.path().join("gone"), "working directory"),
        ("sh", place.path().into(), "not an absolute path"),
    ]
    .map(|(program, cwd, reason)| (program.to_owned(), cwd, reason));
    for (program, cwd, expected) in cases {
        let place = Place::new();
        let mut spec = place.shell("true");
        (spec.program, spec.cwd) = (program.into(), cwd);
        let finished = place.run(spec).await.unwrap();
        let ExitKind::NotStarted { reason } = finished.exit else {
            panic!("{:?}", finished.exit);
        };
        assert!(reason.contains(expected), "{reason}");
    }
}

#[tokio::test]
async fn a_supervisor_that_cannot_be_started_is_an_error() {
    let mut place = Place::new();
    place.supervisor = milton::exec::Supervisor::new("/no/such/milton".into());
    let error = place.run(place.shell("true")).await.unwrap_err();
    assert!(matches!(error, Error::Supervisor { .. }), "{error:?}");
}

#[tokio::test]
async fn an_output_file_that_exists_is_not_overwritten() {
    let place = Place::new();
    std::fs::write(place.log_file(), "earlier").unwrap();
    let error = place.run(place.shell("echo later")).await.unwrap_err();
    assert!(matches!(error, Error::Output { .. }), "{error:?}");
    assert_eq!(place.log(), b"earlier");
}

#[tokio::test]
async fn the_time_limit_kills_what_ignores_term_and_keeps_its_output() {
    let place = Place::new();
    let mut spec = place.shell("trap '' TERM; echo before; while :; do sleep 61.51; done");
    spec.timeout = Duration::from_millis(300);
    let finished = place.run(spec).await.unwrap();
    assert_eq!(finished.exit, ExitKind::TimedOut);
    assert_eq!(finished.stdout.head, "before\n");
    assert!(!is_running("61.51"));
}

#[tokio::test]
async fn the_time_limit_lets_a_runner_say_its_last_words() {
    let place = Place::new();
    let mut spec = place.shell("trap 'echo last words; exit 0' TERM; sleep 61.52 & wait");
    spec.timeout = Duration::from_millis(300);
    let finished = place.run(spec).await.unwrap();
    assert_eq!(finished.exit, ExitKind::TimedOut);
    assert_eq!(finished.stdout.head, "last words\n");
    assert!(!is_running("61.52"));
}

#[tokio::test]
async fn a_grandchild_in_its_own_session_does_not_survive_the_time_limit() {
    let place = Place::new();
    let mut spec = place.shell("setsid sh -c 'trap \"\" TERM; sleep 61.53' & sleep 61.54");
    spec.timeout = Duration::from_millis(500);
    let finished = place.run(spec).await.unwrap();
    assert_eq!(finished.exit, ExitKind::TimedOut);
    assert!(!is_running("61.53") && !is_running("61.54"));
}

#[tokio::test]
async fn a_daemon_that_holds_the_pipe_does_not_hold_up_the_end() {
    let place = Place::new();
    let script = "(setsid sh -c 'echo $$ > daemon; exec sleep 61.55' &) ; \
                  while ! [ -s daemon ]; do :; done; echo done";
    let finished = place.run(place.shell(script)).await.unwrap();
    assert_eq!(finished.exit, ExitKind::Exited { code: 0 });
    assert_eq!(finished.stdout.head, "done\n");
    assert!(
        finished.duration < Duration::from_secs(30),
        "it waited for the daemon"
    );
    assert!(!is_running("61.55"));
}

#[tokio::test]
async fn one_stop_is_gentle_and_a_second_kills() {
    let place = Place::new();
    let script = "trap 'echo gently; exit 3' TERM; echo > ready; sleep 61.56 & wait";
    let (stop, ready) = (place.stop.clone(), place.path().join("ready"));
    let (finished, ()) = tokio::join!(place.run(place.shell(script)), async {
        appears(&ready).await;
        stop.stop();
    });
    let finished = finished.unwrap();
    assert_eq!(finished.exit, ExitKind::Stopped);
    assert_eq!(finished.stdout.head, "gently\n");

    let place = Place::new();
    let script = "trap 'echo gently' TERM; echo > ready; while :; do sleep 61.57; done";
    let (stop, ready) = (place.stop.clone(), place.path().join("ready"));
    let (finished, ()) = tokio::join!(place.run(place.shell(script)), async {
        appears(&ready).await;
        stop.stop();
        stop.stop();
    });
    assert_eq!(finished.unwrap().exit, ExitKind::Stopped);
    assert!(!is_running("61.56") && !is_running("61.57"));
}

#[tokio::test]
async fn after_a_stop_nothing_is_started() {
    let place = Place::new();
    place.stop.stop();
    let finished = place.run(place.shell("echo > started")).await.unwrap();
    assert_eq!(finished.exit, ExitKind::Stopped);
    assert!(!place.path().join("started").exists());
    assert_eq!(place.log(), b"");
}

#[tokio::test]
async fn a_dropped_run_leaves_no_process() {
    let place = Place::new();
    let ready = place.path().join("ready");
    let script = "trap '' TERM; setsid sleep 61.58 & echo > ready; while :; do sleep 61.59; done";
    tokio::select! {
        finished = place.run(place.shell(script)) => panic!("{finished:?}"),
        _ = appears(&ready) => {}
    }
    until("all are gone", || {
        !is_running("61.58") && !is_running("61.59")
    })
    .await;
}

#[tokio::test]
async fn killing_milton_leaves_no_process() {
    // The supervisor by hand, with this test in milton's place: closing the socket is all that the
    // kernel does for a milton that was killed.
    let place = Place::new();
    let (mut near, far) = UnixStream::pair().unwrap();
    let mut supervisor = Command::new(env!("CARGO_BIN_EXE_milton"))
        .arg("__supervise")
        .stdin(Stdio::from(OwnedFd::from(far)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let script = "trap '' TERM; setsid sleep 61.61 & echo > ready; while :; do sleep 61.62; done";
    let request = serde_json::json!({
        "program": {"Unix": b"/bin/sh"},
        "arguments": [{"Unix": b"-c"}, {"Unix": script.as_bytes()}],
        "cwd": {"Unix": place.path().to_str().unwrap().as_bytes()},
        "env": [[{"Unix": b"PATH"}, {"Unix": b"/usr/bin:/bin"}]],
        "stdin": [],
        "reports": [],
    });
    writeln!(near, "{request}").unwrap();
    appears(&place.path().join("ready")).await;
    drop(near);
    supervisor.wait().unwrap();
    assert!(!is_running("61.61") && !is_running("61.62"));
}

#[tokio::test]
async fn a_milton_that_is_killed_takes_its_commands_with_it() {
    let place = Place::new();
    let mut milton = Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "exec::supervision::waits_to_be_killed",
        ])
        .env("PLACE", place.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    appears(&place.path().join("ready")).await;
    assert!(is_running("61.66") && is_running("61.67"));
    milton.kill().unwrap();
    milton.wait().unwrap();
    until("all are gone", || {
        !is_running("61.66") && !is_running("61.67")
    })
    .await;
}

#[tokio::test]
#[ignore = "the other half of the test above, which starts it"]
async fn waits_to_be_killed() {
    let place = Place::new();
    let script = "trap '' TERM; setsid sleep 61.66 & sh -c 'echo > ready; exec sleep 61.67'; wait";
    let mut spec = place.shell(script);
    spec.cwd = std::env::var_os("PLACE").unwrap().into();
    let finished = place.run(spec).await;
    panic!("it was to be killed, but: {finished:?}");
}

#[tokio::test]
async fn a_full_disk_ends_the_command_and_is_an_error() {
    let place = Place::new();
    // A limit on the size of files stands for the full disk; without the trap it would be a signal.
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" --ignored --exact exec::supervision::writes_to_a_full_disk";
    let status = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env("PLACE", place.path())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert!(place.path().join("noticed").exists());
}

#[tokio::test]
#[ignore = "the other half of the test above, which starts it"]
async fn writes_to_a_full_disk() {
    let place = Place::new();
    let error = place.run(place.shell("yes 61.69")).await.unwrap_err();
    assert!(matches!(error, Error::Output { .. }), "{error:?}");
    assert!(!is_running("61.69"));
    let outer = std::env::var_os("PLACE").unwrap();
    std::fs::write(std::path::Path::new(&outer).join("noticed"), "").unwrap();
}

#[tokio::test]
async fn a_process_that_forks_faster_than_anybody_can_look_is_ended() {
    let place = Place::new();
    // One process at a time, under a new number every few hundred microseconds.
    let hop = "import os,sys\nos.setsid()\nopen('ready','w').write('x')\nwhile True:\n  if os.fork(): os._exit(0)\n";
    std::fs::write(place.path().join("hop.py"), hop).unwrap();
    let script = "python3 -S hop.py 61.68 & while ! [ -s ready ]; do :; done; echo done";
    let finished = place.run(place.shell(script)).await.unwrap();
    println!("{:?}", finished.duration);
    assert_eq!(finished.exit, ExitKind::Exited { code: 0 });
    assert!(!is_running("61.68"));
}

#[tokio::test]
async fn a_command_that_kills_its_supervisor_is_an_error_and_is_ended() {
    let place = Place::new();
    let script = "kill -9 $PPID; sleep 61.63";
    let error = place.run(place.shell(script)).await.unwrap_err();
    assert!(matches!(error, Error::SupervisorLost), "{error:?}");
    until("it is gone", || !is_running("61.63")).await;
}

#[tokio::test]
async fn a_command_that_freezes_its_supervisor_is_ended_at_the_time_limit() {
    let place = Place::new();
    let mut spec = place.shell("kill -STOP $PPID; sleep 61.64");
    spec.timeout = Duration::from_millis(200);
    let error = place.run(spec).await.unwrap_err();
    assert!(matches!(error, Error::SupervisorLost), "{error:?}");
    until("it is gone", || !is_running("61.64")).await;
}

#[tokio::test]
async fn the_output_limit_ends_an_endless_printer_at_the_exact_byte() {
    let place = Place::new();
    let mut spec = place.shell("yes milton");
    spec.output_limit = 100_000;
    let finished = place.run(spec).await.unwrap();
    assert_eq!(finished.exit, ExitKind::OutputLimit);
    assert_eq!(finished.stdout.bytes, 100_000);
    assert_eq!(finished.log_sha256, Digest::of(&place.log()));
    assert_eq!(place.log(), b"milton\n".repeat(14_286)[..100_000]);
}

#[tokio::test]
async fn printing_exactly_the_limit_is_within_it() {
    let place = Place::new();
    let mut spec = place.shell("printf 12345; printf 67890 >&2");
    spec.output_limit = 10;
    let finished = place.run(spec).await.unwrap();
    assert_eq!(finished.exit, ExitKind::Exited { code: 0 });

    let place = Place::new();
    let mut spec = place.shell("printf 12345; printf 678901 >&2");
    spec.output_limit = 10;
    let finished = place.run(spec).await.unwrap();
    assert_eq!(finished.exit, ExitKind::OutputLimit);
    assert_eq!(place.log().len(), 10);
}

#[tokio::test]
async fn many_lines_are_captured_in_flat_memory() {
    // MILTON_LINES=10000000 for the full figure.
    let lines: u64 = std::env::var("MILTON_LINES").map_or(300_000, |text| text.parse().unwrap());
    let warm = Place::new();
    warm.run(warm.shell("seq 1 1000")).await.unwrap();
    let before = peak_kilobytes();
    let place = Place::new();
    let started = Instant::now();
    let finished = place
        .run(place.shell(&format!(
            "yes 0123456789012345678901234567890123456789012345678 | head -n {lines}"
        )))
        .await
        .unwrap();
    println!("{lines} lines in {:?}", started.elapsed());
    assert_eq!(finished.stdout.bytes, 50 * lines);
    assert_eq!(*place.progress.borrow(), 50 * lines);
    assert_eq!(
        std::fs::metadata(place.log_file()).unwrap().len(),
        50 * lines
    );
    assert_eq!(finished.stdout.head.len(), 8192);
    assert_eq!(finished.stdout.tail.len(), 8192);
    let grown = peak_kilobytes() - before;
    assert!(grown < 8 * 1024, "grew by {grown} KiB");
}

fn peak_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

#[tokio::test]
async fn commands_run_side_by_side_with_stops_of_their_own() {
    let (stopped, other) = (Place::new(), Place::new());
    let ready = stopped.path().join("ready");
    let signal: StopSignal = stopped.stop.clone();
    let (first, second, ()) = tokio::join!(
        stopped.run(stopped.shell("echo > ready; sleep 61.65")),
        other.run(other.shell("echo fine")),
        async {
            appears(&ready).await;
            signal.stop();
        }
    );
    assert_eq!(first.unwrap().exit, ExitKind::Stopped);
    assert_eq!(second.unwrap().stdout.head, "fine\n");
}
