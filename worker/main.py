"""The entry point that `jobwire worker run` executes, with one JSON object as argument: loads libraries, and runs the program."""

import json
import sys

from .own_process import light_imports

if __name__ == "__main__":
    light_imports.load()
    from . import reload
    from .program import main

    sys.exit(reload.probe() if sys.argv[1] == reload.PROBE else main(json.loads(sys.argv[1])))
