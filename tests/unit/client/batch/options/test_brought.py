from pathlib import Path

import pytest

from jobwire.client.batch.options.brought import files_of
from jobwire.client.batch.options.option_values import Misunderstood


def fetch(said: str, *, fetches: bool = True) -> tuple[bytes, ...]:
    return files_of(None, (), [said], Path(), None, fetches=fetches).outputs


def test_where_a_file_is_to_be_written_is_looked_at_before_the_job_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    for place in ("new", "new/", "here", "here/new", "here/new/", str(tmp_path / "x"), "."):
        assert fetch(f"out:{place}") == (b"out",)
    for place in ("nowhere/new", "nowhere/new/", "here/new/x", "/no such folder/x"):
        with pytest.raises(Misunderstood, match=r"there is no folder .*; create it with mkdir -p ") as misunderstood:
            fetch(f"out:{place}")
        assert misunderstood.value.key == "get"


@pytest.mark.parametrize(
    ("content", "by_shell"), [(b"echo plain", 1), (b"", 1), (b"#!/bin/sh\n", 0), (b"\x7fELF\2\1\1\0", 0), (b"PK\3\4\x14\0", 0)]
)
def test_a_script_is_for_the_shell_if_it_is_text_that_names_no_interpreter(tmp_path: Path, content: bytes, by_shell: int) -> None:
    (tmp_path / "script").write_bytes(content)
    assert files_of("script", (), (), tmp_path, None).by_shell == by_shell
