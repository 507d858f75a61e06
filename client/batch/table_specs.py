"""The spec of a job from a table of a batch file, the defaults of the file, and the options of the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec

from ...schemas.jobs.spec import JobSpec
from ...schemas.refusal import Code, Refused
from ...schemas.text.msgspec_errors import Path
from .batch_tables import Defaults, JobTable, Retry, StdinText, Stop
from .mistakes import Find, Mistakes
from .octets import to_bytes
from .options.caller_variables import Variables, as_table, merge, note_of, of_this_process
from .options.caller_variables import find as find_variables
from .options.job_options import Surroundings, Wishes, read_env, spec_from
from .options.limit_values import limit_pairs
from .options.option_values import Misunderstood, label_pairs, read_resources, understand

_Value = TypeVar("_Value")
_NO_VARIABLES = Variables({}, {})
# Where a batch file has several keys for one option of the command line.
_OF_RETRY = {"retry": "max", "retry_delay": "delay", "retry_backoff": "backoff", "retry_on_exit": "on_exit"}
_KEYS: dict[str, Path] = {
    "stop_signal": ("stop", "signal"),
    "grace": ("stop", "grace"),
    **{key: ("retry", name) for key, name in _OF_RETRY.items()},
    "": (),
}
# The options of which a job has one value, that of the file as it is.
_NOT_PLAIN = {"env", "env_all", "stdin", "stop", "retry", "put", "get", "labels", "after", "rlimits", "resources", "on_each"}
_PLAIN = tuple(key for key in Defaults.__struct_fields__ if key not in _NOT_PLAIN)
_STDIN_TEXT = 'for the text itself write stdin = { text = "..." }'


@dataclass(frozen=True, slots=True)
class Layers:
    """What the jobs of a file share, read once. A job's own option overrides `defaults`, and `over` overrides both."""

    around: Surroundings
    mistakes: Mistakes
    over: Wishes
    defaults: Defaults
    caller: dict[str, str]
    everything: Variables
    of_defaults: Variables | None
    of_over: Variables
    stdin: bytes | None = None
    withheld: dict[str, None] = field(default_factory=dict)

    @staticmethod
    def of(over: Wishes, defaults: Defaults, around: Surroundings, mistakes: Mistakes) -> Layers:
        """Return the layers of a file. `over` was found to be valid."""
        caller = of_this_process()
        return Layers(around, mistakes, over, defaults, caller, find_variables(caller), None, read_env(over.env, caller))

    def without(self, of_defaults: frozenset[str], of_over: frozenset[str]) -> Layers:
        """Return the layers without some keys."""
        defaults = msgspec.structs.replace(self.defaults, **dict.fromkeys(of_defaults))
        plain = Wishes()
        over = replace(self.over, **{key: getattr(plain, key) for key in of_over}) if of_over else self.over
        return replace(self, defaults=defaults, over=over, of_over=read_env(over.env, self.caller))

    def check(self, find: Find) -> JobSpec | None:
        """Return the job that the layers alone describe; None if they are invalid."""
        alone = replace(self, defaults=Defaults(), of_defaults=_NO_VARIABLES)
        return spec_of(JobTable(argv=["true"], **msgspec.structs.asdict(self.defaults)), alone, find)

    def with_input(self, base: JobSpec | None) -> Layers:
        """Return the layers with the standard input of the defaults, read once for all; without defaults if they are invalid."""
        if base is None:
            return replace(self, defaults=Defaults(), of_defaults=_NO_VARIABLES)
        if base.stdin is None:
            return self.with_defaults(self.defaults)
        return replace(self.with_defaults(msgspec.structs.replace(self.defaults, stdin=None)), stdin=base.stdin)

    def with_defaults(self, defaults: Defaults) -> Layers:
        """Return the layers with other defaults."""
        try:
            return replace(self, defaults=defaults, of_defaults=read_env(defaults.env, self.caller))
        except Misunderstood:
            # Which is said where they are checked.
            return replace(self, defaults=defaults, of_defaults=_NO_VARIABLES)

    def with_over(self, over: Wishes) -> Layers:
        """Return the layers with other options of the command line."""
        return replace(self, over=over, of_over=read_env(over.env, self.caller))

    def notes(self) -> list[str]:
        """Return notes about secrets that were left out."""
        return [note_of(self.withheld)] if self.withheld else []


