"""The version of the protocol that this jobwire speaks; `hello` agrees on one. By itself, for who needs nothing else of the wire."""

PROTOCOL_VERSION = 1
