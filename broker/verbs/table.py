"""The one table: which handler answers which verb of a request. A test holds it against the schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...keys.rights import Member
from ..ages import Ages
from ..desk import Desk
from ..log_stream import Turns
from ..reception import Handler
from .forget import forget
from .hello import Introduction, hello
from .jobs import list_jobs, query_one
from .logs import cancel, credit, follow_log, read_log
from .news import replay, subscribe, unsubscribe
from .pausing import pause, resume
from .signal import signal
from .start import start
from .stop import stop


def handlers(
    desk: Desk, introduction: Introduction, member_of: Callable[[bytes], Member | None], turns: Turns, ages: Ages
) -> Mapping[str, Handler]:
    """Bind the handlers to their daemon."""
    return {
        "hello": lambda call: hello(call, introduction),
        "start": lambda call: start(call, desk, turns),
        "stop": lambda call: stop(call, desk, turns),
        "signal": lambda call: signal(call, desk),
        "query_one": lambda call: query_one(call, desk, member_of, ages),
        "list": lambda call: list_jobs(call, desk, member_of, ages),
        "read_log": lambda call: read_log(call, desk),
        "follow_log": lambda call: follow_log(call, desk, turns),
        "credit": credit,
        "cancel": cancel,
        "subscribe": lambda call: subscribe(call, desk),
        "unsubscribe": lambda call: unsubscribe(call, desk),
        "replay": lambda call: replay(call, desk),
        "forget": lambda call: forget(call, desk),
        "pause": lambda call: pause(call, desk),
        "resume": lambda call: resume(call, desk),
    }
