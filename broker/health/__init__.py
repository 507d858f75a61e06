"""The condition of a daemon: what occupies it, its problems, and warnings for its operators."""
