"""The entry point that `jobwire broker run` executes, with one JSON object as argument: loads libraries, and runs the program."""

import json
import sys

from ..own_process import light_imports

if __name__ == "__main__":
    light_imports.load()
    from .program import main

    sys.exit(main(json.loads(sys.argv[1])))
