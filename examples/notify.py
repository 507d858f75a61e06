"""Follow the events of a worker and miss none, even if this program is stopped for a while.

    python examples/notify.py CURSOR_FILE [COUNT]

Prints a line for each job that ends, and keeps its position in CURSOR_FILE. Started again, it continues there. Exits after COUNT ends.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jobwire


def main(cursor_file: Path, count: int) -> int:
    """Return the exit status."""
    start = jobwire.EventCursor.parse(cursor_file.read_text()) if cursor_file.exists() else "start"
    with jobwire.Client() as client, client.events(start) as events:
        for event in events:
            if event.kind is jobwire.EventKind.FINISHED and event.outcome is not None:
                print(event.name or event.id[:8], event.outcome.sentence, flush=True)
                count -= 1
            # Written after the line was printed: a crash in between repeats a line, and never loses one.
            cursor_file.write_text(str(event.cursor))
            if count == 0:
                break
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else -1))
