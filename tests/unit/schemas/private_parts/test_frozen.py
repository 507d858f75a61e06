"""Frozen classes are what frozen dataclasses are, but for what they hold."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import pprint
import subprocess
import sys
from typing import Any

import pytest

from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.private_parts.frozen import frozen, made, replace


@frozen
class Point:
    """A point."""

    x: int
    y: int = 0
    name: str = ""

    @property
    def sum(self) -> int:
        return self.x + self.y


@dataclasses.dataclass(frozen=True)
class Twin:
    """A point."""

    x: int
    y: int = 0
    name: str = ""


@pytest.mark.parametrize("arguments", [((1,), {}), ((1, 2), {"name": "a"}), ((), {"x": 1, "y": 2}), ((1, 2, "a"), {})])
def test_it_is_made_shown_and_compared_as_a_dataclass(arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
    said, named = arguments
    ours, twin = Point(*said, **named), Twin(*said, **named)
    assert repr(ours) == repr(twin).replace("Twin", "Point")
    assert (ours.x, ours.y, ours.name) == (twin.x, twin.y, twin.name)
    assert ours == Point(*said, **named)
    assert hash(ours) == hash(twin)
    assert ours != Point(9)
    assert ours != twin
    assert ours.sum == twin.x + twin.y
    assert vars(ours) == {name: value for name, value in dataclasses.asdict(twin).items() if value != getattr(Point, name, None)}


@pytest.mark.parametrize(
    ("said", "named", "words"),
    [
        ((), {}, "missing arguments: x"),
        ((1, 2, "a", 4), {}, "takes 3 positional arguments but 4 were given"),
        ((1,), {"z": 2}, "unexpected keyword arguments: z"),
        ((), {"z": 2}, "unexpected keyword arguments: z"),
        ((), {"y": 2, "z": 3}, "unexpected keyword arguments: z"),
        ((1,), {"x": 2}, "multiple values for: x"),
    ],
)
def test_wrong_arguments_are_refused_as_by_any_function(said: tuple[Any, ...], named: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        Point(*said, **named)
    with pytest.raises(TypeError):
        Twin(*said, **named)


def test_it_cannot_be_changed() -> None:
    point = Point(1)
    with pytest.raises(AttributeError, match="cannot assign to field 'x'"):
        point.x = 2  # type: ignore[misc] # reason: that is what is tried
    with pytest.raises(AttributeError, match="cannot delete field 'x'"):
        del point.x
    assert replace(point, y=5) == dataclasses.replace(point, y=5) == Point(1, 5)
    with pytest.raises(TypeError):
        replace(point, z=1)


def test_copies_are_equal() -> None:
    point = Point(1, name="a")
    assert copy.deepcopy(point) == copy.copy(point) == pickle.loads(pickle.dumps(point)) == point
    match point:
        case Point(x, y, name):
            assert (x, y, name) == (1, 0, "a")


def test_whoever_asks_finds_a_dataclass() -> None:
    assert dataclasses.is_dataclass(Point)
    assert [field.name for field in dataclasses.fields(Point)] == ["x", "y", "name"]
    assert dataclasses.asdict(Point(1)) == dataclasses.asdict(Twin(1))
    assert str(inspect.signature(Point)) == str(inspect.signature(Twin))
    assert "argv" in inspect.signature(JobSpec).parameters
    assert pprint.pformat(Point(1), width=1) == repr(Point(1))
    # What copy.replace calls, from Python 3.13 on.
    assert vars(Point)["__replace__"](Point(1), y=2) == Point(1, 2)


def test_dataclasses_are_still_expensive() -> None:
    code = "import sys; import dataclasses; print('inspect' in sys.modules)"
    assert subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, check=True, text=True).stdout == "True\n", (
        "dataclasses is light now: use it in place of schemas/private_parts/frozen.py"
    )


def test_it_loads_no_dataclasses() -> None:
    code = "import sys; from jobwire.schemas.jobs.spec import JobSpec; print({'dataclasses', 'inspect'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "set()\n"


def test_what_is_made_without_checks_is_the_same_value() -> None:
    checked, unchecked = Outcome(OutcomeKind.EXITED, exit_status=3), made(Outcome, {"kind": OutcomeKind.EXITED, "exit_status": 3})
    assert checked == unchecked
    assert hash(checked) == hash(unchecked)
    assert repr(checked) == repr(unchecked)
    assert replace(unchecked, exit_status=0).is_ok
    with pytest.raises(AttributeError):
        unchecked.exit_status = 4  # type: ignore[misc] # reason: that is what is tested
