"""A run while it goes on, on a terminal: what is known of it, how that looks, and keeping it below the messages."""
