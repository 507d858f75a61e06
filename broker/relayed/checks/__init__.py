"""What is checked at a worker of what its broker delivers: what clients have signed, what follows from it, and whose word counts."""
