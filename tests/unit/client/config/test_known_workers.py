"""The file of the workers that a user knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobwire.client.config.known_workers import read_known_workers
from jobwire.keys.identity import format_public, from_seed
from jobwire.schemas.refusal import Refused

LAB1 = from_seed(b"1" * 32).public
LAB2 = from_seed(b"2" * 32).public


def test_each_line_is_a_key_and_perhaps_a_name(tmp_path: Path) -> None:
    file = tmp_path / "known_workers"
    file.write_text(f"# our machines\n\n{format_public(LAB1)} lab1\n  {format_public(LAB2)}\n")
    assert read_known_workers(file) == {LAB1: "lab1", LAB2: ""}
    file.write_bytes(f"\ufeff{format_public(LAB1)}\tlab1, the small one \r\n{format_public(LAB2)} \r\n".encode())
    assert read_known_workers(file) == {LAB1: "lab1, the small one", LAB2: ""}


def test_a_wrong_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "known_workers"
    file.write_text(f"{format_public(LAB1)} lab1\njobwire-key-wrong\n")
    with pytest.raises(Refused, match="line 2"):
        read_known_workers(file)
    with pytest.raises(Refused, match="cannot be read"):
        read_known_workers(tmp_path / "missing")
