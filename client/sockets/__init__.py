"""The sockets that a client speaks over, and what is seen of them."""
