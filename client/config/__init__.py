"""The workers that this user knows by name."""
