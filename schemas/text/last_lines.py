"""Where the last lines of output begin."""

from __future__ import annotations


def start_of_last(data: bytes, lines: int) -> int:
    r"""Return where the last lines begin. A line ends with `\n` and with nothing else: programs show progress with `\r`."""
    # The newline at the very end closes the last line and begins none.
    end = len(data) - 1
    for _ in range(lines):
        end = data.rfind(b"\n", 0, end)
        if end < 0:
            return 0
    return end + 1
