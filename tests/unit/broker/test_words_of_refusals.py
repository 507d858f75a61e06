"""A refusal of a daemon is for any client: a reason for programs, sentences for people, and no command of jobwire."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from jobwire.client.cli.verbs import VERBS
from jobwire.client.protocol.advice import advised
from jobwire.schemas.refusal import Code, Reason, Refused

ROOT = Path(__file__).resolve().parents[3]
# Read where a daemon is started, or in its log, by whoever runs it.
AT_THE_DAEMON = {"binding.py", "server.py", "tables.py", "soundness.py", "line.py"}
# What of other storeys may travel.
OTHERS = [
    *(ROOT / "keys" / f"{name}.py" for name in ("members/rights", "proofs/signature", "members/limits", "members/conditional_changes")),
    *(
        ROOT / "schemas" / f"{name}.py"
        for name in ("frames", "naming", "jobs/spec", "text/sizes", "text/durations", "wire_codec", "jobs/brought_files")
    ),
    *(ROOT / "schemas/trees" / f"{name}.py" for name in ("archive", "reading", "writing")),
    *(
        ROOT / "worker" / f"{name}.py"
        for name in (
            "engine/engine",
            "engine/found/found_runs",
            "engine/unanswered",
            "state/log_folders/logs",
            "state/blobs",
            "state/job_folders",
        )
    ),
]
SOURCES = [path for path in sorted((ROOT / "broker").rglob("*.py")) if path.name not in AT_THE_DAEMON] + OTHERS
COMMAND = re.compile(rf"\bjobwire ({'|'.join(VERBS)})\b|(^| )--[a-z]")


def texts(source: str) -> list[str]:
    """Find the texts of a module that may be shown: all but docstrings."""
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


# Its refusals of tokens are passed on; others are for who invites, and say what to type.
INVITATIONS = ROOT / "keys/pairing/invitations.py"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_daemon_tells_a_client_what_to_type(path: Path) -> None:
    assert [text for text in texts(path.read_text()) if COMMAND.search(text)] == []


def test_every_reason_is_given_by_some_refusal() -> None:
    assert set(re.findall(r"Reason\.([A-Z_]+)\b", "".join(path.read_text() for path in (*SOURCES, INVITATIONS)))) == {
        reason.name for reason in Reason
    }


def test_a_command_in_a_refusal_would_be_found() -> None:
    assert [bool(COMMAND.search(text)) for text in texts('x("jobwire list -a shows them"); y("leave --id out"); z("jobwire")')] == [
        True,
        True,
        False,
    ]


def test_the_client_says_in_its_own_words_what_to_do() -> None:
    told = advised(Refused(Code.FAILED_PRECONDITION, "the job has not ended", "stop it first", reason=Reason.NOT_ENDED))
    assert told.next_step == "jobwire stop ends it"


def test_what_the_client_has_no_words_for_is_shown_as_it_came() -> None:
    early = Refused(Code.FAILED_PRECONDITION, "the job is on no worker yet", "wait", reason=Reason.NOT_STARTED)
    assert "jobwire submit --put FILE" in (advised(early, "place").next_step or "")
    assert advised(Refused(Code.UNAVAILABLE, "not now", "wait")).next_step == "wait"
    assert advised(Refused(Code.FAILED_PRECONDITION, "it has ended", "look", reason=Reason.ENDED)).next_step == "look"
