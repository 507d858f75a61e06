"""What the worker of a command line is asked at a Tab: without a client, over one socket, and in one round trip where that is enough."""
