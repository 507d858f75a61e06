"""How a thread waits for the sockets of its client: who may be inside, for how long, and who is shown that it waits."""
