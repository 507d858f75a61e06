"""A lookup that cannot be made."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from jobwire.client.sockets.addresses import Resolution


def open_descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def test_a_lookup_without_a_thread_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", full)
    before = open_descriptors()
    for _ in range(3):
        with pytest.raises(RuntimeError, match="thread"):
            Resolution("tcp://localhost:7341")

    assert open_descriptors() == before
