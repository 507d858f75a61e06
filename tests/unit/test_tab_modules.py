"""What is imported where a Tab is answered: beside the test that looks at answers, as it needs no worker and is run for every change."""

from __future__ import annotations

import subprocess
import sys

from tab_modules import LIBRARIES, OURS, REAL

ANSWERED = """
from jobwire.client.cli.completion.answer import main
main(["zsh", "list", "--st"])
from jobwire.schemas.private_parts import bare_protobuf
bare_protobuf.use()
from jobwire.client.cli.completion import jobs
from jobwire.client.cli.completion.lookup import curve_client, first_questions, inquiry, near_worker, quick_line
from jobwire.client.private_worker import running
from jobwire.client.sockets import addresses
from jobwire.schemas.text import toml_text
"""


def loaded_by(program: str) -> set[str]:
    told = subprocess.run([sys.executable, "-c", f"{program}\n{REAL}"], capture_output=True, text=True, check=True)
    return set(told.stdout.rpartition("!")[2].split())


def test_where_a_tab_is_answered_only_what_is_allowed_is_imported() -> None:
    loaded = loaded_by(ANSWERED)
    assert {name for name in loaded if name.startswith("jobwire.")} - OURS == set()
    assert {name for name in loaded - loaded_by(LIBRARIES) if not name.startswith("jobwire")} == set()
