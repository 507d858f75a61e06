"""The sockets of a client, and the state of their connections."""
