from pathlib import Path

import pytest

from jobwire.schemas.refusal import Refused
from jobwire.worker.options.capacity_options import parse_memory, read_gpus, read_labels, read_resources, usual_slots


def test_gpus_are_those_that_the_driver_shows(tmp_path: Path) -> None:
    assert read_gpus("", tmp_path) == ()
    for name in ("nvidia10", "nvidia0", "nvidia2", "nvidiactl", "nvidia-uvm", "nvidia0x"):
        (tmp_path / name).touch()
    assert read_gpus("", tmp_path) == ("0", "2", "10")
    assert read_gpus("0", tmp_path) == ()
    assert read_gpus("a,b", tmp_path) == ("a", "b")


def test_memory_is_that_of_the_machine() -> None:
    assert parse_memory("2G") == 2 << 30
    assert parse_memory("") > 64 << 20
    assert usual_slots() >= 4


def test_a_resource_is_named_once() -> None:
    assert read_resources(["license=4", "seat=1"]) == {"license": 4, "seat": 1}
    with pytest.raises(Refused):
        read_resources(["license=4", "license=1"])


def test_a_worker_has_no_more_resources_and_labels_than_can_be_set_while_it_runs() -> None:
    assert len(read_resources([f"thing{number}=1" for number in range(64)])) == 64
    with pytest.raises(Refused, match="at most 64 resources, not 65"):
        read_resources([f"thing{number}=1" for number in range(65)])
    # Three it tells by itself.
    assert len(read_labels([f"label{number}" for number in range(61)])) == 61
    with pytest.raises(Refused, match="at most 64 labels, 3 of which it sets itself; 62"):
        read_labels([f"label{number}" for number in range(62)])
