"""Disks that are full soon: small file systems in memory, which only root can mount."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from daemons import Worker

Mount = Callable[..., None]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Return a function that creates small disks, which are removed afterwards."""
    mounted: list[Path] = []

    def make(folder: Path, megabytes: int, more: str = "") -> None:
        folder.mkdir(parents=True, mode=0o700)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"mode=700,size={megabytes}m{more}", "tmpfs", folder], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.decode()}")
        mounted.append(folder)

    yield make
    for folder in mounted:
        # Processes with open files there must not prevent the unmount.
        subprocess.run(["umount", "-l", folder], check=True)


def serving(folder: Path, keep_free: str = "0") -> Iterator[Worker]:
    with Worker(folder, options=["--keep-free", keep_free]).start() as made:
        yield made


def fill(folder: Path) -> Path:
    """Fill the disk, and return the file to remove."""
    path = folder / "filler"
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            try:
                os.write(file, bytes(4096))
            except OSError:
                return path
    finally:
        os.close(file)
