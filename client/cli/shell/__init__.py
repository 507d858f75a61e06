"""`jobwire shell`: commands one a line, from a file or typed, in order, over one open connection."""
