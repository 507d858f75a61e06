from pathlib import Path

import pytest

from jobwire.worker.state import small_files


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
def test_a_file_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(bytes(size))
    assert small_files.read_file(str(tmp_path / "file")) == bytes(size)


@pytest.mark.parametrize(("text", "value"), [("{}", {}), (' {"a":1}\n', {"a": 1})])
def test_white_space_around_json_is_accepted(text: str, value: object) -> None:
    assert small_files.from_json(text) == value


@pytest.mark.parametrize("text", ["", "{", "{}{}", '{"a":1}x'])
def test_json_that_is_broken_or_followed_by_something_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        small_files.from_json(text)
