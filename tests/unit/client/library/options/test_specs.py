"""The specs that callers give, and those that are sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobwire.client.library.options.specs import as_spec
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.private_parts.frozen import replace

BYTES = JobSpec((b"echo", b"\xff"), directory=b"/tmp", name="n", grace_ms=5)


def test_a_spec_of_bytes_is_taken_as_it_is() -> None:
    assert as_spec(BYTES) is BYTES


@pytest.mark.parametrize(
    "text", [{"argv": ("echo", "\udcff")}, {"argv": [Path("echo"), b"\xff"]}, {"directory": "/tmp"}, {"environment": (("A", b"1"),)}]
)
def test_text_in_a_spec_is_sent_as_bytes(text: dict[str, object]) -> None:
    environment = ((b"A", b"1"),) if "environment" in text else ()
    assert as_spec(replace(BYTES, **text)) == replace(BYTES, environment=environment)


@pytest.mark.parametrize("argv", ["echo", b"echo", ("echo", 1), 7])
def test_what_is_no_sequence_of_arguments_is_refused(argv: object) -> None:
    with pytest.raises(TypeError, match="argv"):
        as_spec(replace(BYTES, argv=argv))
