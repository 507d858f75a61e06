"""Jobs in the memory of the desk: one with its attempt and life, and what ties it to others. Pure."""
