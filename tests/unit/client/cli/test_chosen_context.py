"""What a command says of the worker that it uses."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobwire.client.cli import chosen_context
from jobwire.schemas.refusal import Code, Refused


@pytest.mark.parametrize(
    ("context", "next_step"),
    [
        (None, "bring it up to date with: jobwire worker reload; or leave --at out"),
        ("embedded", "bring it up to date with: jobwire worker reload; or leave --at out"),
        ("lab", "upgrade the worker; or leave --at out"),
    ],
)
def test_an_older_private_worker_is_brought_up_to_date_by_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: str | None, next_step: str
) -> None:
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path))
    monkeypatch.delenv("JOBWIRE_CONTEXT", raising=False)
    monkeypatch.setattr(chosen_context, "_client", nullcontext)
    refused = Refused(Code.UNIMPLEMENTED, "this worker is older", "upgrade the worker; or leave --at out")
    with pytest.raises(Refused) as raised, chosen_context.client(SimpleNamespace(obj=context)):  # type: ignore[arg-type] # reason: a double
        raise refused
    assert raised.value.next_step == next_step


def test_other_refusals_stay_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path))
    monkeypatch.delenv("JOBWIRE_CONTEXT", raising=False)
    monkeypatch.setattr(chosen_context, "_client", nullcontext)
    with pytest.raises(Refused) as raised, chosen_context.client(SimpleNamespace(obj=None)):  # type: ignore[arg-type] # reason: a double
        raise Refused(Code.NOT_FOUND, "there is no job", "list them")
    assert raised.value.next_step == "list them"


@pytest.mark.parametrize(
    ("terminal", "quiet", "is_patient"),
    [(True, False, True), (False, False, False), (True, True, False)],
)
def test_only_who_looks_on_is_told_of_a_silent_worker(
    monkeypatch: pytest.MonkeyPatch, *, terminal: bool, quiet: bool, is_patient: bool
) -> None:
    made = SimpleNamespace(connection=SimpleNamespace(silence=SimpleNamespace(patience=None)))
    monkeypatch.setattr(chosen_context, "_client", lambda _: nullcontext(made))
    monkeypatch.setattr(chosen_context, "is_terminal", lambda _: terminal)
    with chosen_context.client(SimpleNamespace(obj=None), quiet=quiet):  # type: ignore[arg-type] # reason: a double
        assert (made.connection.silence.patience is not None) is is_patient
