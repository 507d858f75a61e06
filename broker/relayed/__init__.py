"""A worker's side of a broker: deliveries signed by clients, and the reports about them. Knows no socket, except for `line`."""
