"""One job with a process, from its start to its outcome."""
