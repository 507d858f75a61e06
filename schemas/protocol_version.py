"""The version of the protocol that this jobwire speaks; `hello` agrees on one. Alone, as some need nothing else of the wire."""

PROTOCOL_VERSION = 1
