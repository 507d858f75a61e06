"""Where a client connects: endpoint and key of a context, the user's identity, and how its worker is restarted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ...keys.files.user_folders import identity_path
from ...keys.identity import Identity, load, load_or_make
from ..sockets.connection import CONNECT_TIMEOUT_SECONDS
from .options.arguments import Duration, seconds

if TYPE_CHECKING:
    from ..config.contexts import Context

_PRIVATE_TIMEOUT_SECONDS = 30.0


class Destination(NamedTuple):
    """The worker to connect to, and a function that restarts it, if that is possible; it may take long."""

    endpoint: str
    server_key: bytes
    identity: Identity
    connect_timeout: float
    revive: Callable[[], str | None] | None = None


def find_destination(context: str | Context | None, connect_timeout: Duration | None) -> Destination:
    """Return the destination of a context.

    Starts the private worker of this user if it is selected, and creates the user's own identity if there is none. Raises `Refused`.
    """
    if context is None or isinstance(context, str):
        from ..config.contexts import resolve  # noqa: PLC0415 -- who connects by address needs no files

        context = resolve(context)
    if connect_timeout is None:
        # The private worker is known to run: if it answers late, it is busy with many commands.
        connect_timeout = _PRIVATE_TIMEOUT_SECONDS if context.embedded else CONNECT_TIMEOUT_SECONDS
    if context.of_job:
        from ...keys.proofs import delegation  # noqa: PLC0415 -- few are part of a job that may start jobs

        return Destination(context.endpoint, context.server_key, delegation.read(context.identity_path).identity, seconds(connect_timeout))
    identity = load_or_make(context.identity_path) if context.identity_path == identity_path() else load(context.identity_path)
    revive = _revive_embedded if context.embedded else None
    return Destination(context.endpoint, context.server_key, identity, seconds(connect_timeout), revive)


def _revive_embedded() -> str:
    from ..private_worker.ensure import revive  # noqa: PLC0415 -- only for who uses it

    return revive()
