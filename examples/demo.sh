#!/usr/bin/env bash
# What jobwire does, in a minute: a worker of our own, a batch of real work, its events live, one job stopped, logs, an end without remains.
# Everything lives in a temporary folder; the commands are those that a person would type.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"

scratch=$(mktemp -d)
export JOBWIRE_CONFIG="$scratch/config" JOBWIRE_STATE="$scratch/state"
unset JOBWIRE_CONTEXT
events=

finish() {
    [ -z "$events" ] || kill "$events" 2>/dev/null || true
    jobwire stop last --now >/dev/null 2>&1 || true
    jobwire worker stop >/dev/null 2>&1 || true
    rm -rf "$scratch"
}
trap finish EXIT

bold= plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; fi

say() { printf '\n%s$ %s%s\n' "$bold" "$1" "$plain"; }

show() {
    say "$(python -c 'import shlex, sys; print(shlex.join(sys.argv[1:]))' "$@")"
    "$@"
}

show jobwire run -- sh -c 'echo "hello from $(uname -sr), this went to stdout"; echo "and this to stderr" >&2'
show jobwire worker status
pids=$(jobwire worker status --json | python -c 'import json, sys; w = json.load(sys.stdin); print(w["pid"], w["supervisor_pid"], w["keeper_pid"])')

say 'jobwire events &'
jobwire events &
events=$!

say 'run=$(jobwire batch --no-wait examples/work.toml)'
run=$(jobwire batch --no-wait examples/work.toml)
show jobwire list
show jobwire stop endless
say "jobwire wait $run"
jobwire wait "$run" || echo "(ended $?: some of the jobs failed, as they should)"
kill "$events" 2>/dev/null || true
wait "$events" || true
events=

show jobwire list --all
show jobwire logs largest
show jobwire show fails
say 'jobwire logs binary | sha256sum'
jobwire logs binary | sha256sum

printf '\n'
jobwire list --all --json | python -c '
import collections, json, sys
jobs = [json.loads(line) for line in sys.stdin]
words = {("exited", True): "went well", ("exited", False): "failed"}
ends = collections.Counter(words.get((end["kind"], end["exit_status"] == 0), end["kind"].replace("_", " ")) for end in (job["outcome"] for job in jobs))
print(f"{len(jobs)} jobs:", ", ".join(f"{count} {kind}" for kind, count in sorted(ends.items())))'

show jobwire worker stop
for pid in $pids; do
    # The supervisor and the keeper end by themselves when the worker ended and nothing runs.
    timeout 10 tail --pid="$pid" -s 0.1 -f /dev/null || { echo "process $pid is still there"; exit 1; }
done
echo "nothing is left running"
