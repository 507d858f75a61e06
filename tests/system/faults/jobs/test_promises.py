"""What the comparison of the soak says of jobs that broke a promise; no worker is started."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ledger as ledgers
import pytest
from orders import Order
from promises import End, broken

from jobwire.schemas.generated import event_pb2
from jobwire.schemas.jobs.states import EventKind, OnFailure, Outcome, OutcomeKind

OK = End(1, Outcome(OutcomeKind.EXITED, sentence="it ended"))
FAILED = End(1, Outcome(OutcomeKind.EXITED, 3, sentence="it ended"))
CANCELLED = End(1, Outcome(OutcomeKind.CANCELLED, sentence="cancelled because the other one failed"))
A, B = "a" * 32, "b" * 32


def _one(letter: str, **fields: object) -> Order:
    return Order(letter * 32, **fields)  # type: ignore[arg-type]


def _said(tmp_path: Path, orders: list[Order], ends: dict[str, End], *lines: str, events: tuple[tuple[str, EventKind], ...] = ()) -> str:
    path = tmp_path / "ledger"
    ledgers.ends(path).mkdir()
    names = {order.id[0].upper(): order.text_id for order in orders}
    written = [" ".join(names.get(word[:1], "") + word[1:] if word[:1] in names else word for word in line.split(" ")) for line in lines]
    ledgers.append(path, *written)
    told = [event_pb2.Event(kind=int(kind)) for _, kind in events]  # type: ignore[arg-type]
    for event, (job_id, _) in zip(told, events, strict=True):
        event.key.id = bytes.fromhex(job_id)
    return "\n".join(broken(orders, ends, ledgers.read(path), set(), told))


@pytest.mark.parametrize(
    ("word", "other", "own", "problem"),
    [
        ("ok", OK, OK, ""),
        ("ok", FAILED, CANCELLED, ""),
        ("any", FAILED, OK, ""),
        ("ok", OK, CANCELLED, "was cancelled, and"),
        ("failed", OK, OK, "does not hold"),
        ("any", None, OK, "which has not"),
    ],
)
def test_who_waits_runs_exactly_if_its_condition_holds(tmp_path: Path, word: str, other: End | None, own: End, problem: str) -> None:
    orders = [_one("a"), _one("b", after=(f"{word}:{A}",))]
    said = _said(tmp_path, orders, {B: own} | ({A: other} if other else {}))
    assert problem in said
    assert bool(problem) == bool(said)


def test_who_waits_begins_after_what_it_waits_for(tmp_path: Path) -> None:
    orders = [_one("a"), _one("b", after=(f"any:{A}",))]
    assert "began before" in _said(tmp_path, orders, {A: OK, B: OK}, "start A 1 5.0 ", "start B 2 6.0 ", "end A 7.0", "end B 8.0")


@pytest.mark.parametrize(
    ("attempt", "lines", "problem"),
    [
        (2, ("start A 1 5.0 ", "end A 5.1", "start A.2 2 6.2 ", "end A.2 6.3"), ""),
        (2, ("start A 1 5.0 ", "end A 5.1", "start A.2 2 5.2 ", "end A.2 6.3"), "after the one before, not 1"),
        (2, ("start A 1 5.0 ", "stopped A", "end A 5.1", "start A.2 2 6.2 ", "end A.2 6.3"), "it was stopped"),
        (3, ("start A 1 5.0 ", "end A 5.1", "start A.3 2 7.2 ", "end A.3 7.3"), "in the attempts [1, 3]"),
        (1, ("start A 1 5.0 ", "end A 5.1"), "in attempt 1 and not in 2"),
    ],
)
def test_attempts_follow_each_other_as_they_were_asked_for(tmp_path: Path, attempt: int, lines: tuple[str, ...], problem: str) -> None:
    orders = [_one("a", status=3, retries=2, good_at=2, delay=1)]
    said = _said(tmp_path, orders, {A: OK._replace(attempt=attempt)}, *lines)
    assert problem in said
    assert bool(problem) == bool(said)


@pytest.mark.parametrize(
    ("fields", "gpus", "problem"),
    [
        ({"gpus": 1}, ("0", "1"), ""),
        ({"gpus": 1}, ("0", "0"), "GPUs ['0'] at once"),
        ({"gpus": 1}, ("0", "1,2"), "and claimed 1"),
        ({"licences": 2}, ("", ""), "4 licences are taken"),
        ({"cpus": 3}, ("", ""), "6 cpus are taken"),
        ({"only_one": "lane"}, ("", ""), "the only one of lane"),
    ],
)
def test_what_jobs_share_is_never_taken_twice(tmp_path: Path, fields: dict[str, object], gpus: tuple[str, str], problem: str) -> None:
    orders = [_one("a", **fields), _one("b", **fields)]
    lines = (f"start A 1 5.0 {gpus[0]}", f"start B 2 5.0 {gpus[1]}", "end A 6.0", "end B 6.0")
    if problem:
        assert problem in _said(tmp_path, orders, {A: OK, B: OK}, *lines)
    else:
        assert not _said(tmp_path, orders, {A: OK, B: OK}, *lines)


def test_nothing_of_a_run_begins_after_a_failure(tmp_path: Path) -> None:
    orders = [_one(letter, run="c" * 32, on_failure=int(OnFailure.CANCEL_REST), parallel=1) for letter in "ab"]
    events = ((A, EventKind.FINISHED), (B, EventKind.STARTED))
    assert "of its run had failed" in _said(tmp_path, orders, {A: FAILED, B: OK}, events=events)


@pytest.mark.parametrize(("after", "is_spared"), [(f"failed:{A}", True), (f"any:{'c' * 32}:name", True), (f"ok:{A}", False)])
def test_what_cleans_up_may_begin_after_a_failure_of_its_run(tmp_path: Path, after: str, *, is_spared: bool) -> None:
    first, last = (_one(letter, run="c" * 32, on_failure=int(OnFailure.CANCEL_REST), parallel=1) for letter in "ab")
    events = ((A, EventKind.FINISHED), (B, EventKind.STARTED))
    said = _said(tmp_path, [first, replace(last, after=(after,))], {A: FAILED, B: OK}, events=events)
    assert ("of its run had failed" in said) is not is_spared


def test_nothing_begins_before_its_time(tmp_path: Path) -> None:
    assert "before its time" in _said(tmp_path, [_one("a", not_before=9)], {A: OK}, "start A 1 5.0 ", "end A 9.5")
