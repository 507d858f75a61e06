"""How long what has ended is kept, and how it is forgotten."""
