"""The library for an event loop: `AsyncClient`, with the verbs of `Client`.

    async with jobwire.AsyncClient() as client:
        print((await client.run(["uname", "-a"], check=True)).stdout)

Knows no screen and no file format. All waiting happens in the loop; only finding and starting a worker happens in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ...keys.identity import Identity
from ...schemas.generated import request_pb2
from ..library.destination import Destination, find_destination
from ..library.options.arguments import Duration, patience_seconds, seconds
from ..library.values.status import WorkerStatus, read_status, status_request
from ..library.verbs import actions
from ..sockets.connection import CONNECT_TIMEOUT_SECONDS
from .loop.connection import AsyncConnection
from .loop.session import AsyncSession
from .members import AsyncMembers
from .schedules import AsyncSchedules
from .verbs.control import Control
from .verbs.execution import Execution
from .verbs.submission import Submission
from .workers import AsyncWorkers

if TYPE_CHECKING:
    from ..config.contexts import Context


class AsyncClient(Execution, Submission, Control):
    """A worker to run jobs on, for one event loop. It connects at the first request, and any number of tasks may use it at once.

    `context`: the name of a context, or a Context; None: the current one, or the private worker of this user if there is none. `notice` is
    called with a sentence when the connection is lost, and again when it is back. With `patience`, also when the worker has not responded
    for this long while a task waits for it; it is then probed as often. Without, that takes half a minute to notice.

    A call that is cancelled leaves nothing open, here and at the worker. `run` then stops its job; a job that was submitted continues.
    """

    def __init__(
        self,
        context: str | Context | None = None,
        *,
        connect_timeout: Duration | None = None,
        notice: Callable[[str], None] | None = None,
        patience: Duration | None = None,
    ) -> None:
        self._use(lambda: find_destination(context, connect_timeout), notice, patience)

    def _use(self, find: Callable[[], Destination], notice: Callable[[str], None] | None, patience: Duration | None) -> None:
        self.connection = AsyncConnection(find, notice, patience_seconds(patience))
        self._session = AsyncSession(self.connection)

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
        """Return a client for an address, `tcp://HOST:PORT`, and the worker's public key (32 bytes). `revive` is called in a thread."""
        client = cls.__new__(cls)
        found = Destination(endpoint, server_key, identity, seconds(connect_timeout), revive)
        client._use(lambda: found, notice, patience)  # noqa: SLF001 -- our own
        return client

    @property
    def schedules(self) -> AsyncSchedules:
        """The schedules of the worker: jobs that it starts again and again."""
        return AsyncSchedules(self._session)

    @property
    def workers(self) -> AsyncWorkers:
        """The workers of a broker, and what operators can do with them."""
        return AsyncWorkers(self._session)

    @property
    def members(self) -> AsyncMembers:
        """The members of the worker, for an admin: who may connect, and what they may do."""
        return AsyncMembers(self._session)

    async def status(self) -> WorkerStatus:
        """Return the present status of the worker, and who this client is there."""
        hello = await self.hello()
        request = status_request(hello)
        answer = None if request is None else await self._session.reply(request, "status")
        return read_status(self.connection.endpoint, hello, answer)

    async def set_capacity(
        self,
        *,
        slots: int | None = None,
        memory: int | str | None = None,
        gpus: Sequence[str] | None = None,
        resources: Mapping[str, int] | None = None,
        labels: Mapping[str, str | None] | None = None,
        reset: bool = False,
    ) -> WorkerStatus:
        """Set the capacity of the worker for jobs; see `Client.set_capacity`."""
        await self._session.reply(actions.capacity_request(slots, memory, gpus, resources, labels, reset=reset), "slots")
        return await self.status()

    async def hello(self) -> request_pb2.HelloReply:
        """Return the worker's reply to `hello`, as in the protocol."""
        await self.connection.open()
        return await self.connection.hello()

    async def close(self) -> None:
        """Close the connection; the jobs continue. Stops that cancelled calls have started are sent first."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        """Find the worker, and return itself; it is closed at the end of the block."""
        await self.connection.open()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        await self.close()
