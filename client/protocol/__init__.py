"""What is said with a worker. Knows no socket."""
