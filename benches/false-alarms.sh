#!/bin/sh
# Counts what the secret rules find in real code, where nearly every hit is a false alarm.
#
#   benches/false-alarms.sh FOLDER...
#
# Prints every place, the hits of each rule, and hits a million lines. Every line counts as added.
set -eu
[ $# -gt 0 ] || { echo "usage: $0 FOLDER..." >&2; exit 2; }
corpus=
for folder in "$@"; do
    corpus="${corpus:+$corpus:}$(cd "$folder" && pwd -P)"
done
cd "$(dirname "$0")/.."
MILTON_CORPUS=$corpus exec cargo test --release --quiet --test false_alarms -- --nocapture folders_of_the_measurement
