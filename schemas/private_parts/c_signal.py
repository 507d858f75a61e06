"""CPython's module `_signal`, the C part of `signal`, under the public name.

Private to CPython. Used because `signal` loads `enum` and turns each number into an enum member: that doubles the memory of the keeper, and
takes longer in `client/sockets/waiting/signal_guard.py` than the system call itself. Functions, constants and numbers are those of
`signal`, as plain integers.
`tests/unit/test_private_parts.py` fails once `signal` does without `enum`, or `_signal` lacks something that is used here.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal

__all__ = ["signal"]
