"""How a daemon is: what occupies it, what it finds wrong with itself, and what its operators should look at."""
