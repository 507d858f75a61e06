"""Tokens on the machine of a daemon: made for others, and used by a worker to join a broker, which it remembers."""
