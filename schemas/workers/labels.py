"""The labels of workers, and the terms with which jobs select workers. Pure.

A label has a name and a value, which may be empty. A term names a label: `gpu` matches any value, `gpu=a100` that one, and `gpu=a100,h100`
one of several. A job runs where all terms of `on` hold, and none of `not_on`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from ..refusal import Code, Refused
from ..text.patterns import pattern

Labels = tuple[tuple[str, str], ...]

HOST, WORKER, ARCH = "host", "worker", "arch"
# What every worker tells by itself.
OWN = frozenset({HOST, WORKER, ARCH})
MOST_TERMS = 32
MOST_LABELS = 64
# A term with all its values.
LONGEST_TERM = 256
_NAME = pattern(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_VALUE = pattern(r"[A-Za-z0-9_.:/@+-]{1,128}")
_NOT_OF_VALUES = pattern(r"[^A-Za-z0-9_.:/@+-]")
_LONGEST_VALUE = 128
_HOW_NAMES = "a letter, then letters, digits, '_', '.' and '-', at most 64"
_HOW_VALUES = "letters, digits, and '_.:/@+-', at most 128"


class Where(NamedTuple):
    """Where a job may run: the terms that must hold, and those that must not."""

    on: tuple[str, ...] = ()
    not_on: tuple[str, ...] = ()


ANYWHERE = Where()


def holds(where: Where, labels: Labels) -> bool:
    """Return whether a job may run on a worker with these labels."""
    if not labels:
        # An older worker, which would refuse the job: it does not know what is asked.
        return not (where.on or where.not_on)
    there = dict(labels)
    return all(_is_true(term, there) for term in where.on) and not any(_is_true(term, there) for term in where.not_on)


def called(labels: Labels, name: str) -> Labels:
    """Return the labels of a worker that has this name at its broker: jobs ask for it by that. None of an older worker without labels."""
    return tuple(sorted({**dict(labels), WORKER: name}.items())) if labels else ()


def in_words(where: Where) -> str:
    """Return the terms of a job as they are typed: `gpu=a100, not host=lab3`."""
    return ", ".join([*where.on, *(f"not {term}" for term in where.not_on)])


def labels_text(labels: Labels) -> str:
    """Return labels as they are typed: `arch=x86_64 gpu=a100 lab`."""
    return " ".join(f"{name}={value}" if value else name for name, value in labels)


def _is_true(term: str, there: Mapping[str, str]) -> bool:
    name, values = _parts(term)
    return name in there and (not values or there[name] in values)


@lru_cache(maxsize=4096)
def _parts(term: str) -> tuple[str, frozenset[str]]:
    name, is_set, values = term.partition("=")
    return name, frozenset(values.split(",") if is_set else ())


def check(on: Sequence[str], not_on: Sequence[str]) -> None:
    """Raise `Refused(INVALID_ARGUMENT)` unless these terms are valid."""
    if not (on or not_on):
        return
    if len(on) > MOST_TERMS or len(not_on) > MOST_TERMS:
        raise Refused(Code.INVALID_ARGUMENT, f"a job asks for at most {MOST_TERMS} labels of a worker")
    for term in (*on, *not_on):
        if problem := _term_problem(term):
            raise Refused(Code.INVALID_ARGUMENT, problem, "write it like gpu, gpu=a100 or gpu=a100,h100")


def _term_problem(term: str) -> str:
    name, is_set, values = term.partition("=")
    if len(term) > LONGEST_TERM:
        return f"{term[:40]!r} is longer than {LONGEST_TERM} characters"
    if not _NAME.fullmatch(name):
        return f"{name[:80]!r} is not the name of a label of a worker: {_HOW_NAMES}"
    bad = next((value for value in values.split(",") if not _VALUE.fullmatch(value)), None) if is_set else None
    return "" if bad is None else f"{bad[:130]!r} is not a value of the label {name}: {_HOW_VALUES}"


def parse_label(said: str) -> tuple[str, str]:
    """Return a label that an operator gives to a worker: `gpu=a100`, or `lab` for one without a value.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    name, is_set, value = said.partition("=")
    if problem := label_problem(name, value) or (f"the label {name} has no value" if is_set and not value else ""):
        raise Refused(Code.INVALID_ARGUMENT, problem, "write it like gpu=a100 or lab")
    return name, value


def label_value(name: str) -> str:
    """Return a name as the value of a label: each character that a value cannot have becomes `_`."""
    return _NOT_OF_VALUES.sub("_", name)[:_LONGEST_VALUE]


def label_problem(name: str, value: str) -> str:
    """Return why an operator cannot give this label to a worker; empty if they can."""
    if name in OWN:
        return f"the label {name} comes from the worker itself and cannot be set"
    if not _NAME.fullmatch(name):
        return f"{name[:80]!r} is not the name of a label of a worker: {_HOW_NAMES}"
    return f"{value[:130]!r} is not a value of the label {name}: {_HOW_VALUES}" if value and not _VALUE.fullmatch(value) else ""


def digest_parts(on: Sequence[str], not_on: Sequence[str]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Return the values that go into the digest of a spec; unset ones are left out."""
    for field, terms in ((60, on), (61, not_on)):
        if terms:
            yield field, [term.encode() for term in sorted(terms)]
