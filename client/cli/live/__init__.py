"""A running batch on a terminal: what is known of it, how it is drawn, and keeping it below the messages."""
