"""The least that a worker in these libraries does: see worker.py."""
