"""What a worker checks of a delivery: what clients signed, what follows from that, and whose statements count."""
