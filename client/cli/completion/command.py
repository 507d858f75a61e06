"""`jobwire completion`: install completion of jobwire's commands for a shell."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from ....keys.files.user_folders import home_folder
from ....schemas.refusal import Code, Refused
from ..exit_status import BadInput
from ..parser.parameters import Argument
from ..terminal.screen import say
from . import installation
from .scripts import SHELLS, script

app = typer.Typer(help="Complete commands, options and jobs in your shell.", no_args_is_help=True, add_completion=False)


@app.command()
def install(
    shell: Annotated[str, Argument(metavar="SHELL", help="bash, zsh or fish. Default: your login shell.", show_default=False)] = "",
) -> None:
    """Install completion for your shell.

    Writes a script for this user, and for bash and zsh one line that loads it into their start-up file. Shells that are started from then
    on have it. Repeating it changes nothing; repeat it if jobwire has moved.
    """
    name = _known(shell or Path(os.environ.get("SHELL", "")).name)
    plan = installation.plan(name, home_folder(), os.environ)
    try:
        is_new = installation.install(plan, script(name, _program()))
    except OSError as error:
        by_hand = f"write it yourself: jobwire completion show {name} > FILE" + (f", and in {plan.startup}: . FILE" if plan.startup else "")
        raise Refused(Code.FAILED_PRECONDITION, f"{error.filename or plan.script} cannot be written: {error.strerror}", by_hand) from None
    loads = f", loaded by {'a new line' if is_new else 'a line'} in {plan.startup}" if plan.startup else ""
    say(f"completion for {name} is in {plan.script}{loads}; new shells have it")


@app.command()
def show(shell: Annotated[str, Argument(metavar="SHELL", help="bash, zsh or fish.")]) -> None:
    """Print the script for a shell, to load it in another way."""
    sys.stdout.write(script(_known(shell), _program()))


def _known(shell: str) -> str:
    if shell not in SHELLS:
        raise BadInput(
            f"there is no completion for {shell!r}; name one of {', '.join(SHELLS)}" if shell else f"name a shell: {', '.join(SHELLS)}"
        )
    return shell


def _program() -> str:
    """Return the path of jobwire as it was called."""
    beside = Path(sys.executable).with_name("jobwire")
    found = shutil.which(sys.argv[0]) or (str(beside) if beside.exists() else "jobwire")
    return found if found == "jobwire" else str(Path(found).absolute())
