#!/usr/bin/env bash
# What one sandboxed command costs beside the shell's way to a place for tests, interleaved in one
# call, as medians of wall time and of processor time (user and system, all processes together):
#
#   a run with `--test true` less a run whose tests are switched off      against
#   git worktree add + git worktree remove
#
# so the cost holds everything that the test step does: comparing the checkout with the candidate,
# the view, the sandbox, the supervisor, `true`, and tidying up. The number of files makes no
# difference to the sandbox itself; looking at each tracked file once does, as `git status` does.
# And what the set-up alone costs: `true` under milton's supervisor with and without the sandbox.
# Usage: benches/sandbox.sh [FILES ...]   (default: 400 12000)
set -euo pipefail
cd "$(dirname "$0")/.."
[ -n "${MILTON:-}" ] || cargo build --release --locked --quiet
export MILTON=${MILTON:-$PWD/target/release/milton} ROUNDS=${ROUNDS:-21}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work/home GIT_CONFIG_NOSYSTEM=1 MILTON_STATE_DIR=$work/state
mkdir -p "$HOME"
git config --global user.name Bench && git config --global user.email bench@example.com
git config --global init.defaultBranch main && git config --global gc.auto 0
sizes=("$@")
[ ${#sizes[@]} -gt 0 ] || sizes=(400 12000)
python3 - "$work" "${sizes[@]}" <<'PY'
import datetime, json, os, pathlib, socket, statistics, subprocess, sys, time

work, sizes = pathlib.Path(sys.argv[1]), [int(size) for size in sys.argv[2:]]
milton, rounds = os.environ["MILTON"], int(os.environ["ROUNDS"])


def timed(*command, allowed=(0,), **more):
    """Wall and processor time of a command and all its children, in milliseconds."""
    begun = time.monotonic()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, env={**os.environ, **more})
    errors = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    wall = time.monotonic() - begun
    assert os.waitstatus_to_exitcode(status) in allowed, (command, status, errors)
    return wall * 1000, (used.ru_utime + used.ru_stime) * 1000


def git(repo, *arguments):
    return subprocess.run(["git", "-C", repo, *arguments], check=True, capture_output=True, text=True).stdout


def repository(files):
    repo = work / f"repo-{files}"
    for number in range(files):
        path = repo / f"pkg{number % 97}" / f"part{number % 13}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# module {number}\n" + f"def f(x):\n    return x * {number}\n\n\n" * 20)
        # As old as files usually are: what is as young as the index must be read again.
        os.utime(path, (1_000_000_000, 1_000_000_000))
    git(work, "init", "-q", repo)
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "start")
    git(repo, "gc", "-q")
    module = repo / "pkg0/part0/module0.py"
    module.write_text(module.read_text() + "# a note\n")
    patch = work / f"change-{files}.patch"
    patch.write_text(git(repo, "diff"))
    git(repo, "checkout", "-q", "--", ".")
    return repo, patch


def of_the_record():
    """The wall time before the command and of the command in the newest run, in milliseconds."""
    run = max((pathlib.Path(os.environ["MILTON_STATE_DIR"]) / "runs").iterdir())
    begun = before = took = None
    for line in (run / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        kind, at = event["kind"], datetime.datetime.fromisoformat(event["at"][:26] + "+00:00")
        if kind["type"] == "phase_started" and kind["phase"] == "tests":
            begun = at
        if begun and kind["type"] == "command_started":
            started = at
            before = (at - begun).total_seconds() * 1000
        if begun and kind["type"] == "command_finished" and took is None:
            took = (at - started).total_seconds() * 1000
            assert kind["end"]["exit"] == {"how": "exited", "code": 0}, kind["end"]["exit"]
    return before, took


def os_text(text):
    return {"Unix": list(os.fsencode(str(text)))}


def supervised(confinement):
    """Wall and processor time of `true` under milton's supervisor, in milliseconds."""
    near, far = socket.socketpair()
    request = {"program": os_text("/bin/true"), "arguments": [], "cwd": os_text("/"),
               "env": [], "confinement": confinement}
    begun = time.monotonic()
    child = subprocess.Popen([milton, "__supervise"], stdin=far, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    far.close()
    near.sendall(json.dumps(request).encode() + b"\n")
    reply = json.loads(near.makefile().readline())
    _, _, used = os.wait4(child.pid, 0)
    assert reply["end"] == {"exited": 0}, reply
    return (time.monotonic() - begun) * 1000, (used.ru_utime + used.ru_stime) * 1000


def enclosure(repo):
    """What the sandbox of a run of this repository is told, without tool chains of a home folder."""
    stage, support = work / "stage", work / "support"
    stage.mkdir(exist_ok=True)
    support.mkdir(exist_ok=True)
    limits = {"files_bytes": 1 << 30, "processes": 1000, "address_space": 5 << 30, "memory_bytes": 8 << 30}
    return {"Enclosed": {"checkout": os_text(repo), "layers": [os_text(stage), os_text(repo)],
                         "visible": [], "home": os_text("/home/nobody"), "support": os_text(support),
                         "limits": limits}}


for files in sizes:
    repo, patch = repository(files)
    figures = {name: [] for name in ("git", "without", "with", "record", "bare", "inside")}
    inside = enclosure(repo)
    for number in range(rounds + 1):
        tree = str(work / f"tree-{number}")
        a = timed("git", "-C", repo, "worktree", "add", "-q", "--detach", tree)
        b = timed("git", "-C", repo, "worktree", "remove", tree)
        run = [milton, "--repo", repo, "run", "Change one module", "--patch", patch, "--headless"]
        without = timed(*run, "--topic", f"a-{number}", allowed=(0, 21), MILTON_SELF_UPGRADE_SKIP_TESTS="1")
        within = timed(*run, "--topic", f"b-{number}", "--test", "true", "--sandbox", "full", allowed=(21,))
        if number > 0:  # the first round warms up
            figures["git"].append([x + y for x, y in zip(a, b)])
            figures["without"].append(without)
            figures["with"].append(within)
            figures["record"].append(of_the_record())
        for _ in range(3):
            figures["bare"].append(supervised(None))
            figures["inside"].append(supervised(inside))
    middle = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in figures.items()}
    least = {name: [min(column) for column in zip(*rows)] for name, rows in figures.items()}
    pairs = [[w - o for w, o in zip(*pair)] for pair in zip(figures["with"], figures["without"])]
    cost = [statistics.median(column) for column in zip(*pairs)]
    print(f"{files:6} files: a sandboxed command {cost[0]:6.1f} ms wall, {cost[1]:6.1f} ms processor; "
          f"git worktree add + remove {middle['git'][0]:6.1f} ms wall, {middle['git'][1]:6.1f} ms processor "
          f"(medians of {rounds} pairs)")
    print(f"        of the wall time: {middle['record'][0]:.1f} ms until the command is started, "
          f"{middle['record'][1]:.1f} ms from there to its end (least: {least['record'][0]:.1f}, {least['record'][1]:.1f})")
    print(f"        setting the sandbox up for one command: {middle['inside'][0] - middle['bare'][0]:.1f} ms wall, "
          f"{middle['inside'][1] - middle['bare'][1]:.1f} ms processor more than the same supervisor without it "
          f"({middle['inside'][0]:.1f} and {middle['bare'][0]:.1f} ms wall)")
PY
