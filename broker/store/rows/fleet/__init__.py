"""The statements about brokers: where jobs are placed, how a broker grows, and, at a worker, which jobs came through a broker."""
