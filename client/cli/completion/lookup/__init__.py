"""Queries to the worker of a command line at a Tab: without a client, over one socket, and in one round trip where possible."""
