"""The JSON lines of `--json`: one object a line, whose fields are only ever added to.

A job has `id`, `name`, `state` (queued, running, stopping, finished), `argv`, `dir`, `env`, `labels`, `owner` (public key),
`owner_name`, `batch` ({`id`, `name`, `parallel`} or null), `process` (PID@START or null), `pid` (or null), `queued_at`, `started_at`,
`ended_at` (or null), `time_limit_ms`, `grace_ms` (or null), `stop_signal`, `waits_for` (why it waits, or null) and `outcome` (or null).

An outcome has `kind` (exited, signaled, failed_to_start, timed_out, cancelled, over_limit, lost), `exit_status` (as a shell would tell it:
128+N for signal N), `signal` (or null), `sentence`, `user_us`, `system_us`, `max_resident_bytes`, `stdout_bytes`, `stderr_bytes`.

An event has `cursor` (for `events --from`), `kind` (queued, started, stopping, finished, adopted), `at`, `id`, `owner`, `name`, `labels`,
`batch` (run id or null), `process`, `pid`, `sentence` (or null) and `outcome` (in finished, else null).

Times are ISO 8601 in UTC with microseconds. What is no UTF-8 in an argument or path is a lone surrogate, as in Python's surrogateescape.
"""
