"""The addresses of a host name, looked up without blocking: getaddrinfo(3) may block while name servers do not respond.

libzmq tries one address of a name. Here each is tried, in the order of the resolver (RFC 6724), and looked up again after each round.
"""

from __future__ import annotations

import os
import threading
import weakref

from ...keys.c_socket import socket
from ...schemas.endpoint import split


class Resolution:
    """One lookup, made in a thread. `fd` is readable when it is done."""

    def __init__(self, endpoint: str) -> None:
        host, port = split(endpoint)
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, self.fd)
        # The endpoints, or why there are none.
        self._found: list[str] = []
        self._problem: list[str] = []
        # A lookup without an answer must not keep the program running.
        told = os.dup(self.fd)
        arguments = (host, int(port), self._found, self._problem, told)
        try:
            threading.Thread(target=_look, args=arguments, name="jobwire-resolver", daemon=True).start()
        except RuntimeError:
            os.close(told)
            raise

    def answer(self) -> tuple[list[str], str] | None:
        """Return the endpoints by address, or why there are none; None while the lookup is in progress."""
        try:
            os.eventfd_read(self.fd)
        except BlockingIOError:
            return None
        return self._found, "".join(self._problem)


def _look(host: str, port: int, found: list[str], problem: list[str], fd: int) -> None:
    try:
        for family, *_, place in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
            endpoint = f"tcp://[{place[0]}]:{port}" if family == socket.AF_INET6 else f"tcp://{place[0]}:{port}"
            if endpoint not in found:
                found.append(endpoint)
    except UnicodeError:
        # From the codec for host names, whose messages are obscure.
        problem.append("a part of it, between two dots, is empty or has more than 63 characters")
    except OSError as error:
        problem.append(error.strerror or str(error))
    finally:
        os.eventfd_write(fd, 1)
        os.close(fd)
