"""Jobs that are started again and again: which times an expression means, which are due or were missed, and what is started then."""
