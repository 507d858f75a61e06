"""What belongs to a connection: it cannot be pickled or copied, and says so."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

import jobwire
from jobwire.client.library.attached import Attached

NAMED = [getattr(jobwire, name) for name in jobwire.__all__]
HANDLES = [kind for kind in NAMED if isinstance(kind, type) and issubclass(kind, Attached)]


def test_clients_and_what_asks_the_worker_belong_to_a_connection() -> None:
    assert {
        "AsyncClient",
        "AsyncEventStream",
        "AsyncJob",
        "AsyncJobExecutor",
        "AsyncJobOutput",
        "BatchRun",
        "Client",
        "EventStream",
        "Job",
        "JobExecutor",
        "JobOutput",
        "Schedules",
        "TextJobOutput",
    } <= {kind.__name__ for kind in HANDLES}


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("kind", HANDLES)
def test_it_can_be_neither_pickled_nor_copied(kind: type, way: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match=f"this {kind.__name__} belongs to its connection"):
        way(object.__new__(kind))
