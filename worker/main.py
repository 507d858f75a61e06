"""What `jobwire worker run` executes, with one JSON object as argument: loads asyncio, and runs the program."""

import json
import sys

from .own_process import asyncio_without_ssl

if __name__ == "__main__":
    asyncio_without_ssl.load()
    from . import reload
    from .program import main

    sys.exit(reload.probe() if sys.argv[1] == reload.PROBE else main(json.loads(sys.argv[1])))
