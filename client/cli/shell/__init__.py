"""`jobwire shell`: commands, one per line, from a file or typed, run in order over one open connection."""
