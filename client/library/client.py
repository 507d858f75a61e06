"""The blocking library, which resembles `subprocess`: `Client`, and the `Job` that it returns.

    with jobwire.Client() as client:
        print(client.run(["uname", "-a"], check=True).stdout)

Knows no screen and no file format. All waiting happens in the caller's thread; connection.py says what may happen at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ...keys.identity import Identity
from ...schemas.generated import request_pb2
from ..sockets.connection import CONNECT_TIMEOUT_SECONDS, Connection
from .destination import find_destination
from .options.arguments import Duration, patience_seconds, seconds
from .session import Session
from .verbs import actions
from .verbs.control import Control
from .verbs.execution import Execution
from .verbs.submission import Submission

if TYPE_CHECKING:
    from ..config.contexts import Context
    from .members import Members
    from .schedules import Schedules
    from .values.status import WorkerStatus
    from .workers import Workers


class Client(Execution, Submission, Control):
    """A worker to run jobs on. It is a context manager, is used by one thread at a time and connects at the first request.

    `context`: the name of a context, or a Context; None: the current one, or the private worker of this user if there is none. `notice` is
    called with a sentence when the connection is lost, and again when it is back. With `patience`, also when the worker has not responded
    for this long while a call waits for it; it is then probed as often. Without, that takes half a minute to notice.
    """

    def __init__(
        self,
        context: str | Context | None = None,
        *,
        connect_timeout: Duration | None = None,
        notice: Callable[[str], None] | None = None,
        patience: Duration | None = None,
    ) -> None:
        """Read context and identity. Creates the user's own identity if there is none yet.

        Raises `Refused`.
        """
        to = find_destination(context, connect_timeout)
        self.connection = Connection(
            to.endpoint, to.server_key, to.identity, connect_timeout=to.connect_timeout, revive=to.revive, notice=notice
        )
        self.connection.silence.patience = patience_seconds(patience)
        self._session = Session(self.connection)

    @classmethod
    def connect(
        cls,
        endpoint: str,
        server_key: bytes,
        identity: Identity,
        *,
        connect_timeout: Duration = CONNECT_TIMEOUT_SECONDS,
        revive: Callable[[], str | None] | None = None,
        notice: Callable[[str], None] | None = None,
        patience: Duration | None = None,
    ) -> Self:
        """Return a client for an address, `tcp://HOST:PORT`, and the worker's public key (32 bytes)."""
        client = cls.__new__(cls)
        client.connection = Connection(
            endpoint, server_key, identity, connect_timeout=seconds(connect_timeout), revive=revive, notice=notice
        )
        client.connection.silence.patience = patience_seconds(patience)
        client._session = Session(client.connection)  # noqa: SLF001 -- our own
        return client

    @property
    def schedules(self) -> Schedules:
        """The schedules of the worker: jobs that it starts again and again."""
        from .schedules import Schedules  # noqa: PLC0415 -- few want them

        return Schedules(self._session)

    @property
    def workers(self) -> Workers:
        """The workers of a broker, and what operators can do with them."""
        from .workers import Workers  # noqa: PLC0415 -- few want them

        return Workers(self._session)

    @property
    def members(self) -> Members:
        """The members of the worker, for an admin: who may connect, and what they may do."""
        from .members import Members  # noqa: PLC0415 -- few want them

        return Members(self._session)

    def status(self) -> WorkerStatus:
        """Return the present status of the worker, and who this client is there."""
        from .values.status import read_status, status_request  # noqa: PLC0415 -- a command that runs a job need not wait for it

        hello = self.hello()
        request = status_request(hello)
        return read_status(self.connection.endpoint, hello, None if request is None else self.connection.call(request))

    def set_capacity(
        self,
        *,
        slots: int | None = None,
        memory: int | str | None = None,
        gpus: Sequence[str] | None = None,
        resources: Mapping[str, int] | None = None,
        labels: Mapping[str, str | None] | None = None,
        reset: bool = False,
    ) -> WorkerStatus:
        """Set the capacity of the worker, now and for later runs, and return its status; needs the role operator or admin.

        `memory`: bytes, or a size such as `"64G"`, that jobs can reserve. `gpus`: the id of each. `resources`: the amount for each name, 0
        removes it. `labels`: the value for each name, `""` for none; None removes the label. `reset`: first drop all earlier settings; then
        the options with which the worker was started apply.
        """
        self.connection.call(actions.capacity_request(slots, memory, gpus, resources, labels, reset=reset))
        return self.status()

    def hello(self) -> request_pb2.HelloReply:
        """Return the worker's reply to `hello`, as in the protocol."""
        return self.connection.hello()

    def pump(self, deadline: float | None = None, wake_fds: Sequence[int] = ()) -> bool:
        """Process pending messages, for programs that wait for several things at once; see `Connection.pump`."""
        return self._session.pump(deadline, wake_fds)

    def close(self) -> None:
        """Close the connection; the jobs continue."""
        self.connection.close()

    def __enter__(self) -> Self:
        """Return itself; it is closed at the end of the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()