def spec_of(table: JobTable, layers: Layers, find: Find, where: str = "") -> JobSpec | None:
    """Return a job; None if it is invalid, with its mistakes recorded at `where`."""
    tried: set[str] = set()
    while True:
        try:
            variables = _variables(table, layers)
            spec = spec_from(table.argv, _wishes(table, layers, as_table(variables)), layers.around)
        except Misunderstood as problem:
            if problem.key in tried:
                return None
            is_file = problem.key == "stdin" and isinstance(_first(table.stdin, layers.defaults.stdin), str)
            next_step = problem.next_step or (_STDIN_TEXT if is_file else "")
            layers.mistakes.add(find, _KEYS.get(problem.key, (problem.key,)), problem.message + where, next_step)
            if not problem.key:
                return None
            # Without it, to find the next one.
            tried.add(problem.key)
            table = _without(table, problem.key)
            continue
        if tried:
            return None
        layers.withheld.update(dict.fromkeys(variables.withheld))
        return spec if layers.stdin is None or table.stdin is not None else replace(spec, stdin=layers.stdin)


def _without(table: JobTable, key: str) -> JobTable:
    match key:
        case "argv":
            return msgspec.structs.replace(table, argv=["true"])
        case "stop_signal":
            return msgspec.structs.replace(table, stop=Stop(grace=(table.stop or Stop()).grace))
        case "grace":
            return msgspec.structs.replace(table, stop=Stop(signal=(table.stop or Stop()).signal))
        case _ if key in _OF_RETRY:
            return msgspec.structs.replace(table, retry=msgspec.structs.replace(_retry(table.retry), **{_OF_RETRY[key]: None}))
        case _:
            return msgspec.structs.replace(table, **{key: None})


def _retry(said: int | Retry | None) -> Retry:
    return said if isinstance(said, Retry) else Retry(said)


def _variables(job: JobTable, layers: Layers) -> Variables:
    _check_once("env", job.env)
    takes_all = layers.over.env_all or _first(job.env_all, layers.defaults.env_all)
    own = read_env(job.env, layers.caller)
    return merge([layers.everything if takes_all else _NO_VARIABLES, layers.of_defaults or _NO_VARIABLES, own, layers.of_over])


def _wishes(job: JobTable, layers: Layers, variables: dict[str, str]) -> Wishes:
    over, defaults = layers.over, layers.defaults
    stop, stop_default = job.stop or Stop(), defaults.stop or Stop()
    retry, retry_default = _retry(job.retry), _retry(defaults.retry)
    most = _first(over.retry, _first(retry.max, retry_default.max))
    # Said on the command line, it is about those jobs of the file that are retried at all.
    rule = over if most is not None else Wishes()
    _check_once("labels", job.labels)
    _check_once("rlimits", job.rlimits)
    plain = {key: said for key in _PLAIN if (said := getattr(over, key) or _first(getattr(job, key), getattr(defaults, key))) is not None}
    return Wishes(
        name=job.name,
        env=variables,
        stdin=_stdin(_first(over.stdin, _first(job.stdin, defaults.stdin))),
        stop_signal=_first(over.stop_signal, _first(stop.signal, stop_default.signal)),
        grace=_first(over.grace, _first(stop.grace, stop_default.grace)),
        retry=most,
        retry_delay=_first(rule.retry_delay, _first(retry.delay, retry_default.delay)),
        retry_backoff=_first(rule.retry_backoff, _first(retry.backoff, retry_default.backoff)),
        retry_on_exit=_first(rule.retry_on_exit, _first(retry.on_exit, retry_default.on_exit)),
        put=[*(defaults.put or ()), *(job.put or ()), *over.put],
        get=[*(defaults.get or ()), *(job.get or ()), *over.get],
        rlimits=limit_pairs(defaults.rlimits or ()) | limit_pairs(job.rlimits or ()) | limit_pairs(over.rlimits),
        labels=label_pairs(defaults.labels or ()) | label_pairs(job.labels or ()) | label_pairs(over.labels),
        resources={**_resources(defaults.resources), **_resources(job.resources), **_resources(over.resources)},
        **plain,
    )


def _resources(said: Iterable[str] | Mapping[str, int] | None) -> dict[str, int]:
    return understand("resources", lambda items: dict(read_resources(items)), said or ())


def _stdin(said: str | bytes | StdinText | None) -> str | bytes | None:
    if said == "-":
        what = Refused(Code.INVALID_ARGUMENT, "the jobs of a batch cannot share standard input", 'name a file, or write { text = "..." }')
        raise Misunderstood("stdin", what)
    if not isinstance(said, StdinText):
        return said
    try:
        return to_bytes(said.text)
    except Refused as no_text:
        what = Refused(no_text.code, no_text.message, 'put it in a file and write: stdin = "FILE"')
        raise Misunderstood("stdin", what) from None


def _check_once(key: str, said: Iterable[str] | None) -> None:
    """Refuse a list that has the same name twice, as a table with a repeated key is refused."""
    names = Counter(item.partition("=")[0] for item in said) if isinstance(said, list) else Counter[str]()
    if twice := [name for name, times in names.items() if times > 1]:
        raise Misunderstood(key, Refused(Code.INVALID_ARGUMENT, f"{twice[0]!r} is set twice", "remove one of them"))


def _first(said: _Value, default: _Value) -> _Value:
    return default if said is None else said
