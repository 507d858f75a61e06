"""The examples at the end of each help and man page, by command."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "jobwire": (
        "jobwire run -- make test",
        "jobwire submit -n nightly -- ./nightly.sh",
        "jobwire --context lab list",
    ),
    "jobwire run": (
        "jobwire run -- make test",
        "jobwire run -C /srv/data -e LANG=C -t 10m -- sh -c 'sort words | uniq -c'",
    ),
    "jobwire submit": (
        "jobwire submit -n nightly -t 2h -- ./nightly.sh",
        "jobwire submit --follow -- make test",
    ),
    "jobwire batch": (
        "jobwire batch nightly.toml",
        "find . -name '*.gz' -printf 'gzip -t %p\\n' | jobwire batch --lines --parallel 4 -",
    ),
    "jobwire list": ("jobwire list -a", "jobwire list --failed --since 1d --limit 20"),
    "jobwire show": ("jobwire show last",),
    "jobwire logs": ("jobwire logs -f nightly", "jobwire logs --stderr --tail 20 last"),
    "jobwire wait": ("jobwire wait nightly", "jobwire wait --any --timeout 10m one two"),
    "jobwire events": ("jobwire events --job nightly", "jobwire events --from start --json"),
    "jobwire stop": ("jobwire stop nightly", "jobwire stop --signal INT --grace 1m nightly"),
    "jobwire pause": ("jobwire pause nightly",),
    "jobwire resume": ("jobwire resume nightly",),
    "jobwire signal": ("jobwire signal nightly USR1",),
    "jobwire forget": ("jobwire forget --older-than 7d --dry-run", "jobwire forget nightly"),
    "jobwire shell": ("jobwire shell", "jobwire shell --keep-going jobs.txt"),
    "jobwire keys": ("jobwire keys show",),
    "jobwire keys new": ("jobwire keys new",),
    "jobwire keys show": ("jobwire keys show",),
    "jobwire keys list": ("jobwire keys list --json",),
    "jobwire keys add": ("jobwire keys add laptop jobwire-key-... --role submitter",),
    "jobwire context": ("jobwire context list",),
    "jobwire context add": ("jobwire context add lab lab.example.org:7341 --key jobwire-key-...",),
    "jobwire context list": ("jobwire context list",),
    "jobwire context use": ("jobwire context use lab", "jobwire context use embedded"),
    "jobwire context rm": ("jobwire context rm lab",),
    "jobwire worker": ("jobwire worker status",),
    "jobwire worker run": ("jobwire worker run --listen tcp://0.0.0.0:7341 --slots 8",),
    "jobwire worker status": ("jobwire worker status --json",),
    "jobwire worker stop": ("jobwire worker stop",),
    "jobwire worker reload": ("jobwire worker reload",),
    "jobwire worker rebuild": ("jobwire worker rebuild --state /var/lib/jobwire",),
    "jobwire completion": ("jobwire completion install",),
    "jobwire completion install": ("jobwire completion install", "jobwire completion install zsh"),
    "jobwire completion show": ("jobwire completion show bash",),
}
