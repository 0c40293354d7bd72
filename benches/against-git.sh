#!/usr/bin/env bash
# What a run costs beside the shell's own way, interleaved in one call, as medians and ratios:
#
#   milton run --headless --test true      against
#   git worktree add + git apply + git commit + git diff + clean-up
#
# Both build the same change on the same repository; `true` stands for the tests, so that only the
# work around them is measured. Usage: benches/against-git.sh [FILES ...]   (default: 400 12000)
set -euo pipefail
cd "$(dirname "$0")/.."
[ -n "${MILTON:-}" ] || cargo build --release --locked --quiet
milton=${MILTON:-$PWD/target/release/milton}
rounds=${ROUNDS:-11}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work/home GIT_CONFIG_NOSYSTEM=1 MILTON_STATE_DIR=$work/state
mkdir -p "$HOME"
git config --global user.name Bench && git config --global user.email bench@example.com
git config --global init.defaultBranch main && git config --global gc.auto 0

make_repository() { # FILES
    local repo=$work/repo-$1
    git init -q "$repo"
    python3 - "$repo" "$1" <<'PY'
import pathlib, sys
root, files = pathlib.Path(sys.argv[1]), int(sys.argv[2])
for n in range(files):
    path = root / f"pkg{n % 97}" / f"part{n % 13}" / f"module{n}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# module {n}\n" + "".join(f"def f{i}(x):\n    return x * {n + i}\n\n" for i in range(20)))
PY
    git -C "$repo" add -A && git -C "$repo" commit -qm start && git -C "$repo" gc -q
    local file
    file=$(cd "$repo" && find pkg0/part0 -name '*.py' | sort | head -1)
    (cd "$repo" && sed -i 's/return x \* /return 1 + x * /' "$file" && git diff >"$work/change-$1.patch" && git checkout -q -- .)
}

with_git() { # REPO PATCH N
    local tree=$work/tree-$3
    git -C "$1" worktree add -q -b "self-upgrade/shell-$3" "$tree" main
    git -C "$tree" apply --index "$2"
    git -C "$tree" commit -q -m "change"
    (cd "$tree" && true)
    git -C "$1" diff "main...self-upgrade/shell-$3" >/dev/null
    git -C "$1" worktree remove --force "$tree"
}

with_milton() { # REPO PATCH N
    "$milton" --repo "$1" run "Change one module" --patch "$2" --topic "milton-$3" --test true \
        --headless >/dev/null || [ $? -eq 21 ] # `true` reports no tests, so this is TEST_FAILURE
}

timed() {
    local begun=$EPOCHREALTIME
    "$@" 2>/dev/null
    local ended=$EPOCHREALTIME
    echo $((${ended/./} - ${begun/./}))
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

sizes=("$@")
[ ${#sizes[@]} -gt 0 ] || sizes=(400 12000)
for files in "${sizes[@]}"; do
    make_repository "$files"
    repo=$work/repo-$files patch=$work/change-$files.patch
    with_git "$repo" "$patch" warm && with_milton "$repo" "$patch" warm
    for n in $(seq "$rounds"); do
        timed with_git "$repo" "$patch" "$n" >>"$work/git-$files"
        timed with_milton "$repo" "$patch" "$n" >>"$work/milton-$files"
    done
    theirs=$(median <"$work/git-$files") ours=$(median <"$work/milton-$files")
    awk -v f="$files" -v g="$theirs" -v m="$ours" -v n="$rounds" 'BEGIN {
        printf "%6d files: the git way %7.1f ms, milton run %7.1f ms, ratio %.2f (medians of %d)\n", f, g / 1000, m / 1000, m / g, n }'
    # What each phase took, from the record of the last run.
    python3 - "$MILTON_STATE_DIR" <<'PY'
import datetime, json, pathlib, sys
run = sorted(pathlib.Path(sys.argv[1], "runs").iterdir())[-1]
at, spent = {}, {}
for line in (run / "events.jsonl").read_text().splitlines():
    event = json.loads(line)
    kind, when = event["kind"], datetime.datetime.fromisoformat(event["at"].replace("Z", "+00:00"))
    if kind["type"] == "phase_started":
        at[kind["phase"]] = when
    if kind["type"] == "phase_finished":
        spent[kind["phase"]] = (when - at[kind["phase"]]).total_seconds() * 1000
print("        phases:", ", ".join(f"{phase} {ms:.1f} ms" for phase, ms in spent.items()))
PY
done
