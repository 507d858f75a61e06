"""The tables of a batch file: their keys, and the types of these."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Stop(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The key `stop`: the first signal of a stop, and the grace period after it."""

    signal: str | int | None = None
    grace: str | int | float | None = None


class Retry(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The key `retry`: how often a failed job is retried, the delay before that, and after which exit statuses."""

    max: int | None = None
    delay: str | int | float | None = None
    backoff: int | float | None = None
    on_exit: list[int] | None = None


class StdinText(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The key `stdin` if it contains the text itself instead of a file name."""

    text: str


class AfterTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The key `after` if it says how other jobs must have ended."""

    ok: str | list[str] | None = None
    failed: str | list[str] | None = None
    any: str | list[str] | None = None


class Defaults(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The table `[defaults]`: values for every job that does not set them."""

    env: dict[str, str] | list[str] | None = None
    env_all: bool | None = None
    dir: str | None = None
    stdin: str | StdinText | None = None
    time_limit: str | int | float | None = None
    stop: Stop | None = None
    output_limit: str | int | None = None
    linger: bool | None = None
    priority: int | None = None
    hold: bool | None = None
    stderr_to_stdout: bool | None = None
    retry: int | Retry | None = None
    memory: str | int | None = None
    nice: int | None = None
    umask: str | None = None
    rlimits: dict[str, str | int] | list[str] | None = None
    cpus: int | None = None
    gpus: int | None = None
    resources: dict[str, int] | list[str] | None = None
    only_one: str | None = None
    on: str | list[str] | None = None
    not_on: str | list[str] | None = None
    on_each: bool | None = None
    at: str | None = None
    not_after: str | None = None
    may_submit: bool | None = None
    labels: dict[str, str] | list[str] | None = None
    script: str | None = None
    put: list[str] | None = None
    get: list[str] | None = None
    after: str | list[str] | AfterTable | None = None


class JobTable(Defaults, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A table `[[job]]`, or a JSON object."""

    argv: list[str]
    name: str | None = None
    # Read in expansion/axes.py.
    for_each: Any = None


class Finish(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The key `on_finish` if it is a table: the command with options of its own."""

    argv: list[str]
    name: str | None = None
    dir: str | None = None
    env: dict[str, str] | list[str] | None = None
    env_all: bool | None = None
    time_limit: str | int | float | None = None
    priority: int | None = None
    retry: int | Retry | None = None
    labels: dict[str, str] | list[str] | None = None


class BatchTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The table `[batch]`."""

    name: str = ""
    parallel: int = 0
    on_failure: Literal["continue", "cancel-rest", "stop-rest"] = "continue"
    on_finish: list[str] | Finish | None = None


class BatchFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file."""

    batch: BatchTable = BatchTable()
    # Values of placeholders, for all jobs.
    set: dict[str, Any] = {}
    defaults: Defaults = Defaults()
    job: list[JobTable] = []
