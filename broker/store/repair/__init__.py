"""A store that is damaged or lost: checking it, reading what is left, and rebuilding it."""
