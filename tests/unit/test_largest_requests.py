"""Each verb that a client can use has its largest request among those whose pieces of work are measured."""

from __future__ import annotations

import sys
from pathlib import Path

from jobwire.broker.requests.table import _OF_BROKERS, _OF_LINKS
from jobwire.schemas.generated import request_pb2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from largest_requests import LEFT_OUT, REQUESTS


def test_every_verb_of_the_schema_is_measured_or_left_out() -> None:
    verbs = {field.name for field in request_pb2.Request.DESCRIPTOR.oneofs_by_name["verb"].fields} - {*_OF_BROKERS, *_OF_LINKS}
    measured = {verb for verb in verbs if any(what == verb or what.startswith(f"{verb} ") for what in REQUESTS)}
    assert measured | LEFT_OUT == verbs
    assert not measured & LEFT_OUT
