"""The library for an event loop: the same verbs as `client/library`, with `await`. They share the protocol, the sockets and the values."""
