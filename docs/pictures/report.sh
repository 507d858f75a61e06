#!/bin/sh
# Make report.png: run a batch with a worker of its own in a temporary folder, and take a picture of its report. Needs chromium.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
export HOME="$folder" XDG_STATE_HOME="$folder/state" XDG_CONFIG_HOME="$folder/config" XDG_RUNTIME_DIR="$folder"
trap 'jobwire worker stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
cat >"$folder/train.toml" <<'END'
[batch]
name = "train"

[[job]]
name = "train-{lr}-{seed}"
argv = ["sh", "-c", '''
seed=$2
sleep $((seed * 7 % 5 / 2)).$((seed * 37 % 10))
i=0; while [ $i -lt $((seed * 3001 % 40000)) ]; do i=$((i + 1)); done
case $1$2 in *18|0.0111) echo "step 812: loss is not a number" >&2; exit 1;; esac
''', "sh", "{lr}", "{seed}"]
for_each = { lr = [0.1, 0.01, 0.001], seed = "1..20" }
time_limit = "2700ms"
END
jobwire batch -q --parallel 8 "$folder/train.toml" || true
jobwire report train -o "$folder/report.html"
chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$folder/chromium" --window-size=1100,760 \
    --virtual-time-budget=3000 --screenshot="$here/report.png" "file://$folder/report.html" 2>/dev/null
