"""A client process: sends the requests on its standard input, one JSON object per line, and records what was acknowledged.

    {"number":1,"do":"start","orders":[...],"batch":"HEX or empty"}      one request
    {"number":2,"do":"stop","id":"HEX"}                                  answered when it is certain to happen

It can be killed at any moment; whoever sent the wish sends it again through another one.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from ledger import append
from orders import from_json

from jobwire.client.library.client import Client
from jobwire.client.library.requests.dialogue import carry_out
from jobwire.client.library.requests.staging import Parts, steps
from jobwire.client.library.values.results import BatchInfo
from jobwire.keys.identity import load, parse_public
from jobwire.schemas.jobs.states import OnFailure
from jobwire.schemas.naming import format_id
from jobwire.schemas.refusal import Code, Refused

_PATIENCE_SECONDS = 120


def main(worker: str, place: str, key: str, identity: str, acknowledged: str, ledger: str) -> None:
    """Serve until standard input ends. `worker` is the file with the worker's endpoint, `place` the previous endpoint."""

    def endpoint() -> str:
        nonlocal place
        # If it cannot be read because it was removed, the endpoint has not changed.
        with suppress(OSError, ValueError):
            place = str(json.loads(Path(worker).read_bytes())["endpoint"])
        return place

    with Client.connect(endpoint(), parse_public(key), load(Path(identity)), connect_timeout=_PATIENCE_SECONDS, revive=endpoint) as client:
        for line in sys.stdin:
            wish = json.loads(line)
            lines = _do(client, wish, ledger)
            append(Path(acknowledged), *lines, f"done {wish['number']}")


def _do(client: Client, wish: dict[str, Any], ledger: str) -> list[str]:
    if wish["do"] == "stop":
        try:
            client.job_by_key(client.connection.identity.public, bytes.fromhex(wish["id"])).stop_soon()
        except Refused as refused:
            # It may not have arrived yet, if its client was killed.
            return [f"{refused.code.name} {refused}"] if refused.code is not Code.NOT_FOUND else []
        # Its place among the lines of jobs tells what began later.
        append(Path(ledger), f"stopped {format_id(bytes.fromhex(wish['id']))}")
        return [f"stop {wish['id']}"]
    orders = [from_json(fields) for fields in wish["orders"]]
    first = orders[0]
    batch = BatchInfo(bytes.fromhex(wish["batch"]), "batch", first.parallel, OnFailure(first.on_failure)) if wish["batch"] else None
    try:
        if first.schedule:
            client.schedules.run_now(client.schedules.get(first.schedule).key, first.key_id)
            return [f"job {first.id}"]
        specs, ids = [order.spec(ledger) for order in orders], [order.key_id for order in orders]
        if batch is not None and first.staged and "staged_runs" in client.connection.hello().features:
            parts = Parts(batch, ids, specs)
            parts.ends = [*range(1, len(orders) + 1)]
            carry_out(client.connection.call, steps(parts))
        else:
            client.submit_many(specs, ids=ids, batch=batch, watch=False)
    except Refused as refused:
        return [f"{refused.code.name} {refused}"]
    return [f"job {order.id}" for order in orders]


if __name__ == "__main__":
    main(*sys.argv[1:])
