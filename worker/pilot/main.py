"""What runs in an allocation: one worker, with the folder that the broker has made for it as argument; or several, each with its own."""

import sys

from ..own_process import light_imports

if __name__ == "__main__":
    if len(sys.argv) > 2:  # noqa: PLR2004 -- itself, and one folder
        from .several import run

        sys.exit(run(sys.argv[1:]))
    light_imports.load()
    from .program import main

    sys.exit(main(sys.argv[1]))
