"""A scene for each test that asks for one; what the daemons logged is shown when it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from house import House
from scene import Scene, with_a_worker


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[..., Scene[House]]]:
    """Return a function that creates a scene with the arguments of `with_a_worker`; it is removed after the test."""
    made: list[Scene[House]] = []

    def make(**options: object) -> Scene[House]:
        made.append(with_a_worker(tmp_path, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for scene in made:
        print(scene.logged())
        scene.close()
