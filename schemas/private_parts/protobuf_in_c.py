"""protobuf without its implementation in Python, which it loads beside the one in C: saves 1.3 MB and start-up time in each process.

That the implementation in C does not need it is private to protobuf. It is loaded when one of its names is used, so nothing is missing.
`tests/unit/test_private_parts.py` fails once protobuf does not load it by itself.
"""

from . import deferred

_IN_PYTHON = "google.protobuf.internal.python_message"


def defer() -> None:
    """Load the implementation in Python only when it is used. Does nothing if it is loaded already, or is the only one."""
    from google.protobuf.internal import api_implementation  # noqa: PLC0415 -- whoever has it has loaded protobuf

    if api_implementation.Type() != "python":
        deferred.defer(_IN_PYTHON)
