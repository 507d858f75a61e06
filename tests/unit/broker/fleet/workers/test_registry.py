"""Facts about jobs on their way from workers to the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from jobwire.broker.desk.inputs import SetMachine
from jobwire.broker.engine import Delayed, Fact
from jobwire.broker.fleet.workers.registry import Workers
from jobwire.keys.identity import generate
from jobwire.schemas.naming import AttemptKey


def facts(first: int, count: int) -> list[Fact]:
    return [Delayed(AttemptKey(b"o", b"%016d" % number, 1), "waits") for number in range(first, first + count)]


class Heard:
    """What the desk was told, and how it was cut."""

    def __init__(self) -> None:
        self.told: list[Sequence[Fact] | SetMachine] = []
        self.workers = Workers(generate(), lambda: 0, lambda *_: None, lambda _: None, self.told.append, self.told.append, lambda _: None)

    @property
    def sizes(self) -> list[int]:
        return [0 if isinstance(one, SetMachine) else len(one) for one in self.told]

    def facts(self) -> list[Fact]:
        return [fact for one in self.told if not isinstance(one, SetMachine) for fact in one]


async def test_facts_of_a_turn_are_told_together() -> None:
    heard = Heard()
    heard.workers.hear(facts(0, 1))
    heard.workers.hear(facts(1, 2))
    heard.workers.hear([])
    assert heard.told == []
    await asyncio.sleep(0)
    assert heard.told == [facts(0, 3)]


async def test_of_very_many_facts_some_are_told_in_each_turn_in_their_order() -> None:
    heard = Heard()
    heard.workers.hear(facts(0, 100))
    heard.workers.hear(facts(100, 50))
    await asyncio.sleep(0)
    assert heard.sizes == [64]
    # Those that come meanwhile are behind the rest.
    heard.workers.hear(facts(150, 10))
    for _ in range(5):
        await asyncio.sleep(0)
    assert heard.sizes == [64, 64, 32]
    assert heard.facts() == facts(0, 160)


async def test_what_a_machine_has_is_told_after_what_was_said_before() -> None:
    heard = Heard()
    heard.workers.hear(facts(0, 150))
    heard.workers.set_machine(SetMachine(b"m", "", None, ready=False, gone=True))
    heard.workers.hear(facts(150, 1))
    for _ in range(5):
        await asyncio.sleep(0)
    assert heard.sizes == [64, 64, 22, 0, 1]
    assert heard.facts() == facts(0, 151)


async def test_after_the_end_nothing_is_told() -> None:
    heard = Heard()
    heard.workers.hear(facts(0, 100))
    heard.workers.close()
    for _ in range(5):
        await asyncio.sleep(0)
    assert heard.told == []
