"""Jobs that start again and again: the times of an expression, which of them are due or were missed, and what is started then."""
