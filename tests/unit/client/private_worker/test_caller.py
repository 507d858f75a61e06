from __future__ import annotations

import json
import resource
from typing import Any

import pytest

from jobwire.client.private_worker import caller

PLAIN: dict[str, Any] = {
    **dict.fromkeys(("nice", "bound", "idle", "oom", "filtered", "fixed", "mapped"), 0),
    "groups": [5],
    "capabilities": 0b111,
    "hard": {"FSIZE": resource.RLIM_INFINITY, "NOFILE": 4096},
}


@pytest.mark.parametrize(
    "poor",
    [
        {"nice": 19},
        {"bound": 1},
        {"groups": []},
        {"idle": 1},
        {"oom": 500},
        {"filtered": 1},
        {"filtered": 3},
        {"fixed": 1},
        {"mapped": 1},
        {"mapped": 1, "groups": [65534], "capabilities": 0b11111},
        {"capabilities": 0b101},
        {"hard": {"FSIZE": 1_024_000, "NOFILE": 4096}},
        {"hard": {"FSIZE": resource.RLIM_INFINITY, "NOFILE": 256}},
    ],
    ids=str,
)
def test_a_worker_that_has_less_of_anything_is_poorer_and_not_the_other_way_round(poor: dict[str, Any]) -> None:
    assert caller.is_poorer(PLAIN | poor, PLAIN)
    assert not caller.is_poorer(PLAIN, PLAIN | poor)


def test_who_has_less_of_one_and_more_of_another_replaces_nothing() -> None:
    assert not caller.is_poorer(PLAIN | {"nice": 19}, PLAIN | {"groups": []})
    assert not caller.is_poorer(PLAIN, PLAIN)
    assert not caller.is_poorer(PLAIN, PLAIN | {"nice": -5, "oom": -500})
    assert not caller.is_poorer(PLAIN | {"fixed": 1}, PLAIN | {"filtered": 1})
    assert not caller.is_poorer(PLAIN | {"capabilities": 0b101}, PLAIN | {"capabilities": 0b11})


def test_what_an_earlier_version_does_not_say_of_its_worker_replaces_nothing() -> None:
    earlier = {name: PLAIN[name] for name in ("nice", "bound", "groups", "hard")}
    assert not caller.is_poorer(earlier, PLAIN | {"hard": PLAIN["hard"] | {"CORE": 0}})


def test_what_is_found_of_this_process_survives_json_and_is_not_poorer_than_itself() -> None:
    found = caller.facts()
    assert not caller.is_poorer(json.loads(json.dumps(found)), found)


def test_every_limit_of_a_process_counts() -> None:
    """Except an old name of another one, and that on locks, which Linux has not had since 2.4.25."""
    known = {name.removeprefix("RLIMIT_") for name in dir(resource) if name.startswith("RLIMIT_")} - {"OFILE", "LOCKS"}
    assert caller.facts()["hard"].keys() == known
