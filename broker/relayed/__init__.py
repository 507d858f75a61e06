"""At a worker: what a broker delivers, which clients have signed, and what is reported about it. Knows no socket, but for `line`."""
