"""The library for event loops: the same methods as `client/library`, with `await`. Both share the protocol, the sockets and the values."""
