"""Tokens on the machine of a daemon: created for others, and used by a worker to join a broker, which is stored."""
