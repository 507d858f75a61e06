"""A scene for each test that asks for one; what the daemons logged is shown when it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scene import Scene


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """Return a function that creates a scene with the arguments of `Scene`; it is removed after the test."""
    made: list[Scene] = []

    def make(**options: object) -> Scene:
        made.append(Scene(tmp_path, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for scene in made:
        print(scene.logged())
        scene.close()
