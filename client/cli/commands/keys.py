"""`jobwire keys`: your own key, and the members of your workers; with --context those of any worker that you are an admin of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from ....keys import identity as identities
from ....keys.files.user_folders import identity_path, roster_path
from ....keys.identity import Identity, fingerprint, format_public
from ....keys.members import roster, roster_changes
from ....keys.members.roster_text import name_problem, role_problem
from ....schemas.refusal import Refused
from ...config.contexts import EMBEDDED, current_name
from ..arguments import Json, understanding
from ..chosen_context import client
from ..exit_status import BadInput, own_files
from ..other_words.public_keys import read_members_key
from ..parser.parameters import Argument, Context, Option
from ..terminal.screen import Table, say, write, write_json

app = typer.Typer(help="Manage your key and the members of your workers.", no_args_is_help=True, add_completion=False)

# What is advised to whoever names no member, wherever the roster is.
_LIST = "jobwire keys list shows all members"

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
    with own_files():
        identities.save(made, identity_path())
    say(f"your secret key is in {identity_path()}; never share it")
    _tell(made)


@app.command()
def show() -> None:
    """Print your public key, which others add to their rosters."""
    with own_files():
        own = identities.load_or_make(identity_path())
    _tell(own)


def _tell(identity: Identity) -> None:
    write(format_public(identity.public))
    say(f"fingerprint {fingerprint(identity.public)}")


@app.command("list")
def list_members(ctx: Context, path: RosterPath = None, json: Json = False) -> None:
    """List the members of the roster. With jobwire --context NAME, those of that worker."""
    if _is_far(ctx, path):
        with client(ctx) as connected:
            members = [(one.name, one.role, one.key) for one in connected.members.list()]
    else:
        with own_files():
            members = [(one.name, one.role, one.key) for one in roster.list_members(_path(path))]
    if json:
        for name, role, key in members:
            write_json({"name": name, "role": role, "key": format_public(key), "fingerprint": fingerprint(key)})
        return
    table = Table("NAME", "ROLE", "FINGERPRINT")
    for name, role, key in members:
        table.add(name, role, fingerprint(key))
    table.write()
    if not members:
        say("the roster has no members; jobwire keys add NAME KEY --role submitter adds one")
    _point_to_far(ctx, path, "list")


@app.command()
def add(
    ctx: Context,
    name: Annotated[str, Argument(metavar="NAME", help="Name for the member.")],
    key: Annotated[str, Argument(metavar="KEY", help="Public key of the member, as printed on their machine by jobwire keys show.")],
    role: Annotated[str, Option("--role", metavar="ROLE", help="viewer, submitter, operator or admin; of daemons: worker or relay.")],
    path: RosterPath = None,
) -> None:
    """Add a member to the roster. It takes effect at once, without a restart."""
    with understanding():
        public = read_members_key(name, key)
    if problem := name_problem(name) or role_problem(role):
        raise BadInput(problem)
    if _is_far(ctx, path):
        with client(ctx) as connected:
            is_new = connected.members.add(name, public, role)
    else:
        is_new = roster.add_member(_own_roster(path), name, public, role)
    say(f"{name} {'added' if is_new else 'is a member already'}, role {role}, fingerprint {fingerprint(public)} ({_where(ctx, path)})")
    _point_to_far(ctx, path, "add")


@app.command()
def rm(ctx: Context, name: Member, path: RosterPath = None) -> None:
    """Remove a member from the roster. It is disconnected at once; its jobs continue."""
    with _pointing_to_list(ctx, path, "rm"):
        if _is_far(ctx, path):
            with client(ctx) as connected:
                far = connected.members.remove(name)
            role, key = far.role, far.key
        else:
            was = roster_changes.remove_member(_own_roster(path), name)
            role, key = was.role, was.key
    say(f"{name} removed, was {role}, fingerprint {fingerprint(key)} ({_where(ctx, path)})")
    _point_to_far(ctx, path, "rm")


@app.command("set-role")
def set_role(
    ctx: Context,
    name: Member,
    role: Annotated[str, Argument(metavar="ROLE", help="viewer, submitter, operator or admin; of daemons: worker or relay.")],
    path: RosterPath = None,
) -> None:
    """Give a member another role. It takes effect at once, without a restart."""
    with understanding(), _pointing_to_list(ctx, path, "set-role"):
        if _is_far(ctx, path):
            with client(ctx) as connected:
                was = connected.members.set_role(name, role).role
        else:
            was = roster_changes.set_role(_own_roster(path), name, role).role
    say(f"{name} {f'has the role {role} already' if was == role else f'has the role {role} now, was {was}'} ({_where(ctx, path)})")
    _point_to_far(ctx, path, "set-role")


@app.command()
def rename(
    ctx: Context,
    name: Member,
    new: Annotated[str, Argument(metavar="NEW_NAME", help="New name for the member.")],
    path: RosterPath = None,
) -> None:
    """Give a member another name. Its jobs stay its own."""
    with understanding(), _pointing_to_list(ctx, path, "rename"):
        if _is_far(ctx, path):
            with client(ctx) as connected:
                connected.members.rename(name, new)
        else:
            roster_changes.rename_member(_own_roster(path), name, new)
    say(f"{name} is named {new} now ({_where(ctx, path)})")
    _point_to_far(ctx, path, "rename")


def _own_roster(typed: str | None) -> Path:
    """Return the file of the roster to be changed. A reason why it is unusable exits with 125, other refusals with 1."""
    with own_files():
        path = _path(typed)
        roster.list_members(path)
        roster.edit(path, lambda text, _: text, make=True)
    return path


def _path(typed: str | None) -> Path:
    return roster_path() if typed is None else Path(typed)


def _is_far(ctx: Context, path: str | None) -> bool:
    """Return whether --context names a worker whose roster is not a file of this user; the context in use does not count."""
    if ctx.obj and path is not None:
        raise BadInput("--context names a worker and --roster a file, which are two rosters; leave one of them out")
    return bool(ctx.obj) and ctx.obj != EMBEDDED


def _where(ctx: Context, path: str | None) -> str:
    return f"the roster of {ctx.obj}" if _is_far(ctx, path) else str(_path(path))


def _point_to_far(ctx: Context, path: str | None, verb: str) -> None:
    """Warn whose roster it is, if all other commands use a worker that has another one."""
    if sentence := _whose(ctx, path, verb):
        say(sentence)


def _whose(ctx: Context, path: str | None, verb: str) -> str:
    with suppress(Refused):  # It is done, or refused: which context is in use does not matter.
        if path is None and not ctx.obj and (name := current_name()) not in ("", EMBEDDED):
            return f"this is the roster of workers on this machine; for that of {name}: jobwire --context {name} keys {verb}"
    return ""


@contextmanager
def _pointing_to_list(ctx: Context, path: str | None, verb: str) -> Iterator[None]:
    """Add to a refusal of an unknown member whose roster that is, and how to list it."""
    try:
        yield
    except Refused as refused:
        if refused.next_step == _LIST and _is_far(ctx, path):
            refused.next_step = _LIST.replace("jobwire", f"jobwire --context {ctx.obj}")
        elif refused.next_step == _LIST and (sentence := _whose(ctx, path, verb)):
            refused.add_note(sentence)
        raise
