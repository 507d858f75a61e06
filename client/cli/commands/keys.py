"""`jobwire keys`: your own key, and the members of your workers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ....keys import identity as identities
from ....keys.files.user_folders import identity_path, roster_path
from ....keys.identity import Identity, fingerprint, format_public
from ....keys.members import roster, roster_changes
from ....keys.members.roster_text import name_problem, role_problem
from ..arguments import Json, understanding
from ..exit_status import BadInput
from ..parser.parameters import Argument, Option
from ..terminal.screen import Table, say, write, write_json

app = typer.Typer(help="Manage your key and the members of your workers.", no_args_is_help=True, add_completion=False)

RosterPath = Annotated[
    str | None,
    Option("--roster", metavar="FILE", help="Roster file to use. Default: that of your own workers.", show_default=False),
]

Member = Annotated[str, Argument(metavar="NAME", help="Name of the member, as in jobwire keys list.")]


@app.command()
def new() -> None:
    """Create your key pair and print the public key.

    The first command that needs a key pair creates it too. An existing one is never overwritten.
    """
    made = identities.generate()
    identities.save(made, identity_path())
    say(f"your secret key is in {identity_path()}; never share it")
    _tell(made)


@app.command()
def show() -> None:
    """Print your public key, which others add to their rosters."""
    _tell(identities.load_or_make(identity_path()))


def _tell(identity: Identity) -> None:
    write(format_public(identity.public))
    say(f"fingerprint {fingerprint(identity.public)}")


@app.command("list")
def list_members(path: RosterPath = None, json: Json = False) -> None:
    """List the members of the roster."""
    members = roster.list_members(_path(path))
    if json:
        for member in members:
            write_json({"name": member.name, "role": member.role, "key": format_public(member.key), "fingerprint": fingerprint(member.key)})
        return
    table = Table("NAME", "ROLE", "FINGERPRINT")
    for member in members:
        table.add(member.name, member.role, fingerprint(member.key))
    table.write()
    if not members:
        say("the roster has no members; jobwire keys add NAME KEY --role submitter adds one")


@app.command()
def add(
    name: Annotated[str, Argument(metavar="NAME", help="Name for the member.")],
    key: Annotated[str, Argument(metavar="KEY", help="Public key of the member, as printed on their machine by jobwire keys show.")],
    role: Annotated[str, Option("--role", metavar="ROLE", help="viewer, submitter, operator or admin; of daemons: worker or relay.")],
    path: RosterPath = None,
) -> None:
    """Add a member to the roster. It takes effect at once, without a restart."""
    file = _path(path)
    with understanding():
        public = identities.parse_public(key)
    if problem := name_problem(name) or role_problem(role):
        raise BadInput(problem)
    is_new = roster.add_member(file, name, public, role)
    say(f"{name} {'added' if is_new else 'is a member already'}, role {role}, fingerprint {fingerprint(public)} ({file})")


@app.command()
def rm(name: Member, path: RosterPath = None) -> None:
    """Remove a member from the roster. It is disconnected at once; its jobs continue."""
    file = _path(path)
    was = roster_changes.remove_member(file, name)
    say(f"{name} removed, was {was.role}, fingerprint {fingerprint(was.key)} ({file})")


@app.command("set-role")
def set_role(
    name: Member,
    role: Annotated[str, Argument(metavar="ROLE", help="viewer, submitter, operator or admin; of daemons: worker or relay.")],
    path: RosterPath = None,
) -> None:
    """Give a member another role. It takes effect at once, without a restart."""
    file = _path(path)
    with understanding():
        was = roster_changes.set_role(file, name, role)
    say(f"{name} {f'has the role {role} already' if was.role == role else f'has the role {role} now, was {was.role}'} ({file})")


@app.command()
def rename(
    name: Member, new: Annotated[str, Argument(metavar="NEW_NAME", help="New name for the member.")], path: RosterPath = None
) -> None:
    """Give a member another name. Its jobs stay its own."""
    file = _path(path)
    with understanding():
        roster_changes.rename_member(file, name, new)
    say(f"{name} is named {new} now ({file})")


def _path(typed: str | None) -> Path:
    return roster_path() if typed is None else Path(typed)
