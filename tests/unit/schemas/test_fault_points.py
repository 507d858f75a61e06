from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobwire.schemas import fault_points

# In a process of its own: it dies of it.
_PASS_TWICE = "from jobwire.schemas import fault_points as f; [f.reach('in-group-commit') for _ in range(2)]; print('lives')"


def _run(program: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", program], env={**os.environ, **environment}, capture_output=True, timeout=60, check=False)


def test_without_an_order_nothing_is_armed() -> None:
    assert fault_points.ARMED == {}
    fault_points.reach("in-group-commit")


def test_an_order_names_points_passes_and_signals() -> None:
    found = fault_points.parse("in-group-commit,during-recovery:3,after-deposit:stop,during-adoption:2:stop")
    assert {name: (fault.passes_left, fault.signal) for name, fault in found.items()} == {
        "in-group-commit": (1, signal.SIGKILL),
        "during-recovery": (3, signal.SIGKILL),
        "after-deposit": (1, signal.SIGSTOP),
        "during-adoption": (2, signal.SIGSTOP),
    }


@pytest.mark.parametrize("text", ["unknown", "in-group-commit:0", "in-group-commit:x", "in-group-commit:1:2", "in-group-commit:stop:1"])
def test_what_is_not_a_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a fault"):
        fault_points.parse(text)


def test_a_process_with_a_wrong_order_does_not_even_begin() -> None:
    ended = _run("import jobwire.schemas.fault_points; print('lives')", JOBWIRE_FAULT="unknown")
    assert ended.returncode == 1
    assert b"JOBWIRE_FAULT: 'unknown' is not a fault point" in ended.stderr
    assert ended.stdout == b""


@pytest.mark.parametrize(("passes", "status"), [(1, -signal.SIGKILL), (2, -signal.SIGKILL), (3, 0)])
def test_a_process_dies_at_the_pass_that_was_given(passes: int, status: int) -> None:
    assert _run(_PASS_TWICE, JOBWIRE_FAULT=f"in-group-commit:{passes}").returncode == status


def test_what_happened_once_does_not_happen_in_the_next_process(tmp_path: Path) -> None:
    environment = {"JOBWIRE_FAULT": "in-group-commit", "JOBWIRE_FAULT_SPENT": str(tmp_path)}
    assert _run(_PASS_TWICE, **environment).returncode == -signal.SIGKILL
    assert _run(_PASS_TWICE, **environment).stdout == b"lives\n"


def test_every_point_is_passed_somewhere() -> None:
    parts = [path.read_text() for folder in ("broker", "worker") for path in Path(__file__).parents[3].joinpath(folder).rglob("*.py")]
    text = "\n".join(parts)
    assert [point for point in fault_points.POINTS if text.count(f'fault_points.reach("{point}")') != 1] == []
