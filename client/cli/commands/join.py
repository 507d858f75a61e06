"""`jobwire join`: become a member of a worker or broker with a token, and use it as a context."""

from __future__ import annotations

from typing import Annotated

from ....keys.files.user_folders import identity_path
from ....keys.identity import fingerprint, load_or_make
from ....keys.pairing.given import read_given
from ....keys.pairing.token import Token
from ....schemas.endpoint import host_of
from ....schemas.refusal import Code, Reason, Refused
from ....schemas.workers.host_name import host_name
from ...config import contexts
from ...sockets.pairing import pair
from ..arguments import understanding
from ..exit_status import BadInput, own_files
from ..parser.parameters import Argument, Option
from ..terminal.screen import say


def join(
    token: Annotated[str, Argument(metavar="TOKEN", help="The token, or - to read it from standard input, or @FILE.")],
    *,
    name: Annotated[
        str | None, Option("--as", metavar="NAME", help="Name of the context. Default: the one in the token.", show_default=False)
    ] = None,
    force: Annotated[bool, Option("--force", help="Replace endpoint and key of a context that exists.")] = False,
) -> None:
    """Join a worker or broker with a token, and use it.

    jobwire worker invite and jobwire broker invite print tokens. Your key is created if there is none, and added to the roster there;
    endpoint and key of the worker become a context. A token can be used once. Other users of this machine can see arguments: with - the
    token is read from standard input.
    """
    with understanding("TOKEN"):
        given = read_given(token)
    if given.is_for_machine:
        raise BadInput("this token is for a machine that is to run jobs: use it there with jobwire worker run --join -")
    context = name or given.called or host_of(given.endpoint).strip("[]").replace(":", "-")
    _demand_free(context, given, force=force)
    with own_files():
        own = load_or_make(identity_path())
    try:
        joined = pair(given, own, host_name())
    except Refused as refused:
        if refused.reason is not Reason.MEMBER_ALREADY:
            raise
        say(refused.message)
    else:
        say(f"you are {joined.name} there, with the role {joined.role} and the key {fingerprint(own.public)}")
    is_used = contexts.add(context, given.endpoint, given.daemon, replace=True)
    if is_used:
        say(f"{context} is in use from now on; try: jobwire run -- hostname")
    else:
        say(f"added {context} (not in use; switch with: jobwire context use {context}); try: jobwire --context {context} run -- hostname")


def _demand_free(name: str, given: Token, *, force: bool) -> None:
    """Refuse a name that this context cannot have, before the token is used."""
    contexts.check_name(name)
    known = next((one for one in contexts.list_contexts() if one.name == name), None)
    if known is not None and known.server_key != given.daemon and not force:
        message = f"the context {name!r} is another worker, at {known.endpoint}"
        raise Refused(Code.ALREADY_EXISTS, message, "choose another name with --as NAME, or add --force to replace it")
