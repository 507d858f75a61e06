"""The program that an allocation runs: one worker, or several. Its arguments are the folders that the broker made for them."""

import sys

from ..own_process import light_imports

if __name__ == "__main__":
    if len(sys.argv) > 2:  # noqa: PLR2004 -- itself, and one folder
        from .several import run

        sys.exit(run(sys.argv[1:]))
    light_imports.load()
    from .program import main

    sys.exit(main(sys.argv[1]))
