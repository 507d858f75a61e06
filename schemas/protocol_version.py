"""The version of the protocol that this jobwire speaks; `hello` negotiates it. Separate, because some need nothing else of the wire."""

PROTOCOL_VERSION = 1
