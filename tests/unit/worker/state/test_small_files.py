from pathlib import Path

import pytest

from jobwire.worker.state import small_files


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
def test_a_file_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(bytes(size))
    assert small_files.read_file(str(tmp_path / "file")) == bytes(size)
