"""How a thread waits for the sockets of its client: which thread may enter, for how long, and who is shown that it waits."""
