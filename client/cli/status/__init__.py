"""How the worker in use is, and who one is there: `jobwire status`."""
