"""Which keys of workers options name."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobwire.client.cli.exit_status import BadInput
from jobwire.client.cli.proofs import trust
from jobwire.keys.identity import format_public, from_seed

LAB = from_seed(b"1" * 32).public


def test_an_option_names_a_key_or_a_file_of_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path))
    file = tmp_path / "keys"
    file.write_text(f"{format_public(LAB)} lab\n")
    for said in (format_public(LAB), f"@{file}"):
        assert trust.wanted([said]).workers == {LAB}


def test_what_is_neither_a_key_nor_a_context_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path))
    with pytest.raises(BadInput, match=r"--worker: 'lab1' is neither a public key .* nor the name of a context"):
        trust.wanted(["lab1"])
    with pytest.raises(BadInput, match="is cut off"):
        trust.wanted([format_public(LAB)[:-1]])
