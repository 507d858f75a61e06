"""Keys that other tools use for the keys of a batch file, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_ARGV = 'argv, as in argv = ["wc", "-l"]'
_AFTER = 'after, as in after = ["fetch"] or after = { failed = ["fetch"] }'
_KEPT = "the output of a job is always kept; jobwire logs prints it"
_STOP_SIGNAL = 'stop, as in stop = { signal = "INT" }'
_GRACE = 'stop, as in stop = { grace = "20s" }'
_RETRY = 'retry, as in retry = { max = 3, delay = "10s" }'
_JOB = "job: a table [[job]] for each"

_OF_JOBS = {
    **dict.fromkeys(("command", "cmd", "args", "arguments", "exec", "program", "executable", "run", "commandline"), _ARGV),
    **dict.fromkeys(("cwd", "directory", "workdir", "working_dir", "working_directory", "chdir", "folder", "path"), "dir"),
    **dict.fromkeys(("environment", "envs", "variables", "vars", "environ"), "env"),
    **dict.fromkeys(("export", "inherit_env", "getenv", "pass_env"), "env_all, as in env_all = true"),
    **dict.fromkeys(("timeout", "walltime", "wall_time", "runtime", "limit", "time", "max_time", "deadline"), "time_limit"),
    **dict.fromkeys(("input", "in", "text"), 'stdin, as in stdin = "FILE" or stdin = { text = "..." }'),
    **dict.fromkeys(("tags", "label", "meta", "metadata", "annotations"), "labels"),
    **dict.fromkeys(("signal", "stop_signal", "kill_signal", "stopsignal"), _STOP_SIGNAL),
    **dict.fromkeys(("grace", "kill_after", "grace_period", "stop_timeout"), _GRACE),
    **dict.fromkeys(("title", "job_name", "jobname"), "name"),
    **dict.fromkeys(("max_output", "output_size"), "output_limit"),
    **dict.fromkeys(("retries", "attempts", "max_retries", "restart", "restart_policy", "requeue", "tries"), _RETRY),
    **dict.fromkeys(("prio", "urgency", "weight"), "priority, as in priority = 10; the highest is first"),
    **dict.fromkeys(("mem", "ram", "memory_limit", "memory_max", "max_memory"), 'memory, as in memory = "2G"'),
    **dict.fromkeys(("rlimit", "ulimit", "ulimits", "limits"), "rlimits, as in rlimits = { nofile = 4096 }"),
    **dict.fromkeys(("cpu", "cores", "ncpus", "threads", "ntasks", "cpus_per_task"), "cpus, as in cpus = 2"),
    **dict.fromkeys(("gpu", "num_gpus", "gres"), "gpus, as in gpus = 1"),
    **dict.fromkeys(("resource", "licenses", "license", "requests"), "resources, as in resources = { license = 1 }"),
    **dict.fromkeys(("singleton", "mutex", "lock", "concurrency_group"), 'only_one, as in only_one = "NAME"'),
    **dict.fromkeys(("constraint", "node_selector", "node", "host", "where", "tags"), 'on, as in on = "gpu=a100" or on = "host=lab3"'),
    **dict.fromkeys(("exclude", "avoid"), 'not_on, as in not_on = "host=lab3"'),
    **dict.fromkeys(("start_at", "begin", "start", "when", "start_time"), 'at, as in at = "02:30"'),
    **dict.fromkeys(("deps", "depends", "depends_on", "dependencies", "dependency", "needs", "requires", "wait_for"), _AFTER),
    **dict.fromkeys(("held", "stashed", "suspended", "on_hold"), "hold, as in hold = true"),
}
_KEYS_OF_JOBS = (
    *("argv", "dir", "env", "env_all", "stdin", "time_limit", "stop", "output_limit", "linger", "labels"),
    *("priority", "hold", "stderr_to_stdout", "after", "retry", "memory", "nice", "umask", "rlimits", "at", "not_after"),
    *("cpus", "gpus", "resources", "only_one", "on", "not_on", "may_submit"),
)
_OF_THE_FILE = {
    **dict.fromkeys(("jobs", "task", "tasks", "step", "steps"), _JOB),
    **dict.fromkeys(("default", "common", "all"), "defaults"),
    **dict.fromkeys((*_KEYS_OF_JOBS, *_OF_JOBS), f"{_JOB}, with its keys below it"),
    **dict.fromkeys(("name", "parallel"), "batch: a table [batch] with that key"),
}
_OF_BATCHES = {
    **dict.fromkeys(("jobs", "max_parallel", "concurrency", "width", "slots", "workers", "limit"), "parallel"),
    **dict.fromkeys(("title", "id"), "name"),
    **dict.fromkeys(("fail_fast", "max_fails", "halt", "on_error", "keep_going"), 'on_failure, as in on_failure = "cancel-rest"'),
}
_OF_STOPS = {
    **dict.fromkeys(("timeout", "wait", "kill_after", "seconds"), "grace"),
    **dict.fromkeys(("sig", "kill_signal"), "signal"),
}
_OF_RETRIES = {
    **dict.fromkeys(("count", "times", "n", "retries", "attempts", "limit"), "max"),
    **dict.fromkeys(("wait", "interval", "after", "seconds", "pause"), "delay"),
    **dict.fromkeys(("factor", "multiplier", "exponential"), "backoff"),
    **dict.fromkeys(("exit", "exit_codes", "codes", "status", "statuses", "on", "exit_status"), "on_exit"),
}
_OF_STDIN = dict.fromkeys(("file", "path", "from", "name"), 'stdin = "FILE"')
_MEANT = {
    "StdinText": _OF_STDIN,
    "JobTable": _OF_JOBS,
    "Defaults": _OF_JOBS,
    "BatchFile": _OF_THE_FILE,
    "BatchTable": _OF_BATCHES,
    "Stop": _OF_STOPS,
    "Retry": _OF_RETRIES,
}

# Not available, by the names that other tools use.
_ABSENT = {
    **dict.fromkeys(("uid", "group", "gid"), "a job as another user"),
}
_INSTEAD = {
    **dict.fromkeys(("stdout", "stderr", "output", "log", "logs", "error"), _KEPT),
    **dict.fromkeys(("schedule", "cron"), "jobwire schedule add starts a job again and again"),
    "array": 'write for_each, as in for_each = "1..100"',
    "shell": "there is no shell; write argv = ['sh', '-c', '...']",
}
_LIKENESS = 0.7
_LONGEST_COMPARED = 100


def absent(key: str) -> str:
    """Return what a key of another tool asks for that is not available yet; empty for any other key."""
    return _ABSENT.get(_plain(key), "")


def meant(key: str, table: str, known: Iterable[str]) -> str:
    """Return what to write instead of an unknown key of a table (named as its type); empty if nothing is near."""
    plain = _plain(key)
    if plain in known:
        return f"write it {plain}"
    if said := _MEANT.get(table, {}).get(plain):
        return f"write {said}"
    if table in {"JobTable", "Defaults"} and (said := _INSTEAD.get(plain)):
        return said
    # It takes memory of fifty times what is compared.
    near = difflib.get_close_matches(plain, list(known), 1, _LIKENESS) if len(plain) <= _LONGEST_COMPARED else []
    return f"did you mean {near[0]}?" if near else ""


def _plain(key: str) -> str:
    return key.strip().lower().replace("-", "_")
