"""CPython's module `_socket`, the C part of `socket`, under the public name, and its private `accept`.

Private to CPython. Used because `socket` loads `enum` and `selectors`, and keeper and supervisor must stay small.
`tests/unit/test_private_parts.py` fails once `socket` does without these, or `_socket` lacks something that is used here.
"""

from __future__ import annotations

import _socket as socket

__all__ = ["accept", "socket"]


def accept(listener: socket.socket) -> socket.socket:
    """Return the next connection of a listener.

    Raises OSError.
    """
    fd, _ = listener._accept()  # type: ignore[attr-defined] # noqa: SLF001 -- socket.socket.accept() is a wrapper of it
    return socket.socket(fileno=fd)
