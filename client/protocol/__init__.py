"""The client's side of the protocol with a worker. Knows no socket."""
