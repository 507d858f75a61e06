"""What runs in an allocation, with the folder that the broker has made for it as argument: loads asyncio, and runs the program."""

import sys

from ..own_process import asyncio_without_ssl

if __name__ == "__main__":
    asyncio_without_ssl.load()
    from .program import main

    sys.exit(main(sys.argv[1]))
