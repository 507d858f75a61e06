"""protobuf without its implementation in Python, which it loads beside the one in C: 1.3 MB of each process, and time of each command.

That the one in C does without it is private to protobuf. It is loaded when something of it is used, so that nothing is missing.
`tests/unit/test_private_parts.py` fails once protobuf does not load it by itself.
"""

from . import deferred

_IN_PYTHON = "google.protobuf.internal.python_message"


def defer() -> None:
    """Have the implementation in Python loaded only when it is used. Does nothing if it was loaded before, or is the only one."""
    from google.protobuf.internal import api_implementation  # noqa: PLC0415 -- whoever has it has loaded protobuf

    if api_implementation.Type() != "python":
        deferred.defer(_IN_PYTHON)
