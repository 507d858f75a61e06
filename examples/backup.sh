#!/bin/sh
# A nightly backup with retention: an archive of a folder, checked before it counts; the newest KEEP archives stay.
#
#     jobwire schedule add backup --cron '30 2 * * *' -t 2h --retry 2 --retry-delay 10m -- "$PWD/examples/backup.sh" "$HOME/notes" /srv/backup 7
#     jobwire schedule run-now backup      tries it
#     jobwire schedule show backup         says when it is next, and what came of the last ones
#     jobwire list --failed --since 1d     shows in the morning whether it failed
#
# If the worker did not run at half past two, it makes up for that; two never overlap. On a private worker, add `@reboot jobwire list`
# to your crontab, so that it runs.
set -eu
source=$1 target=$2 keep=$3

mkdir -p "$target"
new="$target/$(basename "$source")-$(date -u +%Y%m%dT%H%M%S.%N).tar.gz"
trap 'rm -f "$new.part"' EXIT
tar -C "$(dirname "$source")" -czf "$new.part" "$(basename "$source")"
tar -tzf "$new.part" > /dev/null
sync "$new.part"
mv "$new.part" "$new"

# Only now, when the new one is complete. Names sort by time.
ls "$target" | grep "^$(basename "$source")-.*\.tar\.gz$" | head -n -"$keep" | while read -r old; do rm "$target/$old"; done
echo "$new: $(stat -c %s "$new") bytes"
